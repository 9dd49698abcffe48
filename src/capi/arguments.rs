//! From what C hands over to slices, texts and structs, and back. All that follows a pointer is here.
//!
//! What can be seen of a pointer is looked at first: whether it is NULL, whether it is aligned, and whether so many elements
//! can lie behind any pointer. That they do is the caller's word.

use std::{
    ffi::{CStr, c_char},
    mem::MaybeUninit,
    ptr, slice,
};

use super::status::{
    Failure, Result,
    pocketrec_status::{POCKETREC_ARGUMENT, POCKETREC_LENGTH, POCKETREC_NULL},
};

/// The most bytes that a struct of a later header can have: a size beyond this is that of a struct that was not filled.
const LARGEST: usize = 4096;

/// Checks a pointer to `len` elements. Of none it may be anything.
fn check<T>(name: &str, pointer: *const T, len: usize) -> Result<()> {
    if len == 0 {
        return Ok(());
    }
    if pointer.is_null() {
        let what = if len == 1 {
            "something"
        } else {
            &format!("{len} of them")
        };
        let reason = format!("{name} is NULL; it must lead to {what}");
        return Err(Failure::new(POCKETREC_NULL, reason));
    }
    if !pointer.is_aligned() {
        let reason = format!(
            "{name} is not aligned to {} bytes, as a pointer to these is",
            align_of::<T>()
        );
        return Err(Failure::new(POCKETREC_NULL, reason));
    }
    let bytes = len
        .checked_mul(size_of::<T>())
        .filter(|&bytes| isize::try_from(bytes).is_ok());
    // Nothing ends behind the last address.
    match bytes.and_then(|bytes| pointer.addr().checked_add(bytes)) {
        Some(_) => Ok(()),
        None => {
            let reason = format!("{name}: there cannot be {len} of them in memory");
            Err(Failure::new(POCKETREC_LENGTH, reason))
        }
    }
}

/// `len` elements that the caller lends for the call; NULL is fine where there are none.
///
/// # Safety
/// So many elements lie there and stay as they are for `'a`.
pub(super) unsafe fn elements<'a, T>(name: &str, pointer: *const T, len: usize) -> Result<&'a [T]> {
    check(name, pointer, len)?;
    if len == 0 {
        return Ok(&[]);
    }
    // SAFETY: neither NULL nor unaligned, no longer than memory is, and the caller's word for the rest.
    Ok(unsafe { slice::from_raw_parts(pointer, len) })
}

/// A text; NULL is nothing.
///
/// # Safety
/// It ends in a zero byte and stays as it is for `'a`.
pub(super) unsafe fn optional_text<'a>(name: &str, pointer: *const c_char) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, and the caller's word for the zero.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(Some).map_err(|error| {
        let reason = format!("{name} is not UTF-8 from byte {} on", error.valid_up_to());
        Failure::new(POCKETREC_ARGUMENT, reason)
    })
}

/// A text, which must be there.
///
/// # Safety
/// As [`optional_text`].
pub(super) unsafe fn text<'a>(name: &str, pointer: *const c_char) -> Result<&'a str> {
    // SAFETY: as the caller says.
    let text = unsafe { optional_text(name, pointer) }?;
    text.ok_or_else(|| Failure::new(POCKETREC_NULL, format!("{name} is NULL; it must be a text")))
}

/// Where a result of a fixed size goes, empty until there is one: a caller that looks at it after a failure finds nothing.
pub(super) struct Out<T>(*mut T);

impl<T: Copy> Out<T> {
    /// Writes `empty` there.
    ///
    /// # Safety
    /// It is the caller's to write to, until the last use of this.
    pub unsafe fn new(name: &str, pointer: *mut T, empty: T) -> Result<Self> {
        check(name, pointer, 1)?;
        // SAFETY: neither NULL nor unaligned, and the caller's word for the rest.
        unsafe { pointer.write(empty) };
        Ok(Out(pointer))
    }

    pub fn set(&self, value: T) {
        // SAFETY: checked by `new`, whose caller says that it stays writable.
        unsafe { self.0.write(value) };
    }
}

/// Where a list goes that has room for so many.
pub(super) struct OutList<T> {
    start: *mut T,
    room: usize,
}

impl<T: Copy> OutList<T> {
    /// # Safety
    /// There is so much room, which is the caller's to write to until the last use of this.
    pub unsafe fn new(name: &str, start: *mut T, room: usize) -> Result<Self> {
        check(name, start, room)?;
        Ok(OutList { start, room })
    }

    /// Writes as many values as there is room for. Gives how many.
    pub fn fill(&self, values: impl IntoIterator<Item = T>) -> usize {
        let mut count = 0;
        for value in values.into_iter().take(self.room) {
            // SAFETY: within the room that `new` checked, which is writable as its caller says.
            unsafe { self.start.add(count).write(value) };
            count += 1;
        }
        count
    }
}

/// A struct that begins with its size in bytes and may get more fields in later versions.
///
/// # Safety
/// It is `repr(C)`, its first field is that size, and any bytes make one.
pub(super) unsafe trait Growable: Copy {
    /// What it is called.
    const NAME: &'static str;
    /// Bytes of its first version.
    const LEAST: usize;
}

/// The size that a struct says it has.
///
/// # Safety
/// If it is not NULL, a size can be read there.
unsafe fn size_at<T: Growable>(pointer: *const T) -> Result<usize> {
    check(T::NAME, pointer, 1)?;
    // SAFETY: neither NULL nor unaligned, and the caller's word for the rest.
    let size = unsafe { pointer.cast::<usize>().read() };
    check_size::<T>(size)?;
    Ok(size)
}

fn check_size<T: Growable>(size: usize) -> Result<()> {
    match (T::LEAST..=LARGEST).contains(&size) {
        true => Ok(()),
        false => {
            let reason = format!("{}: its size is {size}; set the field to sizeof({0})", T::NAME);
            Err(Failure::new(POCKETREC_ARGUMENT, reason))
        }
    }
}

/// Reads a struct over `defaults`, which fill what an older header lacks. What a newer header has beyond ours must be zero,
/// as this library cannot do what it asks for.
///
/// # Safety
/// As many bytes lie there as its first field says.
pub(super) unsafe fn read_sized<T: Growable>(pointer: *const T, defaults: T) -> Result<T> {
    // SAFETY: the caller's word.
    let size = unsafe { size_at(pointer) }?;
    let own = size_of::<T>();
    if size > own {
        // SAFETY: `size` bytes lie there, by the caller's word.
        let beyond = unsafe { slice::from_raw_parts(pointer.cast::<u8>().add(own), size - own) };
        if beyond.iter().any(|&byte| byte != 0) {
            let reason = format!(
                "{}: it has {size} bytes, this library knows the first {own}, and others are set; load a newer library",
                T::NAME
            );
            return Err(Failure::new(POCKETREC_ARGUMENT, reason));
        }
    }
    let mut read = MaybeUninit::new(defaults);
    // SAFETY: both have so many bytes, and any bytes make a `T`; the first field is replaced by one that is checked.
    unsafe {
        ptr::copy_nonoverlapping(pointer.cast::<u8>(), read.as_mut_ptr().cast(), size.min(own));
        Ok(read.assume_init())
    }
}

/// Writes a struct as far as there is room for it by its size, which stays; what the caller's has beyond is zero.
///
/// # Safety
/// So many bytes are the caller's to write to.
unsafe fn write_sized<T: Growable>(pointer: *mut T, value: &T, size: usize) {
    let (skipped, own) = (size_of::<usize>(), size_of::<T>().min(size));
    // SAFETY: the first `size` bytes are writable, and `own` is no more than either has.
    unsafe {
        let (from, to) = (ptr::from_ref(value).cast::<u8>(), pointer.cast::<u8>());
        ptr::copy_nonoverlapping(from.add(skipped), to.add(skipped), own - skipped);
        to.add(own).write_bytes(0, size - own);
    }
}

/// Fills a struct of `size` bytes, and sets its size.
///
/// # Safety
/// So many bytes are the caller's to write to.
pub(super) unsafe fn init_sized<T: Growable>(pointer: *mut T, value: &T, size: usize) -> Result<()> {
    check(T::NAME, pointer, 1)?;
    check_size::<T>(size)?;
    // SAFETY: aligned and not NULL; so many bytes are there by the caller's word.
    unsafe {
        pointer.cast::<usize>().write(size);
        write_sized(pointer, value, size);
    }
    Ok(())
}

/// Where a report goes, which has a size of its own; nothing where the caller wants none.
pub(super) struct OutSized<T>(Option<(*mut T, usize)>);

impl<T: Growable> OutSized<T> {
    /// # Safety
    /// If it is not NULL, a size can be read there, and so many bytes are the caller's to write to until the last use of this.
    pub unsafe fn new(pointer: *mut T) -> Result<Self> {
        if pointer.is_null() {
            return Ok(OutSized(None));
        }
        // SAFETY: the caller's word.
        let size = unsafe { size_at(pointer) }?;
        Ok(OutSized(Some((pointer, size))))
    }

    /// As [`new`](OutSized::new), where there must be one.
    ///
    /// # Safety
    /// As there.
    pub unsafe fn required(pointer: *mut T) -> Result<Self> {
        check(T::NAME, pointer, 1)?;
        // SAFETY: the caller's word.
        unsafe { Self::new(pointer) }
    }

    pub fn set(&self, value: &T) {
        if let Some((pointer, size)) = self.0 {
            // SAFETY: `new` has read the size, and its caller says that so many bytes stay writable.
            unsafe { write_sized(pointer, value, size) };
        }
    }
}

/// Says of structs of C that they begin with their size, and that nothing follows their last field: a field that a later version
/// adds must show in the size. It also fixes the least size: whoever adds the first field gives the size without it here, so that
/// programs with an older header go on.
macro_rules! growable {
    ($($name:ident ends in $last:ident: $type:ty;)*) => {$(
        const _: () = assert!(core::mem::offset_of!($name, size) == 0);
        const _: () = assert!(core::mem::offset_of!($name, $last) + size_of::<$type>() == size_of::<$name>(), "padding");
        // SAFETY: `repr(C)`, of numbers and pointers alone, the size first, as was just asserted.
        unsafe impl $crate::capi::arguments::Growable for $name {
            const NAME: &'static str = stringify!($name);
            const LEAST: usize = size_of::<$name>();
        }
    )*};
}
pub(super) use growable;

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Settings {
        size: usize,
        first: u64,
        second: u64,
    }

    // SAFETY: numbers alone, the size first.
    unsafe impl Growable for Settings {
        const NAME: &'static str = "settings";
        const LEAST: usize = 2 * size_of::<u64>();
    }

    const DEFAULTS: Settings = Settings {
        size: size_of::<Settings>(),
        first: 1,
        second: 2,
    };

    fn read(words: &[u64]) -> Result<Settings> {
        // SAFETY: the first word is the size of all, where it is not refused.
        unsafe { read_sized(words.as_ptr().cast(), DEFAULTS) }
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn older_and_newer_structs_are_read() {
        let whole = read(&[24, 5, 6]).unwrap();
        assert_eq!((whole.first, whole.second), (5, 6));
        let older = read(&[16, 5]).unwrap();
        assert_eq!((older.first, older.second), (5, 2));
        let newer = read(&[40, 5, 6, 0, 0]).unwrap();
        assert_eq!((newer.first, newer.second), (5, 6));
        for words in [
            &[40, 5, 6, 0, 1][..],
            &[0, 5, 6],
            &[15, 5],
            &[4097, 5, 6],
            &[u64::MAX, 5, 6],
        ] {
            assert_eq!(read(words).unwrap_err().status(), POCKETREC_ARGUMENT, "{words:?}");
        }
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn older_and_newer_structs_are_written() {
        let mut words = [16u64, 0, 9, 9];
        let report = |words: &mut [u64]| {
            // SAFETY: the first word is no more than the bytes of all.
            unsafe { OutSized::new(words.as_mut_ptr().cast::<Settings>()) }
                .unwrap()
                .set(&DEFAULTS);
        };
        report(&mut words);
        assert_eq!(words, [16, 1, 9, 9]);
        words[0] = 32;
        report(&mut words);
        assert_eq!(words, [32, 1, 2, 0]);
        // SAFETY: there are 32 bytes.
        unsafe { init_sized(words.as_mut_ptr().cast(), &DEFAULTS, 24) }.unwrap();
        assert_eq!(words, [24, 1, 2, 0]);
    }

    #[test]
    fn pointers_that_lead_nowhere_are_refused() {
        let list = |pointer, len| {
            // SAFETY: where it is not refused there are so many.
            let list = unsafe { elements::<u32>("users", pointer, len) };
            list.map(<[u32]>::len).map_err(|failure| failure.status())
        };
        let numbers = [1u32, 2];
        let start = numbers.as_ptr();
        assert_eq!(list(start, 2), Ok(2));
        assert_eq!(list(ptr::null(), 0), Ok(0));
        assert_eq!(list(ptr::null(), 1), Err(POCKETREC_NULL));
        assert_eq!(list(start.wrapping_byte_add(1), 1), Err(POCKETREC_NULL));
        assert_eq!(list(start, usize::MAX), Err(POCKETREC_LENGTH));
        assert_eq!(list(start, isize::MAX as usize / 4 + 1), Err(POCKETREC_LENGTH));
        // SAFETY: they end in a zero.
        let read = |bytes: &'static CStr| unsafe { text("model", bytes.as_ptr()) };
        assert_eq!(read(c"mf").unwrap(), "mf");
        assert_eq!(read(c"\xff").unwrap_err().status(), POCKETREC_ARGUMENT);
        // SAFETY: it is not followed.
        let of_null = unsafe { text("model", ptr::null()) };
        assert_eq!(of_null.unwrap_err().status(), POCKETREC_NULL);
    }
}

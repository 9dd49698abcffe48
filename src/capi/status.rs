//! What every function returns, and the words that go with it.

use std::{
    any::Any,
    cell::RefCell,
    ffi::{CStr, CString, c_char},
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::Error;

/// What became of a call. Anything but `POCKETREC_OK` is a failure, and pocketrec_last_error() says in words what was wrong,
/// where, and what to do. Later versions may add numbers; those that are here stay.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum pocketrec_status {
    /// All is done.
    POCKETREC_OK = 0,
    /// Data holds something that cannot be used.
    POCKETREC_DATA = 1,
    /// The operating system refused something.
    POCKETREC_IO = 2,
    /// A saved model is truncated, damaged, of another version or of another kind.
    POCKETREC_CHECKPOINT = 3,
    /// A setting is out of its range or contradicts another.
    POCKETREC_CONFIG = 4,
    /// An id lies outside its table.
    POCKETREC_ID = 5,
    /// Two lengths that must agree do not, or one is more than there can be.
    POCKETREC_LENGTH = 6,
    /// A model was put together in a way that cannot run.
    POCKETREC_PLAN = 7,
    /// The device asked for is not there.
    POCKETREC_DEVICE = 8,
    /// There is not so much memory.
    POCKETREC_MEMORY = 9,
    /// Training produced numbers that are not finite; the parameters are those of the last good state.
    POCKETREC_DIVERGED = 10,
    /// A pointer is NULL, or not aligned for what it should lead to.
    POCKETREC_NULL = 11,
    /// A text is not UTF-8, or the size of a struct is none that it can have.
    POCKETREC_ARGUMENT = 12,
    /// A handle was freed, was never given out, or is of another kind.
    POCKETREC_HANDLE = 13,
    /// The handle is in use: by another thread, or by the call whose callback this is.
    POCKETREC_BUSY = 14,
    /// A fault of the library. A handle that the call worked on can only be freed.
    POCKETREC_PANIC = 15,
}

use pocketrec_status::*;

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The library's own errors.
    Library(Error),
    /// What the caller did wrong.
    Caller(pocketrec_status, String),
    /// A panic, with its message.
    Panic(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Library(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Library(error) => error.fmt(f),
            Failure::Caller(_, reason) => f.write_str(reason),
            Failure::Panic(message) => write!(
                f,
                "a fault of the library, please report it: {message}; what the call worked on can only be freed"
            ),
        }
    }
}

impl Failure {
    pub fn new(status: pocketrec_status, reason: impl Into<String>) -> Self {
        Failure::Caller(status, reason.into())
    }

    pub fn status(&self) -> pocketrec_status {
        match self {
            Failure::Caller(status, _) => *status,
            Failure::Panic(_) => POCKETREC_PANIC,
            Failure::Library(error) => match error {
                Error::Data { .. } => POCKETREC_DATA,
                Error::Io { .. } => POCKETREC_IO,
                Error::Checkpoint { .. } => POCKETREC_CHECKPOINT,
                Error::Config { .. } => POCKETREC_CONFIG,
                Error::Id { .. } => POCKETREC_ID,
                Error::Length { .. } => POCKETREC_LENGTH,
                Error::Plan(_) => POCKETREC_PLAN,
                Error::Device(_) => POCKETREC_DEVICE,
                Error::Memory { .. } => POCKETREC_MEMORY,
                Error::Diverged { .. } => POCKETREC_DIVERGED,
            },
        }
    }
}

pub(super) type Result<T, E = Failure> = core::result::Result<T, E>;

thread_local! {
    /// The words of this thread's last failure; nothing after a success.
    static LAST: RefCell<CString> = RefCell::default();
}

/// Runs a call: what it fails with, panics too, becomes a status and this thread's last error.
pub(super) fn entry(call: impl FnOnce() -> Result<()>) -> pocketrec_status {
    // What a panic may leave half done is a handle's object, and that is not used again.
    let outcome = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(outcome) => outcome,
        Err(payload) => {
            let message = message_of(&*payload);
            std::mem::forget(payload); // to drop it could panic once more
            Err(Failure::Panic(message))
        }
    };
    let (status, words) = match outcome {
        Ok(()) => (POCKETREC_OK, CString::default()),
        Err(failure) => (failure.status(), to_c(&failure.to_string())),
    };
    // A thread that is ending has no words left, but still gets its status.
    let _ = LAST.try_with(|last| *last.borrow_mut() = words);
    status
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").into()
}

/// A text for C, which ends at its first zero: others in it are shown as what they are.
fn to_c(text: &str) -> CString {
    CString::new(text.replace('\0', "\\0")).unwrap_or_default()
}

/// What was wrong in this thread's last call, in English and UTF-8; the empty text where it succeeded. It is the library's and
/// stays as it is until this thread's next call of another function.
#[unsafe(no_mangle)]
pub extern "C" fn pocketrec_last_error() -> *const c_char {
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

/// The version of the library, as `0.1.0`. It stays for as long as the library is loaded.
#[unsafe(no_mangle)]
pub extern "C" fn pocketrec_version() -> *const c_char {
    const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };
    VERSION.as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last() -> String {
        // SAFETY: a text that ends in a zero, of this thread.
        let text = unsafe { CStr::from_ptr(pocketrec_last_error()) };
        text.to_str().unwrap().into()
    }

    #[test]
    fn a_panic_is_a_status_with_its_words() {
        assert_eq!(entry(|| panic!("row {}", 7)), POCKETREC_PANIC);
        assert!(last().contains("row 7"), "{}", last());
        assert_eq!(entry(|| std::panic::panic_any(5u8)), POCKETREC_PANIC);
        assert!(last().contains("without a message"), "{}", last());
        assert_eq!(entry(|| Ok(())), POCKETREC_OK);
        assert_eq!(last(), "");
    }

    #[test]
    fn words_belong_to_a_thread_and_hold_no_zero() {
        let refused = |reason: &'static str| entry(move || Err(Failure::new(POCKETREC_ARGUMENT, reason)));
        assert_eq!(refused("a\0b"), POCKETREC_ARGUMENT);
        std::thread::spawn(|| assert_eq!(last(), "")).join().unwrap();
        assert_eq!(last(), "a\\0b");
    }
}

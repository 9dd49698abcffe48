//! Numbers from the text of a field, and the field in a message; a refusal is the reason, to which the caller adds the place.

use alloc::{format, string::String};
use core::fmt::{self, Display};

/// A field as it stands, for a message; cut where it is long.
pub(in crate::data) fn shown(field: &[u8]) -> impl Display {
    struct Shown<'a>(&'a [u8]);
    impl Display for Shown<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let cut = &self.0[..self.0.len().min(40)];
            write!(f, "{:?}", String::from_utf8_lossy(cut))?;
            f.write_str(if cut.len() < self.0.len() { "..." } else { "" })
        }
    }
    Shown(field)
}

/// A finite number; `what` names it in the refusal. A comma before one, two or more than three digits is a decimal
/// comma; before three it may as well part thousands, and is refused.
pub(in crate::data) fn number(what: &str, field: &[u8]) -> Result<f32, String> {
    match field {
        [digit @ b'0'..=b'9'] => return Ok(f32::from(digit - b'0')),
        [digit @ b'0'..=b'9', b'.', tenth @ b'0'..=b'9'] => {
            return Ok((f32::from(digit - b'0') * 10.0 + f32::from(tenth - b'0')) / 10.0);
        }
        _ => {}
    }
    let text = core::str::from_utf8(field).map_err(|_| not_a(what, field))?;
    let text = text.trim();
    let parsed = match text.split_once(',') {
        Some((whole, part)) if !matches!(part.len(), 0 | 3) && part.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{whole}.{part}").parse::<f32>()
        }
        _ => text.parse(),
    };
    match parsed {
        Ok(number) if number.is_finite() => Ok(number),
        Ok(_) => Err(format!("the {what} {} is not finite", shown(field))),
        Err(_) => Err(not_a(what, field)),
    }
}

fn not_a(what: &str, field: &[u8]) -> String {
    format!("{} is not a {what}, which is a number", shown(field))
}

/// A number of at most 18 digits.
pub(in crate::data) fn digits(field: &[u8]) -> Option<u64> {
    if field.is_empty() || field.len() > 18 {
        return None;
    }
    field.iter().try_fold(0u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then(|| number * 10 + u64::from(digit))
    })
}

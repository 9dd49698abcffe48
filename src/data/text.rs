//! Numbers and times from the text of a field; a refusal is the reason, to which the caller adds the place.

use alloc::{format, string::String};
use core::fmt::{self, Display};

/// A field as it stands, for a message; cut where it is long.
pub(super) fn shown(field: &[u8]) -> impl Display {
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

/// A time in seconds; decimals are rounded down.
pub(super) fn time(field: &[u8]) -> Result<i64, String> {
    if let Some(time) = digits(field) {
        return Ok(time as i64);
    }
    let text = core::str::from_utf8(field).map_err(|_| not_a("time", field))?;
    if let Ok(time) = text.trim().parse::<i64>() {
        return Ok(time);
    }
    match text.trim().parse::<f64>() {
        Ok(time) if !time.is_finite() => Err(format!("the time {} is not finite", shown(field))),
        Ok(time) if time.abs() < 9e18 => Ok(libm::floor(time) as i64),
        Ok(_) => Err(format!("the time {} does not fit 64 bits", shown(field))),
        Err(_) => Err(not_a("time", field) + "; write seconds, or leave the column out"),
    }
}

/// A finite number; `what` names it in the refusal.
pub(super) fn number(what: &str, field: &[u8]) -> Result<f32, String> {
    match field {
        [digit @ b'0'..=b'9'] => return Ok(f32::from(digit - b'0')),
        [digit @ b'0'..=b'9', b'.', tenth @ b'0'..=b'9'] => {
            return Ok((f32::from(digit - b'0') * 10.0 + f32::from(tenth - b'0')) / 10.0);
        }
        _ => {}
    }
    let text = core::str::from_utf8(field).map_err(|_| not_a(what, field))?;
    match text.trim().parse::<f32>() {
        Ok(number) if number.is_finite() => Ok(number),
        Ok(_) => Err(format!("the {what} {} is not finite", shown(field))),
        Err(_) => Err(not_a(what, field)),
    }
}

fn not_a(what: &str, field: &[u8]) -> String {
    format!("{} is not a {what}, which is a number", shown(field))
}

/// A number of at most 18 digits.
pub(super) fn digits(field: &[u8]) -> Option<u64> {
    if field.is_empty() || field.len() > 18 {
        return None;
    }
    field.iter().try_fold(0u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then(|| number * 10 + u64::from(digit))
    })
}

//! Numbers and dates as they are written: whole digits and how many of them stand behind the point, nothing rounded.

use alloc::{format, string::String};

use super::number::shown;

/// The most digits behind the point that a number of 64 bits can have.
pub(super) const MOST_DECIMALS: u32 = 18;

/// What the times of a column are; they are all of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Numbers in any unit.
    Number,
    /// Dates and times of ISO 8601, in seconds since 1970 (UTC); read with `std` alone.
    #[cfg_attr(not(feature = "std"), allow(dead_code))]
    Calendar,
}

/// A time as it is written: `digits / 10^decimals`, of which the whole part fits 64 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Decimal {
    pub digits: i128,
    pub decimals: u32,
    pub kind: Kind,
}

/// 10 to the power of so many decimals.
pub(super) fn power(decimals: u32) -> i128 {
    10i128.pow(decimals.min(2 * MOST_DECIMALS))
}

impl Decimal {
    pub fn of(field: &[u8]) -> Result<Self, String> {
        let not_a_time = || {
            format!(
                "{} is not a time; write a number (of seconds, say) or a date as in 2024-05-31T18:00:00Z, or leave the column out",
                shown(field)
            )
        };
        let text = core::str::from_utf8(field).map_err(|_| not_a_time())?.trim();
        if let Some(written) = Written::of(text) {
            let number = written.number();
            return number.ok_or_else(|| format!("the time {} does not fit 64 bits", shown(field)));
        }
        if text.parse::<f64>().is_ok() {
            return Err(format!("the time {} is not finite", shown(field)));
        }
        calendar(text).ok_or_else(not_a_time)
    }

    /// The same without zeros at the end of the decimals; `None` where the whole part does not fit.
    fn shortest(mut digits: i128, mut decimals: u32, kind: Kind) -> Option<Self> {
        while decimals > 0 && digits % 10 == 0 {
            (digits, decimals) = (digits / 10, decimals - 1);
        }
        let fits = i64::try_from(digits.div_euclid(power(decimals))).is_ok();
        fits.then_some(Decimal { digits, decimals, kind })
    }
}

/// The parts of a decimal number: digits before and behind the point, and the power of ten behind `e`.
struct Written<'a> {
    negative: bool,
    whole: &'a str,
    part: &'a str,
    exponent: i32,
}

impl<'a> Written<'a> {
    /// `None` where the text is no number.
    fn of(text: &'a str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
            None => (text, 0),
        };
        let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
        let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = !(whole.is_empty() && part.is_empty()) && all_digits(whole) && all_digits(part);
        is_number.then_some(Written {
            negative: mantissa.starts_with('-'),
            whole,
            part,
            exponent,
        })
    }

    /// Its value; `None` where that does not fit 64 bits.
    fn number(&self) -> Option<Decimal> {
        let mut digits = 0i128;
        for byte in self.whole.bytes() {
            digits = digits * 10 + i128::from(byte - b'0');
            if digits >= power(2 * MOST_DECIMALS) {
                return None;
            }
        }
        // Digits beyond what 64 bits can hold are left out: numbers of a computer have 17 at most.
        let mut decimals = -i64::from(self.exponent);
        for byte in self.part.bytes().take(MOST_DECIMALS as usize) {
            if digits >= power(MOST_DECIMALS) {
                break;
            }
            digits = digits * 10 + i128::from(byte - b'0');
            decimals += 1;
        }
        while decimals < 0 && digits != 0 {
            if digits > i128::from(i64::MAX) {
                return None;
            }
            (digits, decimals) = (digits * 10, decimals + 1);
        }
        // What is left of a very small number is 0, or just below.
        while decimals > i64::from(MOST_DECIMALS) && digits != 0 {
            (digits, decimals) = (digits / 10, decimals - 1);
        }
        let decimals = if digits == 0 { 0 } else { decimals as u32 };
        let signed = if self.negative { -digits } else { digits };
        Decimal::shortest(signed, decimals, Kind::Number)
    }
}

/// A date of ISO 8601, with or without a time of the day and a zone; without a zone it is taken as UTC.
#[cfg(feature = "std")]
fn calendar(text: &str) -> Option<Decimal> {
    use jiff::{Timestamp, civil::DateTime, tz::Offset};
    let zoned = text.parse::<Timestamp>().ok();
    let plain = || Offset::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    Decimal::shortest(zoned.or_else(plain)?.as_nanosecond(), 9, Kind::Calendar)
}

#[cfg(not(feature = "std"))]
fn calendar(_: &str) -> Option<Decimal> {
    None
}

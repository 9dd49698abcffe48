//! Times as they stand in a source: whole numbers in one unit for all of them, so that order is never lost.

use alloc::{format, string::String, vec::Vec};

use super::{
    decimal::{Decimal, Kind, MOST_DECIMALS, power},
    number::{digits, shown},
};

/// What times are counted in. As long as all are whole that is the unit that they were written in. Once one has digits
/// behind the point, all are counted in tenths, hundredths, ... of it: as fine as any time needs, or as 64 bits hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    decimals: u32,
    /// The finest that any of the times was written in.
    wanted: u32,
    /// The finest that 64 bits hold all of them in.
    room: u32,
    kind: Option<Kind>,
}

impl Default for Unit {
    fn default() -> Self {
        Unit {
            decimals: 0,
            wanted: 0,
            room: MOST_DECIMALS,
            kind: None,
        }
    }
}

impl Unit {
    /// Digits behind the point that a time's last digit stands for.
    pub fn decimals(&self) -> u32 {
        self.decimals
    }

    /// The unit of two columns that are to be compared, the finest that holds both.
    ///
    /// # Errors
    /// The reason where one has dates and the other numbers.
    pub fn common(self, other: Unit) -> Result<Unit, String> {
        if let (Some(one), Some(two)) = (self.kind, other.kind)
            && one != two
        {
            return Err("times are dates in one file and numbers in another; write all of them alike".into());
        }
        let (wanted, room) = (self.wanted.max(other.wanted), self.room.min(other.room));
        Ok(Unit {
            decimals: wanted.min(room),
            wanted,
            room,
            kind: self.kind.or(other.kind),
        })
    }

    /// Counts times in another unit.
    pub fn rescale(self, to: Unit, times: &mut [i64]) {
        if self.decimals != to.decimals {
            for time in times.iter_mut().filter(|time| **time != LATEST) {
                *time = scaled(i128::from(*time), self.decimals, to.decimals) as i64;
            }
        }
    }
}

/// A time behind all others, in any unit.
const LATEST: i64 = i64::MAX;

/// A column of times.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Times {
    values: Vec<i64>,
    unit: Unit,
}

impl Times {
    /// Adds a time: a number, or a date (and time) of ISO 8601 where `std` is there to read it.
    ///
    /// # Errors
    /// The reason why the field is no time; the column is unchanged then.
    #[inline]
    pub fn push(&mut self, field: &[u8]) -> Result<(), String> {
        match digits(field) {
            // So many digits leave room for as many decimals as have been found needed so far: none.
            Some(time) if self.unit.wanted == 0 && self.unit.kind == Some(Kind::Number) => {
                self.unit.room = self.unit.room.min(finest(time as i64));
                self.values.push(time as i64);
                Ok(())
            }
            _ => self.push_other(field),
        }
    }

    fn push_other(&mut self, field: &[u8]) -> Result<(), String> {
        let time = Decimal::of(field)?;
        if self.unit.kind.is_some_and(|kind| kind != time.kind) {
            let (is, are) = match time.kind {
                Kind::Number => ("a number", "dates"),
                Kind::Calendar => ("a date", "numbers"),
            };
            return Err(format!(
                "the time {} is {is}, where others are {are}; write all of them alike",
                shown(field)
            ));
        }
        let whole = i64::try_from(time.digits.div_euclid(power(time.decimals)))
            .map_err(|_| format!("the time {} does not fit 64 bits", shown(field)))?;
        let own = Unit {
            decimals: 0,
            wanted: time.decimals,
            room: finest(whole),
            kind: Some(time.kind),
        };
        let unit = self.unit.common(own)?;
        self.unit.rescale(unit, &mut self.values);
        self.unit = unit;
        // Within the range, as `finest` leaves room for all that lies between two whole numbers.
        self.values
            .push(scaled(time.digits, time.decimals, unit.decimals) as i64);
        Ok(())
    }

    /// Adds a time behind all others.
    pub fn push_latest(&mut self) {
        self.values.push(LATEST);
    }

    /// Takes the times from `len` on away.
    pub fn truncate(&mut self, len: usize) {
        self.values.truncate(len);
    }

    /// The times, counted in [`unit`](Times::unit).
    pub fn values(&self) -> &[i64] {
        &self.values
    }

    /// What the times are counted in.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// Counts the times in another unit.
    pub fn rescale(&mut self, to: Unit) {
        self.unit.rescale(to, &mut self.values);
        self.unit = to;
    }

    /// The times without their unit.
    #[cfg(feature = "std")]
    pub fn into_values(self) -> Vec<i64> {
        self.values
    }
}

/// The most decimals that times from `whole` to the next whole number can have in 64 bits.
#[inline]
fn finest(whole: i64) -> u32 {
    // A count of seconds since 1970 leaves room for nanoseconds; most times are below.
    if (0..=9_000_000_000).contains(&whole) && whole >= 900_000_000 {
        return 9;
    }
    let size = i128::from(whole).abs() + 1;
    let fits = |&decimals: &u32| size * power(decimals) <= i128::from(i64::MAX);
    (1..=MOST_DECIMALS).take_while(fits).last().unwrap_or(0)
}

/// `digits` of so many decimals with `to` decimals, rounded down.
fn scaled(digits: i128, from: u32, to: u32) -> i128 {
    match to >= from {
        true => digits * power(to - from),
        false => digits.div_euclid(power(from - to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn of(texts: &[&str]) -> (Vec<i64>, u32) {
        let mut times = Times::default();
        texts.iter().for_each(|text| times.push(text.as_bytes()).unwrap());
        (times.values.clone(), times.unit.decimals)
    }

    #[test]
    fn whole_times_are_kept_as_they_are() {
        let texts = [
            "978300760",
            "0",
            "-5",
            "9.7e8",
            " 12 ",
            "9223372036854775807",
            "1.0",
            "-9223372036854775808",
        ];
        let values = [978_300_760, 0, -5, 970_000_000, 12, i64::MAX, 1, i64::MIN];
        assert_eq!(of(&texts), (values.to_vec(), 0));
    }

    #[test]
    fn fractions_make_the_unit_finer_for_all() {
        assert_eq!(of(&["3", "0.011050", "-0.5"]), (vec![300_000, 1_105, -50_000], 5));
        assert_eq!(of(&["1.5", "-1.5", "2"]), (vec![15, -15, 20], 1));
        assert_eq!(of(&["1e-3", "2.5E-2"]), (vec![1, 25], 3));
        // 1,000 in units of 10^-17 takes more than 64 bits: then the finest that does fit, whichever comes first.
        let fine = of(&["0.30000000000000004", "1000"]);
        assert_eq!(fine, (vec![300_000_000_000_000, 1_000_000_000_000_000_000], 15));
        assert_eq!(of(&["1000", "0.30000000000000004"]).1, 15);
    }

    #[test]
    fn times_without_end_are_refused() {
        for (text, reason) in [
            ("", "not a time"),
            ("noon", "not a time"),
            ("NaN", "not finite"),
            ("inf", "not finite"),
            ("1e300", "64 bits"),
            ("99999999999999999999", "64 bits"),
            ("1e-", "not a time"),
            (".", "not a time"),
            ("1e99999999999", "not"),
        ] {
            let refused = Times::default().push(text.as_bytes()).unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
        assert_eq!(of(&["1e-300", "1"]).0[1], 1);
    }

    /// Seconds since 1970 by a calendar: 18,262 days to 2020-01-01, 16 more to the 17th.
    #[cfg(feature = "std")]
    #[test]
    fn dates_are_seconds_of_utc() {
        let noon = (18_262 + 16) * 86_400 + 12 * 3_600;
        for text in [
            "2020-01-17T12:00:00Z",
            "2020-01-17 12:00:00",
            "2020-01-17T14:00:00+02:00",
            "2020-01-17T12:00",
            "2020-01-17 07:00:00-05:00",
        ] {
            assert_eq!(of(&[text]), (vec![noon], 0), "{text}");
        }
        assert_eq!(of(&["2020-01-17"]).0, [noon - 12 * 3_600]);
        assert_eq!(of(&["1970-01-01T00:00:00.25Z"]), (vec![25], 2));
        let mut times = Times::default();
        times.push(b"2020-01-17").unwrap();
        assert!(
            times
                .push(b"1579262400")
                .unwrap_err()
                .contains("is a number, where others are dates")
        );
    }

    #[test]
    fn two_columns_come_to_one_unit() {
        let (mut whole, mut fine) = (Times::default(), Times::default());
        whole.push(b"7").unwrap();
        whole.push_latest();
        fine.push(b"0.25").unwrap();
        let unit = whole.unit().common(fine.unit()).unwrap();
        whole.rescale(unit);
        fine.rescale(unit);
        assert_eq!((whole.values(), fine.values()), (&[700, i64::MAX][..], &[25][..]));
        let dates = Unit {
            kind: Some(Kind::Calendar),
            ..Unit::default()
        };
        assert!(dates.common(unit).is_err());
    }
}

//! Times as the contract writes them: RFC 3339, UTC, milliseconds.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

/// Length of a time as text: `2026-11-20T12:00:00.000Z`.
pub const TIME_BYTES: usize = 24;

/// Last millisecond of the year 9999: the last one that four digits of year can tell.
const LAST_MS: u64 = 253_402_300_799_999;
const DAY_MS: u64 = 86_400_000;
/// Days from 0000-03-01, where a leap day ends its year, to 1970-01-01.
const DAYS_TO_1970: u64 = 719_468;

/// Milliseconds since 1970-01-01 UTC; text in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-11-20T12:00:00.000Z")]
pub struct Time(pub u64);

/// The text is no time that the contract knows: RFC 3339, from 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotATime;

impl Time {
    /// The text, without allocation. A time past the year 9999 is told as that year's last millisecond.
    pub fn to_ascii(self) -> [u8; TIME_BYTES] {
        let ms = self.0.min(LAST_MS);
        let (year, month, day) = civil_from_days(ms / DAY_MS);
        let in_day = ms % DAY_MS;
        let mut out = *b"0000-00-00T00:00:00.000Z";
        put(&mut out[0..4], year);
        put(&mut out[5..7], month);
        put(&mut out[8..10], day);
        put(&mut out[11..13], in_day / 3_600_000);
        put(&mut out[14..16], in_day / 60_000 % 60);
        put(&mut out[17..19], in_day / 1_000 % 60);
        put(&mut out[20..23], in_day % 1_000);
        out
    }
}

/// Writes `number` right-aligned into `digits`.
fn put(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789"[usize::try_from(number % 10).unwrap_or(0)];
        number /= 10;
    }
}

/// Year, month and day of a day since 1970, by Howard Hinnant's `civil_from_days` (chrono-compatible low-level
/// date algorithms), for days that are not negative.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + DAYS_TO_1970;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// Days since 0000-03-01 of a date after it: [`civil_from_days`] the other way round, and counted from earlier.
fn days_from_year_0(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let era = year / 400;
    let year_of_era = year % 400;
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era
}

fn days_in_month(year: u64, month: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    }
}

impl FromStr for Time {
    type Err = NotATime;

    /// Takes any offset and up to nine digits of fraction, of which three are kept. Leap seconds are refused.
    fn from_str(text: &str) -> Result<Self, NotATime> {
        let mut rest = text.as_bytes();
        let year = number(&mut rest, 4)?;
        let month = after(&mut rest, b'-')?;
        let day = after(&mut rest, b'-')?;
        if !matches!(take(&mut rest)?, b'T' | b't') {
            return Err(NotATime);
        }
        let hour = number(&mut rest, 2)?;
        let minute = after(&mut rest, b':')?;
        let second = after(&mut rest, b':')?;
        // The last hours of 1969 may be 1970 in UTC.
        let in_range = year >= 1969 && (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
        if !in_range || hour > 23 || minute > 59 || second > 59 {
            return Err(NotATime);
        }
        let millis = fraction(&mut rest)?;
        let local = days_from_year_0(year, month, day) * DAY_MS + hour * 3_600_000 + minute * 60_000 + second * 1_000 + millis;
        let utc = local.checked_add_signed(-offset_ms(rest)?).and_then(|ms| ms.checked_sub(DAYS_TO_1970 * DAY_MS)).ok_or(NotATime)?;
        if utc > LAST_MS { Err(NotATime) } else { Ok(Self(utc)) }
    }
}

fn take(rest: &mut &[u8]) -> Result<u8, NotATime> {
    let (first, tail) = rest.split_first().ok_or(NotATime)?;
    *rest = tail;
    Ok(*first)
}

fn number(rest: &mut &[u8], digits: usize) -> Result<u64, NotATime> {
    let mut value = 0;
    for _ in 0..digits {
        let byte = take(rest)?;
        if !byte.is_ascii_digit() {
            return Err(NotATime);
        }
        value = value * 10 + u64::from(byte - b'0');
    }
    Ok(value)
}

fn after(rest: &mut &[u8], separator: u8) -> Result<u64, NotATime> {
    if take(rest)? == separator { number(rest, 2) } else { Err(NotATime) }
}

/// Milliseconds of a fraction, if there is one; digits after the third are cut off.
fn fraction(rest: &mut &[u8]) -> Result<u64, NotATime> {
    if rest.first() != Some(&b'.') {
        return Ok(0);
    }
    let digits = rest[1..].iter().take_while(|b| b.is_ascii_digit()).count();
    if !(1..=9).contains(&digits) {
        return Err(NotATime);
    }
    let mut kept = [b'0'; 3];
    for (slot, digit) in kept.iter_mut().zip(&rest[1..=digits]) {
        *slot = *digit;
    }
    *rest = &rest[1 + digits..];
    number(&mut &kept[..], 3)
}

/// The rest of a time: `Z` or an offset, in milliseconds that the local time is ahead of UTC.
fn offset_ms(mut rest: &[u8]) -> Result<i64, NotATime> {
    let sign = match take(&mut rest)? {
        b'Z' | b'z' => 0,
        b'+' => 1,
        b'-' => -1,
        _ => return Err(NotATime),
    };
    let mut minutes = 0;
    if sign != 0 {
        let hours = number(&mut rest, 2)?;
        let past = after(&mut rest, b':')?;
        if hours > 23 || past > 59 {
            return Err(NotATime);
        }
        minutes = i64::try_from(hours * 60 + past).map_err(|_| NotATime)?;
    }
    if rest.is_empty() { Ok(sign * minutes * 60_000) } else { Err(NotATime) }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_ascii()).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be an RFC 3339 time from 1970 to 9999, like \"2026-11-20T12:00:00.000Z\"")
    }
}

impl std::error::Error for NotATime {}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Result<u64, NotATime> {
        text.parse::<Time>().map(|time| time.0)
    }

    #[test]
    fn known_times_are_told_right() {
        assert_eq!(Time(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Time(951_782_400_000).to_string(), "2000-02-29T00:00:00.000Z");
        assert_eq!(Time(1_000_000_000_000).to_string(), "2001-09-09T01:46:40.000Z");
        assert_eq!(Time(4_107_542_399_999).to_string(), "2100-02-28T23:59:59.999Z");
        assert_eq!(Time(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn offsets_and_fractions_are_read() {
        assert_eq!(parsed("2001-09-09T01:46:40Z"), Ok(1_000_000_000_000));
        assert_eq!(parsed("2001-09-09T03:46:40.5+02:00"), Ok(1_000_000_000_500));
        assert_eq!(parsed("2001-09-08T21:16:40.123456789-04:30"), Ok(1_000_000_000_123));
        assert_eq!(parsed("1969-12-31T23:00:00-01:00"), Ok(0));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "now",
            "2026-11-20",
            "2026-11-20T12:00:00",
            "2026-11-20 12:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-11-20T24:00:00Z",
            "2026-11-20T12:60:00Z",
            "2026-12-31T23:59:60Z",
            "2026-11-20T12:00:00.Z",
            "2026-11-20T12:00:00.1234567890Z",
            "2026-11-20T12:00:00+0200",
            "2026-11-20T12:00:00+24:00",
            "2026-11-20T12:00:00Zx",
            "+026-11-20T12:00:00Z",
            "1969-12-31T23:59:59.999Z",
            "1960-01-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-00:01",
            "２026-11-20T12:00:00Z",
        ] {
            assert_eq!(parsed(text), Err(NotATime), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_and_number_are_inverse(ms in 0..=LAST_MS) {
            let text = Time(ms).to_string();
            prop_assert_eq!(text.len(), TIME_BYTES);
            prop_assert_eq!(parsed(&text), Ok(ms));
        }

        #[test]
        fn text_sorts_as_time(a in 0..=LAST_MS, b in 0..=LAST_MS) {
            prop_assert_eq!(Time(a).to_string().cmp(&Time(b).to_string()), a.cmp(&b));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9TZ:+.\\-]{0,32}|.{0,32}") {
            if let Ok(ms) = parsed(&text) {
                prop_assert!(ms <= LAST_MS);
            }
        }

        #[test]
        fn days_have_dates(day in 0..=LAST_MS / DAY_MS) {
            let (year, month, date) = civil_from_days(day);
            prop_assert!((1..=days_in_month(year, month)).contains(&date));
            prop_assert_eq!(days_from_year_0(year, month, date), day + DAYS_TO_1970);
        }
    }
}

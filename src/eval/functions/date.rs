//! Calendar functions: seconds since the epoch into parts of their UTC date.

const SECONDS_PER_DAY: i64 = 86_400;
/// Seconds beyond this have no calendar: about 300 million years.
const SECONDS_MAX: f64 = 1e16;

/// A point in the proleptic Gregorian calendar.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    /// Days since the epoch.
    days: i64,
    /// Seconds into the day.
    seconds: i64,
}

/// The calendar function `name`, of seconds since the epoch; NaN where there is no calendar.
pub(super) fn of_seconds(name: &str) -> Option<impl Fn(f64) -> f64> {
    let part: fn(&Civil) -> i64 = match name {
        "minute" => |at| at.seconds / 60 % 60,
        "hour" => |at| at.seconds / 3600,
        "day_of_week" => |at| (at.days + 4).rem_euclid(7),
        "day_of_month" => |at| at.day,
        "day_of_year" => |at| at.days - days_from_civil(at.year, 1, 1) + 1,
        "days_in_month" => |at| days_in_month(at.year, at.month),
        "month" => |at| at.month,
        "year" => |at| at.year,
        _ => return None,
    };
    Some(move |seconds: f64| {
        if seconds.is_nan() || seconds.abs() > SECONDS_MAX {
            return f64::NAN;
        }
        part(&civil(seconds as i64)) as f64
    })
}

/// Days since the epoch of a date (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date of seconds since the epoch (the inverse, same source).
fn civil(seconds: i64) -> Civil {
    let days = seconds.div_euclid(SECONDS_PER_DAY);
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    Civil { year, month, day, days, seconds: seconds.rem_euclid(SECONDS_PER_DAY) }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_from_civil(next_year, next_month, 1) - days_from_civil(year, month, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_dates() {
        for (name, seconds, expected) in [
            ("year", 1_230_767_999.0, 2008.0),
            ("month", 1_456_790_399.0, 2.0),
            ("day_of_month", 1_456_790_399.0, 29.0),
            ("day_of_year", 1_483_191_420.0, 366.0),
            ("days_in_month", 1_485_907_200.0, 28.0),
            ("day_of_week", 0.0, 4.0),
            ("hour", 1_136_239_445.0, 22.0),
            ("minute", 1_136_239_445.0, 4.0),
            ("year", -1.0, 1969.0),
            ("day_of_week", -86_400.0 * 5.0, 6.0),
        ] {
            let function = of_seconds(name).expect(name);
            assert_eq!(function(seconds), expected, "{name}({seconds})");
        }
        let year = of_seconds("year").expect("year");
        assert!(year(f64::NAN).is_nan() && year(f64::INFINITY).is_nan() && year(-1e300).is_nan());
    }
}

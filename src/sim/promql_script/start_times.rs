use super::fault;
use super::reader::read_millis;
use crate::formats::FormatError;

/// The greatest number of start times on a line.
const STARTS_MAX: usize = crate::formats::series_notation::POINTS_PER_SERIES_MAX;

/// Reads the start times of a series: per step how far the start is from it, in milliseconds.
///
/// Items stand between blanks: `-1m`; `-1mx3` (4 times); `-1m-30sx3` and `-1m+30sx3` (4 times, each further); `_` and `_x3`
/// (3 steps without); `*` and `*x3` (the last one again, 1 and 4 times).
pub(super) fn read_start_times(text: &str) -> Result<Vec<Option<i64>>, FormatError> {
    let mut starts = Vec::new();
    let mut last = 0;
    for item in text.split_whitespace() {
        let malformed = || {
            let hint = "such as `-30s`, `-1mx3`, `-1m-30sx3`, `_`, `_x3`, `*`, `*x3`";
            fault(1, format!("not a start time: `{item}`")).hint(hint)
        };
        let (body, times) = match item.split_once('x') {
            Some((body, times)) => (body, Some(times.parse::<usize>().map_err(|_| malformed())?)),
            None => (item, None),
        };
        let count = if body == "_" { times.unwrap_or(1) } else { times.map_or(1, |times| times.saturating_add(1)) };
        if count > STARTS_MAX - starts.len().min(STARTS_MAX) {
            return Err(fault(1, format!("more than {STARTS_MAX} start times")));
        }
        match body {
            "_" => starts.extend(std::iter::repeat_n(None, count)),
            "*" => starts.extend(std::iter::repeat_n(Some(last), count)),
            _ => {
                let sign = body.char_indices().skip(1).find(|(_, letter)| matches!(letter, '+' | '-'));
                let end = sign.map_or(body.len(), |(index, _)| index);
                let first = read_offset(&body[..end]).ok_or_else(malformed)?;
                let increment = match (&body[end..], times) {
                    ("", _) => 0,
                    (increment, Some(_)) => read_offset(increment).ok_or_else(malformed)?,
                    _ => return Err(malformed()),
                };
                let mut offset = first;
                for _ in 0..count {
                    starts.push(Some(offset));
                    last = offset;
                    offset = offset.saturating_add(increment);
                }
            }
        }
    }
    Ok(starts)
}

/// Reads a duration with or without a sign.
fn read_offset(text: &str) -> Option<i64> {
    let (sign, text) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    text.starts_with(|c: char| c.is_ascii_digit()).then(|| read_millis(text)).flatten().map(|millis| sign * millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notation() {
        for (text, expected) in [
            ("_ _ -30s-1mx2", "_ _ -30000 -90000 -150000"),
            ("1ms-1mx1 0 -0ms +1m", "1 -59999 0 0 60000"),
            ("-1s *x1 * _x2 *", "-1000 -1000 -1000 -1000 _ _ -1000"),
            ("-59999msx1 _x0", "-59999 -59999"),
        ] {
            let starts = read_start_times(text).expect(text);
            let words = starts.iter().map(|start| start.map_or("_".to_owned(), |start| start.to_string()));
            assert_eq!(words.collect::<Vec<_>>().join(" "), expected, "{text}");
        }
        for text in ["x", "-", "-1m-1m", "-1mx", "-1mx-1", "--1m", "ä", "1mxx", "1ü", "_1", "-1mx99999999"] {
            assert!(read_start_times(text).is_err(), "{text}");
        }
    }
}

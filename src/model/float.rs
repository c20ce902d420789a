//! Floats as decimal texts: the shortest that read back, and those of a given precision.

/// How the shortest decimal that reads back is laid out; of two as near it is the one that ends in an even digit, as in Go.
///
/// All forms write `NaN`, `+Inf` and `-Inf`, keep the sign of zero, and give exponents a sign and at least two digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatForm {
    /// Never with an exponent: Go's `strconv.FormatFloat(value, 'f', -1, 64)`.
    Plain,
    /// With an exponent below 1e-6 and from 1e21: samples in the answers of the HTTP API.
    Api,
    /// With an exponent below 1e-4 and from 1e21: our own messages and tables.
    Readable,
    /// With an exponent below 1e-4 and from 1e6: Go's `%v` and `%g`.
    General,
    /// Always with an exponent, `1e+00`: Go's `%e` with as many digits as are needed.
    Exponent,
}

/// What numbers are appended to.
pub trait AsciiBuffer {
    /// Appends characters that are all ASCII.
    fn push_ascii(&mut self, text: &[u8]);
}

impl AsciiBuffer for Vec<u8> {
    fn push_ascii(&mut self, text: &[u8]) {
        self.extend_from_slice(text);
    }
}

impl AsciiBuffer for String {
    fn push_ascii(&mut self, text: &[u8]) {
        self.extend(text.iter().map(|byte| char::from(*byte)));
    }
}

/// Whole numbers below this are exact and have no more digits than the shortest decimal.
const WHOLE_MAX: f64 = 1e15;
/// The most digits of a shortest decimal.
const DIGITS_MAX: usize = 17;

impl FloatForm {
    /// The text of `value`.
    pub fn text(self, value: f64) -> String {
        let mut text = String::new();
        self.write(&mut text, value);
        text
    }

    /// Appends the text of `value`.
    pub fn write(self, out: &mut impl AsciiBuffer, value: f64) {
        if value.is_nan() {
            return out.push_ascii(b"NaN");
        }
        if value.is_infinite() {
            return out.push_ascii(if value > 0.0 { b"+Inf" } else { b"-Inf" });
        }
        if value.is_sign_negative() {
            out.push_ascii(b"-");
        }
        let magnitude = value.abs();
        let is_plain = self.is_plain(magnitude);
        if is_plain && magnitude < WHOLE_MAX && magnitude.trunc() == magnitude {
            // Whole and small enough: the conversion is exact.
            return write_whole(out, magnitude as u64);
        }
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(magnitude);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, ""));
        if is_plain && exponent.is_empty() {
            return out.push_ascii(mantissa.strip_suffix(".0").unwrap_or(mantissa).as_bytes());
        }
        let digits = Digits::of(mantissa, exponent);
        if is_plain { digits.write_plain(out) } else { digits.write_exponent(out) }
    }

    /// Whether a number of this magnitude has no exponent.
    fn is_plain(self, magnitude: f64) -> bool {
        match self {
            FloatForm::Plain => true,
            FloatForm::Exponent => false,
            _ if magnitude == 0.0 => true,
            FloatForm::Api => (1e-6..1e21).contains(&magnitude),
            FloatForm::Readable => (1e-4..1e21).contains(&magnitude),
            FloatForm::General => (1e-4..1e6).contains(&magnitude),
        }
    }
}

/// A finite number that is not negative: `0.digits * 10^point`, the first and the last digit not 0; no digits for zero.
struct Digits {
    digits: [u8; DIGITS_MAX],
    count: usize,
    point: i32,
}

impl Digits {
    /// Reads what `zmij` writes: `0.00123`, `120.0`, `1.5` with an exponent of 300.
    fn of(mantissa: &str, exponent: &str) -> Digits {
        let mut read = Digits { digits: [0; DIGITS_MAX], count: 0, point: 0 };
        let (mut is_fraction, mut zeros) = (false, 0);
        for byte in mantissa.bytes() {
            match byte {
                b'.' => is_fraction = true,
                b'0' if read.count == 0 => read.point -= i32::from(is_fraction),
                _ => {
                    read.point += i32::from(!is_fraction);
                    match byte {
                        b'0' => zeros += 1,
                        _ => {
                            read.count += zeros;
                            zeros = 0;
                            if let Some(digit) = read.digits.get_mut(read.count) {
                                *digit = byte - b'0';
                                read.count += 1;
                            }
                        }
                    }
                }
            }
        }
        // The exponent of a double has at most three digits.
        let shift = exponent.bytes().filter(u8::is_ascii_digit).fold(0, |n, digit| n * 10 + i32::from(digit - b'0'));
        read.point += if exponent.starts_with('-') { -shift } else { shift };
        if read.count == 0 {
            read.point = 1;
        }
        read.digits.iter_mut().for_each(|digit| *digit += b'0');
        read
    }

    fn digits(&self) -> &[u8] {
        &self.digits[..self.count]
    }

    fn write_plain(&self, out: &mut impl AsciiBuffer) {
        let Ok(whole) = usize::try_from(self.point) else {
            out.push_ascii(b"0.");
            write_zeros(out, self.point.unsigned_abs() as usize);
            return out.push_ascii(self.digits());
        };
        let (before, behind) = self.digits().split_at(whole.min(self.count));
        out.push_ascii(if whole == 0 { b"0" } else { before });
        write_zeros(out, whole.saturating_sub(self.count));
        if !behind.is_empty() {
            out.push_ascii(b".");
            out.push_ascii(behind);
        }
    }

    fn write_exponent(&self, out: &mut impl AsciiBuffer) {
        let (first, others) = self.digits().split_at(self.count.min(1));
        out.push_ascii(if first.is_empty() { b"0" } else { first });
        if !others.is_empty() {
            out.push_ascii(b".");
            out.push_ascii(others);
        }
        let exponent = self.point - 1;
        out.push_ascii(if exponent < 0 { b"e-" } else { b"e+" });
        out.push_ascii(if exponent.abs() < 10 { b"0" } else { b"" });
        write_whole(out, u64::from(exponent.unsigned_abs()));
    }
}

fn write_zeros(out: &mut impl AsciiBuffer, count: usize) {
    for _ in 0..count {
        out.push_ascii(b"0");
    }
}

/// Appends a whole number.
pub fn write_whole(out: &mut impl AsciiBuffer, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        // A remainder below 10 fits.
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.push_ascii(&digits[at..]);
}

/// [`FloatForm::Readable`] of `value`.
pub fn format_value(value: f64) -> String {
    FloatForm::Readable.text(value)
}

/// [`FloatForm::General`] with `.0` behind whole numbers: bounds and ranks in labels, as OpenMetrics has them.
pub fn format_bound(value: f64) -> String {
    let text = FloatForm::General.text(value);
    if value.is_finite() && !text.contains(['.', 'e']) { text + ".0" } else { text }
}

/// Go's `%.{precision}e`: one digit, `precision` decimals, and an exponent of at least two digits with its sign.
pub fn format_exponent(value: f64, precision: usize) -> String {
    if !value.is_finite() {
        return FloatForm::Exponent.text(value);
    }
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// Go's `%.{precision}g`: that many significant digits (at least one) without zeros at the end, with an exponent below 1e-4 and where
/// the digits before the point are more than `precision`.
pub fn format_general(value: f64, precision: usize) -> String {
    if !value.is_finite() {
        return FloatForm::General.text(value);
    }
    let decimals = precision.max(1) - 1;
    let scientific = format_exponent(value, decimals);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "+00"));
    let power: i64 = exponent.parse().unwrap_or(0);
    match usize::try_from(decimals as i64 - power) {
        Ok(decimals) if power >= -4 => without_zeros(&format!("{value:.decimals$}")).to_owned(),
        _ => format!("{}e{exponent}", without_zeros(mantissa)),
    }
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests;

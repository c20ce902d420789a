//! The expected texts are those of Go's `strconv.FormatFloat` and `fmt`.

use proptest::prelude::*;

use super::*;

const FORMS: [FloatForm; 5] =
    [FloatForm::Plain, FloatForm::Api, FloatForm::Readable, FloatForm::General, FloatForm::Exponent];

#[test]
fn forms() {
    for (value, texts) in [
        (0.0, ["0", "0", "0", "0", "0e+00"]),
        (-0.0, ["-0", "-0", "-0", "-0", "-0e+00"]),
        (1.0, ["1", "1", "1", "1", "1e+00"]),
        (-17.0, ["-17", "-17", "-17", "-17", "-1.7e+01"]),
        (0.1, ["0.1", "0.1", "0.1", "0.1", "1e-01"]),
        (0.05, ["0.05", "0.05", "0.05", "0.05", "5e-02"]),
        (-123.5, ["-123.5", "-123.5", "-123.5", "-123.5", "-1.235e+02"]),
        (100.25, ["100.25", "100.25", "100.25", "100.25", "1.0025e+02"]),
        (0.0001, ["0.0001", "0.0001", "0.0001", "0.0001", "1e-04"]),
        (0.000_099, ["0.000099", "0.000099", "9.9e-05", "9.9e-05", "9.9e-05"]),
        (0.000_001, ["0.000001", "0.000001", "1e-06", "1e-06", "1e-06"]),
        (9.9e-7, ["0.00000099", "9.9e-07", "9.9e-07", "9.9e-07", "9.9e-07"]),
        (-1.25e-10, ["-0.000000000125", "-1.25e-10", "-1.25e-10", "-1.25e-10", "-1.25e-10"]),
        (100_000.0, ["100000", "100000", "100000", "100000", "1e+05"]),
        (999_999.5, ["999999.5", "999999.5", "999999.5", "999999.5", "9.999995e+05"]),
        (1e6, ["1000000", "1000000", "1000000", "1e+06", "1e+06"]),
        (1_234_567.8, ["1234567.8", "1234567.8", "1234567.8", "1.2345678e+06", "1.2345678e+06"]),
        (1e15, ["1000000000000000", "1000000000000000", "1000000000000000", "1e+15", "1e+15"]),
        (1e21, ["1000000000000000000000", "1e+21", "1e+21", "1e+21", "1e+21"]),
        (-1.5e22, ["-15000000000000000000000", "-1.5e+22", "-1.5e+22", "-1.5e+22", "-1.5e+22"]),
        (f64::INFINITY, ["+Inf"; 5]),
        (f64::NEG_INFINITY, ["-Inf"; 5]),
        (f64::NAN, ["NaN"; 5]),
        (-f64::NAN, ["NaN"; 5]),
    ] {
        assert_eq!(FORMS.map(|form| form.text(value)), texts);
    }
}

#[test]
fn of_two_as_near_the_even_one() {
    for (value, text) in [
        (87_103_528_990_060.63, "87103528990060.62"),
        (90_739_271_211_053.13, "90739271211053.12"),
        (1_000_000_000_000_000.5, "1000000000000000.5"),
        (123_456_789_012_345_680.0, "123456789012345680"),
        (498_484_681_984_085_570.0, "498484681984085570"),
        (100_000_000_000_000_000_000.0, "100000000000000000000"),
    ] {
        for form in [FloatForm::Plain, FloatForm::Api, FloatForm::Readable] {
            assert_eq!(form.text(value), text);
        }
    }
}

#[test]
fn large_and_small() {
    for (value, text) in [
        (383_260_575_764_816_448.0, "3.8326057576481645e+17"),
        (-5.833_955_379_380_223_7e23, "-5.8339553793802237e+23"),
        (99_999_999_999_999_974_834_176.0, "9.999999999999997e+22"),
        (1e23, "1e+23"),
        (100_000_000_000_000_008_388_608.0, "1.0000000000000001e+23"),
        (2.225_073_858_507_201_4e-308, "2.2250738585072014e-308"),
        (1.5e300, "1.5e+300"),
        (f64::MAX, "1.7976931348623157e+308"),
        (5e-324, "5e-324"),
    ] {
        assert_eq!(FloatForm::General.text(value), text);
    }
    assert_eq!(FloatForm::Plain.text(1e23), "100000000000000000000000");
}

#[test]
fn bounds() {
    for (value, text) in [
        (1.0, "1.0"),
        (0.0, "0.0"),
        (-0.5, "-0.5"),
        (100_000.0, "100000.0"),
        (1e6, "1e+06"),
        (1_234_567.5, "1.2345675e+06"),
        (0.000_01, "1e-05"),
        (f64::INFINITY, "+Inf"),
        (f64::NAN, "NaN"),
    ] {
        assert_eq!(format_bound(value), text);
    }
}

#[test]
fn precisions() {
    for (value, precision, exponent, general) in [
        (1.0, 5, "1.00000e+00", "1"),
        (-1.0, 5, "-1.00000e+00", "-1"),
        (12.0, 5, "1.20000e+01", "12"),
        (0.0, 5, "0.00000e+00", "0"),
        (400.0, 2, "4.00e+02", "4e+02"),
        (40.0, 2, "4.00e+01", "40"),
        (0.0004, 2, "4.00e-04", "0.0004"),
        (0.000_04, 2, "4.00e-05", "4e-05"),
        (32.0, 0, "3e+01", "3e+01"),
        (123_456_700.0, 5, "1.23457e+08", "1.2346e+08"),
        (1e23, 17, "9.99999999999999916e+22", "9.9999999999999992e+22"),
        (99.96, 3, "9.996e+01", "100"),
        (f64::NEG_INFINITY, 3, "-Inf", "-Inf"),
        (f64::NAN, 3, "NaN", "NaN"),
    ] {
        assert_eq!(format_exponent(value, precision), exponent);
        assert_eq!(format_general(value, precision), general);
    }
}

proptest! {
    #[test]
    fn texts_read_back(bits: u64) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        for form in FORMS {
            let text = form.text(value);
            prop_assert_eq!(text.parse::<f64>().expect("a number").to_bits(), bits);
            let mut bytes = Vec::new();
            form.write(&mut bytes, value);
            prop_assert_eq!(text.as_bytes(), bytes);
        }
    }

    /// But for the last digit where two numbers are as near.
    #[test]
    fn texts_are_as_long_as_those_of_the_standard_library(bits: u64) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        prop_assert_eq!(FloatForm::Plain.text(value).len(), value.to_string().len());
        prop_assert!(!FloatForm::Plain.text(value).contains('e'));
        let (digits, exponent) = (FloatForm::Exponent.text(value), format!("{value:e}"));
        prop_assert_eq!(digits.find('e'), exponent.find('e'));
    }

    /// Numbers as measurements are: few digits, every size.
    #[test]
    fn short_numbers(digits in -99_999_i64..99_999, power in -30..30) {
        let value: f64 = format!("{digits}e{power}").parse().expect("a number");
        prop_assert_eq!(FloatForm::Plain.text(value), value.to_string());
        prop_assert_eq!(FloatForm::Exponent.text(value), format_exponent(value, format!("{value:e}").split_once('e')
            .and_then(|(mantissa, _)| mantissa.split_once('.')).map_or(0, |(_, decimals)| decimals.len())));
    }
}

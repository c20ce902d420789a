//! Expressions; one that was read is printed and read back, in one line and over several, and with its comments.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchbell::lang::{format, parse, pretty};

fuzz_target!(|text: &str| {
    let Ok(expression) = parse(text) else { return };
    let printed = expression.to_string();
    let again = parse(&printed).unwrap_or_else(|errors| panic!("`{printed}` is not read back: {errors:?}"));
    assert_eq!(again.to_string(), printed);
    for width in [0, 40, 100] {
        let broken = pretty(&expression, width);
        let again = parse(&broken).unwrap_or_else(|errors| panic!("`{broken}` is not read back: {errors:?}"));
        assert_eq!(again.to_string(), printed);
        assert_eq!(pretty(&again, width), broken);
        let commented = format(text, width).expect("it was read");
        assert_eq!(format(&commented, width).as_deref(), Ok(commented.as_str()));
    }
});

//! Expressions; one that was read is printed and read back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchbell::lang::parse;

fuzz_target!(|text: &str| {
    let Ok(expression) = parse(text) else { return };
    let printed = expression.to_string();
    let again = parse(&printed).unwrap_or_else(|errors| panic!("`{printed}` is not read back: {errors:?}"));
    assert_eq!(again.to_string(), printed);
});

//! Configuration and rule files; what is said of them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchbell::config::{MemoryFiles, check, load};
use watchbell::model::render_text;

fuzz_target!(|bytes: &[u8]| {
    let mut files = MemoryFiles::default();
    files.0.insert("a.yml".to_owned(), bytes.to_vec());
    let nothing_set = |_: &str| None;
    let checked = check(&["a.yml".to_owned()], &files, &nothing_set);
    let _ = render_text(&checked.diagnostics, false);
    if let Err(problems) = load(Some("a.yml"), &files, &nothing_set) {
        assert!(!problems.is_empty());
    }
});

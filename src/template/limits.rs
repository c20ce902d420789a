//! The limits of templates; reaching one is an error with its name in the message.

/// The longest text of one template or template file, in bytes.
pub(super) const TEMPLATE_BYTES_MAX: usize = 256 << 10;
/// The longest output, and the longest text that a function may build, in bytes.
pub(super) const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// How much one expansion may do: nodes walked, commands run, and bytes of text handled by functions in units of 64.
pub(super) const STEPS_MAX: u64 = 1_000_000;
/// How deeply templates, blocks and parentheses may be nested while running.
pub(super) const DEPTH_MAX: u32 = 150;
/// How deeply blocks, `else if`s and parentheses may be nested in a text.
pub(super) const NESTING_MAX: usize = 100;
/// The largest list or map that a template may build.
pub(super) const ITEMS_MAX: usize = 10_000;
/// How deeply lists and maps may hold each other.
pub(super) const VALUE_DEPTH_MAX: u8 = 32;
/// The widest field and the longest precision of `printf`.
pub(super) const PRINTF_WIDTH_MAX: usize = 10_000;
/// The largest compiled size of one regular expression, in bytes.
pub(super) const REGEX_BYTES_MAX: usize = 1 << 20;
/// What compiling a regular expression counts for, in steps.
pub(super) const REGEX_STEPS: u64 = 500;
/// How many queries one template may run.
pub(super) const QUERIES_MAX: u32 = 100;

//! YAML -> raw -> compiled plan.

mod scrape;

pub use scrape::{FileDiscovery, ScrapeConfig, TargetGroup};

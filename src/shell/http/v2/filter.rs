//! What the parameters of a request ask for.

use axum::http::StatusCode;
use axum::response::Response;

use super::refused;
use crate::config::parse_matchers;
use crate::model::{Labels, MatchOp, Matcher};

/// Which alerts are asked for.
pub(super) struct Filter {
    /// What labels must satisfy.
    pub(super) matchers: Vec<Matcher>,
    /// What the receiver's name must match.
    receiver: Option<Matcher>,
    /// Whether alerts are wanted that nothing suppresses.
    pub(super) active: bool,
    /// Whether silenced ones are.
    pub(super) silenced: bool,
    /// Whether inhibited ones are.
    pub(super) inhibited: bool,
    /// Whether ones are that their route's time intervals mute.
    pub(super) muted: bool,
}

impl Filter {
    /// Reads the query of a request.
    pub(super) fn read(query: Option<&str>) -> Result<Filter, Box<Response>> {
        let mut filter =
            Filter { matchers: Vec::new(), receiver: None, active: true, silenced: true, inhibited: true, muted: true };
        let bad = |message: String| Box::new(refused(StatusCode::BAD_REQUEST, message));
        let url = reqwest::Url::parse(&format!("http://localhost/?{}", query.unwrap_or_default()));
        let url = url.map_err(|error| bad(format!("the query cannot be read: {error}")))?;
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "filter" | "filter[]" => {
                    let matchers = parse_matchers(&value);
                    filter.matchers.extend(matchers.map_err(|error| bad(format!("filter {value:?}: {error}")))?);
                }
                "receiver" if !value.is_empty() => {
                    let matcher = Matcher::new("receiver", MatchOp::Regex, value.as_ref());
                    filter.receiver = Some(matcher.map_err(|error| bad(format!("receiver: {error}")))?);
                }
                "active" => filter.active = flag(&name, &value).map_err(bad)?,
                "silenced" => filter.silenced = flag(&name, &value).map_err(bad)?,
                "inhibited" => filter.inhibited = flag(&name, &value).map_err(bad)?,
                "muted" => filter.muted = flag(&name, &value).map_err(bad)?,
                // Every alert is looked at when it is asked for: none is unprocessed.
                "unprocessed" => drop(flag(&name, &value).map_err(bad)?),
                _ => {}
            }
        }
        Ok(filter)
    }

    /// Whether labels satisfy the matchers.
    pub(super) fn takes_labels(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels))
    }

    /// Whether the receiver is asked for.
    pub(super) fn takes_receiver(&self, name: &str) -> bool {
        self.receiver.as_ref().is_none_or(|matcher| matcher.matches_value(name))
    }
}

fn flag(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("{name} must be `true` or `false`")),
    }
}

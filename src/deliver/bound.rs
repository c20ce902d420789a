//! The size of a notification: what a group has in excess of it is counted and left out.

use crate::model::{Alert, AlertStatus, Labels, Timestamp};

/// How many alerts a notification carries.
pub const ALERTS_MAX: usize = 1_000;
/// How many bytes of labels and annotations a notification carries; its first alert goes in whatever its size.
pub const BYTES_MAX: usize = 1 << 20;
/// How many bytes of an annotation a notification carries; longer ones end with `…`.
pub const ANNOTATION_BYTES_MAX: usize = 16 << 10;

/// The alerts of a notification, and how many it has no room for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounded {
    /// Those that are told of, in the order in which they came.
    pub alerts: Vec<Alert>,
    /// How many are left out.
    pub truncated: usize,
    /// How many of those fire.
    pub truncated_firing: usize,
}

impl Bounded {
    /// Keeps what fits of `alerts`, firing ones (as of `now`) before those that ended, first ones first.
    pub fn new(alerts: Vec<Alert>, now: Timestamp) -> Bounded {
        let fires = |alert: &Alert| alert.status(now) == AlertStatus::Firing;
        let mut alerts: Vec<Option<Alert>> = alerts.into_iter().map(cut).map(Some).collect();
        let of = |firing: bool, alerts: &[Option<Alert>]| -> Vec<usize> {
            let wanted = |(_, alert): &(usize, &Option<Alert>)| alert.as_ref().is_some_and(|it| fires(it) == firing);
            alerts.iter().enumerate().filter(wanted).map(|(index, _)| index).collect()
        };
        let order = [of(true, &alerts), of(false, &alerts)].concat();
        let mut bytes = 0_usize;
        let fits = |(position, index): &(usize, usize)| {
            bytes = bytes.saturating_add(alerts[*index].as_ref().map_or(0, size));
            *position == 0 || (*position < ALERTS_MAX && bytes <= BYTES_MAX)
        };
        let kept = order.iter().copied().enumerate().take_while(fits).count();
        let left_out: Vec<Alert> = order[kept..].iter().filter_map(|index| alerts[*index].take()).collect();
        Bounded {
            alerts: alerts.into_iter().flatten().collect(),
            truncated: left_out.len(),
            truncated_firing: left_out.iter().filter(|alert| fires(alert)).count(),
        }
    }
}

fn size(alert: &Alert) -> usize {
    let bytes = |labels: &Labels| labels.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    bytes(&alert.labels) + bytes(&alert.annotations)
}

/// The alert with its long annotations cut.
fn cut(mut alert: Alert) -> Alert {
    let mut annotations = alert.annotations.builder();
    let long = alert.annotations.iter().filter(|(_, value)| value.len() > ANNOTATION_BYTES_MAX);
    let mut any = false;
    for (name, value) in long {
        let end = value.floor_char_boundary(ANNOTATION_BYTES_MAX - '…'.len_utf8());
        annotations.set(name, &format!("{}…", &value[..end]));
        any = true;
    }
    if any {
        alert.annotations = annotations.finish();
    }
    alert
}

#[cfg(test)]
mod tests {
    use crate::model::TraceId;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(100);

    fn alert(number: usize, ended: bool, annotation: &str) -> Alert {
        Alert {
            labels: Labels::from_pairs([("alertname", "A"), ("host", &format!("{number:06}"))]),
            annotations: Labels::from_pairs([("text", annotation)]),
            starts_at: Timestamp::from_seconds(1),
            ends_at: ended.then_some(NOW),
            updated_at: NOW,
            generator_url: "".into(),
            trace: TraceId::NONE,
        }
    }

    #[test]
    fn what_fits_is_kept_firing_first() {
        for (firing, ended, annotation_bytes, expected) in [
            (3, 2, 0, (3, 2, 0, 0)),
            (ALERTS_MAX, 0, 10, (ALERTS_MAX, 0, 0, 0)),
            (2_500, 700, 10, (ALERTS_MAX, 0, 2_200, 1_500)),
            (300, 2_500, 10, (300, 700, 1_800, 0)),
            (300, 0, 10_000, (104, 0, 196, 196)),
            (10, 300, 10_000, (10, 94, 206, 0)),
            (0, 3, 5 << 20, (0, 3, 0, 0)),
        ] {
            let text = "x".repeat(annotation_bytes);
            let total = firing + ended;
            // Those that ended stand first.
            let alerts: Vec<Alert> = (0..total).map(|number| alert(number, number < ended, &text)).collect();
            let bounded = Bounded::new(alerts, NOW);
            let shown = bounded.alerts.iter().filter(|alert| alert.ends_at.is_none()).count();
            let found = (shown, bounded.alerts.len() - shown, bounded.truncated, bounded.truncated_firing);
            assert_eq!(found, expected, "{firing} {ended} {annotation_bytes}");
            assert!(bounded.alerts.is_sorted_by_key(|alert| alert.labels.get("host").to_owned()), "the order stays");
            assert!(bounded.alerts.iter().map(size).sum::<usize>() <= BYTES_MAX);
        }
    }

    #[test]
    fn a_long_annotation_ends_with_an_ellipsis() {
        for text in ["x".repeat(ANNOTATION_BYTES_MAX + 1), "ü".repeat(ANNOTATION_BYTES_MAX)] {
            let bounded = Bounded::new(vec![alert(1, false, &text)], NOW);
            let cut = bounded.alerts[0].annotations.get("text");
            assert!(cut.len() <= ANNOTATION_BYTES_MAX && cut.len() > ANNOTATION_BYTES_MAX - 8);
            assert!(cut.ends_with('…'));
        }
        let whole = alert(1, false, &"x".repeat(ANNOTATION_BYTES_MAX));
        assert_eq!(Bounded::new(vec![whole.clone()], NOW).alerts, [whole]);
    }
}

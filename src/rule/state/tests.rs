use std::time::Duration;

use super::*;
use crate::lang;
use crate::model::Labels;
use crate::rule::{FlapSetting, RuleId, alert_labels, alert_series};

fn rule(hold_for_s: u64, keep_firing_for_s: u64, no_data: NoData) -> AlertingRule {
    AlertingRule {
        id: RuleId::new("f", "g", "A", [], 0),
        alert: "A".to_owned(),
        expr: lang::parse("up == 0").expect("valid"),
        expr_text: "up == 0".to_owned(),
        hold_for: Duration::from_secs(hold_for_s),
        keep_firing_for: Duration::from_secs(keep_firing_for_s),
        labels: Vec::new(),
        annotations: Vec::new(),
        no_data,
        flap: FlapSetting::Default,
    }
}

fn saying(host: &str, summary: &str) -> Observation {
    let labels = Labels::from_pairs([("host", host)]);
    Observation {
        labels: alert_labels("A", &labels, &[]),
        query_labels: labels,
        annotations: Labels::from_pairs([("summary", summary)]),
        value: 1.0,
        trace: TraceId::NONE,
    }
}

/// What an evaluation finds: the alert holds, does not hold, or has no data.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Found {
    Holds,
    Says(&'static str),
    Not,
    Nothing,
}
use Change::*;
use Found::*;

fn step(state: &mut RuleState, rule: &AlertingRule, at_s: i64, found: Found) -> Vec<Change> {
    let observed = match found {
        Holds => vec![saying("a", "")],
        Says(summary) => vec![saying("a", summary)],
        Not | Nothing => vec![],
    };
    let mut present = HashSet::from([Labels::from_pairs([("host", "other")])]);
    if found != Nothing {
        present.insert(Labels::from_pairs([("host", "a")]));
    }
    let stepped = state.step(rule, 0, Timestamp::from_seconds(at_s), observed, &Presence::Known(present));
    stepped.expect("taken").into_iter().map(|transition| transition.change).collect()
}

#[track_caller]
fn check(rule: &AlertingRule, story: &[(i64, Found, &[Change])]) {
    let mut state = RuleState::default();
    for (at, found, expected) in story {
        assert_eq!(step(&mut state, rule, *at, *found), *expected, "at {at}s: {found:?}");
    }
}

#[test]
fn for_and_keep_firing_for() {
    check(&rule(0, 0, NoData::Resolve), &[(0, Holds, &[BecameFiring]), (60, Holds, &[]), (120, Not, &[Resolved])]);
    check(
        &rule(120, 0, NoData::Resolve),
        &[
            (0, Holds, &[BecamePending]),
            (60, Not, &[Dropped]),
            (120, Holds, &[BecamePending]),
            (239, Holds, &[]),
            (240, Holds, &[BecameFiring]),
        ],
    );
    check(
        &rule(0, 120, NoData::Resolve),
        &[
            (0, Holds, &[BecameFiring]),
            (60, Not, &[KeptFiring]),
            (120, Not, &[]),
            (150, Holds, &[HoldsAgain]),
            (180, Not, &[KeptFiring]),
            (299, Not, &[]),
            (300, Not, &[Resolved]),
        ],
    );
}

#[test]
fn a_resolved_alert_is_remembered_for_a_while_and_comes_back_as_a_new_one() {
    let kept = 15 * 60;
    check(
        &rule(0, 0, NoData::Resolve),
        &[(0, Holds, &[BecameFiring]), (60, Not, &[Resolved]), (60 + kept, Not, &[]), (61 + kept, Not, &[Forgotten])],
    );
    let rule = rule(60, 0, NoData::Resolve);
    let mut state = RuleState::default();
    for (at, found) in [(0, Holds), (60, Holds), (120, Not)] {
        step(&mut state, &rule, at, found);
    }
    assert_eq!(alert_series(&state), [], "a resolved alert has no series");
    assert_eq!(step(&mut state, &rule, 180, Holds), [BecamePending]);
    let (_, alert) = state.alerts().next().expect("one");
    assert_eq!((alert.active_at, alert.fired_at, alert.resolved_at), (Timestamp::from_seconds(180), None, None));
}

#[test]
fn the_series_of_a_firing_alert() {
    let mut state = RuleState::default();
    step(&mut state, &rule(0, 0, NoData::Resolve), 90, Holds);
    let series: Vec<String> =
        alert_series(&state).into_iter().map(|(labels, value)| format!("{labels} {value}")).collect();
    insta::assert_snapshot!(series.join("\n"), @r#"
    ALERTS{alertname="A", alertstate="firing", host="a"} 1
    ALERTS_FOR_STATE{alertname="A", host="a"} 90
    "#);
}

#[test]
fn what_it_says_may_change() {
    check(
        &rule(60, 0, NoData::Resolve),
        &[
            (0, Says("1"), &[BecamePending]),
            (30, Says("2"), &[]),
            (60, Says("3"), &[BecameFiring]),
            (90, Says("3"), &[]),
            (120, Says("4"), &[Updated]),
        ],
    );
}

#[test]
fn a_raised_for_sends_a_firing_alert_back() {
    let mut state = RuleState::default();
    let (short, long) = (rule(60, 0, NoData::Resolve), rule(300, 0, NoData::Resolve));
    for (rule, at, expected) in [
        (&short, 0, vec![BecamePending]),
        (&short, 60, vec![BecameFiring]),
        (&long, 120, vec![BackToPending]),
        (&long, 299, vec![]),
        (&long, 300, vec![BecameFiring]),
    ] {
        assert_eq!(step(&mut state, rule, at, Holds), expected, "at {at}s");
    }
}

#[test]
fn lost_data_are_no_end() {
    let keep = NoData::KeepFor(Duration::from_secs(600));
    let by_default = [
        (0, Holds, &[BecameFiring][..]),
        (60, Nothing, &[LostData]),
        (600, Nothing, &[]),
        (659, Holds, &[RegainedData]),
        (700, Nothing, &[LostData]),
        (1300, Nothing, &[Expired]),
    ];
    check(&rule(0, 0, keep), &by_default);
    check(&rule(0, 0, NoData::Resolve), &[(0, Holds, &[BecameFiring]), (60, Nothing, &[Resolved])]);
    check(&rule(0, 0, keep), &[(0, Holds, &[BecameFiring]), (60, Nothing, &[LostData]), (120, Not, &[Resolved])]);
    check(
        &rule(0, 300, keep),
        &[
            (0, Holds, &[BecameFiring]),
            (60, Not, &[KeptFiring]),
            (120, Nothing, &[LostData]),
            (180, Not, &[RegainedData]),
            (359, Not, &[]),
            (360, Not, &[Resolved]),
        ],
    );
}

#[test]
fn a_pending_alert_outlives_a_gap() {
    let rule = rule(600, 0, NoData::KeepFor(Duration::from_secs(3600)));
    check(
        &rule,
        &[
            (0, Holds, &[BecamePending]),
            (60, Nothing, &[LostData]),
            (360, Nothing, &[]),
            (390, Holds, &[RegainedData]),
            (600, Holds, &[BecameFiring]),
        ],
    );
    check(&rule, &[(0, Holds, &[BecamePending]), (60, Nothing, &[LostData]), (361, Nothing, &[Dropped])]);
    check(&rule, &[(0, Holds, &[BecamePending]), (60, Nothing, &[LostData]), (90, Not, &[Dropped])]);
}

#[test]
fn a_result_that_cannot_be_taken_leaves_the_alerts() {
    let rule = rule(0, 0, NoData::Resolve);
    for (limit, observed, expected) in [
        (0, vec![saying("b", ""), saying("b", "")], "the result has two series with the labels"),
        (1, vec![saying("b", ""), saying("c", "")], "2 alerts exceed the group's limit of 1"),
    ] {
        let mut state = RuleState::default();
        step(&mut state, &rule, 0, Holds);
        let before: Vec<ActiveAlert> = state.alerts().map(|(_, alert)| alert.clone()).collect();
        let error = state.step(&rule, limit, Timestamp::from_seconds(60), observed, &Presence::Unknown);
        let error = error.expect_err("refused").to_string();
        assert!(error.starts_with(expected), "{error}");
        let after: Vec<ActiveAlert> = state.alerts().map(|(_, alert)| alert.clone()).collect();
        assert_eq!(before, after);
    }
}

#[test]
fn values_that_json_lacks_are_kept() {
    let mut state = RuleState::default();
    step(&mut state, &rule(0, 0, NoData::Resolve), 0, Holds);
    let (_, alert) = state.alerts().next().expect("one");
    for value in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -0.0, 0.1] {
        let written = serde_json::to_string(&ActiveAlert { value, ..alert.clone() }).expect("written");
        let read: ActiveAlert = serde_json::from_str(&written).expect("read");
        assert!(read.value.to_bits() == value.to_bits() || (read.value.is_nan() && value.is_nan()), "{value}");
    }
}

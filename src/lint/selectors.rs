//! Matchers of selectors: those that nothing satisfies, and those that say less than they seem to.

use super::check::{Check, Findings, RuleView, Run};
use crate::model::{METRIC_NAME, MatchOp, Matcher, Severity};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "promql/impossible-matchers",
        finds: "A selector whose matchers no series can satisfy.",
        why: "The selector yields nothing, ever.",
        bad: "- alert: ApiDown\n  expr: up{job=\"api\",job=\"web\"} == 0\n",
        good: "- alert: ApiDown\n  expr: up{job=~\"api|web\"} == 0\n",
        run: Run::Rule(impossible),
        ..Check::BASE
    },
    Check {
        id: "promql/duplicate-matcher",
        severity: Severity::Info,
        finds: "The same matcher twice in a selector.",
        why: "The second changes nothing; perhaps another label was meant.",
        bad: "- alert: ApiDown\n  expr: up{job=\"api\",job=\"api\"} == 0\n",
        good: "- alert: ApiDown\n  expr: up{job=\"api\"} == 0\n",
        run: Run::Rule(duplicate),
        ..Check::BASE
    },
    Check {
        id: "promql/needless-regex",
        severity: Severity::Info,
        finds: "A regular expression without anything regular.",
        why: "`=~\"api\"` means `=\"api\"`, reads worse and is looked up more slowly.",
        bad: "- alert: ApiDown\n  expr: up{job=~\"api\"} == 0\n",
        good: "- alert: ApiDown\n  expr: up{job=\"api\"} == 0\n",
        run: Run::Rule(needless_regex),
        ..Check::BASE
    },
    Check {
        id: "promql/needless-anchor",
        severity: Severity::Info,
        finds: "`^` or `$` at the ends of a regular expression.",
        why: "Matchers are anchored at both ends anyway.",
        bad: "- alert: ApiDown\n  expr: up{job=~\"^api.*$\"} == 0\n",
        good: "- alert: ApiDown\n  expr: up{job=~\"api.*\"} == 0\n",
        run: Run::Rule(needless_anchor),
        ..Check::BASE
    },
    Check {
        id: "promql/matches-everything",
        severity: Severity::Info,
        finds: "A matcher that every series satisfies.",
        why: "`=~\".*\"` matches also series without the label, and so says nothing. If the label must be there, write `=~\".+\"` or `!=\"\"`.",
        bad: "- alert: ApiDown\n  expr: up{job=~\".*\"} == 0\n",
        good: "- alert: ApiDown\n  expr: up{job!=\"\"} == 0\n",
        run: Run::Rule(matches_everything),
        ..Check::BASE
    },
];

/// The values that a matcher lists: of `=` its value, of `=~` the alternatives if they are plain texts.
fn listed(matcher: &Matcher) -> Option<Vec<&str>> {
    match matcher.op() {
        MatchOp::Equal => Some(vec![matcher.value()]),
        MatchOp::Regex => {
            let texts: Vec<&str> = matcher.value().split('|').collect();
            texts.iter().all(|text| is_plain(text)).then_some(texts)
        }
        MatchOp::NotEqual | MatchOp::NotRegex => None,
    }
}

fn is_plain(text: &str) -> bool {
    !text.contains(['\\', '.', '+', '*', '?', '(', ')', '|', '[', ']', '{', '}', '^', '$'])
}

fn impossible(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    for reach in view.expr().selectors() {
        let matchers = &reach.selector.matchers;
        let found = matchers.iter().find_map(|matcher| {
            if matcher.op() == MatchOp::NotRegex && matcher.value() == ".*" {
                return Some((matcher, matcher));
            }
            let values = listed(matcher)?;
            let of_label = || matchers.iter().filter(|other| other.name() == matcher.name());
            let is_refused = |value: &&str| of_label().any(|other| !other.matches_value(value));
            let other = of_label().find(|other| *other != matcher)?;
            values.iter().all(is_refused).then_some((matcher, other))
        });
        if let Some((one, other)) = found {
            let message = match one == other {
                true => format!("no series satisfies `{one}`"),
                false => format!("no series satisfies both `{one}` and `{other}`"),
            };
            let hint = match (one.op(), other.op()) {
                (MatchOp::Equal, MatchOp::Equal) if one != other => {
                    format!("for either of them: `{}=~\"{}|{}\"`", one.name(), one.value(), other.value())
                }
                _ => String::new(),
            };
            findings.add(view.at(&reach.span), message, hint);
        }
    }
}

fn duplicate(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    for reach in view.expr().selectors() {
        let matchers = &reach.selector.matchers;
        let twice = matchers.iter().enumerate().find(|(index, matcher)| matchers[..*index].contains(matcher));
        if let Some((_, matcher)) = twice {
            findings.add(view.at(&reach.span), format!("`{matcher}` stands here twice"), "");
        }
    }
}

/// Calls `tell` with every regular matcher of the rule and the place of its selector.
fn regexes(view: &RuleView<'_>, tell: &mut dyn FnMut(&Matcher, crate::model::Place)) {
    for reach in view.expr().selectors() {
        for matcher in reach.selector.matchers.iter().filter(|matcher| matcher.name() != METRIC_NAME) {
            if matches!(matcher.op(), MatchOp::Regex | MatchOp::NotRegex) {
                tell(matcher, view.at(&reach.span));
            }
        }
    }
}

fn needless_regex(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    regexes(view, &mut |matcher, place| {
        if is_plain(matcher.value()) {
            let op = if matcher.op() == MatchOp::Regex { "=" } else { "!=" };
            let hint = format!("write `{}{op}\"{}\"`", matcher.name(), matcher.value());
            findings.add(place, format!("`{matcher}` needs no regular expression"), hint);
        }
    });
}

fn needless_anchor(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    regexes(view, &mut |matcher, place| {
        let value = matcher.value();
        let ends = value.ends_with('$') && !value.ends_with("\\$");
        // In `^a|b$` the anchors bind to one alternative each.
        if value.starts_with('^') || ends {
            findings.add(place, format!("`{matcher}` is anchored anyway"), "take `^` and `$` away");
        }
    });
}

fn matches_everything(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    regexes(view, &mut |matcher, place| {
        if matcher.op() == MatchOp::Regex && matches!(matcher.value(), ".*" | "(.*)") {
            let hint = format!("take it away, or write `{}!=\"\"`", matcher.name());
            findings.add(place, format!("every series satisfies `{matcher}`"), hint);
        }
    });
}

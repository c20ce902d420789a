//! Writes an expression in one canonical line, as Prometheus prints it.
//!
//! Durations are written with units, also where seconds were given as a bare number.

use std::fmt::{self, Display, Formatter, Write};
use std::time::Duration;

use super::parser::is_bare_metric;
use super::{
    Aggregate, AtModifier, Binary, Call, Cardinality, DurationExpr, DurationKind, Expr, ExprKind, Grouping, Number,
    NumberForm, RangeExtension, RangeSelector, Selector, Subquery, UnaryOp,
};
use crate::model::{METRIC_NAME, MatchOp, Matcher, format_duration, format_value, is_label_name};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number(value) => f.write_str(&number(value)),
            ExprKind::String(text) => f.write_str(&quote(text)),
            ExprKind::Paren(inner) => write!(f, "({inner})"),
            ExprKind::Unary(op, inner) => {
                f.write_char(if *op == UnaryOp::Minus { '-' } else { '+' })?;
                write!(f, "{inner}")
            }
            ExprKind::Binary(binary) => write_binary(f, binary),
            ExprKind::Aggregate(aggregate) => write_aggregate(f, aggregate),
            ExprKind::Call(call) => write_call(f, call),
            ExprKind::Selector(selector) => {
                write_series(f, selector, false)?;
                write_at(f, selector.at)?;
                write_extension(f, selector.extension)?;
                write_offset(f, selector.offset.as_ref())
            }
            ExprKind::Range(range) => write_range(f, range),
            ExprKind::Subquery(subquery) => write_subquery(f, subquery),
        }
    }
}

/// A number without exponent; a duration with units.
fn number(number: &Number) -> String {
    let value = number.value;
    match number.form {
        NumberForm::Duration => {
            let sign = if value.is_sign_negative() { "-" } else { "" };
            format!("{sign}{}", format_duration(Duration::from_millis((value.abs() * 1000.0).round() as u64)))
        }
        _ if value.is_finite() => format!("{value}"),
        _ => format_value(value),
    }
}

/// A text in double quotes with Go's escapes.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            _ if letter.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(letter))),
            _ if letter.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(letter))),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// A label's name, quoted where it must be.
fn label(name: &str) -> String {
    let bare = is_label_name(name) && !name.eq_ignore_ascii_case("inf") && !name.eq_ignore_ascii_case("nan");
    if bare { name.to_owned() } else { quote(name) }
}

fn write_labels(f: &mut Formatter<'_>, keyword: &str, labels: &[String]) -> fmt::Result {
    let labels: Vec<String> = labels.iter().map(|name| label(name)).collect();
    write!(f, " {keyword} ({})", labels.join(", "))
}

fn write_binary(f: &mut Formatter<'_>, binary: &Binary) -> fmt::Result {
    write!(f, "{} {}", binary.left, binary.op.symbol())?;
    if binary.returns_bool {
        f.write_str(" bool")?;
    }
    let matching = &binary.matching;
    let group = match matching.cardinality {
        Cardinality::ManyToOne => Some("group_left"),
        Cardinality::OneToMany => Some("group_right"),
        Cardinality::OneToOne | Cardinality::ManyToMany => None,
    };
    if matching.on || !matching.labels.is_empty() || group.is_some() {
        write_labels(f, if matching.on { "on" } else { "ignoring" }, &matching.labels)?;
    }
    if let Some(group) = group {
        write_labels(f, group, &matching.include)?;
    }
    match (matching.fill_left, matching.fill_right) {
        (Some(left), Some(right)) if left.to_bits() == right.to_bits() => write!(f, " fill ({})", format_value(left))?,
        (left, right) => {
            if let Some(value) = left {
                write!(f, " fill_left ({})", format_value(value))?;
            }
            if let Some(value) = right {
                write!(f, " fill_right ({})", format_value(value))?;
            }
        }
    }
    write!(f, " {}", binary.right)
}

fn write_aggregate(f: &mut Formatter<'_>, aggregate: &Aggregate) -> fmt::Result {
    f.write_str(aggregate.op.name())?;
    match &aggregate.grouping {
        Grouping::By(labels) if labels.is_empty() => {}
        Grouping::By(labels) => {
            write_labels(f, "by", labels)?;
            f.write_char(' ')?;
        }
        Grouping::Without(labels) => {
            write_labels(f, "without", labels)?;
            f.write_char(' ')?;
        }
    }
    f.write_char('(')?;
    if let Some(parameter) = &aggregate.parameter {
        write!(f, "{parameter}, ")?;
    }
    write!(f, "{})", aggregate.expr)
}

fn write_call(f: &mut Formatter<'_>, call: &Call) -> fmt::Result {
    write!(f, "{}(", call.function.name)?;
    for (index, arg) in call.args.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        match &arg.kind {
            // The second argument of info() must keep its braces.
            ExprKind::Selector(selector) if index == 1 && call.function.name == "info" => {
                write_series(f, selector, true)?;
                write_at(f, selector.at)?;
                write_extension(f, selector.extension)?;
                write_offset(f, selector.offset.as_ref())?;
            }
            _ => write!(f, "{arg}")?,
        }
    }
    f.write_char(')')
}

/// The name and the conditions; in braces alone if `braces` asks for it or the name cannot stand bare.
fn write_series(f: &mut Formatter<'_>, selector: &Selector, braces: bool) -> fmt::Result {
    let named = selector.matchers.iter().filter(|matcher| matcher.name() == METRIC_NAME).count();
    let name = selector.name.as_deref().filter(|_| named == 1);
    let is_name = |matcher: &&Matcher| name.is_some() && matcher.name() == METRIC_NAME;
    let bare = name.filter(|name| !braces && is_bare_metric(name));
    let mut conditions: Vec<String> =
        selector.matchers.iter().filter(|matcher| !is_name(matcher)).map(condition).collect();
    conditions.sort();
    match (bare, name) {
        (Some(name), _) => f.write_str(name)?,
        (None, Some(name)) => conditions.insert(0, quote(name)),
        (None, None) => {}
    }
    if bare.is_some() && conditions.is_empty() { Ok(()) } else { write!(f, "{{{}}}", conditions.join(",")) }
}

fn condition(matcher: &Matcher) -> String {
    let name = if is_label_name(matcher.name()) { matcher.name().to_owned() } else { quote(matcher.name()) };
    let symbol = match matcher.op() {
        MatchOp::Equal => "=",
        MatchOp::NotEqual => "!=",
        MatchOp::Regex => "=~",
        MatchOp::NotRegex => "!~",
    };
    format!("{name}{symbol}{}", quote(matcher.value()))
}

fn write_at(f: &mut Formatter<'_>, at: Option<AtModifier>) -> fmt::Result {
    match at {
        None => Ok(()),
        Some(AtModifier::Start) => f.write_str(" @ start()"),
        Some(AtModifier::End) => f.write_str(" @ end()"),
        Some(AtModifier::Millis(millis)) => {
            let sign = if millis < 0 { "-" } else { "" };
            let millis = millis.unsigned_abs();
            write!(f, " @ {sign}{}.{:03}", millis / 1000, millis % 1000)
        }
    }
}

fn write_extension(f: &mut Formatter<'_>, extension: Option<RangeExtension>) -> fmt::Result {
    match extension {
        None => Ok(()),
        Some(RangeExtension::Anchored) => f.write_str(" anchored"),
        Some(RangeExtension::Smoothed) => f.write_str(" smoothed"),
    }
}

fn write_offset(f: &mut Formatter<'_>, offset: Option<&DurationExpr>) -> fmt::Result {
    match offset {
        None => Ok(()),
        Some(DurationExpr { kind: DurationKind::Millis(0), .. }) => Ok(()),
        Some(offset) => write!(f, " offset {offset}"),
    }
}

fn write_range(f: &mut Formatter<'_>, range: &RangeSelector) -> fmt::Result {
    write_series(f, &range.selector, false)?;
    write!(f, "[{}]", range.range)?;
    write_extension(f, range.selector.extension)?;
    write_at(f, range.selector.at)?;
    write_offset(f, range.selector.offset.as_ref())
}

fn write_subquery(f: &mut Formatter<'_>, subquery: &Subquery) -> fmt::Result {
    write!(f, "{}[{}:", subquery.expr, subquery.range)?;
    if let Some(step) = &subquery.step {
        write!(f, "{step}")?;
    }
    f.write_char(']')?;
    write_at(f, subquery.at)?;
    write_offset(f, subquery.offset.as_ref())
}

impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            DurationKind::Millis(millis) => {
                let sign = if *millis < 0 { "-" } else { "" };
                write!(f, "{sign}{}", format_duration(Duration::from_millis(millis.unsigned_abs())))
            }
            DurationKind::Seconds(seconds) => write!(f, "{seconds}"),
            DurationKind::Step => f.write_str("step()"),
            DurationKind::Range => f.write_str("range()"),
            DurationKind::MinOf(a, b) => write!(f, "min_of({a}, {b})"),
            DurationKind::MaxOf(a, b) => write!(f, "max_of({a}, {b})"),
            DurationKind::Unary(UnaryOp::Minus, inner) => write!(f, "-{inner}"),
            DurationKind::Unary(UnaryOp::Plus, inner) => write!(f, "{inner}"),
            DurationKind::Binary(op, a, b) => write!(f, "{a} {} {b}", op.symbol()),
            DurationKind::Paren(inner) => write!(f, "({inner})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::lang::{Expr, ValueType, functions, parse};

    fn one_of(texts: &[&'static str]) -> BoxedStrategy<String> {
        prop::sample::select(texts.to_vec()).prop_map(str::to_owned).boxed()
    }

    fn duration() -> BoxedStrategy<String> {
        let leaf = one_of(&["5m", "90", "1h30m", "0.5", "1.0005", "step()", "range()", "1w"]);
        let deeper = |inner: BoxedStrategy<String>| {
            let binary = (inner.clone(), one_of(&["+", "-", "*", "/", "%", "^"]), inner.clone());
            prop_oneof![
                binary.prop_map(|(a, op, b)| format!("{a}{op} {b}")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("max_of({a},{b})")),
                inner.clone().prop_map(|a| format!("({a})")),
                inner.prop_map(|a| format!("-{a}")),
            ]
            .boxed()
        };
        leaf.prop_recursive(3, 8, 2, move |inner| deeper(inner.boxed())).boxed()
    }

    fn selector() -> BoxedStrategy<String> {
        let name = one_of(&[
            "up",
            "a:b",
            "by",
            "x{}",
            "{\"a b\"}",
            "{'on'}",
            "{__name__=~'u.'}",
            "y{b='1',a!~`\\d`}",
            "{\"c\",\"d\"}",
        ]);
        let at = one_of(&["", "", "@ 5", "@-0.0015", "@ start()", "@ end()"]);
        let offset =
            prop_oneof![Just(String::new()), one_of(&["5m", "-90", "+1d"]), duration().prop_map(|d| format!("-({d})"))];
        let offset = offset.prop_map(|offset| if offset.is_empty() { offset } else { format!("offset {offset}") });
        (name, at, offset, any::<bool>())
            .prop_map(
                |(name, at, offset, swap)| {
                    if swap { format!("{name} {offset} {at}") } else { format!("{name} {at} {offset}") }
                },
            )
            .boxed()
    }

    /// Texts of instant vectors, most of them valid.
    fn vector() -> BoxedStrategy<String> {
        let deeper = |inner: BoxedStrategy<String>| {
            let op = one_of(&[
                "+", "-", "*", "/", "%", "^", "atan2", "==", "> bool", "<=", "</", ">/", "and", "or", "unless",
            ]);
            let clause = one_of(&[
                "",
                "",
                "on()",
                "on(a) group_left",
                "ignoring(\"b c\") group_right(d)",
                "fill(0)",
                "fill_right(-Inf)",
            ]);
            let group = one_of(&["", "by (a)", "without (b, 'c d')", "by ()"]);
            prop_oneof![
                (inner.clone(), op, clause, inner.clone())
                    .prop_map(|(a, op, clause, b)| format!("{a} {op} {clause} {b}")),
                (one_of(&["sum", "avg", "group", "stddev"]), group.clone(), inner.clone())
                    .prop_map(|(op, group, a)| format!("{op} {group} ({a})")),
                (one_of(&["topk", "quantile", "limit_ratio"]), group, inner.clone(), -2.0..9.0)
                    .prop_map(|(op, group, a, k)| format!("{op}({k}, {a}) {group}")),
                inner.clone().prop_map(|a| format!("({a})")),
                inner.clone().prop_map(|a| format!("-{a}")),
                (prop::sample::select(functions().iter().collect::<Vec<_>>()), inner.clone(), duration()).prop_map(
                    |(function, a, d)| {
                        let args: Vec<String> = function
                            .args
                            .iter()
                            .map(|wanted| match wanted {
                                ValueType::Scalar => "0.5".to_owned(),
                                ValueType::String => "'t'".to_owned(),
                                ValueType::InstantVector => a.clone(),
                                ValueType::RangeVector => format!("({a})[{d}:]"),
                            })
                            .collect();
                        format!("{}({})", function.name, args.join(", "))
                    }
                ),
                (one_of(&["rate", "last_over_time"]), selector(), duration())
                    .prop_map(|(f, s, d)| format!("{f}({s}[{d}:1m]) + {f}(x[{d}] smoothed offset 1m @ 3)")),
                (inner, duration(), duration())
                    .prop_map(|(a, d, s)| format!("max_over_time(({a})[{d}:{s}] offset 1m)")),
            ]
            .boxed()
        };
        selector().prop_recursive(5, 24, 3, move |inner| deeper(inner.boxed())).boxed()
    }

    fn height(expr: &Expr) -> usize {
        1 + expr.children().into_iter().map(height).max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn prints_what_reads_back(text in vector()) {
            if let Ok(expr) = parse(&text) {
                let printed = expr.to_string();
                let again = parse(&printed).map_err(|errors| TestCaseError::fail(format!("{text}\n{printed}\n{errors}")))?;
                prop_assert_eq!(again.to_string(), printed);
                prop_assert_eq!(height(&again), height(&expr));
                prop_assert_eq!(again.value_type(), expr.value_type());
            }
        }
    }

    #[test]
    fn most_random_texts_are_valid() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let texts = (0..200).filter_map(|_| vector().new_tree(&mut runner).ok()).map(|tree| tree.current());
        let valid = texts.filter(|text| parse(text).is_ok()).count();
        assert!(valid > 100, "only {valid} of 200");
    }

    #[test]
    fn canonical() {
        for (text, expected) in [
            ("1+2*3", "1 + 2 * 3"),
            ("-1", "-1"),
            ("- x", "-x"),
            ("1e3 > BOOL 0x10", "1000 > bool 16"),
            ("+Inf", "+Inf"),
            ("5m", "5m"),
            ("-90m + 1e9", "-1h30m + 1000000000"),
            ("sum(x)by(a,b)", "sum by (a, b) (x)"),
            ("SUM by () (x)", "sum(x)"),
            ("sum without() (x)", "sum without () (x)"),
            ("topk(3,x)", "topk(3, x)"),
            ("count_values('v', x)", "count_values(\"v\", x)"),
            ("x{b='1',a=~\"2\",}", "x{a=~\"2\",b=\"1\"}"),
            ("{\"a.b\", c='d'}", "{\"a.b\",c=\"d\"}"),
            ("{\"up\"}", "up"),
            ("{'on'}", "{\"on\"}"),
            ("{__name__='up'}", "{__name__=\"up\"}"),
            ("x[300]", "x[5m]"),
            ("x @ -1.5 offset 90s", "x @ -1.500 offset 1m30s"),
            ("x[5m] offset -1h @ start()", "x[5m] @ start() offset -1h"),
            ("x[5m] smoothed @ end()", "x[5m] smoothed @ end()"),
            ("x[2m*(3+step())]", "x[2m * (3 + step())]"),
            ("x offset -(step())", "x offset -(step())"),
            ("rate(x[5m])[1h:]", "rate(x[5m])[1h:]"),
            ("rate(x[5m])[1h:30] offset 1w", "rate(x[5m])[1h:30s] offset 1w"),
            ("a+on(x)group_left y", "a + on (x) group_left () y"),
            ("a+ignoring()y", "a + y"),
            ("a == bool on() y", "a == bool on () y"),
            ("a + fill(0) y", "a + fill (0) y"),
            ("a + fill_right(-1) fill_left(+2.5) y", "a + fill_left (2.5) fill_right (-1) y"),
            ("info(a, {\"b\"})", "info(a, {\"b\"})"),
            ("sum by (\"a.b\", \"inf\") (x)", "sum by (\"a.b\", \"inf\") (x)"),
            ("'\\x01\\n\u{85}'", "\"\\x01\\n\\u0085\""),
            ("x[0.0001]", "x[0.0001]"),
        ] {
            let printed = parse(text).expect(text).to_string();
            assert_eq!(printed, expected, "{text}");
            assert_eq!(parse(&printed).expect(&printed).to_string(), printed);
        }
    }
}

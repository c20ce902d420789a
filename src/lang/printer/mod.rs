//! Writes expressions: in one canonical line as Prometheus prints it, or as a person would over several.
//!
//! Durations are written with units, also where seconds were given as a bare number.

mod comment;
mod pretty;
#[cfg(test)]
mod tests;

use std::fmt::{self, Display, Formatter, Write};
use std::time::Duration;

pub use pretty::{WIDTH_DEFAULT, format, pretty};

use super::parser::is_bare_metric;
use super::{
    Aggregate, AtModifier, Binary, Call, Cardinality, DurationExpr, DurationKind, Expr, ExprKind, Grouping, Number,
    NumberForm, RangeExtension, RangeSelector, Selector, Subquery, UnaryOp,
};
use crate::model::{FloatForm, METRIC_NAME, MatchOp, Matcher, format_duration, format_value, is_label_name};

/// How what can be written in several ways is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// As Prometheus writes it: conditions sorted, numbers without exponent, times with milliseconds.
    Canonical,
    /// As the author wrote it: conditions in their order, numbers in their form.
    Written,
}

/// The canonical form in one line; it reads back to the same tree but for the order of conditions and the form of numbers.
impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Line { out: f, style: Style::Canonical }.expr(self)
    }
}

/// Writes into one line.
struct Line<'o> {
    out: &'o mut dyn Write,
    style: Style,
}

impl Line<'_> {
    fn expr(&mut self, expr: &Expr) -> fmt::Result {
        match &expr.kind {
            ExprKind::Number(value) => self.number(value),
            ExprKind::String(text) => self.out.write_str(&quote(text)),
            ExprKind::Paren(inner) => {
                self.out.write_char('(')?;
                self.expr(inner)?;
                self.out.write_char(')')
            }
            ExprKind::Unary(op, inner) => {
                self.out.write_char(sign(*op))?;
                self.expr(inner)
            }
            ExprKind::Binary(binary) => {
                self.expr(&binary.left)?;
                self.out.write_char(' ')?;
                self.operator(binary)?;
                self.out.write_char(' ')?;
                self.expr(&binary.right)
            }
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate),
            ExprKind::Call(call) => self.call(call),
            ExprKind::Selector(selector) => self.selector(selector, false),
            ExprKind::Range(range) => self.range(range),
            ExprKind::Subquery(subquery) => {
                self.expr(&subquery.expr)?;
                self.brackets(subquery)
            }
        }
    }

    /// A number without exponent or as it was written; a duration with units.
    fn number(&mut self, number: &Number) -> fmt::Result {
        let value = number.value;
        let sign = if value.is_sign_negative() { "-" } else { "" };
        match &number.form {
            NumberForm::Duration => {
                let millis = Duration::from_millis((value.abs() * 1000.0).round() as u64);
                write!(self.out, "{sign}{}", format_duration(millis))
            }
            NumberForm::Written(text) if self.style == Style::Written => write!(self.out, "{sign}{text}"),
            _ => self.out.write_str(&FloatForm::Plain.text(value)),
        }
    }

    fn labels(&mut self, keyword: &str, labels: &[String]) -> fmt::Result {
        let labels: Vec<String> = labels.iter().map(|name| label(name)).collect();
        write!(self.out, "{keyword} ({})", labels.join(", "))
    }

    /// The operator with its clauses.
    fn operator(&mut self, binary: &Binary) -> fmt::Result {
        self.out.write_str(binary.op.symbol())?;
        if binary.returns_bool {
            self.out.write_str(" bool")?;
        }
        let matching = &binary.matching;
        let group = match matching.cardinality {
            Cardinality::ManyToOne => Some("group_left"),
            Cardinality::OneToMany => Some("group_right"),
            Cardinality::OneToOne | Cardinality::ManyToMany => None,
        };
        if matching.on || !matching.labels.is_empty() || group.is_some() {
            self.labels(if matching.on { " on" } else { " ignoring" }, &matching.labels)?;
        }
        if let Some(group) = group {
            self.out.write_char(' ')?;
            self.labels(group, &matching.include)?;
        }
        match (matching.fill_left, matching.fill_right) {
            (Some(left), Some(right)) if left.to_bits() == right.to_bits() => {
                write!(self.out, " fill ({})", format_value(left))
            }
            (left, right) => {
                if let Some(value) = left {
                    write!(self.out, " fill_left ({})", format_value(value))?;
                }
                if let Some(value) = right {
                    write!(self.out, " fill_right ({})", format_value(value))?;
                }
                Ok(())
            }
        }
    }

    /// The aggregator with its clause, up to the parenthesis.
    fn aggregator(&mut self, aggregate: &Aggregate) -> fmt::Result {
        self.out.write_str(aggregate.op.name())?;
        match &aggregate.grouping {
            Grouping::By(labels) if labels.is_empty() => Ok(()),
            Grouping::By(labels) => self.labels(" by", labels).and_then(|()| self.out.write_char(' ')),
            Grouping::Without(labels) => self.labels(" without", labels).and_then(|()| self.out.write_char(' ')),
        }
    }

    fn aggregate(&mut self, aggregate: &Aggregate) -> fmt::Result {
        self.aggregator(aggregate)?;
        self.out.write_char('(')?;
        if let Some(parameter) = &aggregate.parameter {
            self.expr(parameter)?;
            self.out.write_str(", ")?;
        }
        self.expr(&aggregate.expr)?;
        self.out.write_char(')')
    }

    fn call(&mut self, call: &Call) -> fmt::Result {
        write!(self.out, "{}(", call.function.name)?;
        for (index, arg) in call.args.iter().enumerate() {
            if index > 0 {
                self.out.write_str(", ")?;
            }
            match &arg.kind {
                ExprKind::Selector(selector) => self.selector(selector, keeps_braces(call, index))?,
                _ => self.expr(arg)?,
            }
        }
        self.out.write_char(')')
    }

    /// An instant selector; in braces alone if `braces` asks for it.
    fn selector(&mut self, selector: &Selector, braces: bool) -> fmt::Result {
        self.series(selector, braces)?;
        self.after_selector(selector)
    }

    fn after_selector(&mut self, selector: &Selector) -> fmt::Result {
        self.at(selector.at)?;
        self.extension(selector.extension)?;
        self.offset(selector.offset.as_ref())
    }

    fn range(&mut self, range: &RangeSelector) -> fmt::Result {
        self.series(&range.selector, false)?;
        self.after_range(range)
    }

    fn after_range(&mut self, range: &RangeSelector) -> fmt::Result {
        write!(self.out, "[{}]", range.range)?;
        self.extension(range.selector.extension)?;
        self.at(range.selector.at)?;
        self.offset(range.selector.offset.as_ref())
    }

    /// What follows the expression of a subquery.
    fn brackets(&mut self, subquery: &Subquery) -> fmt::Result {
        write!(self.out, "[{}:", subquery.range)?;
        if let Some(step) = &subquery.step {
            write!(self.out, "{step}")?;
        }
        self.out.write_char(']')?;
        self.at(subquery.at)?;
        self.offset(subquery.offset.as_ref())
    }

    fn series(&mut self, selector: &Selector, braces: bool) -> fmt::Result {
        let Series { name, conditions } = series(selector, braces, self.style);
        self.out.write_str(name.as_deref().unwrap_or_default())?;
        if name.is_some() && conditions.is_empty() {
            return Ok(());
        }
        write!(self.out, "{{{}}}", conditions.join(","))
    }

    fn at(&mut self, at: Option<AtModifier>) -> fmt::Result {
        match at {
            None => Ok(()),
            Some(AtModifier::Start) => self.out.write_str(" @ start()"),
            Some(AtModifier::End) => self.out.write_str(" @ end()"),
            Some(AtModifier::Millis(millis)) => {
                let sign = if millis < 0 { "-" } else { "" };
                let (whole, rest) = (millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000);
                let text = format!("{sign}{whole}.{rest:03}");
                let short = text.trim_end_matches('0').trim_end_matches('.');
                write!(self.out, " @ {}", if self.style == Style::Canonical { &text } else { short })
            }
        }
    }

    fn extension(&mut self, extension: Option<RangeExtension>) -> fmt::Result {
        match extension {
            None => Ok(()),
            Some(RangeExtension::Anchored) => self.out.write_str(" anchored"),
            Some(RangeExtension::Smoothed) => self.out.write_str(" smoothed"),
        }
    }

    fn offset(&mut self, offset: Option<&DurationExpr>) -> fmt::Result {
        match offset {
            None => Ok(()),
            Some(DurationExpr { kind: DurationKind::Millis(0), .. }) if self.style == Style::Canonical => Ok(()),
            Some(offset) => write!(self.out, " offset {offset}"),
        }
    }
}

/// Whether the argument must keep its braces: the second of info() is no metric's name.
fn keeps_braces(call: &Call, index: usize) -> bool {
    index == 1 && call.function.name == "info"
}

fn sign(op: UnaryOp) -> char {
    if op == UnaryOp::Minus { '-' } else { '+' }
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
            _ if letter.is_control() || matches!(letter, '\u{feff}' | '\u{2028}' | '\u{2029}') => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
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

/// A selector's name, if it stands before the braces, and what stands inside.
struct Series {
    name: Option<String>,
    conditions: Vec<String>,
}

/// The name and the conditions; in braces alone if `braces` asks for it or the name cannot stand bare.
fn series(selector: &Selector, braces: bool, style: Style) -> Series {
    let named = selector.matchers.iter().filter(|matcher| matcher.name() == METRIC_NAME).count();
    let name = selector.name.as_deref().filter(|_| named == 1);
    let is_name = |matcher: &&Matcher| name.is_some() && matcher.name() == METRIC_NAME;
    let bare = name.filter(|name| !braces && is_bare_metric(name));
    let mut conditions: Vec<String> =
        selector.matchers.iter().filter(|matcher| !is_name(matcher)).map(condition).collect();
    if style == Style::Canonical {
        conditions.sort();
    }
    if let (None, Some(name)) = (bare, name) {
        conditions.insert(0, quote(name));
    }
    Series { name: bare.map(str::to_owned), conditions }
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

//! The laws of meaning: types, counts of arguments, matching clauses; those that Prometheus refuses at parse time.

use super::error::{Faults, ParseErrorKind};
use super::parser::count;
use super::{
    AggregateOp, Binary, Call, Cardinality, Expr, ExprKind, Function, RangeExtension, Selector, Span, ValueType,
};
use crate::model::METRIC_NAME;

/// Reports to `faults` what is wrong with the meaning of `expr`, which was read from `text`.
pub(super) fn check(expr: &Expr, text: &str, faults: &mut Faults) {
    Checker { text, faults }.expr(expr);
}

struct Checker<'a> {
    text: &'a str,
    faults: &'a mut Faults,
}

/// A type with its article.
fn a(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Scalar => "a scalar",
        ValueType::String => "a string",
        ValueType::InstantVector => "an instant vector",
        ValueType::RangeVector => "a range vector",
    }
}

/// A call of `function` with what must be given.
fn example(function: &Function) -> String {
    let wanted = (0..function.args_min()).filter_map(|index| function.arg_type(index));
    let arguments: Vec<&str> = wanted
        .map(|wanted| match wanted {
            ValueType::Scalar => "0.9",
            ValueType::String => "\"text\"",
            ValueType::InstantVector => "x",
            ValueType::RangeVector => "x[5m]",
        })
        .collect();
    format!("{}({})", function.name, arguments.join(", "))
}

impl Checker<'_> {
    fn fault(&mut self, span: &Span, message: impl Into<String>, hint: Option<String>) {
        self.faults.add(ParseErrorKind::Meaning, span.clone(), message.into(), hint);
    }

    /// The text of an expression if it is short enough to be quoted in a hint, else `x`.
    fn quoted(&self, expr: &Expr) -> &str {
        const BYTES_MAX: usize = 30;
        self.text.get(expr.span.clone()).filter(|text| text.len() <= BYTES_MAX && !text.contains('\n')).unwrap_or("x")
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::String(_) => {}
            ExprKind::Paren(inner) => self.expr(inner),
            ExprKind::Unary(_, inner) => {
                self.expr(inner);
                let found = inner.value_type();
                if !matches!(found, ValueType::Scalar | ValueType::InstantVector) {
                    self.fault(
                        &expr.span,
                        format!("a sign wants a scalar or an instant vector, found {}", a(found)),
                        None,
                    );
                }
            }
            ExprKind::Binary(binary) => self.binary(expr, binary),
            ExprKind::Aggregate(aggregate) => {
                let name = aggregate.op.name();
                if let Some(parameter) = &aggregate.parameter {
                    if parameter.value_type() == ValueType::InstantVector
                        && aggregate.expr.value_type() == ValueType::Scalar
                    {
                        let swapped = format!("{name}({}, {})", self.quoted(&aggregate.expr), self.quoted(parameter));
                        let message = format!("{name}() wants its parameter before the vector");
                        return self.fault(&expr.span, message, Some(format!("write `{swapped}`")));
                    }
                    let text = aggregate.op == AggregateOp::CountValues;
                    let wanted = if text { ValueType::String } else { ValueType::Scalar };
                    self.wants(parameter, wanted, &format!("{name}() wants {} as parameter", a(wanted)));
                }
                let wanted = ValueType::InstantVector;
                self.wants(&aggregate.expr, wanted, &format!("{name}() wants {}", a(wanted)));
            }
            ExprKind::Call(call) => self.call(expr, call),
            ExprKind::Selector(selector) => self.selector(&expr.span, selector, true),
            ExprKind::Range(range) => self.selector(&expr.span, &range.selector, true),
            ExprKind::Subquery(subquery) => {
                let wanted = ValueType::InstantVector;
                self.wants(&subquery.expr, wanted, &format!("a subquery wants {}", a(wanted)));
            }
        }
    }

    /// Checks `expr` and that it yields `wanted`; `message` says who wants it.
    fn wants(&mut self, expr: &Expr, wanted: ValueType, message: &str) {
        let before = self.faults.len();
        self.expr(expr);
        let found = expr.value_type();
        // A fault inside is told once.
        if found == wanted || self.faults.len() > before {
            return;
        }
        let text = self.quoted(expr);
        let hint = match (wanted, found) {
            (ValueType::RangeVector, ValueType::InstantVector) => Some(match &expr.kind {
                ExprKind::Selector(selector) if selector.offset.is_none() && selector.at.is_none() => {
                    format!("add a range: `{text}[5m]`")
                }
                ExprKind::Selector(_) => "add a range right after the selector, such as `x[5m] offset 1h`".to_owned(),
                ExprKind::Binary(_) => format!("make it a subquery: `({text})[5m:]`"),
                _ => format!("make it a subquery: `{text}[5m:]`"),
            }),
            (ValueType::InstantVector, ValueType::RangeVector) => {
                Some(format!("remove the range, or use a function of ranges, such as `avg_over_time({text})`"))
            }
            (ValueType::InstantVector, ValueType::Scalar) => Some(format!("write `vector({text})`")),
            (ValueType::Scalar, ValueType::InstantVector) => Some(format!("write `scalar({text})`")),
            (ValueType::String, _) => Some(match &expr.kind {
                ExprKind::Selector(_) => format!("quote it: `\"{text}\"`"),
                _ => "write a text in quotes".to_owned(),
            }),
            (ValueType::RangeVector, ValueType::Scalar) => Some("such as `x[5m]`".to_owned()),
            _ => None,
        };
        self.fault(&expr.span, format!("{message}, found {}", a(found)), hint);
    }

    fn binary(&mut self, expr: &Expr, binary: &Binary) {
        self.expr(&binary.left);
        self.expr(&binary.right);
        let symbol = binary.op.symbol();
        let (left, right) = (binary.left.value_type(), binary.right.value_type());
        let mut sides_fit = true;
        for (side, found) in [(&binary.left, left), (&binary.right, right)] {
            if !matches!(found, ValueType::Scalar | ValueType::InstantVector) {
                sides_fit = false;
                let hint = (found == ValueType::RangeVector)
                    .then(|| format!("use a function of ranges, such as `avg_over_time({})`", self.quoted(side)));
                let message = format!("`{symbol}` wants scalars and instant vectors, found {}", a(found));
                self.fault(&side.span, message, hint);
            }
        }
        if binary.returns_bool && !binary.op.is_comparison() {
            self.fault(&binary.op_span, format!("bool goes with comparisons only, not with `{symbol}`"), None);
        }
        let scalars = (left == ValueType::Scalar, right == ValueType::Scalar);
        if scalars == (true, true) && binary.op.is_comparison() && !binary.returns_bool {
            let hint = Some(format!("write `{symbol} bool`"));
            self.fault(&binary.op_span, "a comparison between scalars needs bool", hint);
        }
        if !sides_fit {
            return;
        }
        if binary.op.is_set() && (scalars.0 || scalars.1) {
            let side = if scalars.0 { &binary.left } else { &binary.right };
            let hint = Some(format!("write `vector({})`", self.quoted(side)));
            self.fault(&binary.op_span, format!("`{symbol}` joins instant vectors only, found a scalar"), hint);
        } else {
            self.matching(expr, binary, scalars.0 || scalars.1);
        }
    }

    fn matching(&mut self, expr: &Expr, binary: &Binary, has_scalar: bool) {
        let symbol = binary.op.symbol();
        let matching = &binary.matching;
        let both = matching.include.iter().find(|label| matching.on && matching.labels.contains(label));
        if let Some(label) = both {
            let hint = Some("labels of on(…) are kept anyway: remove it from the group clause".to_owned());
            self.fault(&binary.op_span, format!("label `{label}` stands in on(…) and in the group clause"), hint);
        }
        let filled = matching.fill_left.is_some() || matching.fill_right.is_some();
        let grouped = matches!(matching.cardinality, Cardinality::ManyToOne | Cardinality::OneToMany);
        if has_scalar {
            if !matching.labels.is_empty() {
                self.fault(&expr.span, "on(…) and ignoring(…) go between instant vectors only", None);
            }
            if filled {
                self.fault(&expr.span, "fill goes between instant vectors only", None);
            }
        } else if binary.op.is_set() {
            if grouped {
                self.fault(&binary.op_span, format!("`{symbol}` matches many to many and takes no group clause"), None);
            }
            if filled {
                self.fault(&binary.op_span, format!("`{symbol}` takes no fill"), None);
            }
        }
    }

    fn call(&mut self, expr: &Expr, call: &Call) {
        let function = call.function;
        let name = function.name;
        let (min, max, found) = (function.args_min(), function.args_max(), call.args.len());
        if found < min || max.is_some_and(|max| found > max) {
            let wanted = match max {
                Some(max) if max == min => count(min),
                Some(_) if found > min => format!("at most {}", count(max.unwrap_or(min))),
                _ => format!("at least {}", count(min)),
            };
            let hint = Some(format!("write `{}`", example(function)));
            return self.fault(&expr.span, format!("{name}() wants {wanted}, found {found}"), hint);
        }
        if let [first, second] = call.args.as_slice()
            && self.is_swapped(function, first, second)
        {
            let hint = format!("write `{name}({}, {})`", self.quoted(second), self.quoted(first));
            return self.fault(&expr.span, format!("the arguments of {name}() are swapped"), Some(hint));
        }
        for (index, arg) in call.args.iter().enumerate() {
            let Some(wanted) = function.arg_type(index) else { break };
            if name == "info" && index == 1 {
                self.info_selector(arg);
                continue;
            }
            let place = if function.args.len() > 1 { format!(" as argument {}", index + 1) } else { String::new() };
            self.wants(arg, wanted, &format!("{name}() wants {}{place}", a(wanted)));
            self.extension(name, arg);
        }
    }

    /// Whether two arguments fit only the other way round.
    fn is_swapped(&self, function: &Function, first: &Expr, second: &Expr) -> bool {
        let (found, other) = (first.value_type(), second.value_type());
        let (wanted, then) = (function.arg_type(0), function.arg_type(1));
        found != other && Some(found) == then && Some(other) == wanted
    }

    /// The second argument of info() holds conditions only and may match everything.
    fn info_selector(&mut self, arg: &Expr) {
        match &arg.kind {
            ExprKind::Selector(selector) if !self.is_written_bare(&arg.span) => {
                self.selector(&arg.span, selector, false)
            }
            _ => {
                let hint = Some("write conditions in braces, such as `{__name__=\"target_info\"}`".to_owned());
                self.fault(&arg.span, "info() wants label conditions only as argument 2", hint);
            }
        }
    }

    /// `anchored` and `smoothed` go with the functions that know them.
    fn extension(&mut self, name: &str, arg: &Expr) {
        let mut inner = arg;
        while let ExprKind::Paren(within) = &inner.kind {
            inner = within;
        }
        let ExprKind::Range(range) = &inner.kind else { return };
        let (word, known): (_, &[&str]) = match range.selector.extension {
            None => return,
            Some(RangeExtension::Anchored) => ("anchored", &["changes", "delta", "increase", "rate", "resets"]),
            Some(RangeExtension::Smoothed) => ("smoothed", &["delta", "increase", "rate"]),
        };
        if !known.contains(&name) {
            let known = known.join(", ");
            self.fault(&arg.span, format!("{word} modifier can only be used with: {known} - not with {name}"), None);
        }
    }

    /// Whether a selector's name stands before its braces.
    fn is_written_bare(&self, span: &Span) -> bool {
        !self.text[span.clone()].starts_with('{')
    }

    fn selector(&mut self, span: &Span, selector: &Selector, must_narrow: bool) {
        if self.is_written_bare(span) {
            let name = selector.name.as_deref().unwrap_or_default();
            let second = selector.matchers.iter().skip(1).find(|matcher| matcher.name() == METRIC_NAME);
            if let Some(second) = second {
                self.fault(span, format!("the metric's name is set twice: `{name}` and `{}`", second.value()), None);
            }
        } else if must_narrow && selector.matchers.iter().all(|matcher| matcher.matches_value("")) {
            let hint = Some("add a condition that an absent label does not meet, such as `{job!=\"\"}`".to_owned());
            self.fault(span, "this selector matches every series", hint);
        }
    }
}

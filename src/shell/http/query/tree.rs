//! An expression as the JSON tree of Prometheus's `/api/v1/parse_query`.

use serde_json::{Value, json};

use crate::lang::{
    AtModifier, Binary, Cardinality, DurationExpr, Expr, ExprKind, Grouping, RangeExtension, Selector, UnaryOp,
    ValueType, Variadic,
};
use crate::model::FloatForm;

/// The tree of `expr`; durations are milliseconds, those that depend on the query 0.
pub(super) fn tree(expr: &Expr) -> Value {
    match &expr.kind {
        ExprKind::Number(written) => json!({ "type": "numberLiteral", "val": number(written.value) }),
        ExprKind::String(text) => json!({ "type": "stringLiteral", "val": text }),
        ExprKind::Paren(inner) => json!({ "type": "parenExpr", "expr": tree(inner) }),
        ExprKind::Unary(op, inner) => {
            let op = if *op == UnaryOp::Minus { "-" } else { "+" };
            json!({ "type": "unaryExpr", "op": op, "expr": tree(inner) })
        }
        ExprKind::Binary(binary) => json!({
            "type": "binaryExpr",
            "op": binary.op.symbol(),
            "lhs": tree(&binary.left),
            "rhs": tree(&binary.right),
            "matching": matching(binary),
            "bool": binary.returns_bool,
        }),
        ExprKind::Aggregate(aggregate) => {
            let (grouping, without) = match &aggregate.grouping {
                Grouping::By(labels) => (labels, false),
                Grouping::Without(labels) => (labels, true),
            };
            json!({
                "type": "aggregation",
                "op": aggregate.op.name(),
                "expr": tree(&aggregate.expr),
                "param": aggregate.parameter.as_ref().map(tree),
                "grouping": grouping,
                "without": without,
            })
        }
        ExprKind::Call(call) => {
            let variadic = match call.function.variadic {
                Variadic::No => 0,
                Variadic::Optional(count) => i64::try_from(count).unwrap_or(i64::MAX),
                Variadic::Repeat => -1,
            };
            let types: Vec<&str> = call.function.args.iter().map(|of| type_name(*of)).collect();
            json!({
                "type": "call",
                "func": {
                    "name": call.function.name,
                    "argTypes": types,
                    "variadic": variadic,
                    "returnType": type_name(call.function.returns),
                },
                "args": call.args.iter().map(tree).collect::<Vec<_>>(),
            })
        }
        ExprKind::Selector(selector) => selection(selector, "vectorSelector"),
        ExprKind::Range(range) => {
            let mut tree = selection(&range.selector, "matrixSelector");
            tree["range"] = json!(millis(Some(&range.range)));
            tree
        }
        ExprKind::Subquery(subquery) => {
            let (timestamp, start_or_end) = moment(subquery.at);
            json!({
                "type": "subquery",
                "expr": tree(&subquery.expr),
                "range": millis(Some(&subquery.range)),
                "offset": millis(subquery.offset.as_ref()),
                "step": millis(subquery.step.as_ref()),
                "timestamp": timestamp,
                "startOrEnd": start_or_end,
            })
        }
    }
}

fn selection(selector: &Selector, kind: &str) -> Value {
    let (timestamp, start_or_end) = moment(selector.at);
    let mut matchers: Vec<Value> = selector
        .matchers
        .iter()
        .map(|matcher| json!({ "name": matcher.name(), "value": matcher.value(), "type": matcher.op().symbol() }))
        .collect();
    // A name before the braces is Prometheus's last condition.
    let written_first = selector.name.as_deref().is_some_and(|name| {
        matchers.first().is_some_and(|first| first["name"] == crate::model::METRIC_NAME && first["value"] == name)
    });
    if written_first {
        matchers.rotate_left(1);
    }
    json!({
        "type": kind,
        "name": selector.name.as_deref().unwrap_or_default(),
        "offset": millis(selector.offset.as_ref()),
        "matchers": matchers,
        "timestamp": timestamp,
        "startOrEnd": start_or_end,
        "anchored": selector.extension == Some(RangeExtension::Anchored),
        "smoothed": selector.extension == Some(RangeExtension::Smoothed),
    })
}

/// How the sides of an operator between two vectors match; `null` beside a scalar.
fn matching(binary: &Binary) -> Value {
    let is_vector = |side: &Expr| side.value_type() == ValueType::InstantVector;
    if !is_vector(&binary.left) || !is_vector(&binary.right) {
        return Value::Null;
    }
    let matching = &binary.matching;
    let cardinality = match matching.cardinality {
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::ManyToMany => "many-to-many",
    };
    json!({
        "card": cardinality,
        "labels": matching.labels,
        "on": matching.on,
        "include": matching.include,
        "fillValues": { "lhs": matching.fill_left, "rhs": matching.fill_right },
    })
}

/// The time of `@` in milliseconds, or `start` or `end`.
fn moment(at: Option<AtModifier>) -> (Option<i64>, Option<&'static str>) {
    match at {
        None => (None, None),
        Some(AtModifier::Millis(millis)) => (Some(millis), None),
        Some(AtModifier::Start) => (None, Some("start")),
        Some(AtModifier::End) => (None, Some("end")),
    }
}

fn millis(duration: Option<&DurationExpr>) -> i64 {
    duration.and_then(DurationExpr::constant_millis).unwrap_or(0)
}

/// A number without exponent.
fn number(value: f64) -> String {
    FloatForm::Plain.text(value)
}

fn type_name(of: ValueType) -> &'static str {
    match of {
        ValueType::Scalar => "scalar",
        ValueType::String => "string",
        ValueType::InstantVector => "vector",
        ValueType::RangeVector => "matrix",
    }
}

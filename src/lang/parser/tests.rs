use proptest::prelude::*;

use super::*;
use crate::lang::{ParseErrorKind, ValueType};

fn errors(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(expr) => panic!("{text} is accepted as {expr}"),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn precedence() {
    /// The tree with every operation in parentheses.
    fn shape(expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Unary(_, inner) => format!("(-{})", shape(inner)),
            ExprKind::Binary(binary) => {
                format!("({} {} {})", shape(&binary.left), binary.op.symbol(), shape(&binary.right))
            }
            _ => expr.to_string(),
        }
    }
    for (text, expected) in [
        ("a + b * c", "(a + (b * c))"),
        ("a * b + c", "((a * b) + c)"),
        ("a - b - c", "((a - b) - c)"),
        ("a ^ b ^ c", "(a ^ (b ^ c))"),
        ("-2 ^ 2", "(-(2 ^ 2))"),
        ("-a * b", "((-a) * b)"),
        ("2 ^ -1 * 3", "((2 ^ -1) * 3)"),
        ("a or b and c unless d", "(a or ((b and c) unless d))"),
        ("a > b + c == bool d", "((a > (b + c)) == d)"),
        ("a atan2 b % c", "((a atan2 b) % c)"),
        ("a </ b + c", "(a </ (b + c))"),
        ("x offset 1m + 2", "(x offset 1m + 2)"),
        ("x offset -2 ^ 2", "(x offset -2s ^ 2)"),
        ("- x offset 5m", "(-x offset 5m)"),
    ] {
        let parsed = parse(text).expect(text);
        assert_eq!(shape(&parsed), expected, "{text}");
    }
}

#[test]
fn many_forms_are_valid() {
    for text in [
        "up",
        "a:b:c",
        ":x",
        "sum",
        "sum + by",
        "offset offset 5m",
        "and and and",
        "start",
        "step{a='b'}",
        "fill + fill",
        "x{on='1', by=\"2\", inf='3'}",
        "{__name__=~'a.+'}",
        "{\"a b\", 'x y'!=`z`}",
    ] {
        assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
    }
    for (text, value_type) in [
        ("1", ValueType::Scalar),
        ("1 + time()", ValueType::Scalar),
        ("'a'", ValueType::String),
        ("(x > 1)", ValueType::InstantVector),
        ("x[5m]", ValueType::RangeVector),
        ("sum(x)[5m:]", ValueType::RangeVector),
        ("SUM BY (a,) (x)", ValueType::InstantVector),
        ("sum(x) WITHOUT (on, group_left)", ValueType::InstantVector),
        ("a * on(x) group_left(y) b", ValueType::InstantVector),
        ("a * ON(x) GROUP_RIGHT b", ValueType::InstantVector),
        ("a and on() b", ValueType::InstantVector),
        ("1 == bool 2", ValueType::Scalar),
        ("x @ 1609746000.5 offset 5m", ValueType::InstantVector),
        ("x offset 5m @ end()", ValueType::InstantVector),
        ("x[5m] @ start() anchored", ValueType::RangeVector),
        ("x[max_of(step(), 1m)]", ValueType::RangeVector),
        ("x[range():STEP()]", ValueType::RangeVector),
        ("rate(x[1h:1m])[1d:] offset -1w", ValueType::RangeVector),
        ("# comment\nx # more\n+ # and\r\n y", ValueType::InstantVector),
        ("histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))", ValueType::InstantVector),
        ("label_join(x, 'a', ',')", ValueType::InstantVector),
        ("info(x, {})", ValueType::InstantVector),
        ("max_of(step(), 5)", ValueType::Scalar),
        ("day_of_week()", ValueType::InstantVector),
        ("increase(x[5m] smoothed)", ValueType::InstantVector),
    ] {
        assert_eq!(parse(text).expect(text).value_type(), value_type, "{text}");
    }
}

#[test]
fn faults_of_syntax() {
    for (text, expected) in [
        ("", "1:1: the expression is empty"),
        ("a +", "1:4: expected an expression, found the end"),
        ("a b", "1:3: expected an operator or the end, found `b`"),
        ("(a", "1:1: this `(` is never closed"),
        ("a)", "1:2: this `)` closes nothing"),
        ("sum(a", "1:4: this `(` is never closed"),
        ("x{a=b}", "1:5: expected a quoted string, found `b`"),
        ("x{a==\"b\"}", "1:4: expected one of `=`, `!=`, `=~`, `!~`, found `==`"),
        ("x{a=\"b\"", "1:2: this `{` is never closed"),
        ("x{a}", "1:4: expected one of `=`, `!=`, `=~`, `!~`, found `}`"),
        ("x[5m", "1:2: this `[` is never closed"),
        ("x[]", "1:3: expected a duration such as `5m`, found `]`"),
        ("x[5x]", "1:3: `5x` is neither a number nor a duration"),
        ("x[5m:1m:1m]", "1:8: expected a duration or `]`, found `:`"),
        ("x offset", "1:9: expected a duration such as `5m`, found the end"),
        ("x @ y", "1:5: expected a Unix time in seconds, start() or end(), found `y`"),
        ("a group_left b", "1:3: expected an operator or the end, found `group_left`"),
        ("a + group_left(x) b", "1:5: group_left needs on(…) or ignoring(…) before it"),
        ("a + on b", "1:8: expected `(` and labels, found `b`"),
        ("sum by (a:b) (x)", "1:9: `a:b` is not a label's name"),
        ("sum(x) by", "1:10: expected `(` and labels, found the end"),
        ("rate(x[5m],)", "1:11: a comma cannot end the arguments"),
        ("\"abc", "1:1: this string is never closed"),
        ("\"a\\qb\"", "1:3: unknown escape `\\q`"),
        ("a ! b", "1:3: unexpected character `!`"),
        ("bool", "1:1: `bool` is a keyword and cannot stand here"),
        ("a\n +\n  ]", "3:3: expected an expression, found `]`"),
        ("ärger", "1:1: the name `ärger` needs quotes"),
    ] {
        assert_eq!(errors(text)[0], expected, "{text}");
    }
}

#[test]
fn faults_of_meaning() {
    for (text, expected) in [
        ("rate(x)", "1:6: rate() wants a range vector, found an instant vector"),
        ("sum(x[5m])", "1:5: sum() wants an instant vector, found a range vector"),
        ("abs(5)", "1:5: abs() wants an instant vector, found a scalar"),
        ("clamp_max(x, y)", "1:14: clamp_max() wants a scalar as argument 2, found an instant vector"),
        ("topk('a', x)", "1:6: topk() wants a scalar as parameter, found a string"),
        ("count_values(1, x)", "1:14: count_values() wants a string as parameter, found a scalar"),
        ("raet(x[5m])", "1:1: there is no function `raet`"),
        ("sum()", "1:1: sum() wants 1 argument, found 0"),
        ("topk(x)", "1:1: topk() wants 2 arguments, found 1"),
        ("time(1)", "1:1: time() wants 0 arguments, found 1"),
        ("round(x, 1, 2)", "1:1: round() wants at most 2 arguments, found 3"),
        ("label_join(x)", "1:1: label_join() wants at least 3 arguments, found 1"),
        ("1 == 2", "1:3: a comparison between scalars needs bool"),
        ("x + bool y", "1:3: bool goes with comparisons only, not with `+`"),
        ("x and 1", "1:3: `and` joins instant vectors only, found a scalar"),
        ("x[5m] + 1", "1:1: `+` wants scalars and instant vectors, found a range vector"),
        ("'a' + 1", "1:1: `+` wants scalars and instant vectors, found a string"),
        ("-'a'", "1:1: a sign wants a scalar or an instant vector, found a string"),
        ("1 + on(a) x", "1:1: on(…) and ignoring(…) go between instant vectors only"),
        ("1 + fill(0) x", "1:1: fill goes between instant vectors only"),
        ("x and fill(0) y", "1:3: `and` takes no fill"),
        ("x or on(a) group_left y", "1:3: `or` matches many to many and takes no group clause"),
        ("x + on(a) group_left(a) y", "1:3: label `a` stands in on(…) and in the group clause"),
        ("{}", "1:1: this selector matches every series"),
        ("{a=~'.*'}", "1:1: this selector matches every series"),
        ("x{__name__='y'}", "1:1: the metric's name is set twice: `x` and `y`"),
        ("x{a=~'('}", "1:3: invalid regular expression \"(\": unclosed group"),
        ("x offset 5m [5m]", "1:13: the range must stand before `offset`"),
        ("x @ 5 [5m]", "1:7: the range must stand before `@`"),
        ("sum(x)[5m]", "1:7: a range belongs right after a selector"),
        ("sum(x) offset 5m", "1:8: offset belongs after a selector or subquery"),
        ("1 @ 5", "1:3: @ belongs after a selector or subquery"),
        ("x offset 1m offset 2m", "1:13: offset is set twice"),
        ("x @ 1 @ 2", "1:7: @ is set twice"),
        ("x @ NaN", "1:5: this time is out of range"),
        ("x[0]", "1:3: this duration must be longer than 0"),
        ("x[-5m]", "1:3: this duration must be longer than 0"),
        ("x[5m / 0]", "1:6: division by zero"),
        ("x[5m][5m:]", "1:1: a subquery wants an instant vector, found a range vector"),
        ("x anchored smoothed", "1:12: anchored and smoothed exclude each other"),
        ("x[5m:] anchored", "1:8: anchored cannot stand here"),
        (
            "resets(x[3m] smoothed)",
            "1:8: smoothed modifier can only be used with: delta, increase, rate - not with resets",
        ),
        ("info(x, y)", "1:9: info() wants label conditions only as argument 2"),
    ] {
        let found = parse(text).expect_err(text);
        assert_eq!(found.first().to_string(), expected, "{text}");
        assert!(found.grammar_holds(), "{text}");
    }
}

#[test]
fn hints() {
    for (text, expected) in [
        ("rate(x)", "add a range: `x[5m]`"),
        ("rate(sum(x))", "make it a subquery: `sum(x)[5m:]`"),
        ("raet(x[5m])", "did you mean `rate`?"),
        ("summ(x)", "did you mean `sum`?"),
        ("a unles b", "did you mean `unless`?"),
        ("sum(x)[5m]", "aggregate last: `sum(rate(x[5m]))`; or write a subquery: `[5m:]`"),
        ("x{a=b}", "quote it: `\"b\"`"),
        ("a && b", "write `and`"),
        ("a = 5", "write `==` to compare"),
        ("a =~ 'b'", "conditions on labels stand in braces: `x{label=~\"…\"}`"),
        ("rate(x[5m]) by (a)", "`by` follows an aggregation such as `sum(…)`"),
        ("sum(rate(x[5m]) by (a)", "close the parenthesis before it: `sum(…) by (…)`"),
        ("sum by a (x)", "write `(a)`"),
        ("x[$interval]", "variables are not known here: write the value"),
        ("1 > 2", "write `> bool`"),
        ("x[stap()]", "did you mean `step`?"),
    ] {
        let found = parse(text).expect_err(text);
        assert_eq!(found.first().hint.as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn several_faults_at_once() {
    for (text, expected) in
        [("sum(x{a=1}) + raet(y[5z])", 3), ("rate(x) + rate(y) + abs(1)", 3), ("a + * b + / c", 2), ("(a + ) * (b", 2)]
    {
        assert_eq!(errors(text).len(), expected, "{text}: {:?}", errors(text));
    }
}

#[test]
fn limits() {
    let many = 10_000;
    for text in [
        "(".repeat(many),
        "-".repeat(many) + "x",
        "abs(".repeat(many),
        format!("x[{}", "(".repeat(many)),
        format!("x[{}1]", "-step()^".repeat(many)),
        "1^".repeat(many) + "1",
        "x + ".repeat(many) + "x",
        format!("x[{}1]", "1+".repeat(many)),
        format!("x{}", "[1m:]".repeat(many)),
    ] {
        let found = parse(&text).expect_err("too deep");
        assert_eq!(found.as_slice().len(), 1, "{}: {found}", &text[..20]);
        assert_eq!(found.first().kind, ParseErrorKind::Limit);
    }
    let long = parse(&" ".repeat(TEXT_BYTES_MAX + 1)).expect_err("too long");
    assert_eq!(long.first().kind, ParseErrorKind::Limit);
    let deep = format!("{}x{}", "(".repeat(NESTING_MAX - 1), ")".repeat(NESTING_MAX - 1));
    assert!(parse(&deep).is_ok());
    let junk = parse(&"?".repeat(many)).expect_err("junk");
    assert!(junk.as_slice().len() <= 20);
}

/// Hostile texts are refused with one clear error or read into the right tree, and trees can be copied, printed and dropped.
#[test]
fn hostile_texts() {
    let many = 100_000;
    let nest = |open: &str, inner: &str, close: &str| format!("{}{inner}{}", open.repeat(10_000), close.repeat(10_000));
    let list = |item: &str| vec![item; many].join(",");
    for (text, refused) in [
        (nest("(", "x", ")"), Some("nests deeper")),
        (nest("abs(", "x", ")"), Some("nests deeper")),
        (nest("sum(", "x", ")"), Some("nests deeper")),
        (nest("max_over_time(", "x", "[1h:1m])"), Some("nests deeper")),
        (nest("-", "x", ""), Some("nests deeper")),
        (nest("", "x", "[1h:1m]"), Some("hang on one another")),
        (format!("x[{}]", nest("(", "1m", ")")), Some("nests deeper")),
        (format!("x[{}]", nest("min_of(", "1m", ",1m)")), Some("nests deeper")),
        (nest("", "x", "["), Some("")),
        (nest("[", "", ""), Some("")),
        (nest("{", "", ""), Some("")),
        (nest("", "", ")"), Some("")),
        (vec!["a"; many].join(" or "), Some("hang on one another")),
        (vec!["a"; many].join(" ^ "), Some("nests deeper")),
        (vec!["a"; many].join(" "), Some("")),
        (vec!["a"; many].join(" + + "), Some("")),
        (format!("x{{{}}}", list("a='b'")), None),
        (format!("x{{{}}}", list("a=b")), Some("expected a quoted string")),
        (format!("sum by ({}) (x)", list("label")), None),
        (format!("sum by ({} (x)", list("label")), Some("never closed")),
        (format!("label_join(x, 'a', {})", list("'b'")), None),
        (format!("rate({})", list("x")), Some("wants 1 argument")),
        (format!("a * on({}) b", list("l")), None),
        ("1".repeat(1 << 19), Some("out of range")),
        (format!("0x{}", "f".repeat(1 << 19)), Some("")),
        (format!("x[{}m]", "9".repeat(1 << 19)), Some("")),
        (format!("x[{}]", "1m".repeat(many)), Some("out of order")),
        ("x".repeat(1 << 20), None),
        (format!("'{}'", "y".repeat(1 << 19)), None),
        ("'".to_owned() + &"\\".repeat(1 << 19), Some("")),
        ("#".repeat(1 << 20), Some("empty")),
        ("# note\n".repeat(many) + "x", None),
        ("é".repeat(1 << 19), Some("needs quotes")),
        ("$".repeat(1 << 19), Some("")),
        ("x".repeat((1 << 20) + 1), Some("longer than")),
    ] {
        let start: String = text.chars().take(20).collect();
        match (parse(&text), refused) {
            (Ok(expr), None) => {
                let copy = expr.clone();
                drop(expr);
                assert!(!copy.to_string().is_empty() && !crate::lang::pretty(&copy, 80).is_empty(), "{start}");
            }
            (Err(errors), Some(part)) => {
                assert!(errors.as_slice().len() <= 20, "{start}");
                assert!(errors.to_string().contains(part), "{start}: {errors}");
                assert!(errors.iter().all(|error| error.message.len() < 300), "{start}");
            }
            (found, _) => panic!("{start}: {:?}", found.map(|_| "accepted")),
        }
    }
}

#[test]
fn spans_cover_the_text() {
    let text = "sum by (a) (rate(x{b='c'}[5m] offset 1m)) > bool 1 + 2";
    let expr = parse(text).expect(text);
    let mut found = Vec::new();
    expr.walk(&mut |node| found.push(&text[node.span.clone()]));
    assert_eq!(
        found,
        [
            text,
            "sum by (a) (rate(x{b='c'}[5m] offset 1m))",
            "rate(x{b='c'}[5m] offset 1m)",
            "x{b='c'}[5m] offset 1m",
            "1 + 2",
            "1",
            "2"
        ]
    );
}

#[test]
fn selectors_for_the_api() {
    for (text, expected) in
        [("{a=\"b\",c=~\"d\"}", "[a=\"b\", c=~\"d\"]"), ("up{job!='x'}", "[__name__=\"up\", job!=\"x\"]"), ("{}", "[]")]
    {
        assert_eq!(format!("{:?}", parse_matchers(text).expect(text)), expected);
    }
    for text in ["", "1", "sum(x)", "x[5m]", "{a=b}", "{a=\"b\"} x", "(x)"] {
        assert!(parse_matchers(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,60}") {
        let _ = parse(&text);
        let _ = parse_matchers(&text);
    }

    #[test]
    fn never_panics_on_near_misses(words in proptest::collection::vec(prop::sample::select(vec![
        "x", "sum", "by", "(", ")", "[", "]", "{", "}", ",", ":", "5m", "1", "'a'", "=", "=~", "!=", "+", "-", "^", "offset",
        "@", "start", "step()", "min_of(", "on", "bool", "group_left", "fill", "rate", "and", "\\", "\"", "#", "\n", "é",
    ]), 0..40)) {
        for text in [words.join(" "), words.concat()] {
            if let Ok(expr) = parse(&text) {
                let printed = expr.to_string();
                prop_assert_eq!(parse(&printed).expect(&printed).to_string(), printed);
            }
        }
    }
}

/// Every expression of the table yields these errors: place, bytes at fault, message, hint.
#[test]
fn mistakes() {
    let table = include_str!("mistakes.txt");
    let mut shown = String::new();
    for text in table.lines().filter(|line| !line.starts_with("    ")) {
        shown.push_str(&format!("{text}\n"));
        for error in &parse(text).expect_err(text) {
            let fault = text.get(error.span.clone()).expect("bytes of the text");
            shown.push_str(&format!("    {error} [{fault}]\n"));
            if let Some(hint) = &error.hint {
                shown.push_str(&format!("        {hint}\n"));
            }
        }
    }
    if std::env::var_os("WATCHBELL_BLESS").is_some() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lang/parser/mistakes.txt");
        std::fs::write(path, shown).expect("written");
    } else {
        assert_eq!(shown, table);
    }
}

use proptest::prelude::*;

use crate::lang::{Expr, ValueType, format, functions, parse, pretty};

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
        let op =
            one_of(&["+", "-", "*", "/", "%", "^", "atan2", "==", "> bool", "<=", "</", ">/", "and", "or", "unless"]);
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
            (inner.clone(), op, clause, inner.clone()).prop_map(|(a, op, clause, b)| format!("{a} {op} {clause} {b}")),
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
            (inner, duration(), duration()).prop_map(|(a, d, s)| format!("max_over_time(({a})[{d}:{s}] offset 1m)")),
        ]
        .boxed()
    };
    selector().prop_recursive(5, 24, 3, move |inner| deeper(inner.boxed())).boxed()
}

/// The tree without the places of its parts.
fn shape(expr: &Expr) -> String {
    let debug = format!("{expr:?}");
    let mut shape = String::with_capacity(debug.len());
    let mut rest = debug.as_str();
    while let Some(at) = rest.find("span: ") {
        shape.push_str(&rest[..at]);
        rest = rest[at + "span: ".len()..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    }
    shape + rest
}

/// The tree as the canonical line tells it: conditions sorted, numbers in plain form.
fn canonical_shape(expr: &Expr) -> String {
    shape(&parse(&expr.to_string()).expect("a canonical line"))
}

/// `text` with comments between its tokens, where `choices` says so.
fn with_comments(text: &str, choices: &[u8]) -> String {
    let mut commented = String::new();
    let mut quote = None;
    let mut choices = choices.iter().cycle();
    let mut count = 0;
    let mut last = ' ';
    for letter in text.chars() {
        match (quote, letter) {
            (None, '"' | '\'' | '`') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None, ' ' | '(' | ')' | ',' | '{' | '}' | ']' | '-') if !(last == '=' || last.is_ascii_digit()) => {
                count += 1;
                match choices.next().copied().unwrap_or_default() {
                    0 => commented.push_str(&format!(" # c{count}\n")),
                    1 => commented.push_str(&format!("\n# own{count}\n")),
                    2 => commented.push_str(&format!("\n  # two{count}\n\n#{count}\r\n")),
                    _ => {}
                }
            }
            _ => {}
        }
        last = letter;
        commented.push(letter);
    }
    commented
}

/// How often a comment begins in `text`.
fn comments(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (at, _) in text.match_indices('#') {
        let word = text[at..].split_whitespace().take(2).collect::<Vec<_>>();
        found.push(if word[0] == "#" { word.join(" ") } else { word[0].to_owned() });
    }
    found.sort();
    found
}

proptest! {
    #[test]
    fn canonical_lines_read_back(text in vector()) {
        if let Ok(expr) = parse(&text) {
            let printed = expr.to_string();
            let again = parse(&printed).map_err(|errors| TestCaseError::fail(format!("{text}\n{printed}\n{errors}")))?;
            prop_assert_eq!(again.to_string(), printed);
            prop_assert_eq!(again.value_type(), expr.value_type());
        }
    }

    #[test]
    fn pretty_is_the_identity_at_all_widths(text in vector(), width in 0usize..160) {
        if let Ok(expr) = parse(&text) {
            let printed = pretty(&expr, width);
            let again = parse(&printed).map_err(|errors| TestCaseError::fail(format!("{text}\n{printed}\n{errors}")))?;
            prop_assert_eq!(shape(&again), shape(&expr), "{}\n{}", text, printed);
            prop_assert_eq!(pretty(&again, width), printed);
            prop_assert_eq!(canonical_shape(&again), canonical_shape(&expr));
        }
    }

    #[test]
    fn comments_stay(text in vector(), choices in proptest::collection::vec(0u8..9, 1..12), width in 0usize..160) {
        let commented = with_comments(&text, &choices);
        if let Ok(expr) = parse(&commented) {
            let printed = format(&commented, width).expect("valid");
            let again = parse(&printed).map_err(|errors| TestCaseError::fail(format!("{commented}\n{printed}\n{errors}")))?;
            prop_assert_eq!(shape(&again), shape(&expr), "{}\n{}", commented, printed);
            prop_assert_eq!(comments(&printed), comments(&commented), "{}\n{}", commented, printed);
            prop_assert_eq!(format(&printed, width).expect("valid"), printed.clone(), "{}", commented);
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

#[test]
fn layouts() {
    for (width, text, expected) in [
        (40, "sum by (job) (rate(x[5m])) > 1e9", "sum by (job) (rate(x[5m])) > 1e9"),
        (
            30,
            "sum by (job) (rate(errors_total{code=~'5..',job='api'}[5m])) / on(job) group_left sum(rate(x[5m])) > 0.05",
            r#"
sum by (job) (
  rate(
    errors_total{
      code=~"5..",
      job="api"
    }[5m]
  )
)
  / on (job) group_left ()
sum(rate(x[5m]))
>
0.05"#,
        ),
        (20, "aaaaaaaaaa + bbbbbbbbbb - cccccccccc * d", "aaaaaaaaaa\n+\nbbbbbbbbbb\n-\ncccccccccc * d"),
        (
            24,
            "label_replace(up{job='x'}, 'a', '$1', 'b', '(.*)')",
            "label_replace(\n  up{job=\"x\"},\n  \"a\",\n  \"$1\",\n  \"b\",\n  \"(.*)\"\n)",
        ),
        (
            24,
            "max_over_time((aaaaaaaaaa + bbbbbbbbbbb)[1h:5m] offset 1d)",
            "max_over_time(\n  (\n    aaaaaaaaaa\n    +\n    bbbbbbbbbbb\n  )[1h:5m] offset 1d\n)",
        ),
        (10, "-aaaaaa ^ bbbbbb", "-aaaaaa\n^\nbbbbbb"),
        (10, "aaaaaaaaa or bbbbbbbbbb and ccccccccc", "aaaaaaaaa\nor\nbbbbbbbbbb\n  and\nccccccccc"),
        (100, "1E9 + -5m * 0.50 + +Inf", "1E9 + -5m * 0.50 + +Inf"),
        (100, "x @ 1609746000 offset 0s", "x @ 1609746000 offset 0s"),
        (10, "info(aaaaaaa, {b='1', c='2'})", "info(\n  aaaaaaa,\n  {\n    b=\"1\",\n    c=\"2\"\n  }\n)"),
    ] {
        let expr = parse(text).expect(text);
        assert_eq!(pretty(&expr, width), expected.trim_start_matches('\n'), "{text}");
    }
}

#[test]
fn a_comment_that_finds_another_place_is_settled_at_once() {
    for (width, expected) in [(0, "1\n+\n66 #"), (40, "1 + 66 #"), (100, "1 + 66 #")] {
        let settled = format("1++#\n66", width).expect("valid");
        assert_eq!(settled, expected, "{width}");
        assert_eq!(format(&settled, width).as_deref(), Ok(settled.as_str()));
    }
}

#[test]
fn comments_have_their_places() {
    for (text, expected) in [
        ("# why\nup == 0 # down\n# end", "# why\nup == 0 # down\n# end"),
        ("up# down", "up # down"),
        (
            "sum(\n  # all of them\n  rate(x[5m]) # per second\n) # total\n> 5",
            "sum(\n  # all of them\n  rate(x[5m]) # per second\n) # total\n>\n5",
        ),
        ("a # first\n  or # second\n b\n  # third\n or c", "a # first\nor\n# second\nb\nor\n# third\nc"),
        ("x{a=\"b\", # only b\n c=\"d\"}", "x{a=\"b\",c=\"d\"} # only b"),
        ("x{\n # note\n a=\"b\"}", "# note\nx{a=\"b\"}"),
        ("clamp(x, # the value\n 0, # from\n 1 # to\n)", "clamp(\n  x, # the value\n  0, # from\n  1 # to\n)"),
        ("- # minus\nx", "# minus\n-x"),
        ("x # '\"{[(\n", "x # '\"{[("),
        ("(x\n # end\n)", "(\n  x\n  # end\n)"),
        ("sum(x) # all\nby (job)", "sum by (job) (\n  x # all\n)"),
    ] {
        let printed = format(text, 100).expect(text);
        assert_eq!(printed, expected, "{text}");
        assert_eq!(format(&printed, 100).expect(text), printed, "{text}");
    }
}

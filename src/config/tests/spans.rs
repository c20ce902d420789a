//! Errors of expressions stand at their place in the YAML file, however the expression is written there.

use crate::config::{MemoryFiles, check};

/// Each case: the value of `expr` with everything around it; the errors must point at `raet` and `sumy`.
#[test]
fn several_errors_at_their_places() {
    for value in [
        "raet(x[5m]) + sumy(y)",
        "   raet(x[5m]) + sumy(y)   # note",
        "raet(x[5m])\n      + sumy(y)",
        "raet(x{a=\"ä🔔\"}[5m]) + sumy(y)",
        "'raet(x{a=''b''}[5m]) + sumy(y)'",
        "'raet(x[5m])\n\n      + sumy(y)'",
        "\"raet(x{a=\\\"b\\\"}[5m]) + sumy(y)\"",
        "\"raet(x{a=\\\"\\u00e4\\\\\\\\d\\\"}[5m])\\n+\\tsumy(y)\"",
        "\"raet(x[5m]) \\\n      + sumy(y)\"",
        "|\n      raet(x[5m])\n        + sumy(y)\n",
        "|\n\n      # ä why\n      raet(x[5m])\n\n      + sumy(y)\n",
        "|-\n      raet(x[5m]) +\n      sumy(y)",
        "|+ # note\n      raet(x[5m]) +\n      sumy(y)\n\n",
        "|2-\n        raet(x[5m]) +\n      sumy(y)",
        "|\n      raet(x[5m])\t+\t\tsumy(y)",
        ">\n      raet(x[5m])\n      + sumy(y)\n",
        ">-\n      raet(x[5m])\n        + z\n      + sumy(y)",
        ">-\n      raet(x{a='ä'}[5m])\n\n\n      + sumy(y)",
        "&anchor raet(x[5m]) + sumy(y)",
        "&anchor |\n      raet(x[5m]) + sumy(y)",
        "!!str 'raet(x[5m]) + sumy(y)'",
    ] {
        let file = format!("groups:\n- name: g\n  rules:\n  - alert: X\n    expr: {value}\n    for: 5m\n");
        for text in [file.clone(), file.replace('\n', "\r\n"), format!("\u{feff}{file}")] {
            let files = MemoryFiles::new([("rules.yml", text.as_str())]);
            let checked = check(&["rules.yml".to_owned()], &files, &|_| None);
            let found: Vec<&str> = checked
                .diagnostics
                .iter()
                .filter_map(|problem| problem.place.as_ref())
                .map(|place| &place.file.text[place.range.clone()])
                .collect();
            assert_eq!(found, ["raet", "sumy"], "{text}\n{:?}", checked.diagnostics);
            for problem in &checked.diagnostics {
                let place = problem.place.as_ref().expect("a place");
                let (line, column) = place.file.line_column(place.range.start);
                let shown = place.file.text.lines().nth(line - 1).expect("a line");
                let at: String = shown.chars().skip(column - 1).take(4).collect();
                assert_eq!(at, place.file.text[place.range.clone()], "{text}");
            }
        }
    }
}

use insta::assert_snapshot;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn line(name: &str, points: impl IntoIterator<Item = (i64, f64)>) -> Line {
    Line { name: name.to_owned(), points: points.into_iter().map(|(seconds, value)| (at(seconds), value)).collect() }
}

fn chart(lines: &[Line]) -> Chart<'_> {
    Chart { lines, start: at(0), end: at(3600), step_ms: 60_000, width: 60, height: 9, ascii: false, color: false }
}

fn wave(phase: f64) -> impl Iterator<Item = (i64, f64)> {
    (0..=60).map(move |minute| (minute * 60, (minute as f64 / 10.0 + phase).sin() * 100.0))
}

#[test]
fn one_series() {
    let lines = [line("{job=\"api\"}", wave(0.0))];
    assert_snapshot!(draw(&chart(&lines)), @r#"
     100 ┤        ⢀⡠⠔⠒⠉⠉⠉⠉⠑⠢⠤⣀
         │      ⡔⠊⠁           ⠉⠢⣀
         │   ⣀⠔⠉                 ⠑⢄
         │ ⢀⠜                      ⠑⠢⡀
       0 ┤⠔⠁                         ⠘⢄
         │                             ⠉⠢⡀                     ⡠
         │                               ⠑⠢⡀                 ⡠⠊
         │                                 ⠈⠑⢄            ⡠⠔⠊
    -100 ┤                                    ⠉⠒⠤⢄⣀⣀⣀⣀⠤⠤⠒⠉
         └┬────────┬────────┬────────┬───────┬────────┬─────────
          00:00    00:10    00:20    00:30   00:40    00:50
    ━ {job="api"}  last -27.94
    "#);
}

#[test]
fn two_series_in_ascii() {
    let lines = [line("{a=\"1\"}", wave(0.0)), line("{a=\"2\"}", wave(1.5))];
    assert_snapshot!(draw(&Chart { ascii: true, ..chart(&lines) }), @r#"
     100 |+++++     *********                                 ++
         |     ++++*         ***                           +++
         |    **   +++          ***                     +++
         |  **       +++           ***                ++
       0 |**            ++           **             ++
         |                +++          ***       +++          **
         |                   ++           ***  ++           **
         |                     ++++         +++*         ***
    -100 |                         +++++++++    *********
         ++--------+--------+--------+-------+--------+---------
          00:00    00:10    00:20    00:30   00:40    00:50
    * {a="1"}  last -27.94
    + {a="2"}  last 93.8
    "#);
}

#[test]
fn colours() {
    let lines = [line("a", [(0, 1.0), (60, 2.0)]), line("b", [(3540, 1.0), (3600, 2.0)])];
    let drawn = draw(&Chart { color: true, width: 30, height: 5, ..chart(&lines) });
    assert_snapshot!(drawn.replace('\u{1b}', "^"), @r#"
    2 ┤^[36m⢸^[0m                         ^[33m⢸^[0m
      │^[36m⢸^[0m                         ^[33m⢸^[0m
      │^[36m⡜^[0m                         ^[33m⡜^[0m
      │^[36m⡇^[0m                         ^[33m⡇^[0m
    1 ┤^[36m⡇^[0m                         ^[33m⡇^[0m
      └┬────────────┬─────────────
       00:00        00:30
    ^[36m━^[0m a  last 2
    ^[33m━^[0m b  last 2
    "#);
}

#[test]
fn gaps_and_what_is_no_number() {
    let gap = (0..=60).filter(|minute| !(20..40).contains(minute)).map(|minute| (minute * 60, minute as f64));
    let mut lines = vec![line("gap", gap)];
    lines[0].points[5].1 = f64::NAN;
    lines[0].points[10].1 = f64::INFINITY;
    assert_snapshot!(draw(&chart(&lines)), @r#"
    60 ┤                                                 ⢀⣀⡠⠤⠒⠒⠉
       │                                            ⣀⠤⠤⠒⠊⠁
       │                                     ⢀⣀⡠⠔⠒⠉⠉
    40 ┤                                     ⠁
       │
    20 ┤
       │           ⢀⣀⡠⠤⠔⠒⠉
       │      ⣀⠤⠤ ⠊⠁
     0 ┤⡠⠤⠔⠒ ⠈
       └┬────────┬────────┬─────────┬────────┬────────┬─────────
        00:00    00:10    00:20     00:30    00:40    00:50
    ━ gap  last 60  (1 infinite, not drawn)
    "#);
}

#[test]
fn nothing() {
    for lines in [vec![], vec![line("a", [])], vec![line("a", [(0, f64::NAN)])]] {
        assert_eq!(draw(&chart(&lines)), "nothing to draw: no series has a number\n");
    }
}

#[test]
fn a_constant_and_a_point() {
    let lines = [line("five", [(1800, 5.0)])];
    assert_snapshot!(draw(&Chart { height: 5, width: 40, ..chart(&lines) }), @r#"
    6 ┤
      │
    5 ┤                  ⠠
      │
    4 ┤
      └┬────────┬────────┬────────┬─────────
       00:00    00:15    00:30    00:45
    ━ five  last 5
    "#);
}

#[test]
fn more_series_than_are_drawn() {
    let lines: Vec<Line> = (0..25).map(|index| line(&index.to_string(), [(0, 1.0)])).collect();
    assert!(draw(&chart(&lines)).ends_with("... and 5 more series, not drawn\n"));
}

proptest::proptest! {
    #[test]
    fn never_panics(
        points in proptest::collection::vec((proptest::prelude::any::<i64>(), proptest::prelude::any::<f64>()), 0..20),
        start: i64, span in 0_i64..i64::MAX, step_ms: i64,
        width in 0_usize..1000, height in 0_usize..1000, ascii: bool, color: bool,
    ) {
        let mut points: Vec<_> = points.into_iter().map(|(at, value)| (Timestamp::from_millis(at), value)).collect();
        points.sort_by_key(|(at, _)| *at);
        let lines = [Line { name: "a".to_owned(), points }];
        let (start, end) = (Timestamp::from_millis(start), Timestamp::from_millis(start.saturating_add(span)));
        let _ = draw(&Chart { lines: &lines, start, end, step_ms, width, height, ascii, color });
    }
}

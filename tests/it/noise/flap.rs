use std::time::Duration;

use super::scene::Scene;

const MAIN: &str = "
route: {receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1m, repeat_interval: 4h}
receivers:
  - {name: team, console_configs: [{}]}
";

fn rules(flap: &str) -> String {
    format!("groups: [{{name: g, interval: 1m, rules: [{{alert: Down, expr: up == 0, flap: {flap}}}]}}]")
}

/// Host `a` goes down and up every two minutes for some time, and ends as it began, or down.
fn told(main: &str, rules: &str, changes: i64, dies_always: bool, then: impl Fn(&mut Scene)) -> String {
    let mut scene = Scene::with_rules(main, rules);
    scene.dies_always = dies_always;
    for number in 0..changes {
        match number % 2 {
            0 => scene.down(&["a"]),
            _ => scene.up(&["a"]),
        }
        scene.until((number + 1) * 120);
    }
    then(&mut scene);
    scene.until(20_000);
    let told = scene.told();
    scene.check_empty(Duration::from_secs(2 * 86_400));
    told
}

fn settles(flap: &str, changes: i64) -> String {
    let of = |dies| told(MAIN, &rules(flap), changes, dies, |_| {});
    let one = of(false);
    assert_eq!(one, of(true), "a process that dies tells the same");
    one
}

#[test]
fn what_comes_and_goes_is_told_once_and_when_it_has_settled() {
    insta::assert_snapshot!(settles("{changes: 4, within: 30m}", 9), @r###"
      0:00 team [a|] first notification
      3:00 team [|a] all alerts resolved
      4:00 team [a|] first notification
      7:00 team [a|] alerts flap
     44:00 team [a|] alerts flap no more
    284:00 team [a|] repeat interval elapsed
    "###);
    insta::assert_snapshot!(settles("{changes: 4, within: 30m}", 10), @r###"
     0:00 team [a|] first notification
     3:00 team [|a] all alerts resolved
     4:00 team [a|] first notification
     7:00 team [a|] alerts flap
    46:00 team [|a] all alerts resolved
    "###);
    insta::assert_snapshot!(settles("{low: 5%, high: 20%}", 9), @r###"
      0:00 team [a|] first notification
      3:00 team [|a] all alerts resolved
      4:00 team [a|] first notification
      7:00 team [a|] alerts flap
     34:00 team [a|] alerts flap no more
    274:00 team [a|] repeat interval elapsed
    "###);
    insta::assert_snapshot!(settles("{low: 5%, high: 20%}", 10), @r###"
     0:00 team [a|] first notification
     3:00 team [|a] all alerts resolved
     4:00 team [a|] first notification
     7:00 team [a|] alerts flap
    36:00 team [|a] all alerts resolved
    "###);
}

#[test]
fn without_flap_everything_is_told() {
    insta::assert_snapshot!(settles("false", 4), @r###"
    0:00 team [a|] first notification
    3:00 team [|a] all alerts resolved
    4:00 team [a|] first notification
    7:00 team [|a] all alerts resolved
    "###);
    assert_eq!(settles("null", 4), settles("false", 4));
}

#[test]
fn the_main_file_speaks_for_rules_that_do_not() {
    let main = format!("{MAIN}flap: {{changes: 4, within: 30m}}\n");
    let by_main = told(&main, &rules("null"), 9, false, |_| {});
    assert_eq!(by_main, told(MAIN, &rules("{changes: 4, within: 30m}"), 9, false, |_| {}));
    assert_eq!(told(&main, &rules("false"), 9, false, |_| {}), told(MAIN, &rules("null"), 9, false, |_| {}));
}

#[test]
fn a_reload_without_flap_settles_everything() {
    let main = format!("{MAIN}flap: {{changes: 4, within: 30m}}\n");
    let told = told(&main, &rules("null"), 6, false, |scene| scene.reload(MAIN));
    insta::assert_snapshot!(told, @r###"
     0:00 team [a|] first notification
     3:00 team [|a] all alerts resolved
     4:00 team [a|] first notification
     7:00 team [a|] alerts flap
    13:00 team [|a] all alerts resolved
    "###);
}

#[test]
fn what_flapped_before_a_reload_turned_that_off_does_not_end_what_fires() {
    let rules = |down: &str| {
        format!(
            "groups: [{{name: g, interval: 1m, rules: [
              {{alert: Down, expr: up == 0, flap: {down}}},
              {{alert: Other, expr: up == 0, flap: {{changes: 4, within: 30m}}}}]}}]"
        )
    };
    for dies_always in [false, true] {
        let mut scene = Scene::with_rules(MAIN, &rules("{changes: 4, within: 30m}"));
        scene.dies_always = dies_always;
        for number in 0..6 {
            match number % 2 {
                0 => scene.down(&["a"]),
                _ => scene.up(&["a"]),
            }
            scene.until((number + 1) * 120);
        }
        assert!(scene.told().contains("alerts flap"));
        scene.reload_with_rules(MAIN, &rules("false"));
        scene.down(&["a"]);
        scene.until(10_000);
        let told = scene.told();
        assert!(!told.contains("resolved"), "{told}");
    }
}

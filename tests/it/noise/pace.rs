use std::time::Duration;

use super::scene::Scene;
use super::story;

fn main(policy: &str) -> String {
    format!(
        "
route: {{receiver: team, group_by: ['...'], group_wait: 0s, group_interval: 1m, repeat_interval: 2h}}
receivers:
  - {{name: team, {policy}, console_configs: [{{}}]}}
"
    )
}

#[test]
fn what_exceeds_the_throttle_waits_and_is_told_as_it_is_by_then() {
    let told = story(&main("throttle: {notifications: 2, within: 5m}"), |scene| {
        for host in ["a", "b", "c", "d", "e"] {
            scene.down(&[host]);
        }
        scene.until(30);
        scene.up(&["d", "a"]);
        scene.until(310);
        scene.up(&["c"]);
        scene.until(2000);
    });
    insta::assert_snapshot!(told, @r###"
     0:00 team [a|] first notification
     0:00 team [b|] first notification
     0:00 team not told: the receiver's throttle is used up
     0:00 team not told: the receiver's throttle is used up
     0:00 team not told: the receiver's throttle is used up
     1:00 team not told: the receiver's throttle is used up
     1:00 team not told: the receiver's throttle is used up
     1:00 team not told: the receiver's throttle is used up
     2:00 team not told: the receiver's throttle is used up
     2:00 team not told: the receiver's throttle is used up
     2:00 team not told: the receiver's throttle is used up
     3:00 team not told: the receiver's throttle is used up
     3:00 team not told: the receiver's throttle is used up
     3:00 team not told: the receiver's throttle is used up
     4:00 team not told: the receiver's throttle is used up
     4:00 team not told: the receiver's throttle is used up
     4:00 team not told: the receiver's throttle is used up
     5:00 team not told: the receiver's throttle is used up
     5:00 team [c|] first notification
     5:00 team [|a] all alerts resolved
     6:00 team not told: the receiver's throttle is used up
     6:00 team not told: the receiver's throttle is used up
     7:00 team not told: the receiver's throttle is used up
     7:00 team not told: the receiver's throttle is used up
     8:00 team not told: the receiver's throttle is used up
     8:00 team not told: the receiver's throttle is used up
     9:00 team not told: the receiver's throttle is used up
     9:00 team not told: the receiver's throttle is used up
    10:00 team [e|] first notification
    10:00 team [|c] all alerts resolved
    "###);
}

#[test]
fn a_storm_becomes_summaries_and_ends() {
    let main = main("storm: {notifications: 2, within: 5m}");
    let told = story(&main, |scene| {
        for host in ["a", "b", "c", "d", "e"] {
            scene.down(&[host]);
        }
        scene.until(100);
        scene.down(&["f", "g", "h"]);
        scene.up(&["e", "a", "h"]);
        scene.until(700);
        scene.down(&["i"]);
        scene.until(1300);
        scene.up(&["b", "c", "d"]);
        scene.until(1700);
        scene.up(&["f"]);
        scene.until(2400);
        scene.up(&["g"]);
        scene.until(4000);
    });
    insta::assert_snapshot!(told, @r###"
     0:00 team [a|] first notification
     0:00 team [b|] first notification
     0:00 team not told: part of a storm that is told as a summary
     0:00 team not told: part of a storm that is told as a summary
     0:00 team not told: part of a storm that is told as a summary
     0:30 team [|] summary of a storm
     1:40 team not told: part of a storm that is told as a summary
     1:40 team not told: part of a storm that is told as a summary
     1:40 team not told: part of a storm that is told as a summary
     2:00 team not told: part of a storm that is told as a summary
     2:00 team not told: part of a storm that is told as a summary
     2:40 team not told: part of a storm that is told as a summary
     2:40 team not told: part of a storm that is told as a summary
     3:00 team not told: part of a storm that is told as a summary
     3:00 team not told: part of a storm that is told as a summary
     3:40 team not told: part of a storm that is told as a summary
     3:40 team not told: part of a storm that is told as a summary
     4:00 team not told: part of a storm that is told as a summary
     4:00 team not told: part of a storm that is told as a summary
     4:40 team not told: part of a storm that is told as a summary
     4:40 team not told: part of a storm that is told as a summary
     5:00 team not told: part of a storm that is told as a summary
     5:00 team not told: part of a storm that is told as a summary
     5:30 team [|] summary of a storm
    11:40 team [i|] first notification
    22:00 team not told: part of a storm that is told as a summary
    22:00 team [|c] all alerts resolved
    22:00 team [|b] all alerts resolved
    22:30 team [|] summary of a storm
    28:40 team [|f] all alerts resolved
    40:40 team [|g] all alerts resolved
    42:30 team [|] summary of a storm
    "###);
    let mut scene = Scene::new(&main);
    scene.down(&["a", "b", "c", "d"]);
    scene.until(100);
    let summary = scene.sent.iter().find(|sent| sent.group_key == "storm/team").expect("a summary");
    insta::assert_snapshot!(
        ["summary", "description"].map(|name| summary.alerts[0].annotations.get(name)).join("\n"), @r###"
    storm since 2026-11-22T03:00:00Z: 2 groups have news, 2 alerts fire, 0 resolved
    {alertname="Down", host="c"}: 1 firing, 0 resolved
    {alertname="Down", host="d"}: 1 firing, 0 resolved
    "###);
    assert_eq!(summary.on_behalf.groups.len(), 2);
    scene.check_empty(Duration::from_secs(2 * 86_400));
}

#[test]
fn a_reload_may_lift_the_limits() {
    let limited = main("throttle: {notifications: 1, within: 1h}, storm: {notifications: 3, within: 5m}");
    let told = story(&limited, |scene| {
        scene.down(&["a", "b", "c", "d", "e"]);
        scene.until(200);
        scene.reload(&main("give_up_after: 1h"));
        scene.until(400);
    });
    insta::assert_snapshot!(told, @r###"
    0:00 team not told: the receiver's throttle is used up
    0:00 team not told: the receiver's throttle is used up
    0:00 team not told: part of a storm that is told as a summary
    0:00 team not told: part of a storm that is told as a summary
    0:00 team [a|] first notification
    0:30 team [|] summary of a storm
    "###);
}

#[test]
fn a_summary_that_fails_goes_to_the_fallback() {
    let main = "
route: {receiver: team, group_by: ['...'], group_wait: 0s, group_interval: 1m, repeat_interval: 2h}
receivers:
  - {name: team, fallback: chat, storm: {notifications: 1, within: 5m}, console_configs: [{}]}
  - {name: chat, console_configs: [{}]}
";
    let told = story(main, |scene| {
        scene.break_receiver("team", true);
        scene.down(&["a", "b", "c"]);
        scene.until(200);
        scene.up(&["b"]);
        scene.until(400);
    });
    insta::assert_snapshot!(told, @r###"
    0:00 team not told: part of a storm that is told as a summary
    0:00 team not told: part of a storm that is told as a summary
    0:00 team given up
    0:00 chat [a|] fallback: team could not be told
    0:30 team given up
    0:30 chat [|] fallback: team could not be told
    1:00 team not told: part of a storm that is told as a summary
    1:00 team not told: part of a storm that is told as a summary
    1:00 team not told: part of a storm that is told as a summary
    2:00 team not told: part of a storm that is told as a summary
    2:00 team not told: part of a storm that is told as a summary
    2:00 team not told: part of a storm that is told as a summary
    3:00 team not told: part of a storm that is told as a summary
    3:00 team not told: part of a storm that is told as a summary
    3:00 team not told: part of a storm that is told as a summary
    4:00 team not told: part of a storm that is told as a summary
    4:00 team not told: part of a storm that is told as a summary
    4:00 chat [|b] all alerts resolved
    5:00 team not told: part of a storm that is told as a summary
    5:00 team not told: part of a storm that is told as a summary
    5:30 team given up
    6:00 team not told: part of a storm that is told as a summary
    6:00 team not told: part of a storm that is told as a summary
    "###);
}

#[test]
fn a_storm_of_many_groups_is_written_down_once_not_once_for_each() {
    let hosts: Vec<String> = (0..500).map(|number| format!("h{number}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    for policy in ["storm: {notifications: 2, within: 5m}", "throttle: {notifications: 2, within: 5m}"] {
        let mut scene = Scene::new(&main(policy));
        scene.down(&hosts);
        assert!(scene.noise_written <= 3, "{policy}: {}", scene.noise_written);
        scene.up(&hosts);
        scene.until(3600);
        // A look a minute at the most, and each notification.
        assert!(scene.noise_written <= 3 + 60 + scene.sent.len(), "{policy}: {}", scene.noise_written);
    }
}

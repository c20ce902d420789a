//! Heartbeats as stories on a made-up clock: who stays away is told of, and nobody else.

use proptest::prelude::*;
use watchbell::engine::{HeartbeatSignal, HeartbeatState, Input};

use crate::noise::scene::Scene;

const ROUTES: &str = "
route: {receiver: chat, group_by: [alertname, heartbeat], group_wait: 0s, group_interval: 1m, repeat_interval: 12h}
receivers: [{name: chat, console_configs: [{}]}]
";

fn main(heartbeats: &str) -> String {
    format!("{ROUTES}\nheartbeats: [{heartbeats}]\n")
}

fn scene(heartbeats: &str) -> Scene {
    let mut scene = Scene::new(&main(heartbeats));
    // As a service does: what is known is known from a moment on.
    scene.restart();
    scene
}

fn tell(scene: &mut Scene, name: &str, signal: HeartbeatSignal, message: &str) {
    scene.handle(Input::Heartbeat { name: name.to_owned(), signal, message: message.to_owned() });
}

fn beat(scene: &mut Scene, name: &str) {
    tell(scene, name, HeartbeatSignal::Beat, "");
}

/// Beats every minute, from `from` until `until` minutes after the start.
fn beats(scene: &mut Scene, name: &str, from: i64, until: i64) {
    for minute in from..=until {
        scene.until(minute * 60);
        beat(scene, name);
    }
}

fn state(scene: &Scene, name: &str) -> HeartbeatState {
    let found = scene.heartbeats().into_iter().find(|heartbeat| heartbeat.policy.name == name);
    found.expect("configured").state
}

const MINUTELY: &str = "{name: a, interval: 1m, grace: 30s}";

#[test]
fn one_that_never_beats_is_told_of() {
    let mut scene = scene(&format!("{MINUTELY}, {{name: b, interval: 1m, grace: 30s, armed: first_beat}}"));
    scene.until(3600);
    insta::assert_snapshot!(scene.told(), @"  1:30 chat [a|] first notification");
    assert_eq!((state(&scene, "a"), state(&scene, "b")), (HeartbeatState::Missing, HeartbeatState::Unarmed));
    beat(&mut scene, "b");
    scene.until(7200);
    insta::assert_snapshot!(scene.told(), @" 61:30 chat [b|] first notification");
    beat(&mut scene, "a");
    beat(&mut scene, "b");
    scene.until(7300);
    insta::assert_snapshot!(scene.told(), @r#"
    120:30 chat [|b] all alerts resolved
    120:30 chat [|a] all alerts resolved
    121:30 chat [b|] first notification
    121:30 chat [a|] first notification
    "#);
}

#[test]
fn beats_that_stop_are_told_of_and_that_they_come_again() {
    let mut scene = scene(MINUTELY);
    beats(&mut scene, "a", 0, 20);
    assert_eq!((scene.told().as_str(), state(&scene, "a")), ("", HeartbeatState::Up));
    scene.until(1200 + 75);
    assert_eq!(state(&scene, "a"), HeartbeatState::Late);
    scene.until(1800);
    beats(&mut scene, "a", 30, 60);
    insta::assert_snapshot!(scene.told(), @r#"
    21:30 chat [a|] first notification
    30:30 chat [|a] all alerts resolved
    "#);
    let said = scene.sent.last().expect("told").alerts[0].annotations.clone();
    insta::assert_snapshot!(said, @r#"{last_beat="2026-11-22T03:20:00Z", missing_since="2026-11-22T03:21:30Z", summary="no heartbeat of a since 2026-11-22T03:20:00Z; one is due every 1m, 30s of grace"}"#);
}

#[test]
fn a_failure_is_told_of_at_once() {
    let mut scene =
        scene("{name: a, interval: 1d, labels: {severity: page}, description: The backup., armed: first_beat}");
    scene.until(60);
    tell(&mut scene, "a", HeartbeatSignal::Fail, " disk\nfull \n");
    scene.until(4000);
    assert_eq!(state(&scene, "a"), HeartbeatState::Failed);
    insta::assert_snapshot!(scene.sent[0].alerts[0].labels, @r#"{alertname="WatchbellHeartbeatMissing", heartbeat="a", severity="page"}"#);
    insta::assert_snapshot!(scene.sent[0].alerts[0].annotations, @r#"{description="The backup.", last_beat="never", message="disk full", missing_since="2026-11-22T03:01:00Z", summary="a reports a failure: disk full"}"#);
    beat(&mut scene, "a");
    scene.until(5000);
    insta::assert_snapshot!(scene.told(), @r#"
     1:00 chat [a|] first notification
    67:00 chat [|a] all alerts resolved
    "#);
    // Nobody is told of what is not configured.
    tell(&mut scene, "b", HeartbeatSignal::Fail, "");
    scene.until(6000);
    assert_eq!(scene.told(), "");
}

#[test]
fn time_in_which_nothing_ran_does_not_count() {
    let mut scene = scene(MINUTELY);
    beats(&mut scene, "a", 0, 5);
    // Nothing runs for an hour.
    scene.stand_still(3900);
    scene.restart();
    scene.until(3900 + 89);
    beat(&mut scene, "a");
    beats(&mut scene, "a", 67, 70);
    assert_eq!(scene.told(), "");
    // The machine sleeps for an hour.
    scene.stand_still(4200 + 3600);
    scene.handle(Input::Tick);
    scene.until(7800 + 89);
    assert_eq!(scene.told(), "");
    scene.until(8000);
    insta::assert_snapshot!(scene.told(), @"131:30 chat [a|] first notification");
}

#[test]
fn starting_again_and_again_hides_nothing() {
    let mut scene = scene("{name: a, interval: 1d, grace: 6h}");
    beat(&mut scene, "a");
    for hour in 1..=15 {
        scene.until(hour * 3 * 3600);
        scene.restart();
    }
    // Waited for during 36 hours in pieces; beats of the first tenth of a day need not have been written.
    insta::assert_snapshot!(scene.told(), @"2304:00 chat [a|] first notification");
}

#[test]
fn what_is_missing_stays_missing_over_a_restart() {
    let mut scene = scene(MINUTELY);
    beats(&mut scene, "a", 0, 2);
    scene.until(300);
    scene.dies_always = true;
    scene.restart();
    scene.until(2000);
    scene.stand_still(9000);
    scene.restart();
    scene.until(10_000);
    assert_eq!(state(&scene, "a"), HeartbeatState::Missing);
    beat(&mut scene, "a");
    scene.until(10_080);
    insta::assert_snapshot!(scene.told(), @r#"
      3:30 chat [a|] first notification
    167:30 chat [|a] all alerts resolved
    "#);
}

#[test]
fn other_settings_come_into_force() {
    let mut scene = scene(MINUTELY);
    beats(&mut scene, "a", 0, 2);
    scene.until(160);
    // More time than before counts at once, from the last beat on.
    scene.reload(&main("{name: a, interval: 10m, grace: 1m}"));
    scene.until(120 + 659);
    assert_eq!(scene.told(), "");
    // Less time counts from now on.
    scene.reload(&main(MINUTELY));
    scene.until(120 + 659 + 89);
    assert_eq!(scene.told(), "");
    scene.until(1000);
    insta::assert_snapshot!(scene.told(), @" 14:29 chat [a|] first notification");
    // Other labels make another alert.
    scene.reload(&main("{name: a, interval: 1m, labels: {severity: page}}"));
    scene.until(1100);
    insta::assert_snapshot!(scene.told(), @" 17:29 chat [a|a] new alerts in group");
    // Who is expected no more is not missing.
    scene.reload(&main("{name: b, interval: 1h}"));
    scene.until(1300);
    insta::assert_snapshot!(scene.told(), @" 18:29 chat [|a] all alerts resolved");
    scene.reload(ROUTES);
    scene.check_empty(std::time::Duration::from_secs(86_400));
}

#[test]
fn a_clock_that_goes_back_delays_no_alarm() {
    let mut scene = scene(MINUTELY);
    beats(&mut scene, "a", 100, 101);
    scene.stand_still(600);
    scene.handle(Input::Tick);
    scene.until(900);
    insta::assert_snapshot!(scene.told(), @r#"
      1:30 chat [a|] first notification
    100:30 chat [|a] all alerts resolved
     11:30 chat [a|] first notification
    "#);
}

#[test]
fn beats_cost_few_writes() {
    let mut scene = scene("{name: a, interval: 10m}, {name: b, interval: 1d}");
    let before = scene.heartbeats_written;
    for second in (0..3600).step_by(5) {
        scene.until(second);
        beat(&mut scene, "a");
        beat(&mut scene, "b");
    }
    // Once a minute that of `a`, once in 144 minutes that of `b`, and every 94 seconds that Watchbell runs.
    assert_eq!(scene.heartbeats_written - before, 60 + 1 + 38);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Who beats often enough is never missing, whenever Watchbell runs, if it runs for an interval at a time.
    #[test]
    fn who_beats_is_not_missing(
        runs in prop::collection::vec((61..400_i64, 0..900_i64), 1..8),
        every in 5..=60_i64,
        dies_always in any::<bool>(),
    ) {
        let mut scene = scene("{name: a, interval: 1m, grace: 20s}");
        scene.dies_always = dies_always;
        // Where it dies after everything it does, no run is as long as that: the waits before and after a sleep count together,
        // and are to stay below wait and grace, 100 seconds.
        let every = if dies_always { every.min(40) } else { every };
        let mut from = 0;
        for (awake, asleep) in runs {
            for at in (from..from + awake).filter(|at| at % every == 0) {
                scene.until(at);
                beat(&mut scene, "a");
            }
            scene.until(from + awake);
            from += awake + asleep;
            scene.stand_still(from);
            scene.restart();
        }
        prop_assert_eq!(scene.told(), "");
    }

    /// Who is silent is found out, however often Watchbell starts, by the time for which it ran.
    #[test]
    fn who_is_silent_is_missing(runs in prop::collection::vec((1..200_i64, 0..900_i64), 1..20), beats in 0..10_i64) {
        let mut scene = scene("{name: a, interval: 1m, grace: 30s}");
        for second in 0..beats {
            scene.until(second);
            beat(&mut scene, "a");
        }
        let (mut from, mut counted) = (beats, 0);
        for (awake, asleep) in runs {
            scene.until(from + awake);
            // It is noted every 11.25 seconds that Watchbell runs. One that was waited for a little less than its wait has all of it
            // again.
            counted += (awake - 12).max(0);
            if counted >= 2 * (60 + 30) + 6 {
                prop_assert_eq!(state(&scene, "a"), HeartbeatState::Missing);
            }
            from += awake + asleep;
            scene.stand_still(from);
            scene.restart();
        }
    }
}

/// The policy that a heartbeat names answers it without a route; with one to the same policy it is one incident.
#[test]
fn one_that_a_policy_answers_pages_once() {
    for receivers in ["[{name: chat, console_configs: [{}]}]", "[{name: chat, escalation: web}]"] {
        let mut scene = Scene::new(&format!(
            "
route: {{receiver: chat, group_by: [alertname, heartbeat], group_wait: 0s, group_interval: 1m, repeat_interval: 12h}}
receivers: {receivers}
users: [{{name: ada, time_zone: UTC, contacts: [{{name: desk, console_configs: [{{}}]}}]}}]
escalation_policies: [{{name: web, steps: [{{targets: ['user:ada']}}], fallback: ['user:ada']}}]
heartbeats: [{{name: a, interval: 1m, grace: 30s, escalation: web}}]
"
        ));
        scene.restart();
        scene.until(600);
        let told = scene.told();
        let pages: Vec<&str> = told.lines().filter(|line| line.contains("@ada/desk")).collect();
        assert_eq!(pages.len(), 1, "{receivers}: {told}");
        beat(&mut scene, "a");
        scene.until(660);
        let told = scene.told();
        let ends: Vec<&str> = told.lines().filter(|line| line.contains("@ada/desk")).collect();
        assert_eq!(ends.len(), 1, "{receivers}: {told}");
    }
}

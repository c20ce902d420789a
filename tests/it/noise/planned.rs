use watchbell::engine::Input;
use watchbell::model::{Matcher, Timestamp};
use watchbell::route::SilenceDraft;

use super::scene::Scene;
use super::story;

/// The stories begin at 03:00 UTC, 04:00 in Berlin, on a Sunday.
const MAIN: &str = "
route: {receiver: team, group_by: ['...'], group_wait: 0s, group_interval: 1m, repeat_interval: 4h}
receivers:
  - {name: team, console_configs: [{}]}
  - {name: hosts, console_configs: [{}]}
";

fn at(seconds: i64) -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-22T03:00:00Z").expect("valid") + std::time::Duration::from_secs(seconds as u64)
}

#[test]
fn what_is_planned_holds_alerts_back_and_its_end_is_news_at_once() {
    let main = format!(
        "{MAIN}
silences:
  - {{name: weekly, matchers: [host=a], cron: 5 4 * * 0, duration: 10m, location: Europe/Berlin, comment: backup}}
  - {{name: early, matchers: [host=b], time_intervals: [early]}}
maintenance:
  - {{name: rack, matchers: ['host=~\"c|d\"'], from: 2026-11-22T03:01:00Z, until: 2026-11-22T03:12:30Z}}
time_intervals:
  - {{name: early, time_intervals: [{{times: [{{start_time: '03:02', end_time: '03:10'}}]}}]}}
"
    );
    let told = story(&main, |scene| {
        scene.down(&["d"]);
        scene.until(310);
        scene.down(&["a", "b", "c"]);
        scene.until(400);
        scene.up(&["d"]);
        scene.until(2000);
    });
    insta::assert_snapshot!(told, @r###"
     0:00 team [d|] first notification
     7:00 team [|d] all alerts resolved
    10:00 team [b|] first notification
    12:30 team [c|] first notification
    15:00 team [a|] first notification
    "###);
}

#[test]
fn a_reload_may_take_a_plan_away() {
    let planned = format!("{MAIN}\nmaintenance: [{{name: m, matchers: [host=a], cron: '* * * * *', duration: 1h}}]\n");
    let told = story(&planned, |scene| {
        scene.down(&["a", "b"]);
        scene.until(300);
        scene.reload(MAIN);
        scene.until(400);
    });
    insta::assert_snapshot!(told, @r###"
    0:00 team [b|] first notification
    5:00 team [a|] first notification
    "###);
}

#[test]
fn reminded_of_a_silence_that_still_holds_alerts_back() {
    let main = format!("{MAIN}silence_reminder: {{before: 15m, receiver: hosts}}\n");
    let silence = |host: &str, until: i64, id: Option<&str>| {
        let draft = SilenceDraft {
            id: id.map(str::to_owned),
            matchers: vec![Matcher::equal("host", host)],
            starts_at: at(0),
            ends_at: at(until),
            created_by: "ann".to_owned(),
            comment: "disk swap".to_owned(),
        };
        Input::SetSilence { draft, new_id: format!("of-{host}") }
    };
    let told = story(&main, |scene| {
        scene.handle(silence("a", 3600, None));
        scene.handle(silence("b", 3600, None));
        // As short as the reminder is early.
        scene.handle(silence("c", 600, None));
        scene.down(&["a", "c"]);
        scene.until(2800);
        let reminder = scene.sent.iter().find(|sent| sent.receiver == "hosts").expect("reminded");
        assert_eq!(reminder.group_key, "silence/of-a");
        assert!(reminder.alerts[0].annotations.get("summary").contains("of-a of ann ends at 2026-11-22T04:00:00Z"));
        assert_eq!(reminder.alerts[0].annotations.get("comment"), "disk swap");
        scene.handle(silence("a", 7200, Some("of-a")));
        scene.until(8000);
    });
    insta::assert_snapshot!(told, @r###"
     10:00 team [c|] first notification
     45:00 hosts [|] a silence ends soon
    105:00 hosts [|] a silence ends soon
    120:00 team [a|] first notification
    "###);
}

#[test]
fn a_reminder_that_comes_later_after_a_reload_still_comes() {
    let main = |before: &str| format!("{MAIN}silence_reminder: {{before: {before}, receiver: hosts}}\n");
    let silence = |host: &str, from: i64, until: i64| {
        let draft = SilenceDraft {
            id: None,
            matchers: vec![Matcher::equal("host", host)],
            starts_at: at(from),
            ends_at: at(until),
            created_by: "ann".to_owned(),
            comment: "disk swap".to_owned(),
        };
        Input::SetSilence { draft, new_id: format!("of-{host}") }
    };
    let hour = 3600;
    story(&main("1d"), |scene| {
        scene.handle(silence("a", 0, 25 * hour));
        scene.down(&["a", "b"]);
        scene.until(2 * hour);
        let reminded = |scene: &Scene, of: &str| scene.sent.iter().filter(|sent| sent.group_key == of).count();
        assert_eq!(reminded(scene, "silence/of-a"), 1);
        scene.reload(&main("1h"));
        scene.handle(silence("b", 2 * hour, 10 * hour));
        scene.until(9 * hour + 60);
        assert_eq!(reminded(scene, "silence/of-b"), 1);
    });
}

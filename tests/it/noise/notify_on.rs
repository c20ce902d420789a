use super::story;

fn main(policy: &str) -> String {
    format!(
        "
route: {{receiver: team, group_by: [alertname], group_wait: 10s, group_interval: 5m, repeat_interval: 10m, {policy}}}
receivers:
  - {{name: team, console_configs: [{{}}]}}
"
    )
}

fn told(policy: &str) -> String {
    story(&main(policy), |scene| {
        scene.down(&["a", "b"]);
        scene.until(1300);
        scene.up(&["a"]);
        scene.until(2000);
        scene.down(&["a"]);
        scene.until(2600);
        scene.down(&["c"]);
        scene.until(3300);
        scene.up(&["a"]);
        scene.until(4000);
        scene.up(&["b", "c"]);
        scene.until(5000);
    })
}

#[test]
fn only_what_begins_and_the_end_of_all() {
    insta::assert_snapshot!(told("notify_on: new"), @r###"
     0:10 team [a b|] first notification
    10:10 team not told: already told, and notify_on wants no repeats
    15:10 team not told: already told, and notify_on wants no repeats
    20:10 team not told: already told, and notify_on wants no repeats
    25:10 team not told: only some alerts resolved, and notify_on waits for new ones or the end of all
    30:10 team not told: only some alerts resolved, and notify_on waits for new ones or the end of all
    35:10 team [a b|] new alerts in group
    45:10 team [a b c|] new alerts in group
    55:10 team not told: only some alerts resolved, and notify_on waits for new ones or the end of all
    60:10 team not told: only some alerts resolved, and notify_on waits for new ones or the end of all
    65:10 team not told: only some alerts resolved, and notify_on waits for new ones or the end of all
    70:10 team [|a b c] all alerts resolved
    "###);
}

#[test]
fn changes_and_no_repeats() {
    insta::assert_snapshot!(told("notify_on: changed"), @r###"
     0:10 team [a b|] first notification
    10:10 team not told: already told, and notify_on wants no repeats
    15:10 team not told: already told, and notify_on wants no repeats
    20:10 team not told: already told, and notify_on wants no repeats
    25:10 team [b|a] alerts resolved in group
    35:10 team [a b|] new alerts in group
    45:10 team [a b c|] new alerts in group
    55:10 team [b c|a] alerts resolved in group
    65:10 team not told: already told, and notify_on wants no repeats
    70:10 team [|b c] all alerts resolved
    "###);
}

#[test]
fn everything() {
    insta::assert_snapshot!(told("notify_on: all"), @r###"
     0:10 team [a b|] first notification
    10:10 team [a b|] repeat interval elapsed
    20:10 team [a b|] repeat interval elapsed
    25:10 team [b|a] alerts resolved in group
    35:10 team [a b|] new alerts in group
    45:10 team [a b c|] new alerts in group
    55:10 team [b c|a] alerts resolved in group
    65:10 team [b c|] repeat interval elapsed
    70:10 team [|b c] all alerts resolved
    "###);
}

#[test]
fn repeats_become_rarer_until_something_changes() {
    let policy = "repeat_backoff: {factor: 2, max: 30m}";
    let told = story(&main(policy), |scene| {
        scene.down(&["a"]);
        scene.until(8000);
        scene.down(&["b"]);
        scene.until(11_000);
    });
    insta::assert_snapshot!(told, @r###"
      0:10 team [a|] first notification
     10:10 team [a|] repeat interval elapsed
     30:10 team [a|] repeat interval elapsed
     60:10 team [a|] repeat interval elapsed
     90:10 team [a|] repeat interval elapsed
    120:10 team [a|] repeat interval elapsed
    135:10 team [a b|] new alerts in group
    145:10 team [a b|] repeat interval elapsed
    165:10 team [a b|] repeat interval elapsed
    "###);
}

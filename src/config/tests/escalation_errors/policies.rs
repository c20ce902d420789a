//! Escalation policies.

use super::{each, with};

#[test]
fn what_is_wrong_is_told() {
    insta::assert_snapshot!(each(&[
        ("escalation: web", "escalation: wbe"),
        ("escalation: web", "console_configs: [{}]"),
        ("name: room", "name: '@room'"),
        ("{name: room", "{name: room, fallback: pages"),
        ("  - name: web\n", "  - {name: web}\n  - name: web\n"),
        ("ack_timeout: 1h", "ack_timeout: 1h\n    ack_reminder: 1h"),
        ("ack_timeout: 1h", "ack_reminder: 1m"),
        ("ack_timeout: 1h", "repage: 0s\n    max_age: 400d\n    reopen_after: 1m"),
        ("ack_timeout: 1h", "repeat: {every: 1m}"),
        ("ack_timeout: 1h", "repeat: 1001"),
        ("ack_timeout: 1h", "correlate_by: [app, app, a-b]"),
        ("services: [{name: shop, depends_on: [db]}, {name: db}]\nescalation_policies:\n  - name: web", "escalation_policies:\n  - name: web\n    correlate_dependencies: true"),
        ("after: 5m", "after: 5m, when: office"),
        ("after: 5m", "after: 5m, repeat: 0"),
        ("    steps:\n      - {targets: ['schedule:primary']}\n      - {after: 5m, targets: ['team:web']}\n", "    steps: []\n"),
    ]), @r"
    warning[config/unused-policy]: nothing pages by the policy `web`
      --> watchbell.yml:14:5
       |
    14 |   - name: web
       |     ^^^^
       |
       = help: write `escalation: web` in a receiver or a heartbeat

    error[config/unknown-policy]: no escalation policy is named `wbe`
      --> watchbell.yml:21:39
       |
    21 | receivers: [{name: pages, escalation: wbe}, {name: room, console_configs: [{}]}]
       |                                       ^^^
       |
       = help: did you mean `web`?

    ---
    warning[config/unused-policy]: nothing pages by the policy `web`
      --> watchbell.yml:14:5
       |
    14 |   - name: web
       |     ^^^^
       |
       = help: write `escalation: web` in a receiver or a heartbeat

    ---
    error[config/unknown-receiver]: no receiver is named `room`
      --> watchbell.yml:18:16
       |
    18 |     fallback: ['channel:room']
       |                ^^^^^^^^^^^^^^
       |
       = help: did you mean `@room`?

    error[config/receiver-name]: names that begin with `@` stand for the contacts of users
      --> watchbell.yml:21:46
       |
    21 | receivers: [{name: pages, escalation: web}, {name: '@room', console_configs: [{}]}]
       |                                              ^^^^

    ---
    error[config/escalation-loop]: the fallback `pages` pages by the policy `web`
      --> watchbell.yml:21:68
       |
    21 | receivers: [{name: pages, escalation: web}, {name: room, fallback: pages, console_configs: [{}]}]
       |                                                                    ^^^^^
       |
       = help: name a receiver that is told directly

    ---
    error[yaml/missing-field]: an escalation policy needs the field `steps`
      --> watchbell.yml:14:5
       |
    14 |   - {name: web}
       |     ^

    error[yaml/missing-field]: an escalation policy needs the field `fallback`
      --> watchbell.yml:14:5
       |
    14 |   - {name: web}
       |     ^

    error[config/duplicate]: another escalation policy is named `web` too
      --> watchbell.yml:15:5
       |
    15 |   - name: web
       |     ^^^^

    ---
    error[config/ack-reminder]: the reminder 1h before the end would come before the beginning: `ack_timeout` is 1h
      --> watchbell.yml:20:5
       |
    20 |     ack_reminder: 1h
       |     ^^^^^^^^^^^^

    ---
    error[config/ack-reminder]: without an `ack_timeout` there is nothing to remind of
      --> watchbell.yml:19:5
       |
    19 |     ack_reminder: 1m
       |     ^^^^^^^^^^^^

    ---
    error[config/zero]: `repage` must be greater than zero
      --> watchbell.yml:19:5
       |
    19 |     repage: 0s
       |     ^^^^^^

    error[config/limit]: `max_age` may be 366 days at most
      --> watchbell.yml:20:5
       |
    20 |     max_age: 400d
       |     ^^^^^^^

    error[yaml/unknown-field]: unknown field `reopen_after` in an escalation policy
      --> watchbell.yml:21:5
       |
    21 |     reopen_after: **
       |     ^^^^^^^^^^^^
       |
       = help: known fields: name, steps, repeat, fallback, ack_timeout, ack_reminder, repage, max_age, reopen_within, correlate_by, correlate_dependencies

    ---
    error[yaml/missing-field]: `repeat` of a policy needs the field `times`
      --> watchbell.yml:19:13
       |
    19 |     repeat: {every: 1m}
       |             ^

    ---
    error[config/limit]: `repeat` of a policy may be from 0 to 1000 times
      --> watchbell.yml:19:13
       |
    19 |     repeat: 1001
       |             ^^^^

    ---
    error[config/duplicate]: `app` is given twice
      --> watchbell.yml:19:25
       |
    19 |     correlate_by: [app, app, a-b]
       |                         ^^^

    error[config/label-name]: `a-b` is no label name
      --> watchbell.yml:19:30
       |
    19 |     correlate_by: [app, app, a-b]
       |                              ^^^

    ---
    error[config/no-services]: there are no `services` whose dependencies could be looked at
      --> watchbell.yml:14:5
       |
    14 |     correlate_dependencies: true
       |     ^^^^^^^^^^^^^^^^^^^^^^

    ---
    error[config/unknown-time-interval]: no time interval is named `office`
      --> watchbell.yml:17:27
       |
    17 |       - {after: 5m, when: office, targets: ['team:web']}
       |                           ^^^^^^
       |
       = help: define it under `time_intervals`

    ---
    error[config/limit]: `repeat` of a step may be from 1 to 1000 times
      --> watchbell.yml:17:29
       |
    17 |       - {after: 5m, repeat: 0, targets: ['team:web']}
       |                             ^

    ---
    error[yaml/empty]: `steps` must not be empty
      --> watchbell.yml:15:5
       |
    15 |     steps: []
       |     ^^^^^
    ");
    let many = format!("steps:{}", "\n      - {targets: ['user:ada']}".repeat(100));
    insta::assert_snapshot!(with("steps:", &many).lines().take(2).collect::<Vec<_>>().join("\n"), @r"
    warning[config/same-targets]: this step pages nobody who was not paged by a step before
      --> watchbell.yml:17:9
    ");
}

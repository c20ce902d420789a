//! Noise control.

use std::time::Duration;

use super::*;
use crate::deliver::{DeliveryPolicy, Rate};
use crate::route::{NotifyOn, NotifyPolicy, RepeatBackoff};

#[test]
fn policies_of_routes_are_inherited() {
    let plan = plan(
        "
route:
  receiver: r
  repeat_interval: 1h
  notify_on: changed
  repeat_backoff: {factor: 1.5}
  routes:
    - {notify_on: new, repeat_backoff: {max: 2d}}
    - {repeat_interval: 2h}
receivers: [{name: r}]
",
    );
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let backoff = |factor, max| Some(RepeatBackoff { factor, max: hours(max) });
    let root = &plan.engine.route;
    for (found, on, expected) in [
        (root.notify, NotifyOn::Changed, backoff(1.5, 24)),
        (root.routes[0].notify, NotifyOn::New, backoff(2.0, 48)),
        (root.routes[1].notify, NotifyOn::Changed, backoff(1.5, 24)),
    ] {
        assert_eq!(found, NotifyPolicy { on, backoff: expected });
    }
}

#[test]
fn policies_of_receivers() {
    let plan = plan(
        "
route: {receiver: a}
receivers:
  - {name: a, fallback: b, throttle: {notifications: 5, within: 10m}, storm: {notifications: 20, within: 1m}}
  - {name: b, fallback: c, give_up_after: 1h}
  - {name: c}
",
    );
    let rate = |notifications, seconds| Some(Rate { notifications, within: Duration::from_secs(seconds) });
    let policies: Vec<_> = plan.engine.receivers.iter().map(|receiver| receiver.policy.clone()).collect();
    let expected = [
        DeliveryPolicy {
            fallback: Some("b".to_owned()),
            give_up_after: Duration::from_secs(900),
            throttle: rate(5, 600),
            storm: rate(20, 60),
        },
        DeliveryPolicy {
            fallback: Some("c".to_owned()),
            give_up_after: Duration::from_secs(3600),
            ..DeliveryPolicy::default()
        },
        DeliveryPolicy::default(),
    ];
    assert_eq!(policies, expected);
}

#[test]
fn what_cannot_be_is_refused() {
    insta::assert_snapshot!(main(
        "
route: {receiver: a, notify_on: everything, repeat_backoff: {factor: 0.5, max: 1h}}
receivers:
  - {name: a, fallback: b}
  - {name: b, fallback: a}
  - {name: c, fallback: c}
  - {name: d, fallback: a}
  - {name: e, fallback: dd}
  - {name: f, throttle: {notifications: 0, within: 1m}, storm: {within: 0s}}
"
    ), @r###"
    error[config/notify-on]: `everything` is none of `new`, `changed` and `all`
     --> watchbell.yml:2:22
      |
    2 | route: {receiver: a, notify_on: everything, repeat_backoff: {factor: 0.5, max: 1h}}
      |                      ^^^^^^^^^

    error[config/repeat-backoff]: the longest wait 1h is shorter than `repeat_interval` 4h
     --> watchbell.yml:2:45
      |
    2 | route: {receiver: a, notify_on: everything, repeat_backoff: {factor: 0.5, max: 1h}}
      |                                             ^^^^^^^^^^^^^^

    error[config/repeat-backoff]: `factor` must be a number from 1 to 100
     --> watchbell.yml:2:62
      |
    2 | route: {receiver: a, notify_on: everything, repeat_backoff: {factor: 0.5, max: 1h}}
      |                                                              ^^^^^^

    error[config/fallback-cycle]: the fallback leads back to `a`: a -> b -> a
     --> watchbell.yml:4:25
      |
    4 |   - {name: a, fallback: b}
      |                         ^
      |
      = help: the last receiver of a chain has no fallback

    error[config/fallback-cycle]: the fallback leads back to `b`: b -> a -> b
     --> watchbell.yml:5:25
      |
    5 |   - {name: b, fallback: a}
      |                         ^
      |
      = help: the last receiver of a chain has no fallback

    error[config/fallback-cycle]: the fallback leads back to `c`: c -> c
     --> watchbell.yml:6:25
      |
    6 |   - {name: c, fallback: c}
      |                         ^
      |
      = help: the last receiver of a chain has no fallback

    error[config/unknown-receiver]: no receiver is named `dd`
     --> watchbell.yml:8:25
      |
    8 |   - {name: e, fallback: dd}
      |                         ^^
      |
      = help: did you mean `d`?

    error[config/rate]: `notifications` must be from 1 to 1000
     --> watchbell.yml:9:26
      |
    9 |   - {name: f, throttle: {notifications: 0, within: 1m}, storm: {within: 0s}}
      |                          ^^^^^^^^^^^^^

    error[yaml/missing-field]: `storm` needs the field `notifications`
     --> watchbell.yml:9:64
      |
    9 |   - {name: f, throttle: {notifications: 0, within: 1m}, storm: {within: 0s}}
      |                                                                ^

    error[config/zero]: `within` must be greater than zero
     --> watchbell.yml:9:65
      |
    9 |   - {name: f, throttle: {notifications: 0, within: 1m}, storm: {within: 0s}}
      |                                                                 ^^^^^^
    "###);
}

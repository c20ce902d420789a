use proptest::prelude::*;

use super::*;
use crate::model::{Labels, Reason, TraceId};

fn notification(group: &str, receiver: &str) -> Notification {
    Notification {
        receiver: receiver.to_owned(),
        channel: "webhook".to_owned(),
        integration: 0,
        group_key: group.to_owned(),
        group_labels: Labels::default(),
        route_labels: Labels::default(),
        alerts: Vec::new(),
        truncated: 0,
        truncated_firing: 0,
        decided_at: Timestamp::default(),
        reason: Reason::FirstNotification,
        on_behalf: Default::default(),
        incident: None,
        trace: TraceId::NONE,
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn retry(after_s: Option<u64>) -> Outcome {
    Outcome::Retry { error: "not now".to_owned(), after: after_s.map(Duration::from_secs) }
}

fn taken(outbox: &mut Outbox, now: Timestamp) -> Vec<u64> {
    outbox.take_due(now).into_iter().map(|delivery| delivery.number).collect()
}

#[test]
fn a_lane_is_told_in_order() {
    let mut outbox = Outbox::default();
    for group in ["a", "a", "b"] {
        outbox.enqueue(at(0), notification(group, "r"));
    }
    assert_eq!(taken(&mut outbox, at(0)), [1, 3]);
    assert_eq!(taken(&mut outbox, at(0)), Vec::<u64>::new(), "under way");
    assert!(matches!(outbox.settle(at(1), 1, retry(None)), Settled::Retried(_)));
    assert_eq!(taken(&mut outbox, at(1)), Vec::<u64>::new(), "the second waits for the first");
    assert_eq!(taken(&mut outbox, at(2)), [1]);
    assert!(matches!(outbox.settle(at(3), 1, Outcome::Delivered), Settled::Delivered(_)));
    assert_eq!(taken(&mut outbox, at(3)), [2]);
    let refused = Outcome::Rejected { error: "no".to_owned() };
    assert!(matches!(outbox.settle(at(3), 2, refused), Settled::Abandoned(_)));
    assert_eq!(outbox.settle(at(3), 2, Outcome::Delivered), Settled::Unknown);
    assert_eq!(outbox.len(), 1);
}

#[test]
fn the_wait_grows_within_bounds_and_is_repeatable() {
    for number in [1, 2, 77, u64::MAX] {
        for attempts in [1, 2, 5, 12, 100, u32::MAX] {
            let wait = backoff(number, attempts);
            let full = (500.0 * 1.5_f64.powf(f64::from(attempts) - 1.0)).min(60_000.0);
            let range = (full * 0.5).floor()..=(full * 1.5).min(60_000.0).ceil();
            assert!(range.contains(&(wait.as_millis() as f64)), "{number} {attempts}: {wait:?}");
            assert_eq!(wait, backoff(number, attempts));
        }
    }
    assert_ne!(backoff(1, 3), backoff(2, 3), "deliveries do not retry in step");
}

#[test]
fn what_a_receiver_asks_holds_for_all_of_the_integration() {
    let mut outbox = Outbox::default();
    for (group, receiver) in [("a", "slow"), ("b", "slow"), ("a", "other")] {
        outbox.enqueue(at(0), notification(group, receiver));
    }
    assert_eq!(taken(&mut outbox, at(0)), [1, 2, 3]);
    outbox.settle(at(0), 1, retry(Some(120)));
    outbox.settle(at(0), 2, retry(None));
    outbox.settle(at(0), 3, retry(None));
    assert_eq!(taken(&mut outbox, at(60)), [3], "the other receiver did not ask");
    assert_eq!(outbox.next_due(), Some(at(120)));

    let mut restored = Outbox::default();
    outbox.iter().for_each(|delivery| restored.restore(delivery.clone()));
    assert_eq!(taken(&mut restored, at(119)), [3], "a restart does not forget it");
    assert_eq!(taken(&mut restored, at(120)), [2, 1]);

    restored.settle(at(120), 1, retry(Some(1_000_000)));
    restored.settle(at(120), 3, Outcome::Delivered);
    restored.settle(at(120), 2, Outcome::Delivered);
    assert_eq!(restored.next_due(), Some(at(120) + RETRY_AFTER_MAX), "nobody can ask for more than an hour");
}

#[test]
fn one_that_hangs_does_not_hold_up_others() {
    let mut outbox = Outbox::default();
    for number in 0..100 {
        outbox.enqueue(at(0), notification(&format!("g{number}"), "hangs"));
    }
    outbox.enqueue(at(0), notification("g", "works"));
    assert_eq!(taken(&mut outbox, at(0)), [1, 2, 3, 4, 101]);
    assert_eq!(outbox.next_due(), None, "until one of them ends");
    outbox.settle(at(9), 101, Outcome::Delivered);
    assert_eq!(outbox.next_due(), None);
    outbox.settle(at(9), 2, Outcome::Delivered);
    assert_eq!(outbox.next_due(), Some(at(0)));
    for number in 0..100 {
        outbox.enqueue(at(0), notification("g", &format!("r{number}")));
    }
    assert_eq!(taken(&mut outbox, at(9)).len() + 3, UNDER_WAY_MAX);
    assert_eq!(outbox.next_due(), None);
}

#[test]
fn what_waits_behind_one_that_hangs_costs_nothing() {
    let mut outbox = Outbox::default();
    for number in 0..20_000 {
        outbox.enqueue(at(0), notification(&format!("g{number}"), "hangs"));
    }
    assert_eq!(taken(&mut outbox, at(0)).len(), UNDER_WAY_PER_INTEGRATION_MAX);
    for second in 1..20_000 {
        let number = outbox.enqueue(at(second), notification("g", "works")).number;
        assert_eq!(outbox.next_due(), Some(at(second)));
        assert_eq!(taken(&mut outbox, at(second)), [number]);
        outbox.settle(at(second), number, Outcome::Delivered);
    }
    assert_eq!(outbox.queues.len(), 1, "an integration with nothing on its way is forgotten");
}

#[test]
fn after_a_day_it_is_given_up() {
    let mut outbox = Outbox::default();
    outbox.enqueue(at(0), notification("a", "r"));
    let day = GIVE_UP_AFTER.as_secs() as i64;
    let mut now = at(0);
    let mut attempts = 0;
    loop {
        assert_eq!(taken(&mut outbox, now), [1]);
        attempts += 1;
        match outbox.settle(now, 1, retry(Some(3600))) {
            Settled::Retried(delivery) => now = delivery.next_attempt_at,
            settled => break assert!(matches!(settled, Settled::Abandoned(_)), "{settled:?}"),
        }
    }
    assert_eq!((now, attempts), (at(day), 25));
    assert!(outbox.is_empty());
}

#[test]
fn a_restart_sends_again_under_the_same_key_and_never_reuses_a_number() {
    let mut outbox = Outbox::default();
    let written = [1, 2, 3].map(|_| outbox.enqueue(at(0), notification("a", "r")));
    assert_ne!(written[0].key, written[1].key);
    outbox.take_due(at(0));
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut restored = Outbox::default();
        order.iter().for_each(|index| restored.restore(written[*index].clone()));
        assert_eq!(restored.take_due(at(0)), [written[0].clone()], "{order:?}");
        assert_eq!(restored.enqueue(at(0), notification("a", "r")).number, 4);
    }
    let mut emptied = Outbox::default();
    emptied.restore_last_number(3);
    assert_eq!(emptied.enqueue(at(0), notification("a", "r")).number, 4);
}

#[derive(Clone, Debug)]
enum Step {
    Enqueue(u8, u8),
    Wait(u16),
    Take,
    Settle(prop::sample::Index, u8),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..4_u8, 0..3_u8).prop_map(|(group, receiver)| Step::Enqueue(group, receiver)),
        (0..200_u16).prop_map(Step::Wait),
        Just(Step::Take),
        (any::<prop::sample::Index>(), 0..8_u8).prop_map(|(index, outcome)| Step::Settle(index, outcome)),
        Just(Step::Restart),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn nothing_is_lost_doubled_or_stalled(steps in steps()) {
        let mut outbox = Outbox::default();
        let mut now = at(0);
        let mut open: BTreeMap<u64, Lane> = BTreeMap::new();
        let mut under_way: BTreeSet<u64> = BTreeSet::new();
        for step in steps {
            match step {
                Step::Enqueue(group, receiver) => {
                    let notification = notification(&group.to_string(), &receiver.to_string());
                    let key = lane(&notification);
                    let number = outbox.enqueue(now, notification).number;
                    prop_assert!(open.insert(number, key).is_none());
                }
                Step::Wait(seconds) => now = now + Duration::from_secs(seconds.into()),
                Step::Take => {
                    let due = outbox.next_due();
                    let taken = outbox.take_due(now);
                    prop_assert_eq!(due.is_some_and(|due| due <= now), !taken.is_empty(), "{:?} {:?}", due, taken);
                    for delivery in taken {
                        let key = lane(&delivery.notification);
                        let first = open.iter().find(|(_, lane)| **lane == key).map(|(number, _)| *number);
                        prop_assert_eq!(first, Some(delivery.number));
                        prop_assert!(under_way.insert(delivery.number));
                    }
                }
                Step::Settle(index, outcome) if !under_way.is_empty() => {
                    let number = *index.get(&under_way.iter().copied().collect::<Vec<_>>());
                    under_way.remove(&number);
                    let outcome = match outcome {
                        0..3 => Outcome::Delivered,
                        3 => Outcome::Rejected { error: String::new() },
                        4 => retry(Some(300)),
                        _ => retry(None),
                    };
                    match outbox.settle(now, number, outcome) {
                        Settled::Delivered(_) | Settled::Abandoned(_) => drop(open.remove(&number)),
                        Settled::Retried(_) => {}
                        Settled::Unknown => prop_assert!(false, "{} is known", number),
                    }
                }
                Step::Settle(..) => {}
                Step::Restart => {
                    let mut restored = Outbox::default();
                    restored.restore_last_number(outbox.last_number());
                    outbox.iter().for_each(|delivery| restored.restore(delivery.clone()));
                    outbox = restored;
                    under_way.clear();
                }
            }
            prop_assert!(outbox.iter().map(|delivery| delivery.number).eq(open.keys().copied()));
            prop_assert!(!under_way.is_empty() || open.is_empty() || outbox.next_due().is_some(), "stalled");
        }
    }
}

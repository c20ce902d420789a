use super::*;
use crate::model::{Matcher, Reason, TraceId};
use crate::route::{CalendarSpan, GroupBy, SilenceDraft, TimeRange, Verdict, WAITING_MAX, Withheld};

fn route(receiver: &str, group_by: GroupBy, matchers: &[(&str, &str)], routes: Vec<Route>) -> Route {
    Route {
        receiver: receiver.to_owned(),
        group_by,
        matchers: matchers.iter().map(|(name, value)| Matcher::equal(*name, *value)).collect(),
        continues: true,
        group_wait: Duration::from_secs(30),
        group_interval: Duration::from_secs(300),
        repeat_interval: Duration::from_secs(3600),
        notify: crate::route::NotifyPolicy::default(),
        mute_intervals: Vec::new(),
        active_intervals: Vec::new(),
        labels: Labels::default(),
        routes,
    }
}

fn by_name() -> GroupBy {
    GroupBy::Labels(vec!["alertname".to_owned()])
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// Groups with a clock, where every notification is delivered unless it is held back.
struct World {
    groups: Groups,
    tree: RouteTree,
    holds_back: bool,
    number: u64,
    waiting: Vec<(String, Target, u64)>,
}

impl World {
    fn new(root: Route) -> World {
        let tree = RouteTree::new(&root);
        World { groups: Groups::default(), tree, holds_back: false, number: 0, waiting: Vec::new() }
    }

    fn alert(&mut self, now: i64, host: &str, starts: i64, ends: Option<i64>) {
        let labels = Labels::from_pairs([("alertname", "A"), ("host", host)]);
        let alert = Alert {
            labels,
            annotations: Labels::default(),
            starts_at: at(starts),
            ends_at: ends.map(at),
            updated_at: at(now),
            generator_url: "".into(),
            trace: TraceId::NONE,
        };
        self.groups.upsert(&self.tree, at(now), alert);
    }

    /// Silences `host` for a time.
    fn silence(&mut self, now: i64, host: &str, until: i64) {
        let draft = SilenceDraft {
            id: None,
            matchers: vec![Matcher::equal("host", host)],
            starts_at: at(now),
            ends_at: at(until),
            created_by: String::new(),
            comment: String::new(),
        };
        let change = self.groups.silences().plan(at(now), &draft, &format!("of-{host}-{now}")).expect("valid");
        self.groups.put_silence(change.silence);
        self.groups.recheck(&self.tree, at(now));
    }

    /// What is sent and withheld at `now`: `receiver: reason firing hosts / resolved hosts`.
    fn flush(&mut self, now: i64) -> Vec<String> {
        self.groups.recheck(&self.tree, at(now));
        let flushed = self.groups.flush_due(&self.tree, at(now), &integrations);
        let mut told = Vec::new();
        for Flushed { key, decisions, .. } in flushed {
            for decision in decisions {
                told.push(line(&decision, at(now)));
                if let Verdict::Send(_) = decision.verdict {
                    self.number += 1;
                    self.groups.note_waiting(&key, &decision.target, self.number, decision.told);
                    self.waiting.push((key.clone(), decision.target, self.number));
                }
            }
            if !self.holds_back {
                self.settle(now, true);
            }
            self.forget(now, &key);
        }
        told
    }

    fn settle(&mut self, now: i64, delivered: bool) {
        for (key, target, number) in std::mem::take(&mut self.waiting) {
            self.groups.note_settled(&key, &target, number, delivered);
            self.forget(now, &key);
        }
    }

    fn forget(&mut self, now: i64, key: &str) {
        let forgotten = self.groups.forget(at(now), key, &integrations);
        self.groups.forget_alerts(&self.tree, at(now), forgotten.alerts);
    }

    fn reroute(&mut self, now: i64, root: Route) {
        self.tree = RouteTree::new(&root);
        self.groups.reroute(&self.tree, at(now));
    }

    fn is_empty(&self) -> bool {
        self.groups.iter().count() == 0 && self.groups.alerts().count() == 0 && self.groups.next_due().is_none()
    }
}

fn integrations(receiver: &str) -> Vec<Integrated> {
    let of = |send_resolved| vec![Integrated { number: 0, send_resolved }];
    match receiver {
        "gone" => Vec::new(),
        "quiet" => of(false),
        _ => of(true),
    }
}

fn line(decision: &Decision, now: Timestamp) -> String {
    let hosts = |status| {
        let alerts = decision.alerts.iter().filter(|alert| alert.status(now) == status);
        alerts.map(|alert| alert.labels.get("host")).collect::<Vec<_>>().join("")
    };
    let receiver = &decision.target.0;
    match decision.verdict {
        Verdict::Send(reason) => {
            let (firing, resolved) = (hosts(AlertStatus::Firing), hosts(AlertStatus::Resolved));
            format!("{receiver}: {reason:?} {firing}/{resolved}")
        }
        Verdict::Withhold(reason) => format!("{receiver}: {reason:?}"),
    }
}

#[test]
fn waits_then_tells_changes_at_the_interval_then_repeats() {
    let mut world = World::new(route("r", by_name(), &[], vec![]));
    world.alert(0, "a", 0, None);
    assert_eq!(world.groups.next_due(), Some(at(30)));
    world.alert(20, "b", 20, None);
    assert_eq!(world.flush(29), [""; 0]);
    assert_eq!(world.flush(30), ["r: FirstNotification ab/"]);
    world.alert(40, "c", 40, None);
    assert_eq!(world.flush(330), ["r: NewAlerts abc/"]);
    world.alert(400, "b", 20, Some(400));
    assert_eq!(world.flush(630), ["r: SomeResolved ac/b"]);
    assert_eq!(world.flush(930), ["r: AlreadyTold"]);
    for now in (1230..4230).step_by(300) {
        assert_eq!(world.flush(now), ["r: AlreadyTold"], "{now}");
    }
    assert_eq!(world.flush(4230), ["r: RepeatInterval ac/"]);
    world.alert(4300, "a", 0, Some(4300));
    world.alert(4300, "c", 40, Some(4300));
    assert_eq!(world.flush(4530), ["r: AllResolved /ac"]);
    assert!(world.is_empty());
}

#[test]
fn an_alert_older_than_the_wait_is_told_at_once() {
    let mut world = World::new(route("r", by_name(), &[], vec![]));
    world.alert(100, "a", 50, None);
    assert_eq!(world.flush(100), ["r: FirstNotification a/"]);
    assert_eq!(world.groups.next_due(), Some(at(400)));
    assert_eq!(world.flush(10_000), ["r: RepeatInterval a/"], "flushes that were missed are one");
    assert_eq!(world.groups.next_due(), Some(at(10_300)));
}

#[test]
fn every_label_makes_a_group_and_routes_that_continue_have_their_own() {
    let below = vec![route("x", GroupBy::All, &[], vec![]), route("y", GroupBy::Labels(vec![]), &[], vec![])];
    let mut world = World::new(route("r", by_name(), &[], below));
    world.alert(0, "a", 0, None);
    world.alert(0, "b", 0, None);
    let mut told = world.flush(30);
    told.sort();
    assert_eq!(told, ["x: FirstNotification a/", "x: FirstNotification b/", "y: FirstNotification ab/"]);
}

#[test]
fn what_ends_untold_is_never_told() {
    let mut world = World::new(route("r", by_name(), &[], vec![]));
    world.alert(0, "a", 0, None);
    world.alert(10, "a", 0, Some(10));
    assert_eq!(world.flush(30), ["r: NothingToTell"]);
    assert!(world.is_empty());
    world.alert(50, "a", 50, None);
    assert_eq!(world.flush(80), ["r: FirstNotification a/"]);
    world.alert(90, "b", 90, None);
    world.alert(95, "b", 90, Some(95));
    assert_eq!(world.flush(380), ["r: AlreadyTold"]);
}

#[test]
fn an_alert_that_fires_again_before_the_look_is_no_news() {
    let mut world = World::new(route("r", by_name(), &[], vec![]));
    world.alert(0, "a", 0, None);
    world.flush(30);
    world.alert(40, "a", 0, Some(40));
    world.alert(50, "a", 50, None);
    assert_eq!(world.flush(330), ["r: AlreadyTold"]);
    world.alert(340, "a", 50, Some(340));
    assert_eq!(world.flush(630), ["r: AllResolved /a"]);
    assert!(world.is_empty());
}

#[test]
fn a_receiver_that_wants_no_ends_hears_of_what_fires_again() {
    let mut world = World::new(route("quiet", by_name(), &[], vec![]));
    world.alert(0, "a", 0, None);
    world.alert(0, "b", 0, None);
    assert_eq!(world.flush(30), ["quiet: FirstNotification ab/"]);
    world.alert(40, "a", 0, Some(40));
    assert_eq!(world.flush(330), ["quiet: AlreadyTold"]);
    world.alert(340, "a", 340, None);
    assert_eq!(world.flush(630), ["quiet: NewAlerts ab/"]);
    world.alert(640, "a", 340, Some(640));
    world.alert(640, "b", 0, Some(640));
    assert_eq!(world.flush(930), ["quiet: ResolvedNotWanted"]);
    assert!(world.is_empty());
}

#[test]
fn a_full_lane_catches_up_in_one() {
    let mut world = World::new(route("r", by_name(), &[], vec![]));
    world.holds_back = true;
    let hosts = ["a", "b", "c", "d", "e", "f"];
    let mut told = Vec::new();
    for (index, host) in (0_i64..).zip(hosts) {
        world.alert(index * 300, host, index * 300, None);
        told.extend(world.flush(30 + index * 300));
    }
    assert_eq!(told[WAITING_MAX - 1], "r: NewAlerts abcd/");
    assert_eq!(told[WAITING_MAX..], ["r: Waiting", "r: Waiting"]);
    world.settle(1600, true);
    assert_eq!(world.flush(1830), ["r: NewAlerts abcdef/"]);
    assert_eq!(world.flush(10_000), ["r: Waiting"], "no repeat while one is on its way");
}

#[test]
fn what_could_not_be_delivered_is_told_again() {
    let mut world = World::new(route("r", by_name(), &[], vec![]));
    world.holds_back = true;
    world.alert(0, "a", 0, None);
    assert_eq!(world.flush(30), ["r: FirstNotification a/"]);
    world.settle(40, false);
    assert_eq!(world.flush(330), ["r: FirstNotification a/"]);
    world.settle(340, true);
    world.alert(350, "a", 0, Some(350));
    for now in [630, 930] {
        assert_eq!(world.flush(now), ["r: AllResolved /a"]);
        world.settle(now, false);
    }
    assert_eq!(world.flush(630 + 86_400), ["r: AllResolved /a"], "for a day");
    world.settle(630 + 86_400, false);
    assert!(world.is_empty());
}

#[test]
fn a_reload_keeps_timers_and_what_was_told() {
    let mut world = World::new(route("r", by_name(), &[], vec![]));
    world.alert(0, "a", 0, None);
    world.flush(30);
    let before: Vec<Group> = world.groups.iter().cloned().collect();
    world.reroute(100, route("r", by_name(), &[], vec![]));
    let after: Vec<Group> = world.groups.iter().cloned().collect();
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    assert_eq!(world.flush(330), ["r: AlreadyTold"]);
}

#[test]
fn who_was_told_hears_the_end_wherever_the_alert_is_routed_by_then() {
    let flat = || route("old", by_name(), &[], vec![]);
    let moved = || route("old", by_name(), &[], vec![route("new", by_name(), &[("host", "a")], vec![])]);
    let renamed = || route("new", by_name(), &[], vec![]);
    let gone = || route("gone", by_name(), &[], vec![]);

    // The alert moves to another route: the old group is an orphan.
    let mut world = World::new(flat());
    world.alert(0, "a", 0, None);
    world.flush(30);
    world.reroute(100, moved());
    assert!(world.groups.iter().any(Group::is_orphan));
    assert_eq!(world.flush(100), ["new: FirstNotification a/"]);
    assert_eq!(world.flush(330), ["old: AlreadyTold"]);
    world.alert(340, "a", 0, Some(340));
    assert_eq!(world.flush(700), ["new: AllResolved /a", "old: AllResolved /a"]);
    assert!(world.is_empty());

    // It moves while others stay: the group goes on and knows of it.
    let mut world = World::new(flat());
    world.alert(0, "a", 0, None);
    world.alert(0, "b", 0, None);
    world.flush(30);
    world.reroute(100, moved());
    world.flush(330);
    world.alert(340, "a", 0, Some(340));
    assert_eq!(world.flush(700), ["new: AllResolved /a", "old: SomeResolved b/a"]);

    // The route's receiver changes: the former one hears the end and nothing new.
    let mut world = World::new(flat());
    world.alert(0, "a", 0, None);
    world.flush(30);
    world.reroute(100, renamed());
    world.alert(110, "b", 110, None);
    assert_eq!(world.flush(330), ["new: FirstNotification ab/", "old: AlreadyTold"]);
    world.alert(340, "a", 0, Some(340));
    assert_eq!(world.flush(630), ["new: SomeResolved b/a", "old: AllResolved /a"]);
    world.alert(640, "b", 110, Some(640));
    assert_eq!(world.flush(930), ["new: AllResolved /b", "old: NothingToTell"]);
    assert!(world.is_empty());

    // Nobody is left to be told.
    let mut world = World::new(flat());
    world.alert(0, "a", 0, None);
    world.flush(30);
    world.reroute(100, gone());
    world.alert(110, "a", 0, Some(110));
    assert_eq!(world.flush(330), ["old: AllResolved /a"]);
    assert!(world.is_empty());
}

#[test]
fn verdicts_of_the_first_look() {
    for (holds, expected) in
        [(true, Verdict::Send(Reason::FirstNotification)), (false, Verdict::Withhold(Withheld::NothingToTell))]
    {
        let mut world = World::new(route("r", by_name(), &[], vec![]));
        world.alert(0, "a", 0, None);
        world.alert(1, "a", 0, (!holds).then_some(1));
        let flushed = world.groups.flush_due(&world.tree, at(30), &integrations);
        assert_eq!(flushed[0].decisions[0].verdict, expected);
    }
}

#[test]
fn the_end_of_a_silence_is_news_at_once() {
    let mut world = World::new(route("r", by_name(), &[], vec![]));
    world.alert(0, "a", 0, None);
    world.alert(0, "b", 0, None);
    assert_eq!(world.flush(30), ["r: FirstNotification ab/"]);
    world.silence(40, "a", 1000);
    assert_eq!(world.flush(330), ["r: AlreadyTold"]);
    world.alert(340, "c", 340, None);
    assert_eq!(world.flush(630), ["r: NewAlerts bc/"]);
    assert_eq!(world.flush(930), ["r: AlreadyTold"]);
    assert_eq!(world.groups.next_due(), Some(at(1000)));
    assert_eq!(world.flush(1000), ["r: NewAlerts abc/"]);
    assert_eq!(world.groups.next_due(), Some(at(1300)));

    // Ended early.
    world.silence(1010, "a", 9000);
    assert_eq!(world.flush(1300), ["r: AlreadyTold"]);
    let ended = world.groups.silences().ended(at(1310), "of-a-1010").expect("active");
    world.groups.put_silence(ended);
    assert_eq!(world.flush(1310), ["r: NewAlerts abc/"]);

    // An alert that nobody was told of.
    let mut world = World::new(route("r", by_name(), &[], vec![]));
    world.silence(0, "a", 100);
    world.alert(1, "a", 1, None);
    assert_eq!(world.flush(31), ["r: Suppressed"]);
    assert_eq!(world.flush(100), ["r: FirstNotification a/"]);

    // Too short to be noticed: no news.
    world.silence(110, "a", 120);
    assert_eq!(world.flush(120), [""; 0]);
    assert_eq!(world.flush(400), ["r: AlreadyTold"]);
}

#[test]
fn who_was_told_hears_the_end_of_what_is_silenced_meanwhile() {
    for (receiver, ends) in [
        ("r", ["r: AllResolved /a", "r: SomeResolved /b"]),
        ("quiet", ["quiet: ResolvedNotWanted", "quiet: ResolvedNotWanted"]),
    ] {
        let mut world = World::new(route(receiver, by_name(), &[], vec![]));
        world.alert(0, "a", 0, None);
        world.flush(30);
        world.silence(40, "a", 100_000);
        assert_eq!(world.flush(330), [format!("{receiver}: Suppressed")]);
        world.alert(340, "a", 0, Some(340));
        assert_eq!(world.flush(630), [ends[0]]);

        // Another one ends while one is silenced.
        let mut world = World::new(route(receiver, by_name(), &[], vec![]));
        world.alert(0, "a", 0, None);
        world.alert(0, "b", 0, None);
        world.flush(30);
        world.silence(40, "a", 2000);
        world.alert(340, "b", 0, Some(340));
        assert_eq!(world.flush(330 + 30), [ends[1]]);
        assert_eq!(world.flush(2000), [format!("{receiver}: NewAlerts a/")]);
        world.alert(2010, "a", 0, Some(2010));
        assert_eq!(world.flush(2300), [ends[0]]);
    }
}

#[test]
fn a_former_receiver_is_not_told_of_what_is_suppressed_no_more() {
    let mut world = World::new(route("old", by_name(), &[], vec![]));
    world.alert(0, "a", 0, None);
    world.flush(30);
    world.silence(40, "a", 500);
    world.reroute(100, route("new", by_name(), &[], vec![]));
    assert_eq!(world.flush(330), ["new: Suppressed", "old: Suppressed"]);
    assert_eq!(world.flush(500), ["new: FirstNotification a/", "old: Suppressed"]);
    world.alert(510, "a", 0, Some(510));
    assert_eq!(world.flush(800), ["new: AllResolved /a", "old: AllResolved /a"]);
}

#[test]
fn inhibited_until_all_sources_ended() {
    let rule = InhibitRule {
        name: "by-b".to_owned(),
        source: vec![Matcher::new("host", crate::model::MatchOp::Regex, "b|c").expect("valid")],
        target: vec![Matcher::equal("host", "a")],
        equal: vec!["alertname".to_owned()],
    };
    let mut world = World::new(route("r", GroupBy::All, &[], vec![]));
    world.groups.set_muting(&[rule], &[], at(0));
    world.alert(0, "a", 0, None);
    assert_eq!(world.flush(30), ["r: FirstNotification a/"]);
    world.alert(40, "b", 40, None);
    world.alert(40, "c", 40, None);
    assert_eq!(world.flush(70), ["r: FirstNotification b/", "r: FirstNotification c/"]);
    assert_eq!(world.flush(330), ["r: Suppressed"]);
    world.alert(340, "b", 40, Some(340));
    assert_eq!(world.flush(380), ["r: AllResolved /b", "r: AlreadyTold"]);
    assert_eq!(world.groups.next_due(), Some(at(630)));
    world.alert(390, "c", 40, Some(390));
    assert_eq!(world.flush(400), [""; 0], "what was covered may end with its cover");
    assert_eq!(world.flush(430), ["r: NewAlerts a/"]);
}

#[test]
fn times_at_which_a_route_tells_nothing() {
    // Minutes 10 to 20 of each day.
    let times = vec![TimeRange { start: 10, end: 20 }];
    let interval =
        TimeInterval { name: "t".to_owned(), items: vec![CalendarSpan { times, ..CalendarSpan::default() }] };
    for (muted, seconds) in [(true, 610), (false, 10)] {
        let mut root = route("r", by_name(), &[], vec![]);
        let names = if muted { &mut root.mute_intervals } else { &mut root.active_intervals };
        names.push("t".to_owned());
        let mut world = World::new(root);
        world.groups.set_muting(&[], std::slice::from_ref(&interval), at(0));
        world.alert(seconds, "a", seconds, None);
        assert_eq!(world.flush(seconds + 30), ["r: Suppressed"]);
        let end = if muted { 1200 } else { 600 };
        for now in (seconds + 40..end).step_by(10) {
            assert!(world.flush(now).iter().all(|line| line == "r: Suppressed"), "{now}");
        }
        assert_eq!(world.flush(end), ["r: FirstNotification a/"]);
    }
}

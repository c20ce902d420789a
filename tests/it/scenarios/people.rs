//! What people do about incidents and schedules.

use watchbell::engine::Input;
use watchbell::model::parse_duration;
use watchbell::oncall::{Override, OverrideChange};
use watchbell::sim::parse_answer;

use super::world::World;

impl World {
    pub(super) fn perform_for_people(&mut self, action: &str, words: &[&str], line: &str) {
        let name = |user: &str| user.to_owned();
        match words {
            ["incident", number, rest @ ..] => self.check_incident(number.parse().expect(line), rest, line),
            ["absent", user, "for", duration] => {
                self.set_override(None, OverrideChange::Absent { user: name(user) }, duration, line);
            }
            ["override", schedule, change @ .., "for", duration] => {
                let change = match change {
                    [user, "too"] => OverrideChange::Add { user: name(user) },
                    ["without", user] => OverrideChange::Remove { user: name(user) },
                    [by, "instead", "of", user] => OverrideChange::Replace { user: name(user), by: name(by) },
                    _ => panic!("{line}: no such override"),
                };
                self.set_override(Some(name(schedule)), change, duration, line);
            }
            _ => self.answer(action, line),
        }
    }

    fn set_override(&mut self, schedule: Option<String>, change: OverrideChange, duration: &str, line: &str) {
        let exception = Override {
            id: line.to_owned(),
            schedule,
            from: self.now,
            until: self.now + parse_duration(duration).expect(line),
            change,
            created_by: "crew".to_owned(),
            comment: String::new(),
        };
        self.engine.plan_overrides(self.now, std::slice::from_ref(&exception)).expect(line);
        self.handle(Input::SetOverrides(vec![exception]));
    }

    /// `ack 1 by ben via link`, or with ` is refused: WHY` behind it.
    fn answer(&mut self, action: &str, line: &str) {
        let (action, expected) = match action.split_once(" is refused: ") {
            Some((action, why)) => (action, Some(why.to_owned())),
            None => (action, None),
        };
        let answer = parse_answer(action, self.now).unwrap_or_else(|error| panic!("{line}: {error}"));
        let refused = self.engine.plan_answer(self.now, &answer).err().map(|error| error.to_string());
        if refused != expected {
            self.told.push(format!("{line}: {}", refused.unwrap_or_else(|| "it is taken".to_owned())));
        }
        self.handle(Input::Answer(Box::new(answer)));
    }

    /// `incident 1 is open`, `incident 1 is about WHAT[, with SYMPTOM, ...]`, `incident 1 has priority SUM`
    fn check_incident(&mut self, number: u64, words: &[&str], line: &str) {
        let plan = &self.engine.plan().escalation;
        let incident = self.engine.incidents().get(number);
        let expected = words.join(" ");
        let found = incident.map_or("is unknown".to_owned(), |incident| match words {
            ["is", "about", ..] => {
                let symptoms = incident.symptoms(self.now, plan, 5);
                let with = if symptoms.is_empty() { "" } else { ", with " };
                format!("is about {}{with}{}", incident.title(self.now, plan), symptoms.join(", "))
            }
            ["has", "priority", ..] => format!("has priority {}", incident.priority(self.now, plan)),
            _ => format!("is {}", incident.state.name()),
        });
        if found != expected {
            self.told.push(format!("{line}: it {found}"));
        }
    }
}

//! Scenarios on the simulated clock: alerts that come in, what people do meanwhile, and who is told what when. They stand in
//! `tests/scenarios/*.txt` and, with incidents, in `fixtures/scenarios/*.txt`, in the form that `tests/scenarios/README.md`
//! explains.

mod people;
mod words;
mod world;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use watchbell::config::{self, MemoryFiles};
use watchbell::engine::Plan;
use watchbell::model::{Timestamp, parse_duration};

use world::{Deaths, World};

/// The scenarios of alerts and receivers.
const SCENARIOS: &str = "tests/scenarios";
/// The stories of incidents and people.
const STORIES: &str = "fixtures/scenarios";

#[test]
fn scenarios_go_as_they_are_told() {
    assert!(go_as_told(SCENARIOS, Deaths::None) > 30);
}

#[test]
fn stories_go_as_they_are_told() {
    assert!(go_as_told(STORIES, Deaths::None) > 0);
}

#[test]
fn stories_go_the_same_when_the_process_ends_after_every_input() {
    go_as_told(STORIES, Deaths::AfterEveryInput);
}

#[test]
fn stories_go_the_same_when_the_process_is_killed_before_everything_it_sends() {
    go_as_told(STORIES, Deaths::BeforeEverySend);
}

#[test]
fn stories_go_the_same_when_the_process_is_killed_after_everything_it_sends() {
    go_as_told(STORIES, Deaths::AfterEverySend);
}

/// Plays every scenario in the files of `folder`; their number.
fn go_as_told(folder: &str, deaths: Deaths) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "txt")).collect();
    files.sort();
    let people = fs::read_to_string(folder.join("people.yml")).unwrap_or_default();
    let (mut failed, mut count) = (Vec::new(), 0);
    for file in files {
        let text = fs::read_to_string(&file).expect("a file of scenarios");
        let mut parts = text.split("\n### ");
        let configs = configurations(parts.next().unwrap_or_default(), &people);
        for part in parts {
            let (name, script) = part.split_once('\n').unwrap_or((part, ""));
            let (expected, told) = play(&configs, script, deaths);
            if expected != told {
                let file = file.file_name().unwrap_or_default().display();
                failed.push(format!("{file}: {name}\n{}", difference(&expected, &told)));
            }
            count += 1;
        }
    }
    assert!(failed.is_empty(), "{} scenarios went otherwise ({deaths:?})\n\n{}", failed.len(), failed.join("\n"));
    count
}

/// What is told, from the first line that was not expected, after two that were.
fn difference(expected: &[String], told: &[String]) -> String {
    let same = expected.iter().zip(told).take_while(|(expected, told)| expected == told).count();
    let show = |lines: &[String]| lines.iter().map(|line| format!("    {line}\n")).collect::<String>();
    let from = same.saturating_sub(2);
    format!("  expected, after {from} lines as told\n{}  told\n{}", show(&expected[from..]), show(&told[from..]))
}

/// The plans of a file's head: `@NAME` and the lines of YAML below it, after those of another with `@NAME with OTHER`;
/// `people` is one that all files share.
fn configurations(head: &str, people: &str) -> BTreeMap<String, Arc<Plan>> {
    let mut texts = BTreeMap::from([("people", people.to_owned())]);
    for block in head.split("\n@").skip(1) {
        let (name, yaml) = block.split_once('\n').expect("a configuration below its name");
        let (name, base) = name.trim().split_once(" with ").unwrap_or((name.trim(), ""));
        let base = texts.get(base).cloned().unwrap_or_default();
        texts.insert(name, format!("{base}\n{yaml}"));
    }
    texts.remove("people");
    let plan = |(name, yaml): (&str, String)| {
        let yaml = format!("{yaml}\nhost_samples: false\n");
        let files = MemoryFiles::new([("watchbell.yml", yaml.as_str())]);
        let loaded = config::load(Some("watchbell.yml"), &files, &|_| None);
        let plan = loaded.unwrap_or_else(|problems| panic!("{name}: {problems:#?}")).plan;
        (name.to_owned(), Arc::new(plan.engine))
    };
    texts.into_iter().map(plan).collect()
}

/// Plays a script; returns what it expects to be told, and what is.
fn play(configs: &BTreeMap<String, Arc<Plan>>, script: &str, deaths: Deaths) -> (Vec<String>, Vec<String>) {
    let mut world: Option<World> = None;
    let (mut start, mut config) = (Timestamp::from_seconds(1_000_000_020), "plain".to_owned());
    let mut expected = Vec::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        match first {
            "start" => start = Timestamp::parse_rfc3339(rest).expect("a moment"),
            "config" => config = rest.to_owned(),
            _ if rest.starts_with("=>") => expected.push(line.split_whitespace().collect::<Vec<_>>().join(" ")),
            _ => {
                let at = parse_duration(first).unwrap_or_else(|error| panic!("{line}: {error}"));
                let world = world.get_or_insert_with(|| World::new(start, &configs[&config], deaths));
                world.live_until(start + at, line);
                world.perform(rest, configs, line);
            }
        }
    }
    (expected, world.map(|world| world.told).unwrap_or_default())
}

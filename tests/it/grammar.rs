//! Holds the grammars in `grammar/` and the parsers together: random sentences of the grammar are accepted, broken ones never
//! panic, and what is accepted prints to something that reads back the same. The notation is told in `grammar/README.md`.

use std::collections::{BTreeMap, BTreeSet};

use watchbell::config;
use watchbell::lang::{parse, parse_matchers, pretty};
use watchbell::model::parse_duration;
use watchbell::template::RuleTemplate;

const GRAMMAR: &str = include_str!("../../grammar/promql.ebnf");
const DURATIONS: &str = include_str!("../../grammar/duration.ebnf");
const MATCHERS: &str = include_str!("../../grammar/matchers.ebnf");
const TEMPLATES: &str = include_str!("../../grammar/template.ebnf");

/// The right side of a production.
#[derive(Debug)]
enum Rule {
    Text(String),
    /// One of these characters.
    Class(Vec<char>),
    Name(String),
    Sequence(Vec<Rule>),
    Choice(Vec<Rule>),
    /// Between so many and so many times.
    Repeat(Box<Rule>, usize, usize),
    /// The first, unless its text is one of the second's.
    Except(Box<Rule>, Box<Rule>),
    /// Nothing; what follows must not begin so.
    Not(String),
}

/// How often `*` and `+` repeat at most in sentences.
const REPEATS_MAX: usize = 3;

/// Reads the notation.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn skip_blank(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            let Some(comment) = self.rest.strip_prefix("/*") else { return };
            self.rest = comment.split_once("*/").expect("a closed comment").1;
        }
    }

    fn take(&mut self, text: &str) -> bool {
        self.skip_blank();
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn name(&mut self) -> Option<&'a str> {
        self.skip_blank();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
        let (name, rest) = self.rest.split_at(end);
        // The next production's name ends this one.
        if name.is_empty() || rest.trim_start().starts_with("::=") {
            return None;
        }
        self.rest = rest;
        Some(name)
    }

    fn productions(mut self) -> BTreeMap<String, Rule> {
        let mut productions = BTreeMap::new();
        self.skip_blank();
        while let Some((name, rest)) = self.rest.split_once("::=") {
            self.rest = rest;
            let rule = self.choice();
            assert!(productions.insert(name.trim().to_owned(), rule).is_none(), "{name} is defined twice");
            self.skip_blank();
        }
        assert_eq!(self.rest, "");
        productions
    }

    fn choice(&mut self) -> Rule {
        let mut rules = vec![self.sequence()];
        while self.take("|") {
            rules.push(self.sequence());
        }
        if rules.len() == 1 { rules.remove(0) } else { Rule::Choice(rules) }
    }

    fn sequence(&mut self) -> Rule {
        let mut rules = Vec::new();
        while let Some(rule) = self.repeated() {
            rules.push(rule);
        }
        assert!(!rules.is_empty(), "an empty rule before {:.40}", self.rest);
        let rule = if rules.len() == 1 { rules.remove(0) } else { Rule::Sequence(rules) };
        if self.take("-") {
            let except = self.repeated().expect("an exception");
            return Rule::Except(Box::new(rule), Box::new(except));
        }
        rule
    }

    fn repeated(&mut self) -> Option<Rule> {
        let rule = self.atom()?;
        for (sign, least, most) in [("?", 0, 1), ("*", 0, REPEATS_MAX), ("+", 1, REPEATS_MAX)] {
            if self.rest.starts_with(sign) && self.take(sign) {
                return Some(Rule::Repeat(Box::new(rule), least, most));
            }
        }
        Some(rule)
    }

    fn quoted(&mut self) -> Option<String> {
        self.skip_blank();
        let quote = self.rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (text, rest) = self.rest[1..].split_once(quote).expect("a closed text");
        self.rest = rest;
        Some(text.to_owned())
    }

    fn atom(&mut self) -> Option<Rule> {
        if let Some(text) = self.quoted() {
            return Some(Rule::Text(text));
        }
        if self.take("!") {
            return Some(Rule::Not(self.quoted().expect("a text after `!`")));
        }
        if self.take("(") {
            let rule = self.choice();
            assert!(self.take(")"), "a `(` is not closed before {:.40}", self.rest);
            return Some(rule);
        }
        if self.take("[") {
            let (class, rest) = self.rest.split_once(']').expect("a closed class");
            self.rest = rest;
            return Some(Rule::Class(class_chars(class)));
        }
        self.name().map(|name| Rule::Name(name.to_owned()))
    }
}

fn class_chars(class: &str) -> Vec<char> {
    let (negated, class) = class.strip_prefix('^').map_or((false, class), |class| (true, class));
    let letters: Vec<char> = class.chars().collect();
    let mut chars = BTreeSet::new();
    let mut at = 0;
    while at < letters.len() {
        if letters.get(at + 1) == Some(&'-') && at + 2 < letters.len() {
            chars.extend(letters[at]..=letters[at + 2]);
            at += 3;
        } else {
            chars.insert(letters[at]);
            at += 1;
        }
    }
    if negated { (' '..='~').filter(|c| !chars.contains(c)).collect() } else { chars.into_iter().collect() }
}

/// A small generator of random numbers (xorshift64*), so that every run makes the same sentences.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(bits).expect("31 bits") % limit.max(1)
    }
}

/// Makes sentences.
struct Writer<'g> {
    productions: &'g BTreeMap<String, Rule>,
    /// How deep the shallowest sentence of each production is.
    depths: BTreeMap<&'g str, usize>,
    random: Random,
    used: BTreeSet<&'g str>,
    text: String,
    /// What the next token must not begin with.
    forbidden: Option<String>,
    broken: bool,
    /// What may stand before a token.
    blanks: &'static [&'static str],
}

/// White space and comments.
const BLANKS: [&str; 6] = [" ", " ", " ", "\n", "\t", " # note\n"];
/// White space alone, or nothing.
const SPACES: [&str; 4] = [" ", "", "\t", "  "];

const DEEP: usize = 1 << 20;

/// From this length on, sentences hasten to their end.
const BYTES_ENOUGH: usize = 200;

impl<'g> Writer<'g> {
    fn new(productions: &'g BTreeMap<String, Rule>, seed: u64) -> Self {
        let mut depths: BTreeMap<&str, usize> = productions.keys().map(|name| (name.as_str(), DEEP)).collect();
        for _ in productions {
            for (name, rule) in productions {
                depths.insert(name, 1 + least_depth(rule, &depths));
            }
        }
        assert!(depths.values().all(|depth| *depth < DEEP), "a production never ends: {depths:?}");
        let (used, text) = (BTreeSet::new(), String::new());
        Writer {
            productions,
            depths,
            random: Random(seed),
            used,
            text,
            forbidden: None,
            broken: false,
            blanks: &BLANKS,
        }
    }

    /// A sentence of `start` about as deep as `depth`.
    fn sentence(&mut self, start: &'g str, depth: usize) -> String {
        loop {
            self.text.clear();
            self.forbidden = None;
            self.broken = false;
            // A sentence that is one token has nothing blank before it.
            if start.starts_with(|c: char| c.is_ascii_uppercase()) {
                self.production(start, depth, true);
            } else {
                self.production(start, depth, false);
            }
            if !self.broken {
                return std::mem::take(&mut self.text);
            }
        }
    }

    fn production(&mut self, name: &'g str, depth: usize, lexical: bool) {
        self.used.insert(name);
        let rule = self.productions.get(name).unwrap_or_else(|| panic!("{name} is not defined"));
        if lexical || !name.starts_with(|c: char| c.is_ascii_uppercase()) {
            return self.rule(rule, depth.saturating_sub(1), lexical);
        }
        let mark = self.text.len();
        self.rule(rule, depth.saturating_sub(1), true);
        let token = self.text.split_off(mark);
        self.token(&token);
    }

    /// Adds a token with something blank before it.
    fn token(&mut self, token: &str) {
        if self.forbidden.take().is_some_and(|forbidden| token.starts_with(&forbidden)) {
            self.broken = true;
        }
        let blank = self.blanks[self.random.below(self.blanks.len())];
        self.text.push_str(blank);
        self.text.push_str(token);
    }

    fn rule(&mut self, rule: &'g Rule, depth: usize, lexical: bool) {
        // A sentence that is long enough takes the shortest way to its end.
        let depth = if self.text.len() > BYTES_ENOUGH { 0 } else { depth };
        match rule {
            Rule::Text(text) if lexical => self.text.push_str(text),
            Rule::Text(text) => {
                let upper = self.random.below(8) == 0;
                self.token(&if upper { text.to_uppercase() } else { text.clone() });
            }
            Rule::Class(chars) => {
                let char = chars[self.random.below(chars.len())];
                self.text.push(char);
            }
            Rule::Name(name) => self.production(name, depth, lexical),
            Rule::Sequence(rules) => rules.iter().for_each(|rule| self.rule(rule, depth, lexical)),
            Rule::Choice(rules) => {
                let fits: Vec<&Rule> = rules.iter().filter(|rule| least_depth(rule, &self.depths) <= depth).collect();
                let chosen = match fits.len() {
                    0 => rules.iter().min_by_key(|rule| least_depth(rule, &self.depths)).expect("a choice"),
                    count => fits[self.random.below(count)],
                };
                self.rule(chosen, depth, lexical);
            }
            Rule::Repeat(rule, least, most) => {
                let more = least_depth(rule, &self.depths) <= depth;
                let extra = if more { self.random.below(most - least + 1) } else { 0 };
                // Repetitions of repetitions explode: most are short.
                let extra = if self.random.below(3) == 0 { extra } else { extra.min(1) };
                for _ in 0..least + extra {
                    self.rule(rule, depth, lexical);
                }
            }
            Rule::Except(rule, except) => {
                let mark = self.text.len();
                self.rule(rule, depth, lexical);
                while self.texts(except).iter().any(|text| text.eq_ignore_ascii_case(&self.text[mark..])) {
                    self.text.truncate(mark);
                    self.rule(rule, depth, lexical);
                }
            }
            Rule::Not(text) => self.forbidden = Some(text.clone()),
        }
    }

    /// All texts of a rule of plain words.
    fn texts(&self, rule: &Rule) -> Vec<String> {
        match rule {
            Rule::Text(text) => vec![text.clone()],
            Rule::Name(name) => self.texts(&self.productions[name]),
            Rule::Choice(rules) => rules.iter().flat_map(|rule| self.texts(rule)).collect(),
            other => panic!("an exception must be a list of words, not {other:?}"),
        }
    }
}

/// How deep the shallowest text of `rule` is.
fn least_depth(rule: &Rule, depths: &BTreeMap<&str, usize>) -> usize {
    match rule {
        Rule::Text(_) | Rule::Class(_) | Rule::Not(_) | Rule::Repeat(_, 0, _) => 0,
        Rule::Name(name) => *depths.get(name.as_str()).unwrap_or_else(|| panic!("{name} is not defined")),
        Rule::Sequence(rules) => rules.iter().map(|rule| least_depth(rule, depths)).max().unwrap_or(0),
        Rule::Choice(rules) => rules.iter().map(|rule| least_depth(rule, depths)).min().unwrap_or(0),
        Rule::Repeat(rule, ..) | Rule::Except(rule, _) => least_depth(rule, depths),
    }
}

/// What is accepted prints to something that reads back to the same print.
fn prints_back(text: &str) -> bool {
    let Ok(expr) = parse(text) else { return false };
    let printed = expr.to_string();
    let again = parse(&printed).unwrap_or_else(|errors| panic!("{text}\nprinted as {printed}\n{errors}"));
    assert_eq!(again.to_string(), printed, "{text}");
    for width in [10, 60] {
        let printed = pretty(&expr, width);
        let again = parse(&printed).unwrap_or_else(|errors| panic!("{text}\nprinted as {printed}\n{errors}"));
        assert_eq!(pretty(&again, width), printed, "{text}");
    }
    true
}

#[test]
fn sentences_of_the_grammar_are_accepted() {
    let productions = Reader { rest: GRAMMAR }.productions();
    let mut writer = Writer::new(&productions, 0x5eed);
    let mut valid = 0;
    for round in 0..4000 {
        let text = writer.sentence("expression", 12 + round % 30);
        if let Err(errors) = parse(&text) {
            assert!(errors.grammar_holds(), "{text}\n{errors}");
        }
        valid += usize::from(prints_back(&text));
    }
    let unused: Vec<_> = productions.keys().filter(|name| !writer.used.contains(name.as_str())).collect();
    // The lists of words that only exceptions name are never written.
    assert_eq!(unused, ["INFINITE", "KEYWORD", "RESERVED"]);
    assert!(valid > 30, "only {valid} sentences have a meaning too");
}

/// Makes sentences of `start` for `accepts`, which must take them all; then broken ones, which must not make it panic.
fn holds(grammar: &str, start: &str, blanks: &'static [&'static str], accepts: impl Fn(&str) -> Result<(), String>) {
    let productions = Reader { rest: grammar }.productions();
    let mut writer = Writer::new(&productions, 0x5eed);
    writer.blanks = blanks;
    let (start, _) = productions.get_key_value(start).expect("a production");
    for round in 0..2000 {
        let text = writer.sentence(start, 6 + round % 20);
        if let Err(error) = accepts(&text) {
            panic!("{start}: {text:?}\n{error}");
        }
        let _ = accepts(&broken(text, &mut writer.random));
    }
}

#[test]
fn durations() {
    holds(DURATIONS, "SPAN", &[], |text| parse_duration(text).map(drop).map_err(|error| error.to_string()));
    holds(DURATIONS, "duration", &BLANKS, |text| match parse(&format!("x[{text}\n]")) {
        Err(errors) if !errors.grammar_holds() => Err(errors.to_string()),
        _ => Ok(()),
    });
}

#[test]
fn matchers() {
    let route = |text: &str| config::parse_matchers(text).map(drop).map_err(|error| error.to_string());
    holds(MATCHERS, "matchers", &SPACES, route);
    holds(MATCHERS, "CLASSIC", &[], route);
    holds(MATCHERS, "selector", &BLANKS, |text| match parse_matchers(text) {
        Err(errors) if !errors.grammar_holds() => Err(errors.to_string()),
        _ => Ok(()),
    });
}

#[test]
fn templates() {
    holds(TEMPLATES, "TEMPLATE", &[], |text| RuleTemplate::parse(text).map(drop).map_err(|error| error.to_string()));
}

/// What broken sentences are broken with.
const BYTES: &[u8] = b"()[]{}\"'`\\,:;@#=!~<>+-*/%^. \nax09_";

#[test]
fn broken_sentences_never_panic() {
    let productions = Reader { rest: GRAMMAR }.productions();
    let mut writer = Writer::new(&productions, 0xbad5eed);
    for round in 0..3000 {
        let text = writer.sentence("expression", 12 + round % 20);
        prints_back(&broken(text, &mut writer.random));
    }
}

/// `text` with a few bytes more, less or other.
fn broken(text: String, random: &mut Random) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=random.below(3) {
        if chars.is_empty() {
            break;
        }
        let at = random.below(chars.len());
        let byte = char::from(BYTES[random.below(BYTES.len())]);
        match random.below(4) {
            0 => drop(chars.remove(at)),
            1 => chars[at] = byte,
            2 => chars.insert(at, byte),
            _ => chars.truncate(at + 1),
        }
    }
    chars.into_iter().collect()
}

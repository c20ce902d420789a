//! An operator between two vectors: which series find each other, and the labels of what they yield.

use std::cell::LazyCell;

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::lang::{Binary, Cardinality, Span};
use crate::model::Labels;

use super::super::error::{EvalError, EvalErrorKind};
use super::super::evaluator::Evaluator;
use super::super::grid::Grid;
use super::super::keys::{Choice, Keys};
use super::super::limits::Limits;
use super::super::row::{Point, Row, is_metadata};
use super::ROWS_BETWEEN_CHECKS;
use super::operation::{Kept, Operation, is_trim};

/// The vectors of a join by the part they play, and what finds what.
///
/// Rows of the one side that share a match key are never there at the same moment; so any row of the many side meets at most one
/// of them at a moment.
struct Join<'a> {
    binary: &'a Binary,
    span: &'a Span,
    /// The many side is on the right.
    swapped: bool,
    steps: usize,
    many: Vec<Row>,
    one: Vec<Row>,
    /// The match keys: first all of the one side, then those that only the many side has.
    keys: Keys<'a>,
    /// For each key of the one side its rows.
    partners: Vec<SmallVec<[usize; 1]>>,
    /// What stands in for a missing series of the one side: for each key that needs it, one point per moment.
    fillers: HashMap<usize, Vec<Point>>,
}

/// A row of the many side with what it is joined with.
struct Pair {
    many: usize,
    /// A row of the one side, or the filler of the key.
    partner: Option<usize>,
    key: usize,
    /// Those of the result.
    labels: Labels,
}

impl Evaluator<'_> {
    /// `left op right`, series by series.
    pub(super) fn join(
        &mut self,
        binary: &Binary,
        span: &Span,
        left: Vec<Row>,
        right: Vec<Row>,
        grid: Grid,
    ) -> Result<Vec<Row>, EvalError> {
        self.check_canceled(span)?;
        let swapped = binary.matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        let mut operation = Operation::new(binary, swapped, Kept::Left);
        let mut join = Join::new(binary, span, many, one, grid.len())?;
        if join.fills().1.is_some() {
            self.hold(join.many.len().saturating_mul(grid.len()), span)?;
        }
        let pairs = join.pairs();
        // The last pair of a row takes the row's points, all others make new ones.
        self.hold(pairs.len().saturating_sub(join.many.len()).saturating_mul(grid.len()), span)?;
        join.refuse_second_matches(&pairs, &operation)?;
        let extra = join.filled(&pairs, &operation, &self.limits(span))?;
        self.hold(extra.len().saturating_mul(grid.len()), span)?;

        let mut joined = Vec::with_capacity(pairs.len() + extra.len());
        let mut pairs = pairs.into_iter().peekable();
        while let Some(pair) = pairs.next() {
            if joined.len() % ROWS_BETWEEN_CHECKS == 0 {
                self.check_canceled(span)?;
            }
            let is_last = pairs.peek().is_none_or(|next| next.many != pair.many);
            joined.push(join.joined(pair, is_last, &mut operation));
        }
        for (mut row, one) in extra {
            operation.combine(&mut row.points, &join.one[one].points);
            joined.push(row);
        }
        operation.report(self, span);
        Ok(joined)
    }
}

impl<'a> Join<'a> {
    fn new(binary: &'a Binary, span: &'a Span, many: Vec<Row>, one: Vec<Row>, steps: usize) -> Result<Self, EvalError> {
        let mut keys = Keys::new(Choice::of_matching(&binary.matching));
        let mut partners: Vec<SmallVec<[usize; 1]>> = Vec::with_capacity(one.len());
        for (index, row) in one.iter().enumerate() {
            let key = keys.number(&row.labels);
            match partners.get_mut(key) {
                Some(rows) => rows.push(index),
                None => partners.push(SmallVec::from_buf([index])),
            }
        }
        let swapped = binary.matching.cardinality == Cardinality::OneToMany;
        let join = Join { binary, span, swapped, steps, many, one, keys, partners, fillers: HashMap::new() };
        join.refuse_duplicates()?;
        Ok(join)
    }

    /// The values that stand in for missing series of the many side and of the one side.
    fn fills(&self) -> (Option<f64>, Option<f64>) {
        let matching = &self.binary.matching;
        if self.swapped { (matching.fill_right, matching.fill_left) } else { (matching.fill_left, matching.fill_right) }
    }

    /// Refuses two rows of the one side that share a key and are there at one moment. Without series on the many side, and
    /// nothing to fill in, nothing is matched at that moment.
    fn refuse_duplicates(&self) -> Result<(), EvalError> {
        let mut first: Option<(usize, usize, usize, usize)> = None;
        let matched_at = LazyCell::new(|| self.matched_moments());
        for (key, rows) in self.partners.iter().enumerate().filter(|(_, rows)| rows.len() > 1) {
            let mut there = vec![None; self.steps];
            for row in rows {
                let points = self.one[*row].points.iter().enumerate();
                for (step, _) in points.filter(|(_, point)| point.is_present()) {
                    if let Some(other) = there[step].replace(*row)
                        && first.is_none_or(|first| (step, *row) < (first.0, first.1))
                        && matched_at[step]
                    {
                        first = Some((step, *row, other, key));
                    }
                }
            }
        }
        let Some((_, row, other, key)) = first else {
            return Ok(());
        };
        let side = if self.swapped { "left" } else { "right" };
        let mut pair = [&self.one[other].labels, &self.one[row].labels];
        pair.sort_unstable();
        let text = format!(
            "found duplicate series for the match group {} on the {side} hand-side of the operation: [{}, {}]\
             ;many-to-many matching not allowed: matching labels must be unique on one side",
            braced(&self.keys.labels(key)),
            braced(pair[0]),
            braced(pair[1]),
        );
        Err(EvalError::new(EvalErrorKind::Matching, text, self.span))
    }

    /// At which moments anything is matched.
    fn matched_moments(&self) -> Vec<bool> {
        let mut matched = vec![self.fills() != (None, None); self.steps];
        for row in &self.many {
            matched.iter_mut().zip(&row.points).for_each(|(matched, point)| *matched |= point.is_present());
        }
        matched
    }

    /// Who meets whom, in order of the many side.
    fn pairs(&mut self) -> Vec<Pair> {
        let fills_one = self.fills().1.is_some();
        let mut pairs = Vec::with_capacity(self.many.len());
        for many in 0..self.many.len() {
            let labels = &self.many[many].labels;
            let key = if fills_one { Some(self.keys.number(labels)) } else { self.keys.find(labels) };
            let Some(key) = key else {
                continue;
            };
            for partner in self.partners.get(key).into_iter().flatten() {
                let labels = self.joined_labels(labels, &self.one[*partner].labels);
                pairs.push(Pair { many, partner: Some(*partner), key, labels });
            }
            if self.needs_filler(key) {
                let labels = self.joined_labels(&self.many[many].labels, &self.keys.labels(key));
                pairs.push(Pair { many, partner: None, key, labels });
            }
        }
        pairs
    }

    /// Makes the filler of `key`, if there is a value to fill in; whether it is there at any moment.
    fn needs_filler(&mut self, key: usize) -> bool {
        let Some(value) = self.fills().1 else {
            return false;
        };
        let (steps, partners, one) = (self.steps, &self.partners, &self.one);
        let filler = self.fillers.entry(key).or_insert_with(|| {
            let mut filler = vec![Point::Float(value); steps];
            for row in partners.get(key).into_iter().flatten() {
                for (point, present) in filler.iter_mut().zip(&one[*row].points) {
                    if present.is_present() {
                        *point = Point::Absent;
                    }
                }
            }
            filler
        });
        filler.iter().any(Point::is_present)
    }

    fn partner_points(&self, pair: &Pair) -> &[Point] {
        match pair.partner {
            Some(one) => &self.one[one].points,
            None => self.fillers.get(&pair.key).map_or(&[], Vec::as_slice),
        }
    }

    /// Calls `function` with the moments at which both of a pair are there and the operator takes them.
    fn each_match(&self, pair: &Pair, operation: &Operation, mut function: impl FnMut(usize)) {
        let many = &self.many[pair.many].points;
        for (step, (point, other)) in many.iter().zip(self.partner_points(pair)).enumerate() {
            if operation.takes(point, other) {
                function(step);
            }
        }
    }

    /// Refuses a second match at one moment where only one is allowed: of a key, or with `group_left` and `group_right` of a key
    /// and the labels of the result.
    fn refuse_second_matches(&self, pairs: &[Pair], operation: &Operation) -> Result<(), EvalError> {
        let one_to_one = self.binary.matching.cardinality == Cardinality::OneToOne;
        let mut rows_of = vec![0_usize; self.keys.len()];
        pairs.iter().for_each(|pair| rows_of[pair.key] += 1);
        let mut rivals = HashMap::<(usize, Option<&Labels>), Vec<&Pair>>::new();
        for pair in pairs.iter().filter(|pair| rows_of[pair.key] > 1) {
            rivals.entry((pair.key, (!one_to_one).then_some(&pair.labels))).or_default().push(pair);
        }
        let mut first: Option<(usize, usize, usize)> = None;
        for (_, rivals) in rivals.into_iter().filter(|(_, rivals)| rivals.len() > 1) {
            let mut is_taken = vec![false; self.steps];
            for pair in rivals {
                self.each_match(pair, operation, |step| {
                    let again = std::mem::replace(&mut is_taken[step], true);
                    if again && first.is_none_or(|first| (step, pair.many) < (first.0, first.1)) {
                        first = Some((step, pair.many, pair.key));
                    }
                });
            }
        }
        let Some((_, _, key)) = first else {
            return Ok(());
        };
        let group = braced(&self.keys.labels(key));
        let problem = match one_to_one {
            true => "many-to-one matching must be explicit (group_left/group_right)",
            false => "grouping labels must ensure unique matches",
        };
        let text = format!("multiple matches for labels {group}: {problem}");
        Err(EvalError::new(EvalErrorKind::Matching, text, self.span))
    }

    /// What stands in for missing series of the many side, each with the row of the one side that it meets.
    fn filled(
        &self,
        pairs: &[Pair],
        operation: &Operation,
        limits: &Limits<'_>,
    ) -> Result<Vec<(Row, usize)>, EvalError> {
        let Some(value) = self.fills().0 else {
            return Ok(Vec::new());
        };
        let mut matched = vec![Vec::new(); self.partners.len()];
        for pair in pairs {
            if let Some(matched) = matched.get_mut(pair.key) {
                matched.resize(self.steps, false);
                self.each_match(pair, operation, |step| matched[step] = true);
            }
        }
        let mut filled = Vec::new();
        for (key, (rows, matched)) in self.partners.iter().zip(&matched).enumerate() {
            let is_matched = |step: usize| matched.get(step).copied().unwrap_or(false);
            let points: Vec<Point> = (0..self.steps)
                .map(|step| if is_matched(step) { Point::Absent } else { Point::Float(value) })
                .collect();
            if points.iter().any(Point::is_present) {
                limits.check_canceled()?;
                limits.check_room((filled.len() + rows.len()).saturating_mul(self.steps))?;
                let labels = self.keys.labels(key);
                filled.extend(rows.iter().map(|one| {
                    let labels = self.joined_labels(&labels, &self.one[*one].labels);
                    (Row { labels, drop_name: self.binary.returns_bool, points: points.clone() }, *one)
                }));
            }
        }
        Ok(filled)
    }

    /// The result of `pair`; takes the points of the many side if the pair is the last one that needs them.
    fn joined(&mut self, pair: Pair, is_last: bool, operation: &mut Operation) -> Row {
        let keeps_name = self.keeps_name();
        let row = &mut self.many[pair.many];
        let mut points = if is_last { std::mem::take(&mut row.points) } else { row.points.clone() };
        let drop_name = self.binary.returns_bool || (keeps_name && row.drop_name);
        operation.combine(&mut points, self.partner_points(&pair));
        Row { labels: pair.labels, drop_name, points }
    }

    fn keeps_name(&self) -> bool {
        self.binary.op.is_comparison() || is_trim(self.binary.op)
    }

    /// The labels of a pair's result.
    fn joined_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let matching = &self.binary.matching;
        let keeps_name = self.keeps_name();
        let listed = |name: &str| matching.labels.iter().any(|label| label == name);
        let one_to_one = matching.cardinality == Cardinality::OneToOne;
        let kept =
            many.retain(|name| (keeps_name || !is_metadata(name)) && (!one_to_one || listed(name) == matching.on));
        if matching.include.is_empty() {
            return kept;
        }
        let mut builder = kept.builder();
        for name in &matching.include {
            builder.set(name, one.get(name));
        }
        builder.finish()
    }
}

/// Labels inside braces, the name among them.
pub(in crate::eval) fn braced(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

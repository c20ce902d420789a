//! Operators between two expressions, and how series of the two sides find each other.

use hashbrown::{HashMap, HashSet};

use crate::lang::{Binary, BinaryOp, Cardinality, Span, VectorMatching};
use crate::model::{Labels, METRIC_NAME};

use super::error::{EvalError, EvalErrorKind};
use super::instant::{Computed, Evaluator, Item, Moment, is_metadata};

impl<'q> Evaluator<'q> {
    /// What `binary` yields at `moment`.
    pub(super) fn eval_binary(
        &mut self,
        binary: &Binary,
        span: &Span,
        moment: Moment,
    ) -> Result<Computed<'q>, EvalError> {
        let left = self.eval(&binary.left, moment)?;
        let right = self.eval(&binary.right, moment)?;
        Ok(match (left, right) {
            (Computed::Scalar(left), Computed::Scalar(right)) => {
                Computed::Scalar(between_scalars(binary.op, left, right))
            }
            (Computed::Vector(items), Computed::Scalar(scalar)) => {
                self.refuse_trim(binary);
                Computed::Vector(with_scalar(binary, items, scalar, false))
            }
            (Computed::Scalar(scalar), Computed::Vector(items)) => {
                self.refuse_trim(binary);
                Computed::Vector(with_scalar(binary, items, scalar, true))
            }
            (Computed::Vector(left), Computed::Vector(right)) if binary.op.is_set() => {
                Computed::Vector(set_operation(binary, left, right))
            }
            (Computed::Vector(left), Computed::Vector(right)) => {
                self.refuse_trim(binary);
                Computed::Vector(Join { binary, span }.join(left, right)?)
            }
            _ => {
                let text = "operands must be scalars or instant vectors";
                return Err(EvalError::new(EvalErrorKind::InvalidType, text, span));
            }
        })
    }

    /// Remarks that `</` and `>/` have nothing to do on floats.
    fn refuse_trim(&mut self, binary: &Binary) {
        if is_trim(binary.op) {
            let symbol = binary.op.symbol();
            let text = format!("incompatible sample types encountered for binary operator {symbol:?}: float and float");
            self.inform(text, &binary.op_span);
        }
    }
}

fn is_trim(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower)
}

/// `left op right`; NaN for operators that are not arithmetic.
fn arithmetic(op: BinaryOp, left: f64, right: f64) -> f64 {
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        BinaryOp::Atan2 => left.atan2(right),
        _ => f64::NAN,
    }
}

/// Whether the comparison holds.
fn compares(op: BinaryOp, left: f64, right: f64) -> bool {
    match op {
        BinaryOp::Eq => left == right,
        BinaryOp::Ne => left != right,
        BinaryOp::Gt => left > right,
        BinaryOp::Lt => left < right,
        BinaryOp::Ge => left >= right,
        BinaryOp::Le => left <= right,
        _ => false,
    }
}

fn between_scalars(op: BinaryOp, left: f64, right: f64) -> f64 {
    if op.is_comparison() { f64::from(u8::from(compares(op, left, right))) } else { arithmetic(op, left, right) }
}

/// The value of one pair: of a filtering comparison `kept`, or nothing where it does not hold.
fn value_of_pair(binary: &Binary, left: f64, right: f64, kept: f64) -> Option<f64> {
    let op = binary.op;
    if is_trim(op) {
        return None;
    }
    if !op.is_comparison() {
        return Some(arithmetic(op, left, right));
    }
    let holds = compares(op, left, right);
    if binary.returns_bool { Some(f64::from(u8::from(holds))) } else { holds.then_some(kept) }
}

/// Each of `items` with `scalar`, which stands on the left if `swapped`.
fn with_scalar(binary: &Binary, items: Vec<Item>, scalar: f64, swapped: bool) -> Vec<Item> {
    let drops_name = !binary.op.is_comparison() || binary.returns_bool;
    let of_item = |item: Item| {
        let (left, right) = if swapped { (scalar, item.value) } else { (item.value, scalar) };
        let value = value_of_pair(binary, left, right, item.value)?;
        Some(Item { value, drop_name: item.drop_name || drops_name, ..item })
    };
    items.into_iter().filter_map(of_item).collect()
}

/// The labels by which series match.
fn match_key(matching: &VectorMatching, labels: &Labels) -> Labels {
    let listed = |name: &str| matching.labels.iter().any(|label| label == name);
    if matching.on { labels.retain(listed) } else { labels.retain(|name| name != METRIC_NAME && !listed(name)) }
}

fn set_operation(binary: &Binary, left: Vec<Item>, right: Vec<Item>) -> Vec<Item> {
    let key = |item: &Item| match_key(&binary.matching, &item.labels);
    match binary.op {
        BinaryOp::Or => {
            let keys: HashSet<Labels> = left.iter().map(key).collect();
            let added = right.into_iter().filter(|item| !keys.contains(&key(item)));
            left.into_iter().chain(added).collect()
        }
        op => {
            let keys: HashSet<Labels> = right.iter().map(key).collect();
            let wanted = op == BinaryOp::And;
            left.into_iter().filter(|item| keys.contains(&key(item)) == wanted).collect()
        }
    }
}

/// One operator between two vectors.
struct Join<'a> {
    binary: &'a Binary,
    span: &'a Span,
}

impl Join<'_> {
    /// The pairs of `left` and `right`, combined; with `group_right` the right side is the many side.
    fn join(&self, left: Vec<Item>, right: Vec<Item>) -> Result<Vec<Item>, EvalError> {
        let matching = &self.binary.matching;
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        let (fill_many, fill_one) = match swapped {
            false => (matching.fill_left, matching.fill_right),
            true => (matching.fill_right, matching.fill_left),
        };
        if (many.is_empty() && fill_many.is_none()) || (one.is_empty() && fill_one.is_none()) {
            return Ok(Vec::new());
        }
        let one_by_key = self.index_one_side(&one, swapped)?;
        let mut matched: HashMap<Labels, HashSet<Labels>> = HashMap::with_capacity(many.len());
        let mut joined = Vec::with_capacity(many.len());
        for item in &many {
            let key = match_key(matching, &item.labels);
            let filled;
            let partner = match (one_by_key.get(&key), fill_one) {
                (Some(partner), _) => *partner,
                (None, Some(value)) => {
                    filled = Item { labels: key.clone(), value, drop_name: false };
                    &filled
                }
                (None, None) => continue,
            };
            let labels = self.joined_labels(&item.labels, &partner.labels);
            self.refuse_second_match(&mut matched, key, &labels)?;
            joined.extend(self.pair(labels, item, partner, swapped));
        }
        if let Some(value) = fill_many {
            for item in &one {
                let key = match_key(matching, &item.labels);
                if !matched.contains_key(&key) {
                    let missing = Item { labels: key, value, drop_name: false };
                    let labels = self.joined_labels(&missing.labels, &item.labels);
                    joined.extend(self.pair(labels, &missing, item, swapped));
                }
            }
        }
        Ok(joined)
    }

    /// The combined element of one pair, unless a filter drops it.
    fn pair(&self, labels: Labels, many: &Item, one: &Item, swapped: bool) -> Option<Item> {
        let (left, right) = if swapped { (one.value, many.value) } else { (many.value, one.value) };
        let value = value_of_pair(self.binary, left, right, left)?;
        let drop_name = self.binary.returns_bool || (self.binary.op.is_comparison() && many.drop_name);
        Some(Item { labels, value, drop_name })
    }

    /// The elements of the one side by their match key, each key once.
    fn index_one_side<'i>(&self, one: &'i [Item], swapped: bool) -> Result<HashMap<Labels, &'i Item>, EvalError> {
        let mut by_key: HashMap<Labels, &Item> = HashMap::with_capacity(one.len());
        for item in one {
            let key = match_key(&self.binary.matching, &item.labels);
            if let Some(other) = by_key.insert(key.clone(), item) {
                let side = if swapped { "left" } else { "right" };
                let pair = [&other.labels, &item.labels];
                let (first, second) = if pair[0] <= pair[1] { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
                let text = format!(
                    "found duplicate series for the match group {} on the {side} hand-side of the operation: [{}, {}]\
                     ;many-to-many matching not allowed: matching labels must be unique on one side",
                    braced(&key),
                    braced(first),
                    braced(second),
                );
                return Err(EvalError::new(EvalErrorKind::Matching, text, self.span));
            }
        }
        Ok(by_key)
    }

    /// Refuses a second match where only one is allowed.
    fn refuse_second_match(
        &self,
        matched: &mut HashMap<Labels, HashSet<Labels>>,
        key: Labels,
        labels: &Labels,
    ) -> Result<(), EvalError> {
        let one_to_one = self.binary.matching.cardinality == Cardinality::OneToOne;
        let group = braced(&key);
        let of_key = matched.entry(key).or_default();
        let text = if one_to_one && !of_key.is_empty() {
            "many-to-one matching must be explicit (group_left/group_right)"
        } else if !of_key.insert(labels.clone()) {
            "grouping labels must ensure unique matches"
        } else {
            return Ok(());
        };
        let text = format!("multiple matches for labels {group}: {text}");
        Err(EvalError::new(EvalErrorKind::Matching, text, self.span))
    }

    /// The labels of a pair's result.
    fn joined_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let matching = &self.binary.matching;
        let keeps_name = self.binary.op.is_comparison();
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
fn braced(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

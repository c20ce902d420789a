//! The table of functions: names, argument types, result types.

use super::ValueType;

/// A function of the language.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The types of its arguments, in order; the last repeats while `variadic` allows.
    pub args: &'static [ValueType],
    /// How many further arguments may be left out or added.
    pub variadic: Variadic,
    /// What it yields.
    pub returns: ValueType,
}

/// How the number of arguments may differ from the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variadic {
    /// Exactly the list.
    No,
    /// The last `n` of the list may be left out.
    Optional(usize),
    /// The last of the list may repeat any number of times, or be absent.
    Repeat,
}

impl Function {
    /// The least number of arguments.
    pub fn args_min(&self) -> usize {
        match self.variadic {
            Variadic::No => self.args.len(),
            Variadic::Optional(count) => self.args.len() - count,
            Variadic::Repeat => self.args.len() - 1,
        }
    }

    /// The greatest number of arguments; `None` if there is none.
    pub fn args_max(&self) -> Option<usize> {
        (self.variadic != Variadic::Repeat).then_some(self.args.len())
    }

    /// The type of the argument at `index`, from 0; `None` past the end.
    pub fn arg_type(&self, index: usize) -> Option<ValueType> {
        let last = (self.variadic == Variadic::Repeat).then(|| self.args.last()).flatten();
        self.args.get(index).or(last).copied()
    }
}

/// The function of this name; names are case-sensitive.
pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok().map(|index| &FUNCTIONS[index])
}

/// Every function, in order of its name.
pub fn functions() -> &'static [Function] {
    FUNCTIONS
}

use Variadic::{No, Optional, Repeat};

const S: ValueType = ValueType::Scalar;
const T: ValueType = ValueType::String;
const V: ValueType = ValueType::InstantVector;
const R: ValueType = ValueType::RangeVector;

const fn entry(name: &'static str, args: &'static [ValueType], variadic: Variadic, returns: ValueType) -> Function {
    Function { name, args, variadic, returns }
}

/// Prometheus 3.14's functions, the experimental ones included, and Watchbell's own, sorted by name.
static FUNCTIONS: &[Function] = &[
    entry("abs", &[V], No, V),
    entry("absent", &[V], No, V),
    entry("absent_over_time", &[R], No, V),
    entry("acos", &[V], No, V),
    entry("acosh", &[V], No, V),
    entry("asin", &[V], No, V),
    entry("asinh", &[V], No, V),
    entry("atan", &[V], No, V),
    entry("atanh", &[V], No, V),
    entry("avg_over_time", &[R], No, V),
    entry("ceil", &[V], No, V),
    entry("changes", &[R], No, V),
    entry("clamp", &[V, S, S], No, V),
    entry("clamp_max", &[V, S], No, V),
    entry("clamp_min", &[V, S], No, V),
    entry("cos", &[V], No, V),
    entry("cosh", &[V], No, V),
    entry("count_over_time", &[R], No, V),
    entry("day_of_month", &[V], Optional(1), V),
    entry("day_of_week", &[V], Optional(1), V),
    entry("day_of_year", &[V], Optional(1), V),
    entry("days_in_month", &[V], Optional(1), V),
    entry("deg", &[V], No, V),
    entry("delta", &[R], No, V),
    entry("deriv", &[R], No, V),
    entry("double_exponential_smoothing", &[R, S, S], No, V),
    entry("end", &[], No, S),
    entry("ewma", &[R, S], No, V),
    entry("exp", &[V], No, V),
    entry("first_over_time", &[R], No, V),
    entry("floor", &[V], No, V),
    entry("forecast", &[R, S], No, V),
    entry("histogram_avg", &[V], No, V),
    entry("histogram_count", &[V], No, V),
    entry("histogram_fraction", &[S, S, V], No, V),
    entry("histogram_quantile", &[S, V], No, V),
    entry("histogram_quantiles", &[V, T, S, S, S, S, S, S, S, S, S, S], Optional(9), V),
    entry("histogram_stddev", &[V], No, V),
    entry("histogram_stdvar", &[V], No, V),
    entry("histogram_sum", &[V], No, V),
    entry("hour", &[V], Optional(1), V),
    entry("idelta", &[R], No, V),
    entry("increase", &[R], No, V),
    entry("info", &[V, V], Optional(1), V),
    entry("irate", &[R], No, V),
    entry("label_join", &[V, T, T, T], Repeat, V),
    entry("label_replace", &[V, T, T, T, T], No, V),
    entry("last_over_time", &[R], No, V),
    entry("ln", &[V], No, V),
    entry("log10", &[V], No, V),
    entry("log2", &[V], No, V),
    entry("mad_over_time", &[R], No, V),
    entry("mad_score_over_time", &[R, S], Optional(1), V),
    entry("max_of", &[S, S], No, S),
    entry("max_over_time", &[R], No, V),
    entry("min_of", &[S, S], No, S),
    entry("min_over_time", &[R], No, V),
    entry("minute", &[V], Optional(1), V),
    entry("month", &[V], Optional(1), V),
    entry("pi", &[], No, S),
    entry("predict_linear", &[R, S], No, V),
    entry("present_over_time", &[R], No, V),
    entry("quantile_over_time", &[S, R], No, V),
    entry("rad", &[V], No, V),
    entry("range", &[], No, S),
    entry("rate", &[R], No, V),
    entry("resets", &[R], No, V),
    entry("round", &[V, S], Optional(1), V),
    entry("scalar", &[V], No, S),
    entry("seasonal_score", &[R, S, S, S], Optional(1), V),
    entry("sgn", &[V], No, V),
    entry("sin", &[V], No, V),
    entry("sinh", &[V], No, V),
    entry("sort", &[V], No, V),
    entry("sort_by_label", &[V, T], Repeat, V),
    entry("sort_by_label_desc", &[V, T], Repeat, V),
    entry("sort_desc", &[V], No, V),
    entry("sqrt", &[V], No, V),
    entry("start", &[], No, S),
    entry("start_timestamp", &[V], No, V),
    entry("stddev_over_time", &[R], No, V),
    entry("stdvar_over_time", &[R], No, V),
    entry("step", &[], No, S),
    entry("sum_over_time", &[R], No, V),
    entry("tan", &[V], No, V),
    entry("tanh", &[V], No, V),
    entry("time", &[], No, S),
    entry("time_to", &[R, S], No, V),
    entry("timestamp", &[V], No, V),
    entry("ts_of_first_over_time", &[R], No, V),
    entry("ts_of_last_over_time", &[R], No, V),
    entry("ts_of_max_over_time", &[R], No, V),
    entry("ts_of_min_over_time", &[R], No, V),
    entry("vector", &[S], No, V),
    entry("year", &[V], Optional(1), V),
    entry("zscore_over_time", &[R], No, V),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_and_found() {
        assert!(functions().is_sorted_by(|a, b| a.name < b.name));
        for known in functions() {
            assert!(std::ptr::eq(function(known.name).expect(known.name), known));
            assert!(known.args_min() <= known.args.len());
        }
        assert!(function("nosuch").is_none());
    }

    #[test]
    fn counts_of_arguments() {
        for (name, min, max) in [
            ("rate", 1, Some(1)),
            ("time", 0, Some(0)),
            ("round", 1, Some(2)),
            ("hour", 0, Some(1)),
            ("label_join", 3, None),
            ("sort_by_label", 1, None),
            ("histogram_quantiles", 3, Some(12)),
            ("info", 1, Some(2)),
        ] {
            let known = function(name).expect(name);
            assert_eq!((known.args_min(), known.args_max()), (min, max), "{name}");
        }
        let join = function("label_join").expect("known");
        assert_eq!(join.arg_type(9), Some(ValueType::String));
        assert_eq!(function("rate").expect("known").arg_type(1), None);
    }
}

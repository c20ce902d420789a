//! Sums and means that keep what floating-point addition loses (Neumaier's variant of Kahan summation).

/// A running sum with its compensation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    sum: f64,
    compensation: f64,
}

impl Sum {
    /// Adds `value`.
    pub(super) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        if total.is_infinite() {
            self.compensation = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.compensation += (self.sum - total) + value;
        } else {
            self.compensation += (value - total) + self.sum;
        }
        self.sum = total;
    }

    /// The sum of everything added.
    pub(super) fn value(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.compensation }
    }

    /// Multiplies the sum by `factor`.
    fn scale(&mut self, factor: f64) {
        self.sum *= factor;
        self.compensation *= factor;
    }
}

/// A running mean: of the sum while it fits a float, incremental from the value on that would overflow it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    sum: Sum,
    count: f64,
    incremental: bool,
}

impl Mean {
    /// Takes in `value`.
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.sum.sum = value;
            return;
        }
        if !self.incremental {
            let mut next = self.sum;
            next.add(value);
            if !next.sum.is_infinite() {
                self.sum = next;
                return;
            }
            self.incremental = true;
            self.sum.sum /= self.count - 1.0;
            self.sum.compensation /= self.count - 1.0;
        }
        self.sum.scale((self.count - 1.0) / self.count);
        self.sum.add(value / self.count);
    }

    /// The mean of everything taken in; NaN of nothing.
    pub(super) fn value(self) -> f64 {
        if self.incremental {
            return self.sum.sum + self.sum.compensation;
        }
        self.sum.sum / self.count + self.sum.compensation / self.count
    }
}

/// A running variance around a compensated mean (Welford).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Variance {
    mean: Sum,
    squares: Sum,
    count: f64,
}

impl Variance {
    /// Takes in `value`.
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - (self.mean.sum + self.mean.compensation);
        self.mean.add(delta / self.count);
        self.squares.add(delta * (value - (self.mean.sum + self.mean.compensation)));
    }

    /// The population variance of everything taken in.
    pub(super) fn value(self) -> f64 {
        (self.squares.sum + self.squares.compensation) / self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_keep_small_parts() {
        for (values, expected) in [
            (vec![1.0, 1e100, 1.0, -1e100], 2.0),
            (vec![f64::INFINITY, 1.0], f64::INFINITY),
            (vec![0.1; 10], 1.0),
            (vec![], 0.0),
        ] {
            let mut sum = Sum::default();
            values.iter().for_each(|value| sum.add(*value));
            assert_eq!(sum.value(), expected, "{values:?}");
        }
    }

    #[test]
    fn means_do_not_overflow() {
        for (values, expected) in [
            (vec![f64::MAX, f64::MAX], f64::MAX),
            (vec![1.0, 2.0, 6.0], 3.0),
            (vec![f64::INFINITY, f64::INFINITY], f64::INFINITY),
            (vec![52.0; 11], 52.0),
        ] {
            let mut mean = Mean::default();
            values.iter().for_each(|value| mean.add(*value));
            assert_eq!(mean.value(), expected, "{values:?}");
        }
    }
}

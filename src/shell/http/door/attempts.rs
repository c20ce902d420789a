//! How often an address may fail to log in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::model::Timestamp;

/// How many addresses are remembered.
const ADDRESSES_MAX: usize = 10_000;
const MINUTE: Duration = Duration::from_secs(60);

/// The attempts of each address to log in: a bucket that an attempt takes one of, that a success gives back, and that fills
/// up again in a minute.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    buckets: HashMap<IpAddr, Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Timestamp,
}

impl Bucket {
    fn filled(self, per_minute: usize, now: Timestamp) -> Bucket {
        let gained = now.since(self.at).as_secs_f64() / MINUTE.as_secs_f64() * per_minute as f64;
        Bucket { left: (self.left + gained).min(per_minute as f64), at: now }
    }
}

impl Attempts {
    /// Notes an attempt; it counts as failed unless [`Attempts::succeeded`] follows.
    ///
    /// # Errors
    ///
    /// There were too many: how long to wait.
    pub(super) fn begin(&mut self, address: IpAddr, per_minute: usize, now: Timestamp) -> Result<(), Duration> {
        let key = network(address);
        let known = self.buckets.get(&key).copied();
        let mut bucket = known.unwrap_or(Bucket { left: per_minute as f64, at: now }).filled(per_minute, now);
        if bucket.left < 1.0 {
            return Err(MINUTE.mul_f64((1.0 - bucket.left) / per_minute as f64));
        }
        bucket.left -= 1.0;
        if known.is_none() && self.buckets.len() >= ADDRESSES_MAX {
            self.forget(per_minute, now);
        }
        self.buckets.insert(key, bucket);
        Ok(())
    }

    /// The attempt was none to guess.
    pub(super) fn succeeded(&mut self, address: IpAddr) {
        if let Some(bucket) = self.buckets.get_mut(&network(address)) {
            bucket.left += 1.0;
        }
    }

    /// Forgets the addresses that may attempt as often as any other; if there are none, all.
    fn forget(&mut self, per_minute: usize, now: Timestamp) {
        self.buckets.retain(|_, bucket| bucket.filled(per_minute, now).left < per_minute as f64);
        if self.buckets.len() >= ADDRESSES_MAX {
            self.buckets.clear();
        }
    }
}

/// What counts as one address: of IPv6 the network, which one client has to itself.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_use_attempts_up_and_time_gives_them_back() {
        let mut attempts = Attempts::default();
        let [one, two]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().expect("an address"));
        let start = Timestamp::from_seconds(1_000);
        for _ in 0..10 {
            assert_eq!(attempts.begin(one, 10, start), Ok(()));
        }
        assert_eq!(attempts.begin(one, 10, start), Err(Duration::from_secs(6)));
        assert_eq!(attempts.begin(two, 10, start), Ok(()));
        assert_eq!(attempts.begin(one, 10, start + Duration::from_secs(6)), Ok(()));
        assert!(attempts.begin(one, 10, start + Duration::from_secs(6)).is_err());
        // A clock that is set back gives none.
        assert!(attempts.begin(one, 10, Timestamp::from_seconds(1)).is_err());
        let later = start + Duration::from_secs(3_600);
        for _ in 0..10 {
            assert_eq!(attempts.begin(one, 10, later), Ok(()));
        }
        assert!(attempts.begin(one, 10, later).is_err());
    }

    #[test]
    fn successes_cost_nothing() {
        let mut attempts = Attempts::default();
        let address = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..100 {
            assert_eq!(attempts.begin(address, 2, Timestamp::from_seconds(1)), Ok(()));
            attempts.succeeded(address);
        }
    }

    #[test]
    fn what_counts_as_one_address() {
        for (address, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            assert_eq!(network(address.parse().expect("an address")).to_string(), expected);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut attempts = Attempts::default();
        for number in 0..30_000_u32 {
            let _ = attempts.begin(IpAddr::from(number.to_be_bytes()), 10, Timestamp::from_seconds(1));
        }
        assert!(attempts.buckets.len() <= ADDRESSES_MAX);
    }
}

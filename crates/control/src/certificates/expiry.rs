//! How near the end of a certificate is. The store asks, and tells when it comes nearer.

use std::time::{Duration, SystemTime};

use evenkeel_plan::tls::Certificate;

/// The nearer, the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Nearness {
    /// Nobody needs to know.
    Far,
    /// Whatever renews it should have done so.
    Soon,
    /// Somebody has to do it now.
    Near,
    /// It is over: clients refuse it.
    Over,
}

impl Nearness {
    /// That of what is good `until` then.
    pub(crate) fn of(until: SystemTime, now: SystemTime) -> Self {
        match until.duration_since(now) {
            Err(_) => Self::Over,
            Ok(left) if left <= NEAR => Self::Near,
            Ok(left) if left <= SOON => Self::Soon,
            Ok(_) => Self::Far,
        }
    }
}

/// How many days it is still good for, if they are few; 0 for less than one, or none.
pub(super) fn days_left(certificate: &Certificate, now: SystemTime) -> Option<u64> {
    let left = certificate.validity.1.duration_since(now).unwrap_or_default();
    (left <= SOON).then_some(left.as_secs() / DAY_SECONDS)
}

const DAY_SECONDS: u64 = 24 * 3600;

/// Those that are good for three months are usually renewed a month before the end.
const SOON: Duration = Duration::from_secs(14 * DAY_SECONDS);

/// Over a weekend nobody may look.
const NEAR: Duration = Duration::from_secs(3 * DAY_SECONDS);

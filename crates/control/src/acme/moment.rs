//! How times are written in files: in seconds since 1970. What no calendar has is garbled, and not a time that reckoning would overflow with.
//! Called by serde for what the state and the answers are written in.

use std::time::{Duration, SystemTime};

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

pub(super) fn serialize<S: Serializer>(at: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
    match u64::deserialize(from)? {
        seconds @ ..=SECONDS_MAX => Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
        seconds => Err(D::Error::custom(format_args!("{seconds} s since 1970 is no time"))),
    }
}

/// The last second of the year 9999.
const SECONDS_MAX: u64 = 253_402_300_799;

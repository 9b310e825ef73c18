//! How orders of certificates stand: types of the [`Status`](super::Status), and how they are filled. Called by `snapshot`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::snapshot::unix_seconds;
use crate::acme::{Activity, Standing};
use crate::config::Config;

/// A certificate that is ordered from an authority, and how that goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AcmeStatus {
    /// As the config names it.
    pub name: String,
    /// Whom it is for. Of more than twenty the first.
    pub names: Vec<String>,
    /// How many names it has.
    pub name_count: usize,
    /// What is done about it now.
    pub activity: AcmeActivity,
    /// When it is ordered next, in seconds of Unix time: renewed, or tried again. Null before the first look.
    pub next_unix_seconds: Option<f64>,
    /// How many orders of this process came to a certificate.
    pub issued: u64,
    /// How many did not.
    pub failed: u64,
    /// What went wrong with the last order, of whichever process; null if nothing did.
    pub failure: Option<AcmeFailure>,
}

/// What is done about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AcmeActivity {
    /// Nothing, until an order is due.
    Resting,
    /// Another replica orders, or another certificate is ordered: one order at a time uses a directory.
    Waiting,
    /// It is ordered.
    Ordering,
}

/// Orders that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AcmeFailure {
    /// When the last one failed, in seconds of Unix time.
    pub at_unix_seconds: f64,
    /// How many failed in a row.
    pub in_a_row: u32,
    /// Why, for a person.
    pub problem: String,
}

/// How it stands with the one that `config` calls `name`.
pub(super) fn acme(name: String, standing: Standing, config: Option<&Config>) -> AcmeStatus {
    let found = config.and_then(|config| config.acme.iter().find(|acme| acme.name == name));
    let names = found.map(|acme| &acme.names[..]).unwrap_or_default();
    let Standing { activity, next, issued, failed, failure } = standing;
    AcmeStatus {
        name,
        names: names.iter().take(NAMES_MAX).cloned().collect(),
        name_count: names.len(),
        activity: match activity {
            Activity::Resting => AcmeActivity::Resting,
            Activity::Waiting => AcmeActivity::Waiting,
            Activity::Ordering => AcmeActivity::Ordering,
        },
        next_unix_seconds: next.map(unix_seconds),
        issued,
        failed,
        failure: failure.map(|failure| AcmeFailure {
            at_unix_seconds: unix_seconds(failure.at),
            in_a_row: failure.in_a_row,
            problem: failure.reason,
        }),
    }
}

/// Some are for a hundred.
const NAMES_MAX: usize = 20;

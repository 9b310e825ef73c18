//! The access log as the plan has it: whether there is one, in which form, and of which exchanges.

/// The access log that all listeners share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// The form of its lines.
    pub format: AccessFormat,
    /// Which exchanges are logged.
    pub keep: Kept,
}

/// The form of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessFormat {
    /// One JSON object with OpenTelemetry's attribute names.
    #[default]
    Json,
    /// Apache's `combined` log format.
    Combined,
}

/// Which exchanges are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kept {
    /// Every one.
    #[default]
    All,
    /// Those that failed, or were answered with 400 or above, or were requests that were not answered.
    Errors,
}

impl AccessLog {
    /// Whether an exchange is logged that did or did not fail.
    pub fn keeps(&self, failed: bool) -> bool {
        match self.keep {
            Kept::All => true,
            Kept::Errors => failed,
        }
    }
}

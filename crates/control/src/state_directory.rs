//! Where a service manager wants state to be (systemd.exec(5)). Called by what keeps some: ACME, and the certificate for development.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// The directory that has been made for us, as `variable` says.
pub(crate) fn state_directory(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // Of several, the first is as good as any.
    env::split_paths(&variable("STATE_DIRECTORY")?).next().filter(|path| path.is_absolute())
}

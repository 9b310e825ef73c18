//! How many descriptors the process may open. Called once, at the start.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the soft limit to the hard one: 1024 is a default for programs that use `select`, and two connections are two
/// descriptors.
pub(super) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise the limit of open descriptors");
    }
}

//! The certificate for development: where it is, and that it is there. Asked for by `serve` and `demo`.

use std::env;
use std::time::SystemTime;

use evenkeel_control::config::DevelopmentCertificate;

use crate::failure::Failure;

/// Where this user's is.
pub(crate) fn certificate() -> DevelopmentCertificate {
    DevelopmentCertificate::of(|name| env::var_os(name))
}

/// Makes it, unless there is a good one.
pub(crate) fn ensure(certificate: &DevelopmentCertificate) -> Result<(), Failure> {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    certificate.ensure(&host, SystemTime::now()).map_err(|error| {
        let file = certificate.chain();
        let file = file.display();
        Failure::Running(format!(
            "cannot make a certificate for development, {file}: {error}\n  \
             set XDG_DATA_HOME or STATE_DIRECTORY to a directory that this user may write to, or write a config with `certificates`"
        ))
    })
}

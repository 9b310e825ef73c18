//! The certificate for development: where it is, and that it is there. Asked for by `serve` and `demo`, and kept good while `serve` runs.

use std::time::{Duration, SystemTime};
use std::{env, io};

use evenkeel_control::config::DevelopmentCertificate;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::failure::Failure;

/// Where this user's is.
pub(crate) fn certificate() -> DevelopmentCertificate {
    DevelopmentCertificate::of(|name| env::var_os(name))
}

/// Makes it, unless there is a good one.
pub(crate) fn ensure(certificate: &DevelopmentCertificate) -> Result<(), Failure> {
    make(certificate).map_err(|error| {
        let file = certificate.chain();
        let file = file.display();
        Failure::Running(format!(
            "cannot make a certificate for development, {file}: {error}\n  \
             set XDG_DATA_HOME or STATE_DIRECTORY to a directory that this user may write to, or write a config with `certificates`"
        ))
    })
}

/// Makes it anew in time, for as long as it is polled. Its files are followed as those of any certificate: the new one is shown within seconds.
pub(crate) async fn keep_good(certificate: DevelopmentCertificate) {
    loop {
        sleep(LOOK_EVERY).await;
        let certificate = certificate.clone();
        if let Ok(Err(error)) = spawn_blocking(move || make(&certificate)).await {
            tracing::warn!("the certificate for development cannot be made anew: {error}");
        }
    }
}

fn make(certificate: &DevelopmentCertificate) -> io::Result<()> {
    let host = rustix::system::uname();
    certificate.ensure(&host.nodename().to_string_lossy(), SystemTime::now())
}

/// It is made anew a month before its end, and a notebook sleeps.
const LOOK_EVERY: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    /// It ended under a `serve` that ran for longer than it was good for.
    #[tokio::test(start_paused = true)]
    async fn it_is_made_anew_while_a_balancer_runs() {
        let folder = tempfile::tempdir().unwrap();
        let state = |name: &str| (name == "STATE_DIRECTORY").then(|| folder.path().into());
        let certificate = DevelopmentCertificate::of(state);
        let running = tokio::spawn(keep_good(certificate.clone()));
        let made = timeout(2 * LOOK_EVERY, async {
            while !certificate.chain().exists() {
                sleep(Duration::from_mins(1)).await;
            }
        });
        made.await.unwrap();
        running.abort();
    }
}

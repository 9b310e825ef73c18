//! The sockets that systemd, or whoever else started us, has opened for us (sd_listen_fds(3)). Taken once, at the start.

use std::env;

use evenkeel_proxy::Inherited;
use listenfd::ListenFd;

/// Takes all sockets that were passed to this process, by their names. Only before there are threads, because it changes the
/// environment; a second call finds nothing.
pub(super) fn take() -> Inherited {
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut passed = ListenFd::from_env();
    let mut inherited = Inherited::default();
    for position in 0..passed.len() {
        let name = names.next().filter(|name| !name.is_empty()).unwrap_or(WITHOUT_NAME);
        if let Some(socket) = passed.take_tcp_listener(position).transpose() {
            inherited.add(name, socket);
        }
    }
    inherited
}

/// What sd_listen_fds_with_names(3) calls a socket that was passed without a name.
const WITHOUT_NAME: &str = "unknown";

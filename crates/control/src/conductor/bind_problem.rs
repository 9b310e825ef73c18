//! An address that cannot be listened on, explained: who has it, or what it takes. Made by the conductor and the admin API.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use evenkeel_plan::binder::BindError;
use evenkeel_plan::listener::Bind;

use super::port_owner::{Owner, owner};

/// An address that cannot be listened on.
#[derive(Debug)]
pub struct BindProblem {
    /// Who wanted it: `listener "web"`, or `the admin API`.
    pub who: String,
    /// The address, as the config writes it.
    pub address: String,
    /// Why, and what to do.
    pub why: String,
    /// What the system said.
    pub kind: io::ErrorKind,
}

impl BindProblem {
    pub(super) fn of_listener(error: &BindError) -> Self {
        Self::explain(format!("listener \"{}\"", error.listener), &error.bind, &error.source)
    }

    pub(crate) fn of_admin(address: SocketAddr, error: &io::Error) -> Self {
        Self::explain("the admin API".to_owned(), &Bind::Only(address), error)
    }

    pub(crate) fn of_path(path: &Path, error: &io::Error) -> Self {
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "already in use, or there is something else at that path; stop it, or choose another path".to_owned()
            }
            io::ErrorKind::NotFound => format!("{error}; create the directory"),
            io::ErrorKind::PermissionDenied => {
                format!("{error}; let the user we run as write to the directory")
            }
            _ => error.to_string(),
        };
        let address = format!("unix:{}", path.display());
        Self { who: "the admin API".to_owned(), address, why, kind: error.kind() }
    }

    fn explain(who: String, bind: &Bind, error: &io::Error) -> Self {
        let why = match bind {
            Bind::Any(port) => why(*port, None, error),
            Bind::Only(address) => why(address.port(), Some(address.ip()), error),
            // Whoever looks for it knows which were passed.
            Bind::Inherited(_) => error.to_string(),
        };
        Self { who, address: bind.to_string(), why, kind: error.kind() }
    }
}

fn why(port: u16, address: Option<IpAddr>, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => in_use(owner(Path::new("/proc"), port, address)),
        io::ErrorKind::PermissionDenied if port < PORTS_WITH_PRIVILEGE => not_allowed(port),
        io::ErrorKind::AddrNotAvailable => not_ours(address),
        _ => error.to_string(),
    }
}

fn in_use(owner: Option<Owner>) -> String {
    match owner {
        Some(Owner { name, pid }) if pid == std::process::id() => {
            format!(
                "already in use by this very process ({name}, pid {pid}); give each listener its own port"
            )
        }
        Some(Owner { name, pid }) => {
            format!("already in use by {name} (pid {pid}); stop it, or choose another port")
        }
        None => "already in use, by a process that we may not see (`sudo ss -ltnp` shows it) or by an outgoing connection \
                 (`ss -tan` does); stop it, or choose another port"
            .to_owned(),
    }
}

fn not_allowed(port: u16) -> String {
    let program = std::env::current_exe()
        .map_or_else(|_| "evenkeel".to_owned(), |path| path.display().to_string());
    format!(
        "permission denied, because port {port} is below {PORTS_WITH_PRIVILEGE}; \
         choose a port from {PORTS_WITH_PRIVILEGE} up, or run `sudo setcap cap_net_bind_service=+ep {program}`, \
         or put `AmbientCapabilities=CAP_NET_BIND_SERVICE` in the systemd unit"
    )
}

fn not_ours(address: Option<IpAddr>) -> String {
    let address = address.map_or_else(|| "the address".to_owned(), |address| address.to_string());
    format!("{address} is not an address of this machine; `ip address` lists those that are")
}

/// Linux's default of `net.ipv4.ip_unprivileged_port_start`.
const PORTS_WITH_PRIVILEGE: u16 = 1024;

impl fmt::Display for BindProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot listen on {}: {}", self.who, self.address, self.why)
    }
}

impl std::error::Error for BindProblem {}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_port_in_use_names_the_process_that_has_it() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let source = TcpListener::bind(address).unwrap_err();
        let error = BindError { listener: "web".into(), bind: Bind::Only(address), source };
        let text = BindProblem::of_listener(&error).to_string();
        let start = format!("listener \"web\" cannot listen on {address}: already in use by ");
        assert!(text.starts_with(&start), "{text}");
        assert!(text.contains(&format!("pid {}", std::process::id())), "{text}");
    }

    #[test]
    fn another_process_is_named_and_a_hidden_one_is_looked_for() {
        let nginx = Owner { name: "nginx".to_owned(), pid: 1 };
        assert!(in_use(Some(nginx)).starts_with("already in use by nginx (pid 1);"));
        assert!(in_use(None).contains("ss -ltnp"));
    }

    #[test]
    fn every_problem_says_what_to_do() {
        let table = [
            (":80", io::ErrorKind::PermissionDenied, "setcap cap_net_bind_service=+ep"),
            (
                "192.0.2.1:8080",
                io::ErrorKind::AddrNotAvailable,
                "192.0.2.1 is not an address of this machine",
            ),
            (":8080", io::ErrorKind::PermissionDenied, "permission denied"),
        ];
        for (address, kind, expected) in table {
            let bind = match address.strip_prefix(':') {
                Some(port) => Bind::Any(port.parse().unwrap()),
                None => Bind::Only(address.parse().unwrap()),
            };
            let problem = BindProblem::explain("it".to_owned(), &bind, &io::Error::from(kind));
            let text = problem.to_string();
            assert!(text.contains(expected) && text.contains(address), "{text}");
        }
    }
}

//! Where an admin API is, how we know, and what is said when it is not there. Read from arguments by `args`.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::error::ClientError;
use super::exchange::{Answer, Trouble};

/// Where an admin API is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A name or an IP address without brackets, and a port.
    Tcp { host: String, port: u16 },
    /// A Unix socket.
    Unix(PathBuf),
}

/// A place, and how we came to it.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) place: Place,
    pub(super) source: Source,
}

/// Who says that the API is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// `--admin` or `EVENKEEL_ADMIN`.
    Given,
    /// A config.
    Config(PathBuf),
    /// Nobody: neither an argument nor the environment, nor a config that lies here.
    Default {
        /// A config that lies here, but does not let itself be read.
        unread: Option<PathBuf>,
    },
}

// === impl Place ===

impl Place {
    /// Whether it is on this machine.
    pub(super) fn is_here(&self) -> bool {
        match self {
            Place::Tcp { host, .. } => host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
            Place::Unix(_) => true,
        }
    }

    /// Reads `9900` (on this machine), `10.0.0.1:9900`, `[::1]:9900`, `name:9900`, `unix:/path`, or the URL that a start prints.
    pub(super) fn parse(text: &str) -> Result<Place, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("a path is missing, as in unix:/run/evenkeel.sock".to_owned()),
                path => Ok(Place::Unix(path.into())),
            };
        }
        if text.starts_with("https://") {
            return Err("the admin API speaks plain HTTP, so leave out https://".to_owned());
        }
        let bare = text.strip_prefix("http://").map_or(text, |rest| rest.trim_end_matches('/'));
        let (host, port) = match bare.rsplit_once(':') {
            Some((host, port)) => (host, port),
            None => ("", bare),
        };
        let wrong =
            "write a port, as in 9900, an address with one, as in 10.0.0.1:9900, or unix:PATH";
        let port = port.parse().ok().filter(|port| *port > 0).ok_or(wrong)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(host) => host,
            None if host.contains([':', '/', '@']) => return Err(wrong.to_owned()),
            None if host.is_empty() => "127.0.0.1",
            None => host,
        };
        Ok(Place::Tcp { host: host.to_owned(), port })
    }

    /// What to connect to when the API listens on `bound`: every address of a machine is no address to go to.
    pub(super) fn to_reach(bound: SocketAddr) -> Place {
        let host = match bound.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        Place::Tcp { host: host.to_string(), port: bound.port() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Place::Tcp { host, port } => write!(f, "{host}:{port}"),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

// === impl Located ===

impl Located {
    /// No answer came.
    pub(super) fn unreachable(&self, trouble: &Trouble) -> ClientError {
        let (place, known) = (&self.place, self.how_known());
        let what = match trouble {
            Trouble::Connect(error) => match error.kind() {
                io::ErrorKind::ConnectionRefused => format!("nothing listens at {place}{known}"),
                io::ErrorKind::NotFound => format!("there is no socket {place}{known}"),
                io::ErrorKind::PermissionDenied => {
                    let help = "run this as the user that the balancer runs as";
                    let what = format!("{place} may not be opened: {error}\n  {help}");
                    return ClientError::Unreachable(what);
                }
                _ => format!("{place}{known} cannot be reached: {error}"),
            },
            Trouble::ConnectTimeout(limit) => {
                let limit = limit.as_secs();
                format!("{place}{known} took no connection within {limit} s")
            }
            Trouble::AnswerTimeout(limit) => {
                let limit = limit.as_secs();
                let help = "it may be busy, or another program listens there";
                let what = format!("{place} did not answer within {limit} s\n  {help}");
                return ClientError::Unreachable(what);
            }
            Trouble::Broken(cause) => {
                let help =
                    "give the address of the admin API, which the balancer prints when it starts";
                let what =
                    format!("{place} does not speak HTTP as an admin API does: {cause}\n  {help}");
                return ClientError::Strange(what);
            }
        };
        ClientError::Unreachable(format!("{what}\n  {}", self.what_to_try()))
    }

    /// Something answered that is no admin API.
    pub(super) fn strange(&self, answer: &Answer) -> ClientError {
        let (place, status) = (&self.place, answer.status);
        let first = answer.text.lines().next().unwrap_or_default().trim();
        let first: String = first.chars().take(EXCERPT_MAX).collect();
        let said = if first.is_empty() { String::new() } else { format!(": {first}") };
        ClientError::Strange(format!(
            "what listens at {place} is not the admin API of an evenkeel like this one: it answered {status}{said}\n  \
             give the address of the admin API, which the balancer prints when it starts; \
             it is not one of its listeners"
        ))
    }

    fn how_known(&self) -> String {
        match &self.source {
            Source::Given => String::new(),
            Source::Config(file) => format!(", where {} puts the admin API", file.display()),
            Source::Default { unread: None } => ", where the admin API is by default".to_owned(),
            Source::Default { unread: Some(file) } => {
                let file = file.display();
                format!(", where the admin API is by default, for {file} does not say where else")
            }
        }
    }

    /// The ways out, the likeliest first.
    fn what_to_try(&self) -> String {
        let start = match &self.source {
            Source::Config(file) => format!("`evenkeel run -c {}`", file.display()),
            Source::Default { unread: Some(_) } => {
                "`evenkeel check`, then `evenkeel run`".to_owned()
            }
            Source::Given | Source::Default { unread: None } => {
                "`evenkeel run -c FILE` or `evenkeel serve LISTEN ENDPOINT…`".to_owned()
            }
        };
        format!(
            "is it running? start it with {start}\n  \
             if it is, it has printed where its admin API is: say so with --admin ADDRESS or in EVENKEEL_ADMIN,\n  \
             or name the config that it runs from with -c FILE"
        )
    }
}

/// So much of a strange answer tells what answered.
const EXCERPT_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_address_leads_to_it() {
        for (text, shown) in [
            ("9900", "127.0.0.1:9900"),
            (":9900", "127.0.0.1:9900"),
            ("10.0.0.1:9900", "10.0.0.1:9900"),
            ("[::1]:9900", "[::1]:9900"),
            ("balancer.internal:9900", "balancer.internal:9900"),
            ("http://127.0.0.1:9900/", "127.0.0.1:9900"),
            ("unix:/run/evenkeel.sock", "unix:/run/evenkeel.sock"),
        ] {
            assert_eq!(Place::parse(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_way_out() {
        for (text, part) in [
            ("", "as in 9900"),
            ("0", "as in 9900"),
            ("web", "as in 9900"),
            ("::1", "as in 9900"),
            ("a:1/x", "as in 9900"),
            ("https://a:1", "plain HTTP"),
            ("unix:", "path is missing"),
        ] {
            let refusal = Place::parse(text).unwrap_err();
            assert!(refusal.contains(part), "{text}: {refusal}");
        }
    }

    #[test]
    fn an_api_that_listens_everywhere_is_reached_on_this_machine() {
        for (bound, reached) in
            [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("10.0.0.1:1", "10.0.0.1:1")]
        {
            assert_eq!(Place::to_reach(bound.parse().unwrap()).to_string(), reached);
        }
    }
}

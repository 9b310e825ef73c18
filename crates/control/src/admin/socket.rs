//! Opens the admin API's socket: an address, or a path of the file system. Called by the fittings, before anything else is opened.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::conductor::BindProblem;
use crate::config::AdminBind;

/// Where the admin API really listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// There.
    Tcp(SocketAddr),
    /// At this path.
    Unix(PathBuf),
}

/// A socket that listens. A path is removed again when it is dropped.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener, OwnPath),
}

/// A path that is ours.
#[derive(Debug)]
pub(crate) struct OwnPath(PathBuf);

/// A connection that has come in.
pub(super) enum Stream {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Socket {
    /// Opens what is wanted; `None` when the API is switched off.
    pub(crate) async fn bind(wanted: &AdminBind) -> Result<Option<Self>, BindProblem> {
        let (address, bound) = match wanted {
            AdminBind::Off => return Ok(None),
            AdminBind::Unix(path) => return bind_path(path).await.map(Some),
            AdminBind::Fixed(address) => (*address, TcpListener::bind(address).await),
            AdminBind::Preferred(address) => (*address, bind_or_any_port(*address).await),
        };
        let named = bound.and_then(|listener| {
            let address = listener.local_addr()?;
            Ok(Self::Tcp(listener, address))
        });
        named.map(Some).map_err(|error| BindProblem::of_admin(address, &error))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> Address {
        match self {
            Self::Tcp(_, address) => Address::Tcp(*address),
            Self::Unix(_, path) => Address::Unix(path.0.clone()),
        }
    }

    pub(super) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener, _) => {
                let (stream, peer) = listener.accept().await?;
                Ok(Stream::Tcp(stream, peer))
            }
            Self::Unix(listener, _) => Ok(Stream::Unix(listener.accept().await?.0)),
        }
    }
}

async fn bind_or_any_port(address: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            TcpListener::bind((address.ip(), 0)).await
        }
        bound => bound,
    }
}

/// Its owner and its group may connect, and whoever may connect may change things: the file's rights are the token.
async fn bind_path(path: &Path) -> Result<Socket, BindProblem> {
    let refused = |error: &io::Error| BindProblem::of_path(path, error);
    remove_dead(path).await.map_err(|error| refused(&error))?;
    let listener = UnixListener::bind(path).map_err(|error| refused(&error))?;
    let ours = OwnPath(path.to_owned());
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))
        .map_err(|error| refused(&error))?;
    Ok(Socket::Unix(listener, ours))
}

/// A socket that nobody listens on any more was left by a process that was killed.
async fn remove_dead(path: &Path) -> io::Result<()> {
    let is_socket = path.symlink_metadata().is_ok_and(|about| about.file_type().is_socket());
    if is_socket && is_dead(path).await { fs::remove_file(path) } else { Ok(()) }
}

/// A blocking connect would wait for a process that is stuck, with its queue full, and nothing else of control would run until it
/// accepts. This one is told at once that there is no room, which only somebody who listens can lack.
async fn is_dead(path: &Path) -> bool {
    let connected = UnixStream::connect(path).await;
    connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

impl Drop for OwnPath {
    fn drop(&mut self) {
        // Somebody may have been quicker; then there is nothing left to do.
        let _ = fs::remove_file(&self.0);
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Address {
    /// The address, unless it is a path.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_address_is_an_error_when_fixed_and_evaded_when_preferred() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let problem = Socket::bind(&AdminBind::Fixed(address)).await.unwrap_err().to_string();
        let start = format!("the admin API cannot listen on {address}: already in use by ");
        assert!(problem.starts_with(&start), "{problem}");
        let evaded = Socket::bind(&AdminBind::Preferred(address)).await.unwrap().unwrap();
        let evaded = evaded.address().tcp().unwrap();
        assert_eq!(evaded.ip(), address.ip());
        assert_ne!(evaded.port(), address.port());
        assert!(Socket::bind(&AdminBind::Off).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_path_is_for_its_owner_and_group_and_goes_with_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let bind = AdminBind::Unix(path.clone());
        let socket = Socket::bind(&bind).await.unwrap().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        let problem = Socket::bind(&bind).await.unwrap_err().to_string();
        assert!(problem.contains("already in use"), "{problem}");
        drop(socket);
        assert!(!path.exists());
        // What a killed process leaves behind.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        assert!(Socket::bind(&bind).await.unwrap().is_some());
        // A file is nobody's socket.
        fs::write(&path, "precious").unwrap();
        assert!(Socket::bind(&bind).await.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    /// A reload that moved the admin API there stopped checks and metrics, until the other process accepted.
    #[test]
    fn a_path_whose_owner_accepts_nothing_is_taken_and_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let stuck = std::os::unix::net::UnixListener::bind(&path).unwrap();
        rustix::net::listen(&stuck, 0).unwrap();
        let (report, reported) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let mut waiting = Vec::new();
                while let Ok(stream) = UnixStream::connect(&path).await {
                    waiting.push(stream);
                }
                let problem = Socket::bind(&AdminBind::Unix(path)).await.unwrap_err();
                report.send(problem.to_string()).unwrap();
            });
        });
        let problem = reported.recv_timeout(std::time::Duration::from_secs(30)).unwrap();
        assert!(problem.contains("already in use"), "{problem}");
    }
}

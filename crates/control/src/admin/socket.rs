//! Opens the admin API's socket: an address, or a path of the file system. Called by the fittings, before anything else is opened.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::net::sockopt::set_socket_reuseport;
use rustix::net::{SocketFlags, accept_with};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

use crate::conductor::{BindProblem, others_listen};
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
    /// Opens what is wanted; `None` when the API is switched off. `ours`, which is about to be closed, is not in the way.
    pub(crate) async fn bind(
        wanted: &AdminBind,
        ours: Option<&Self>,
    ) -> Result<Option<Self>, BindProblem> {
        let ours = match ours {
            Some(Self::Tcp(listener, address)) => Some((listener, *address)),
            Some(Self::Unix(..)) | None => None,
        };
        let (address, bound) = match wanted {
            AdminBind::Off => return Ok(None),
            AdminBind::Unix(path) => return bind_path(path).await.map(Some),
            AdminBind::Fixed(address) => (*address, listen(*address, ours)),
            AdminBind::Preferred(address) => (*address, listen_or_any_port(*address, ours)),
        };
        let named = bound.and_then(|listener| {
            let address = listener.local_addr()?;
            Ok(Self::Tcp(listener, address))
        });
        named.map(Some).map_err(|error| BindProblem::of_admin(address, &error))
    }

    /// Whether it listens where it is wanted.
    pub(crate) fn is_at(&self, wanted: &AdminBind) -> bool {
        match (self, wanted) {
            (Self::Tcp(_, at), AdminBind::Fixed(wanted) | AdminBind::Preferred(wanted)) => {
                at == wanted
            }
            (Self::Unix(_, at), AdminBind::Unix(wanted)) => at.0 == *wanted,
            _ => false,
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> Address {
        match self {
            Self::Tcp(_, address) => Address::Tcp(*address),
            Self::Unix(_, path) => Address::Unix(path.0.clone()),
        }
    }

    /// A connection that is in the queue already, asked of the kernel: the runtime may not know of it yet.
    pub(super) fn accept_waiting(&self) -> io::Result<Stream> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        match self {
            Self::Tcp(listener, _) => {
                let stream = TcpStream::from_std(accept_with(listener, flags)?.into())?;
                let peer = stream.peer_addr()?;
                Ok(Stream::Tcp(stream, peer))
            }
            Self::Unix(listener, _) => {
                Ok(Stream::Unix(UnixStream::from_std(accept_with(listener, flags)?.into())?))
            }
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

/// One of ours, and where it listens.
type Ours<'a> = (&'a TcpListener, SocketAddr);

fn listen_or_any_port(address: SocketAddr, ours: Option<Ours<'_>>) -> io::Result<TcpListener> {
    match listen(address, ours) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            listen(SocketAddr::new(address.ip(), 0), None)
        }
        listening => listening,
    }
}

fn listen(address: SocketAddr, ours: Option<Ours<'_>>) -> io::Result<TcpListener> {
    match ours {
        Some((ours, at)) if at.port() == address.port() => listen_beside(ours, address),
        _ => listen_as(address, false),
    }
}

/// Listens on the port of `ours`, for which the kernel wants both to share it. They do so for this moment only, or any process of
/// our user could join them later; and as that goes for this moment, too, it is looked first whether one is there already.
fn listen_beside(ours: &TcpListener, address: SocketAddr) -> io::Result<TcpListener> {
    let inode = rustix::fs::fstat(ours)?.st_ino;
    if others_listen(Path::new("/proc"), address, inode) {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    set_socket_reuseport(ours, true)?;
    let listening = listen_as(address, true);
    set_socket_reuseport(ours, false)?;
    let listening = listening?;
    set_socket_reuseport(&listening, false)?;
    Ok(listening)
}

fn listen_as(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of a run before us that linger in the kernel are no reason not to start.
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(shared)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
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

/// As tokio and the standard library have it.
const BACKLOG: u32 = 1024;

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
mod tests;

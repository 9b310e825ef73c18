//! The sockets of one address, one for each worker: bound first, and listened on when all others are bound too. Made by
//! [`super::Sockets`].

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use evenkeel_plan::listener::Bind;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::Inherited;

/// Sockets that nobody can connect to yet, unless somebody else listens on them.
#[derive(Debug)]
pub(super) enum Bound {
    /// Ours, one for each worker: the kernel spreads connections over them.
    Own(Vec<Socket>),
    /// Handles of sockets that were passed to us, each with the number of its worker.
    Inherited(Vec<(usize, Arc<TcpListener>)>),
}

impl Bound {
    /// Sockets at `bind` for each of `count` workers. If it is `shared`, one of ours listens there already.
    pub(super) fn to(
        bind: &Bind,
        count: usize,
        shared: bool,
        inherited: &Inherited,
    ) -> io::Result<Self> {
        match bind {
            Bind::Any(port) => bind_for_all(count, || bind_any(*port, shared)),
            Bind::Only(address) => bind_for_all(count, || bind_to(*address, shared)),
            Bind::Inherited(name) => inherited.handles(name, count).map(Self::Inherited),
        }
    }

    /// From now on clients can connect. Each socket with the number of its worker. If it is `shared`, one of ours listens there
    /// already.
    ///
    /// # Errors
    /// When somebody else listens there, among others.
    pub(super) fn listen(self, shared: bool) -> io::Result<Vec<(usize, Arc<TcpListener>)>> {
        match self {
            Self::Own(sockets) => listen_all(sockets, shared),
            Self::Inherited(sockets) => Ok(sockets),
        }
    }
}

/// Sockets of one address do not exclude each other as long as none of them listens.
fn bind_for_all(count: usize, bind_one: impl Fn() -> io::Result<Socket>) -> io::Result<Bound> {
    (0..count).map(|_| bind_one()).collect::<io::Result<_>>().map(Bound::Own)
}

/// The first listens without SO_REUSEPORT, which would let us in beside another program, or a second instance of this one,
/// without a word: that two have bound the same address shows only now. It is set afterwards, so that the other workers' sockets
/// can join. From then on a stranger with the option set could, too; but not one who begins like this.
fn listen_all(sockets: Vec<Socket>, shared: bool) -> io::Result<Vec<(usize, Arc<TcpListener>)>> {
    let mut share = shared;
    let listening = sockets.into_iter().enumerate().map(|(worker, socket)| {
        socket.set_reuse_port(share)?;
        socket.listen(BACKLOG)?;
        socket.set_reuse_port(true)?;
        share = true;
        Ok((worker, Arc::new(socket.into())))
    });
    listening.collect()
}

fn bind_any(port: u16, share: bool) -> io::Result<Socket> {
    match bind_to((Ipv6Addr::UNSPECIFIED, port).into(), share) {
        // A machine without IPv6.
        Err(error) if is_without_ipv6(&error) => {
            bind_to((Ipv4Addr::UNSPECIFIED, port).into(), share)
        }
        outcome => outcome,
    }
}

fn bind_to(address: SocketAddr, share: bool) -> io::Result<Socket> {
    let socket =
        Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    // Connections of a run before us that linger in the kernel are no reason not to start.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(share)?;
    // Inherited by every connection: small answers must not wait for the one before to be acknowledged.
    SockRef::from(&socket).set_tcp_nodelay(true)?;
    if let SocketAddr::V6(address) = address
        && address.ip().is_unspecified()
    {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn is_without_ipv6(error: &io::Error) -> bool {
    let errnos = [rustix::io::Errno::AFNOSUPPORT, rustix::io::Errno::ADDRNOTAVAIL];
    errnos.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// How many connections may wait to be accepted; the kernel lowers it to its own limit.
const BACKLOG: i32 = 4096;

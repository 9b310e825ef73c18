//! The sockets of one address, one for each worker: bound first, and listened on when all others are bound too. Made by
//! [`super::Sockets`].

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use evenkeel_plan::listener::Bind;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::Inherited;

/// Sockets that nobody can connect to yet, unless somebody else listens on them.
#[derive(Debug)]
pub(super) enum Bound {
    /// Ours: the kernel spreads connections over them.
    Own(Vec<Socket>),
    /// Handles of sockets that were passed to us, each with the number of its worker.
    Inherited(Vec<(usize, TcpListener)>),
}

impl Bound {
    /// Sockets at `bind` for each of `count` workers. If its port is `shared`, others of ours listen there already.
    pub(super) fn to(
        bind: &Bind,
        count: usize,
        shared: bool,
        inherited: &Inherited,
    ) -> io::Result<Self> {
        match bind {
            Bind::Any(port) => bind_for_all(|share| bind_any(*port, share), count, shared),
            Bind::Only(address) => bind_for_all(|share| bind_to(*address, share), count, shared),
            Bind::Inherited(name) => inherited.handles(name, count).map(Self::Inherited),
        }
    }

    /// From now on clients can connect. Each socket with the number of its worker.
    pub(super) fn listen(self) -> io::Result<Vec<(usize, TcpListener)>> {
        match self {
            Self::Own(sockets) => sockets
                .into_iter()
                .enumerate()
                .map(|(worker, socket)| Ok((worker, listen(socket)?)))
                .collect(),
            Self::Inherited(sockets) => Ok(sockets),
        }
    }
}

fn bind_for_all(
    bind_one: impl Fn(bool) -> io::Result<Socket>,
    count: usize,
    shared: bool,
) -> io::Result<Bound> {
    // The first is bound without SO_REUSEPORT, which would let a second instance in without a word. It is set afterwards, so
    // that the other workers' sockets can join.
    let first = bind_one(shared)?;
    first.set_reuse_port(true)?;
    let mut sockets = vec![first];
    for _ in 1..count {
        sockets.push(bind_one(true)?);
    }
    Ok(Bound::Own(sockets))
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

fn listen(socket: Socket) -> io::Result<TcpListener> {
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn is_without_ipv6(error: &io::Error) -> bool {
    let errnos = [rustix::io::Errno::AFNOSUPPORT, rustix::io::Errno::ADDRNOTAVAIL];
    errnos.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// How many connections may wait to be accepted; the kernel lowers it to its own limit.
const BACKLOG: i32 = 4096;

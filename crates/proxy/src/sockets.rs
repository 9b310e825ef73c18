//! Listening sockets: one for each worker and address, all or none. Made when a plan is prepared, handed out when it is in force.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use evenkeel_plan::Plan;
use evenkeel_plan::binder::{BindError, Binder};
use evenkeel_plan::listener::Bind;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::sync::mpsc::Sender;

use crate::worker::Command;

/// The sockets as the conductor commands them.
#[derive(Debug)]
pub(crate) struct Sockets {
    mailboxes: Vec<Sender<Command>>,
    /// Bound, but not accepted on yet.
    prepared: HashMap<Bind, Vec<TcpListener>>,
    /// Accepted on by every worker.
    open: HashSet<Bind>,
}

impl Sockets {
    pub(crate) fn new(mailboxes: Vec<Sender<Command>>) -> Self {
        Self { mailboxes, prepared: HashMap::new(), open: HashSet::new() }
    }

    fn tell(&self, worker: usize, command: Command) {
        // A mailbox is never full of commands: they are few, and connections leave room (see `Crew::rival`).
        if let Some(mailbox) = self.mailboxes.get(worker)
            && mailbox.try_send(command).is_err()
        {
            tracing::error!(worker, "a worker has ended");
        }
    }
}

impl Binder for Sockets {
    fn prepare(&mut self, plan: &Plan) -> Result<(), BindError> {
        let mut prepared = HashMap::new();
        for listener in &plan.listeners {
            for &bind in listener.binds.iter().filter(|bind| !self.open.contains(*bind)) {
                let sockets = bind_for_all(bind, self.mailboxes.len());
                let refused = |source| BindError { listener: listener.name.clone(), bind, source };
                prepared.insert(bind, sockets.map_err(refused)?);
            }
        }
        self.prepared = prepared;
        Ok(())
    }

    fn commit(&mut self, plan: &Arc<Plan>) {
        for listener in &plan.listeners {
            let name: Arc<str> = (&*listener.name).into();
            for &bind in &listener.binds {
                for (worker, socket) in
                    self.prepared.remove(&bind).into_iter().flatten().enumerate()
                {
                    self.tell(
                        worker,
                        Command::Listen { listener: Arc::clone(&name), bind, socket },
                    );
                    self.open.insert(bind);
                }
            }
        }
        let wanted: HashSet<Bind> =
            plan.listeners.iter().flat_map(|listener| listener.binds.iter().copied()).collect();
        for bind in self.open.difference(&wanted).copied().collect::<Vec<_>>() {
            self.open.remove(&bind);
            (0..self.mailboxes.len()).for_each(|worker| self.tell(worker, Command::Close { bind }));
        }
    }
}

/// A listening socket on `bind` for each of `count` workers; the kernel spreads connections over them.
fn bind_for_all(bind: Bind, count: usize) -> io::Result<Vec<TcpListener>> {
    // The first is bound without SO_REUSEPORT, which would let a second instance in without a word. It is set afterwards, so
    // that the other workers' sockets can join.
    let first = bind_one(bind, false)?;
    first.set_reuse_port(true)?;
    let mut sockets = vec![first];
    for _ in 1..count {
        sockets.push(bind_one(bind, true)?);
    }
    sockets.into_iter().map(listen).collect()
}

fn bind_one(bind: Bind, share: bool) -> io::Result<Socket> {
    match bind {
        Bind::Only(address) => bind_to(address, share),
        Bind::Any(port) => match bind_to((Ipv6Addr::UNSPECIFIED, port).into(), share) {
            // A machine without IPv6.
            Err(error) if is_without_ipv6(&error) => {
                bind_to((Ipv4Addr::UNSPECIFIED, port).into(), share)
            }
            outcome => outcome,
        },
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

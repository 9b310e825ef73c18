//! Listening sockets: one for each worker and address, all or none. Made when a plan is prepared, handed out when it is in force.
//! Inherited ones are not made but shared.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use evenkeel_plan::Plan;
use evenkeel_plan::binder::{BindError, Binder};
use evenkeel_plan::listener::Bind;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::sync::mpsc::Sender;

mod inherited;

pub use inherited::Inherited;

use crate::worker::Command;

/// The sockets as the conductor commands them.
#[derive(Debug)]
pub(crate) struct Sockets {
    mailboxes: Vec<Sender<Command>>,
    inherited: Inherited,
    /// Bound, but not accepted on yet; each with the number of the worker that will.
    prepared: HashMap<Bind, Vec<(usize, TcpListener)>>,
    /// Accepted on by every worker, and for which listener.
    open: HashMap<Bind, Arc<str>>,
}

impl Sockets {
    pub(crate) fn new(mailboxes: Vec<Sender<Command>>, inherited: Inherited) -> Self {
        Self { mailboxes, inherited, prepared: HashMap::new(), open: HashMap::new() }
    }

    fn open(&self, bind: &Bind) -> io::Result<Vec<(usize, TcpListener)>> {
        let count = self.mailboxes.len();
        // Our own sockets on the same port have to be shared with: they are about to be closed.
        let shared = self.open.keys().any(|open| port(open).is_some() && port(open) == port(bind));
        match bind {
            Bind::Any(port) => bind_for_all(|share| bind_any(*port, share), count, shared),
            Bind::Only(address) => bind_for_all(|share| bind_to(*address, share), count, shared),
            Bind::Inherited(name) => self.inherited.handles(name, count),
        }
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
            for bind in listener.binds.iter().filter(|bind| !self.open.contains_key(*bind)) {
                let sockets = self.open(bind).map_err(|source| BindError {
                    listener: listener.name.clone(),
                    bind: bind.clone(),
                    source,
                })?;
                prepared.insert(bind.clone(), sockets);
            }
        }
        self.prepared = prepared;
        Ok(())
    }

    fn commit(&mut self, plan: &Arc<Plan>) {
        for listener in &plan.listeners {
            let name: Arc<str> = (&*listener.name).into();
            for bind in &listener.binds {
                self.accept_for(bind, &name);
            }
        }
        let wanted: HashSet<&Bind> =
            plan.listeners.iter().flat_map(|listener| &listener.binds).collect();
        let gone = self.open.keys().filter(|bind| !wanted.contains(bind));
        for bind in gone.cloned().collect::<Vec<_>>() {
            self.open.remove(&bind);
            self.tell_all(|| Command::Close { bind: bind.clone() });
        }
    }
}

impl Sockets {
    /// From now on connections to `bind` are for the listener called `name`.
    fn accept_for(&mut self, bind: &Bind, name: &Arc<str>) {
        let before = self.open.insert(bind.clone(), Arc::clone(name));
        for (worker, socket) in self.prepared.remove(bind).into_iter().flatten() {
            let (listener, bind) = (Arc::clone(name), bind.clone());
            self.tell(worker, Command::Listen { listener, bind, socket });
        }
        if before.is_some_and(|before| before != *name) {
            self.tell_all(|| Command::Rename { bind: bind.clone(), listener: Arc::clone(name) });
        }
    }

    fn tell_all(&self, command: impl Fn() -> Command) {
        (0..self.mailboxes.len()).for_each(|worker| self.tell(worker, command()));
    }
}

/// The port, if it is known.
fn port(bind: &Bind) -> Option<u16> {
    match bind {
        Bind::Any(port) => Some(*port),
        Bind::Only(address) => Some(address.port()),
        Bind::Inherited(_) => None,
    }
}

/// A listening socket for each of `count` workers; the kernel spreads connections over them. If the port is `shared`, others of
/// ours listen there already.
fn bind_for_all(
    bind_one: impl Fn(bool) -> io::Result<Socket>,
    count: usize,
    shared: bool,
) -> io::Result<Vec<(usize, TcpListener)>> {
    // The first is bound without SO_REUSEPORT, which would let a second instance in without a word. It is set afterwards, so
    // that the other workers' sockets can join.
    let first = bind_one(shared)?;
    first.set_reuse_port(true)?;
    let mut sockets = vec![first];
    for _ in 1..count {
        sockets.push(bind_one(true)?);
    }
    sockets
        .into_iter()
        .map(listen)
        .enumerate()
        .map(|(worker, socket)| Ok((worker, socket?)))
        .collect()
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

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::fixture::listener;

    #[test]
    fn an_inherited_socket_outlives_a_listener_that_goes_and_comes_back() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let mut inherited = Inherited::default();
        inherited.add("web", Ok(socket));
        let (mailbox, mut commands) = channel(8);
        let mut sockets = Sockets::new(vec![mailbox], inherited);
        let (with, without) = (plan(&[Bind::Inherited("web".into())]), plan(&[]));
        for _ in 0..2 {
            sockets.prepare(&with).unwrap();
            sockets.commit(&with);
            assert_eq!(listening(&mut commands).local_addr().unwrap(), address);
            sockets.prepare(&without).unwrap();
            sockets.commit(&without);
            assert!(matches!(commands.try_recv().unwrap(), Command::Close { .. }));
        }
    }

    #[test]
    fn a_listener_that_wants_a_socket_which_was_not_passed_binds_nothing_else_either() {
        let (mailbox, mut commands) = channel(8);
        let mut sockets = Sockets::new(vec![mailbox], Inherited::default());
        let wanted = Bind::Inherited("web".into());
        let error = sockets.prepare(&plan(&[Bind::Any(0), wanted.clone()])).unwrap_err();
        assert_eq!((error.bind, error.source.kind()), (wanted, io::ErrorKind::NotFound));
        assert!(sockets.prepared.is_empty() && commands.try_recv().is_err());
    }

    fn plan(binds: &[Bind]) -> Arc<Plan> {
        let listener = evenkeel_plan::Listener { binds: binds.to_vec(), ..listener() };
        Arc::new(Plan { listeners: vec![Arc::new(listener)], ..Plan::default() })
    }

    fn listening(commands: &mut Receiver<Command>) -> TcpListener {
        match commands.try_recv().unwrap() {
            Command::Listen { socket, .. } => socket,
            other => panic!("{other:?}"),
        }
    }
}

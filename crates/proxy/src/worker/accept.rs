//! Accepting connections: each worker has a socket of its own for every address, and may pass a new connection to a worker
//! with less to do, before any runtime knows it.
//!
//! Of an inherited socket each worker has a handle only. A connection wakes all of them, one gets it, and the others find
//! nothing and wait on.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evenkeel_plan::Listener;
use evenkeel_plan::admission::{Refusal, Seat};
use rustix::io::Errno;
use rustix::net::sockopt::set_tcp_nodelay;
use rustix::net::{RecvFlags, Shutdown, SocketFlags, acceptfrom_with, recv, shutdown};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::spawn_local;

use super::Worker;
use super::crew::{Accepted, Crew, Errand, Places};
use crate::connection::Connection;
use crate::entrance::Entrance;
use crate::io::Io;

/// Where connections come in.
pub(super) struct Door {
    /// The name of the listener, which another plan may change.
    listener: RefCell<Arc<str>>,
    /// The only handle: a second one might not be had, and whoever accepts and whoever closes share it as well.
    socket: Arc<TcpListener>,
    /// Whether somebody else has opened it, and shares it with all workers.
    pub(super) is_inherited: bool,
}

impl Door {
    pub(super) fn new(listener: Arc<str>, socket: Arc<TcpListener>, is_inherited: bool) -> Self {
        Self { listener: RefCell::new(listener), socket, is_inherited }
    }

    /// What comes in from now on is for the listener called `name`.
    pub(super) fn rename(&self, name: &Arc<str>) {
        *self.listener.borrow_mut() = Arc::clone(name);
    }

    fn listener(&self) -> Arc<str> {
        Arc::clone(&self.listener.borrow())
    }
}

/// Accepts on one socket until the task is aborted.
pub(super) async fn accept(worker: Rc<Worker>, crew: Arc<Crew>, door: Rc<Door>) {
    let mut complaint = Complaint::default();
    loop {
        let Err(error) = accept_all(&worker, &crew, &door, &mut complaint).await;
        // The socket listens, and clients would wait in its queue for ever if nobody came back to it.
        complaint.pause(&door.listener(), &error.to_string(), "cannot wait for connections").await;
    }
}

/// Accepts until the runtime can wait for connections no more: the kernel's room for that is limited, too.
async fn accept_all(
    worker: &Rc<Worker>,
    crew: &Arc<Crew>,
    door: &Door,
    complaint: &mut Complaint,
) -> io::Result<Infallible> {
    #[expect(deprecated, reason = "what replaces it is unsafe; a `TcpListener` keeps its socket")]
    let socket = AsyncFd::with_interest(Arc::clone(&door.socket), Interest::READABLE)?;
    loop {
        let mut ready = socket.readable().await?;
        if crew.is_full(worker.index) {
            let why = "each connection may need a second descriptor, for its endpoint";
            complaint.pause(&door.listener(), why, FULL).await;
            continue;
        }
        let Ok(seat) = seat(worker, door) else {
            complaint.pause(&door.listener(), "`max_connections` are open", ALL_TAKEN).await;
            continue;
        };
        match ready.try_io(|socket| accept_one(socket.get_ref())) {
            Ok(Ok((connection, client))) => {
                if door.is_inherited {
                    // It may have been in the queue before the listening socket, from which all others have it, was ours. If
                    // it cannot be set, the connection is gone, which its first read will find.
                    let _ = set_tcp_nodelay(&connection, true);
                }
                let listener = door.listener();
                dispatch(worker, crew, Accepted { socket: connection, client, listener, seat });
            }
            // The connection died in the queue.
            Ok(Err(error)) if is_passing(&error) => {}
            Ok(Err(error)) => complaint.pause(&door.listener(), &error.to_string(), FULL).await,
            Err(_would_block) => {}
        }
    }
}

/// What is still in the kernel's queue of a socket that is about to be closed: those clients were told that they are connected.
pub(super) fn accept_rest(worker: &Rc<Worker>, crew: &Arc<Crew>, door: &Door) {
    // They are ours to serve: another worker may have ended already.
    let mut failures = 0;
    while failures < PASSING_FAILURES_MAX {
        let (connection, client) = match accept_one(&door.socket) {
            Ok(accepted) => accepted,
            Err(error) if is_passing(&error) => {
                failures += 1;
                continue;
            }
            Err(_) => return,
        };
        let listener = door.listener();
        // Even if there are too many: the listener is no more.
        serve(worker, crew, Accepted { socket: connection, client, listener, seat: None });
    }
}

/// A place for one more connection of the door's listener.
fn seat(worker: &Worker, door: &Door) -> Result<Option<Seat>, AllTaken> {
    let listener = worker.listener_named(&door.listener.borrow());
    let Some(rules) = listener.as_ref().and_then(|listener| listener.door.as_deref()) else {
        return Ok(None);
    };
    rules.seat().ok_or(AllTaken)
}

/// A listener has as many connections as it may have.
struct AllTaken;

fn accept_one(socket: &TcpListener) -> io::Result<(OwnedFd, SocketAddr)> {
    let (connection, client) =
        acceptfrom_with(socket, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    let client = client.and_then(|client| SocketAddr::try_from(client).ok());
    Ok((connection, client.ok_or(Errno::AFNOSUPPORT)?))
}

fn dispatch(worker: &Rc<Worker>, crew: &Arc<Crew>, accepted: Accepted) {
    let accepted = match crew.rival(worker.index, worker.random()) {
        None => accepted,
        Some(rival) => match rival.try_send(Errand::Adopt(accepted)) {
            Ok(()) => return,
            // Its mailbox is full: then it has no less to do than we. Or it has ended.
            Err(refused) => match refused.into_inner() {
                Errand::Adopt(accepted) => accepted,
                Errand::MakeWay(_) | Errand::Look(_) | Errand::Recall(_) => return,
            },
        },
    };
    serve(worker, crew, accepted);
}

/// Serves one connection in a task of its own, so that a panic costs that connection only: the runtime catches it, and what the connection
/// has is given back on the way, as at any other end.
pub(super) fn serve(worker: &Rc<Worker>, crew: &Arc<Crew>, accepted: Accepted) {
    let Accepted { socket, client, listener: name, seat } = accepted;
    let Some(listener) = worker.listener_named(&name) else { return };
    let entered = match &listener.door {
        None => Ok(None),
        Some(rules) => rules.enter(client.ip(), worker.time(worker.now())),
    };
    let presence = match entered {
        Ok(presence) => presence,
        Err(refusal) => return refuse(worker, crew, (&listener, client, refusal), &socket),
    };
    let entrance = Entrance::new(name, &listener);
    let membership = crew.join(worker.index, Places::new(seat, presence));
    let io = match &listener.tls {
        None => Io::new(socket),
        Some(tls) => Io::terminate(socket, tls.clone(), listener.protocol),
    };
    let connection = Connection::new(Rc::clone(worker), io, client, entrance, membership);
    spawn_local(connection.serve());
}

/// Closes a connection at once. What the client has sent already is read, else the system would send a reset, which says
/// less clearly that nobody is going to answer.
fn refuse(
    worker: &Worker,
    crew: &Crew,
    (listener, client, refusal): (&Listener, SocketAddr, Refusal),
    socket: &OwnedFd,
) {
    listener.counters.shard(worker.index).refused[refusal as usize].add(1);
    if crew.may_mention(worker.time(worker.now())) {
        let (listener, client, reason) = (&*listener.name, client.ip(), refusal.name());
        tracing::warn!(listener, %client, reason, "refuses connections");
    }
    // Whether the client hears it is its own affair.
    let _ = shutdown(socket, Shutdown::Write);
    let mut scratch = worker.buffers.scratch.borrow_mut();
    let _ = recv(socket, &mut scratch[..], RecvFlags::DONTWAIT);
}

fn is_passing(error: &io::Error) -> bool {
    let passing = [Errno::CONNABORTED, Errno::INTR, Errno::PROTO, Errno::PERM];
    Errno::from_io_error(error).is_some_and(|errno| passing.contains(&errno))
}

/// Out of descriptors or memory: connections stay in the kernel's queue for a while, else this would spin. What is running
/// goes on, and will free some. Said now and then, not each time.
#[derive(Default)]
struct Complaint {
    said: Option<Instant>,
}

impl Complaint {
    async fn pause(&mut self, listener: &str, why: &str, what: &str) {
        if self.said.is_none_or(|said| said.elapsed() >= COMPLAINT_INTERVAL) {
            self.said = Some(Instant::now());
            tracing::warn!(listener, why, "{what}");
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

const FULL: &str =
    "accepts no more connections until some end; raise the descriptor limit (ulimit -n)";

const ALL_TAKEN: &str = "accepts no more connections until some end";

/// How many connections that died in the queue are passed over, before it is taken for empty.
const PASSING_FAILURES_MAX: usize = 1024;

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

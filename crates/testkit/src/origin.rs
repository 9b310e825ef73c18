//! A scripted origin: answers each request as a test says, and records all that it was sent.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::Socket;

mod conversation;
mod reading;
mod request;
mod script;
mod state;

pub use reading::Reading;
pub use request::Request;
pub use script::Script;

use crate::ports::free_port;
use crate::wait::wait_until;
use state::State;

/// What an origin does. A closure from request to script is the common case.
pub trait Behaviour: Send + Sync + 'static {
    /// Played when connection `number` (from 0) is accepted; nothing by default.
    fn accepted(&self, number: usize) -> Script {
        let _ = number;
        Script::new()
    }

    /// Played when a request's head is complete, before its body is read; nothing by default.
    fn head_arrived(&self, request: &Request) -> Script {
        let _ = request;
        Script::new()
    }

    /// Played when a request is complete.
    fn answer(&self, request: &Request) -> Script;
}

impl<F: Fn(&Request) -> Script + Send + Sync + 'static> Behaviour for F {
    fn answer(&self, request: &Request) -> Script {
        self(request)
    }
}

/// A running origin. Dropping it closes everything that it holds.
pub struct Origin {
    address: SocketAddr,
    behaviour: Arc<dyn Behaviour>,
    state: Arc<State>,
    acceptor: Option<Acceptor>,
}

/// The thread that accepts, and what it accepts from.
struct Acceptor {
    listener: Socket,
    thread: JoinHandle<()>,
}

impl Origin {
    /// Starts on a free loopback port.
    ///
    /// # Errors
    /// What `bind` says.
    pub fn start(behaviour: impl Behaviour) -> io::Result<Self> {
        let behaviour = Arc::new(behaviour);
        // Not a port that the kernel would give to a client while the origin is stopped.
        for _ in 0..TRIES {
            match Self::started(free_port()?, Arc::clone(&behaviour)) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                outcome => return outcome,
            }
        }
        Self::started(0, behaviour)
    }

    /// Starts on a port of 127.0.0.1.
    ///
    /// # Errors
    /// What `bind` says.
    pub fn start_on(port: u16, behaviour: impl Behaviour) -> io::Result<Self> {
        Self::started(port, Arc::new(behaviour))
    }

    fn started<B: Behaviour>(port: u16, behaviour: Arc<B>) -> io::Result<Self> {
        let mut origin = Self {
            address: (Ipv4Addr::LOCALHOST, port).into(),
            behaviour,
            state: Arc::default(),
            acceptor: None,
        };
        origin.listen()?;
        Ok(origin)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening and closes its connections. The port refuses from here on.
    ///
    /// # Errors
    /// When it cannot be woken to stop.
    pub fn stop(&mut self) -> io::Result<()> {
        let Some(Acceptor { listener, thread }) = self.acceptor.take() else { return Ok(()) };
        self.state.stop();
        // Closing would not do: a program that a neighbouring test is just starting inherits the socket for as long as it
        // takes to start, and connections would be accepted in its name. It also wakes the acceptor.
        listener.shutdown(Shutdown::Both)?;
        thread.join().map_err(|_| io::Error::other("the origin's acceptor panicked"))
    }

    /// Starts again on the same port after [`Origin::stop`]; the records go on.
    ///
    /// # Errors
    /// What `bind` says.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop()?;
        self.listen()
    }

    /// All complete requests so far, in the order of their completion.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.state.requests()
    }

    /// How many complete requests there were.
    #[must_use]
    pub fn request_count(&self) -> usize {
        self.state.request_count()
    }

    /// How many connections there were, open or not.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.state.connection_count()
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connection_count(&self) -> usize {
        self.state.open_connection_count()
    }

    /// Every byte that came on connection `number` (from 0); empty if there is none.
    #[must_use]
    pub fn received(&self, number: usize) -> Vec<u8> {
        self.state.received(number)
    }

    /// What came on each connection that carried anything, read once more and strictly, in the order of acceptance.
    ///
    /// # Errors
    /// When one of them is not a sequence of requests in canonical form.
    pub fn readings(&self) -> io::Result<Vec<Reading>> {
        let connections = 0..self.connection_count();
        let received = connections.map(|number| self.received(number));
        received.filter(|bytes| !bytes.is_empty()).map(Reading::of).collect()
    }

    /// Waits until there were `count` complete requests.
    ///
    /// # Errors
    /// When there were fewer by the deadline.
    pub fn wait_for_requests(&self, count: usize, within: Duration) -> io::Result<()> {
        wait_until(within, || self.request_count() >= count)
    }

    fn listen(&mut self) -> io::Result<()> {
        let listener = TcpListener::bind(self.address)?;
        self.address = listener.local_addr()?;
        self.state.begin();
        let (behaviour, state) = (Arc::clone(&self.behaviour), Arc::clone(&self.state));
        let handle = Socket::from(listener.try_clone()?);
        let thread = thread::spawn(move || accept_all(&listener, &behaviour, &state));
        self.acceptor = Some(Acceptor { listener: handle, thread });
        Ok(())
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        // A panic of the acceptor has been printed by its thread.
        drop(self.stop());
    }
}

/// How often another port is tried when somebody was quicker.
const TRIES: usize = 16;

/// Accepts until the state says stop; then waits for the connections' threads.
fn accept_all(listener: &TcpListener, behaviour: &Arc<dyn Behaviour>, state: &Arc<State>) {
    let mut conversations = Vec::new();
    while let Ok((stream, _)) = listener.accept() {
        if state.is_stopping() {
            break;
        }
        let Ok(connection) = state.admit(&stream) else { continue };
        let (behaviour, state) = (Arc::clone(behaviour), Arc::clone(state));
        conversations.push(thread::spawn(move || {
            // A connection's end, however it comes, is the proxy's business and not an error here.
            drop(conversation::hold(stream, &connection, &*behaviour, &state));
            state.dismiss(&connection);
        }));
    }
    for conversation in conversations {
        // A behaviour's panic (a failed assertion of the test) has been printed by its thread.
        drop(conversation.join());
    }
}

#[cfg(test)]
mod tests;

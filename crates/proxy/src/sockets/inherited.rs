//! Listening sockets that whoever started us has opened, by name. The binary collects them, [`super::Sockets`] hands them out.

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use socket2::SockRef;

/// Sockets passed by name, kept for the life of the process: what a reload drops, a later one may want again, and nobody would
/// pass it twice.
#[derive(Debug, Default)]
pub struct Inherited {
    /// One name may stand for several sockets: a `.socket` unit with two addresses passes two of one name.
    sockets: BTreeMap<Box<str>, Vec<TcpListener>>,
    /// What was passed, but cannot be listened on, and why.
    unusable: BTreeMap<Box<str>, io::Error>,
}

impl Inherited {
    /// Keeps `socket` as one of those called `name`, or the reason why it cannot be used, which is told to whoever wants it.
    pub fn add(&mut self, name: &str, socket: io::Result<TcpListener>) {
        match socket.and_then(make_usable) {
            Ok(socket) => self.sockets.entry(name.into()).or_default().push(socket),
            Err(error) => drop(self.unusable.insert(name.into(), error)),
        }
    }

    /// Handles of all sockets called `name`, `count` of each, with the number of the handle. They share one queue of
    /// connections: whoever asks first gets the next one.
    pub(super) fn handles(
        &self,
        name: &str,
        count: usize,
    ) -> io::Result<Vec<(usize, Arc<TcpListener>)>> {
        if let Some(error) = self.unusable.get(name) {
            return Err(io::Error::new(error.kind(), error.to_string()));
        }
        let Some(sockets) = self.sockets.get(name) else { return Err(self.not_passed()) };
        let pairs =
            sockets.iter().flat_map(|socket| (0..count).map(move |worker| (worker, socket)));
        pairs.map(|(worker, socket)| Ok((worker, Arc::new(socket.try_clone()?)))).collect()
    }

    fn not_passed(&self) -> io::Error {
        let names: Vec<&str> =
            self.sockets.keys().chain(self.unusable.keys()).map(|name| &**name).collect();
        let why = if names.is_empty() {
            "no socket was passed to this process; it has to be started by its .socket unit"
                .to_owned()
        } else {
            format!(
                "no socket of this name was passed to this process, only `{}`; \
                 `FileDescriptorName=` in the .socket unit gives it its name",
                names.join("`, `")
            )
        };
        io::Error::new(io::ErrorKind::NotFound, why)
    }
}

/// What we would have set ourselves. Whoever opened it need not have.
fn make_usable(socket: TcpListener) -> io::Result<TcpListener> {
    let options = SockRef::from(&socket);
    if !options.is_listener()? {
        let why = "the socket that was passed does not listen; the .socket unit needs `Accept=no`";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    // Workers wait for it together, and all but one of them come too late.
    options.set_nonblocking(true)?;
    // Inherited by every connection from now on.
    options.set_tcp_nodelay(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn listener() -> io::Result<TcpListener> {
        TcpListener::bind("127.0.0.1:0")
    }

    #[test]
    fn every_worker_gets_a_handle_of_every_socket_of_that_name() {
        let mut inherited = Inherited::default();
        inherited.add("web", listener());
        inherited.add("web", listener());
        inherited.add("other", listener());
        let workers: Vec<usize> =
            inherited.handles("web", 3).unwrap().into_iter().map(|(worker, _)| worker).collect();
        assert_eq!(workers, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn whoever_comes_too_late_for_a_connection_is_not_held_up() {
        let socket = listener().unwrap();
        let address = socket.local_addr().unwrap();
        let mut inherited = Inherited::default();
        inherited.add("web", Ok(socket));
        let _client = TcpStream::connect(address).unwrap();
        let handles = inherited.handles("web", 2).unwrap();
        let (connection, _) = handles[0].1.accept().unwrap();
        assert!(connection.nodelay().unwrap());
        assert_eq!(handles[1].1.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_name_that_was_not_passed_is_answered_with_those_that_were() {
        let mut inherited = Inherited::default();
        let none = inherited.handles("web", 1).unwrap_err().to_string();
        assert!(none.starts_with("no socket was passed"), "{none}");
        inherited.add("api", listener());
        inherited.add("log", Err(io::Error::other("fd 4 is not a valid tcp socket")));
        let some = inherited.handles("web", 1).unwrap_err().to_string();
        assert!(some.contains("only `api`, `log`; `FileDescriptorName=`"), "{some}");
    }

    #[test]
    fn what_cannot_be_listened_on_says_why_when_it_is_wanted() {
        let mut inherited = Inherited::default();
        inherited.add("log", Err(io::Error::other("fd 4 is not a valid tcp socket")));
        let plain = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        inherited.add("connection", plain.map(TcpListener::from));
        let why = |name| inherited.handles(name, 1).unwrap_err().to_string();
        assert_eq!(why("log"), "fd 4 is not a valid tcp socket");
        assert!(why("connection").contains("Accept=no"));
    }
}

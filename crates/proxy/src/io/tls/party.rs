//! What we are in a session, and the library's part of it: a server that has not heard from its client yet, a server, or a client.

use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use evenkeel_plan::listener::Protocol;
use evenkeel_plan::tls::Termination;
use evenkeel_proto::tls::{Alert, ClientHelloReader, HELLO_BYTES_MAX, HelloError};
use rustls::ProtocolVersion::TLSv1_2;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus};
use rustls::{ClientConfig, CommonState, HandshakeKind, PeerIncompatible};

use super::records::{PIECE_BYTES, Yield};

/// What we are.
pub(super) enum Party {
    /// A server to be.
    Awaiting(Box<Awaiting>),
    Server(Box<UnbufferedServerConnection>, Greeting),
    /// A client, by that edition of its cluster's terms.
    Client(Box<UnbufferedClientConnection>, u64),
}

/// What a client says first is read before the library gets it, which keeps to itself for whom the client asks.
#[derive(Debug)]
pub(super) struct Awaiting {
    reader: ClientHelloReader,
    termination: Termination,
    /// What the session is to be for.
    carries: Protocol,
    /// What is wrong with it.
    fault: Option<HelloError>,
}

/// What a client's first message has decided, whatever another one says that we ask it for (RFC 8446 §4.1.4).
#[derive(Clone, Debug)]
pub(super) struct Greeting {
    /// For whom it asks.
    server_name: Option<Rc<str>>,
    /// Whether it only asks whether a name is ours, and so is not asked who it is.
    is_challenge: bool,
    /// By which edition of the listener's terms it is asked who it is.
    edition: u64,
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Awaiting(_) => f.write_str("Awaiting"),
            Self::Server(_, greeting) => {
                f.debug_tuple("Server").field(greeting).finish_non_exhaustive()
            }
            Self::Client(..) => f.write_str("Client"),
        }
    }
}

impl Party {
    pub(super) fn server(termination: Termination, carries: Protocol) -> Self {
        let reader = ClientHelloReader::new(HELLO_BYTES_MAX);
        Self::Awaiting(Box::new(Awaiting { reader, termination, carries, fault: None }))
    }

    /// A client of whom `name` is to prove that it is, as `config` says, which is of that edition.
    ///
    /// # Errors
    /// The library's, for a configuration that it cannot work with.
    pub(super) fn client(
        (config, edition): (Arc<ClientConfig>, u64),
        name: ServerName<'static>,
    ) -> Result<Self, rustls::Error> {
        Ok(Self::Client(Box::new(UnbufferedClientConnection::new(config, name)?), edition))
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.common().is_none_or(CommonState::is_handshaking)
    }

    pub(super) fn server_name(&self) -> Option<Rc<str>> {
        match self {
            Self::Awaiting(_) | Self::Client(..) => None,
            Self::Server(_, greeting) => greeting.server_name.clone(),
        }
    }

    /// Whether the client does not speak TLS.
    pub(super) fn is_stranger(&self) -> bool {
        matches!(self, Self::Awaiting(awaiting) if awaiting.fault == Some(HelloError::NotTls))
    }

    /// Whether the client only asks whether a name is ours.
    pub(super) fn is_challenge(&self) -> bool {
        matches!(self, Self::Server(_, Greeting { is_challenge: true, .. }))
    }

    /// By which edition of the listener's terms, or the cluster's, the other side is asked who it is; a client once it has said anything.
    pub(super) fn edition(&self) -> Option<u64> {
        match self {
            Self::Awaiting(_) => None,
            Self::Server(_, greeting) => Some(greeting.edition),
            Self::Client(_, edition) => Some(*edition),
        }
    }

    /// Whether an earlier session was resumed.
    pub(super) fn is_resumed(&self) -> bool {
        let kind = self.common().and_then(CommonState::handshake_kind);
        kind == Some(HandshakeKind::Resumed)
    }

    /// Whether both sides have agreed on HTTP/2.
    pub(super) fn speaks_http2(&self) -> bool {
        self.common().and_then(CommonState::alpn_protocol) == Some(b"h2")
    }

    /// What both sides of the library have in common.
    fn common(&self) -> Option<&CommonState> {
        match self {
            Self::Awaiting(_) => None,
            Self::Server(server, _) => Some(server),
            Self::Client(client, _) => Some(client),
        }
    }

    /// Takes in what has come. Returns how much of it is used up.
    pub(super) fn turn(
        &mut self,
        tls: &mut [u8],
        yielded: &mut Yield<'_>,
    ) -> Result<usize, rustls::Error> {
        if let Self::Awaiting(awaiting) = self {
            let Awaiting { reader, termination, carries, fault } = &mut **awaiting;
            match reader.read(tls) {
                Ok(None) => return Ok(0),
                Ok(Some(hello)) if hello.version() < TLS12 => {
                    yielded.send(&Alert::ProtocolVersion.fatal_record());
                    return Err(PeerIncompatible::Tls12NotOfferedOrEnabled.into());
                }
                Ok(Some(hello)) => {
                    // Before what goes by it: whatever is replaced in between is taken for older than it is.
                    let edition = termination.terms.edition();
                    let config = termination.config_for(hello.protocols());
                    let is_challenge = Arc::ptr_eq(&config, &termination.challenge);
                    let server = UnbufferedServerConnection::new(config)?;
                    let server_name = hello.server_name.map(Rc::from);
                    let greeting = Greeting { server_name, is_challenge, edition };
                    *self = Self::Server(Box::new(server), greeting);
                }
                Err(error) => {
                    *fault = Some(error);
                    return Err(refuse(error, *carries, tls, yielded));
                }
            }
        }
        let mut used = 0;
        loop {
            let rest = &mut tls[used..];
            let step = match self {
                Self::Server(server, _) => step(server.process_tls_records(rest), yielded),
                Self::Client(client, _) => step(client.process_tls_records(rest), yielded),
                Self::Awaiting(_) => return Ok(used),
            };
            used += step.used;
            match step.outcome {
                Ok(true) => {}
                Ok(false) => return Ok(used),
                Err(error) => {
                    self.tell_error(&error, yielded);
                    return Err(error);
                }
            }
        }
    }

    /// The certificate by which a client has proved who it is, in this handshake or in the one that it resumes.
    pub(super) fn client_certificate(&self) -> Option<&[u8]> {
        match self {
            Self::Awaiting(..) | Self::Client(..) => None,
            Self::Server(server, _) => server.peer_certificates()?.first().map(AsRef::as_ref),
        }
    }

    /// After an error what is left to be done is to say so. No longer than there is something to be said: the library would look once more
    /// at what it did not like.
    fn tell_error(&mut self, error: &rustls::Error, yielded: &mut Yield<'_>) {
        let is_old = self.common().and_then(CommonState::protocol_version) == Some(TLSv1_2);
        if is_old && *error == rustls::Error::NoCertificatesPresented {
            // RFC 5246 §7.4.6. The library says it as TLS 1.3 does, which clients of the older version have no words for.
            yielded.send(&Alert::HandshakeFailure.fatal_record());
            return;
        }
        while self.common().is_some_and(CommonState::wants_write) {
            let step = match self {
                Self::Server(server, _) => step(server.process_tls_records(&mut []), yielded),
                Self::Client(client, _) => step(client.process_tls_records(&mut []), yielded),
                Self::Awaiting(_) => return,
            };
            if step.outcome.is_err() {
                return;
            }
        }
    }

    /// Encrypts what goes into one piece of `first` and then `second`. The library wants to see what has come and is not used up, at which it
    /// may have looked already. Returns how much was encrypted, and how much of `room` is filled.
    pub(super) fn encrypt(
        &mut self,
        (first, second): (&[u8], &[u8]),
        held: &mut Vec<u8>,
        room: &mut [u8],
    ) -> io::Result<(usize, usize)> {
        let first = &first[..first.len().min(PIECE_BYTES)];
        let second = &second[..second.len().min(PIECE_BYTES - first.len())];
        let made = self.write(&What::Bytes(first, second), held, room)?;
        Ok((first.len() + second.len(), made))
    }

    /// The same of the word that nothing follows.
    pub(super) fn encrypt_end(
        &mut self,
        held: &mut Vec<u8>,
        room: &mut [u8],
    ) -> io::Result<(usize, usize)> {
        Ok((0, self.write(&What::End, held, room)?))
    }

    /// Writes into `room` what the library has to say, and then `what`. Returns how much of it is filled.
    fn write(&mut self, what: &What<'_>, held: &mut Vec<u8>, room: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        loop {
            let room = &mut room[filled..];
            let written = match self {
                Self::Server(server, _) => write(server.process_tls_records(held), what, room),
                Self::Client(client, _) => write(client.process_tls_records(held), what, room),
                Self::Awaiting(_) => return Err(io::ErrorKind::NotConnected.into()),
            };
            held.drain(..written.used);
            let (made, is_done) = written.outcome?;
            filled += made;
            if is_done {
                return Ok(filled);
            }
        }
    }
}

/// What is encrypted.
enum What<'a> {
    Bytes(&'a [u8], &'a [u8]),
    End,
}

/// One step of the library through what has come.
struct Step {
    used: usize,
    /// Whether there may be another one.
    outcome: Result<bool, rustls::Error>,
}

fn step<D>(status: UnbufferedStatus<'_, '_, D>, yielded: &mut Yield<'_>) -> Step {
    let UnbufferedStatus { discard: mut used, state } = status;
    let outcome = state.and_then(|state| match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                let record = record?;
                yielded.decrypted(record.payload);
                used += record.discard;
            }
            Ok(true)
        }
        ConnectionState::EncodeTlsData(mut data) => encode(&mut data, yielded).map(|()| true),
        ConnectionState::TransmitTlsData(data) => {
            // It goes out in its turn, before anything that is encrypted later.
            data.done();
            Ok(true)
        }
        ConnectionState::PeerClosed => {
            yielded.over();
            Ok(true)
        }
        ConnectionState::ReadEarlyData(_) => Err(rustls::Error::General("early data".into())),
        // What is not known here waits for more, as these do.
        _ => Ok(false),
    });
    Step { used, outcome }
}

/// A message of the library's own.
fn encode<D>(
    data: &mut EncodeTlsData<'_, D>,
    yielded: &mut Yield<'_>,
) -> Result<(), rustls::Error> {
    let length = match data.encode(&mut []) {
        Err(EncodeError::InsufficientSize(size)) => size.required_size,
        Ok(_) | Err(EncodeError::AlreadyEncoded) => return Ok(()),
    };
    let encoded = data.encode(yielded.outgoing(length));
    encoded.map(|_| ()).map_err(|error| rustls::Error::General(error.to_string()))
}

/// One step of the library towards writing something.
struct Written {
    used: usize,
    /// How much room is filled, and whether that was it.
    outcome: io::Result<(usize, bool)>,
}

fn write<D>(status: UnbufferedStatus<'_, '_, D>, what: &What<'_>, room: &mut [u8]) -> Written {
    let UnbufferedStatus { discard: used, state } = status;
    let outcome = state.map_err(io::Error::other).and_then(|state| write_in(state, what, room));
    Written { used, outcome }
}

fn write_in<D>(
    state: ConnectionState<'_, '_, D>,
    what: &What<'_>,
    room: &mut [u8],
) -> io::Result<(usize, bool)> {
    match state {
        ConnectionState::WriteTraffic(mut traffic) => {
            let made = match what {
                What::Bytes(first, second) => {
                    let made = traffic.encrypt(first, room).map_err(io::Error::other)?;
                    made + traffic.encrypt(second, &mut room[made..]).map_err(io::Error::other)?
                }
                What::End => traffic.queue_close_notify(room).map_err(io::Error::other)?,
            };
            Ok((made, true))
        }
        ConnectionState::EncodeTlsData(mut data) => {
            Ok((data.encode(room).map_err(io::Error::other)?, false))
        }
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Ok((0, false))
        }
        // It was told when it was read.
        ConnectionState::PeerClosed => Ok((0, false)),
        _ => Err(io::ErrorKind::NotConnected.into()),
    }
}

/// What a client begins with is not TLS, or not well-formed. Who speaks HTTP in clear text to us is told so in clear text; clients of other
/// protocols would take that for what they have come for.
fn refuse(
    error: HelloError,
    carries: Protocol,
    begins: &[u8],
    yielded: &mut Yield<'_>,
) -> rustls::Error {
    let is_request =
        carries == Protocol::Http && begins.first().is_some_and(u8::is_ascii_uppercase);
    match error.alert().map(Alert::fatal_record) {
        Some(record) => yielded.send(&record),
        None if is_request => yielded.send(clear_text_answer(SystemTime::now()).as_bytes()),
        None => {}
    }
    rustls::Error::General(error.reason().into())
}

/// A method is all that begins with a capital letter; nothing else is read of such a request.
fn clear_text_answer(now: SystemTime) -> String {
    let date = httpdate::fmt_http_date(now);
    format!(
        "HTTP/1.1 400 Bad Request\r\nDate: {date}\r\nContent-Type: text/plain\r\n\
        Content-Length: {}\r\nConnection: close\r\n\r\n{CLEAR_TEXT_WORDS}",
        CLEAR_TEXT_WORDS.len()
    )
}

const CLEAR_TEXT_WORDS: &str = "This port speaks HTTPS: write https:// before its address.\n";

/// As it goes over the wire (RFC 8446 §4.2.1).
const TLS12: u16 = 0x0303;

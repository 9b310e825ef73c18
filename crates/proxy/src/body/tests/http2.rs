//! The contract against a real HTTP/2 stack: a slow reader's window is what lets a body flow, and it opens only when the
//! bytes are gone.

use bytes::Bytes;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response};

use super::*;

impl Sink for SendStream<Bytes> {
    fn close(&mut self) {}

    fn flushed(&self) -> u64 {
        0
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        self.reserve_capacity(bytes.len());
        while self.capacity() == 0 {
            match ready!(self.poll_capacity(cx)) {
                Some(granted) => granted.map_err(io::Error::other)?,
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            };
        }
        let count = self.capacity().min(bytes.len());
        let piece = Bytes::copy_from_slice(&bytes[..count]);
        self.send_data(piece, last && count == bytes.len()).map_err(io::Error::other)?;
        Poll::Ready(Ok(count))
    }

    fn end(&mut self, trailers: Option<Fields>) {
        let ended = match trailers {
            None => self.send_data(Bytes::new(), true),
            Some(fields) => {
                let mut map = HeaderMap::new();
                for field in fields.iter() {
                    let name = http::HeaderName::from_bytes(field.name).unwrap();
                    map.insert(name, HeaderValue::from_bytes(field.value).unwrap());
                }
                self.send_trailers(map)
            }
        };
        ended.unwrap();
    }

    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A request's body: the client's window opens by what was consumed.
struct Incoming {
    stream: RecvStream,
    piece: Bytes,
    widest: usize,
    outstanding: usize,
}

impl Source for Incoming {
    fn poll_read<'s>(
        &'s mut self,
        cx: &mut Context<'_>,
        _scratch: &'s mut [u8],
    ) -> Poll<Result<Piece<'s>, SourceError>> {
        self.piece = match ready!(self.stream.poll_data(cx)) {
            Some(piece) => piece.map_err(|_| SourceError::Truncated)?,
            None => Bytes::new(),
        };
        self.outstanding += self.piece.len();
        self.widest = self.widest.max(self.outstanding);
        let last = self.stream.is_end_stream();
        Poll::Ready(Ok(Piece { bytes: &self.piece, last }))
    }

    fn consumed(&mut self, count: usize) {
        self.outstanding -= count;
        self.stream.flow_control().release_capacity(count).unwrap();
    }

    fn trailers(&mut self) -> Option<Fields> {
        None
    }
}

const WINDOW: u32 = 10_000;
const BODY: usize = 500_000;

/// A client that sends `BODY` bytes and reads the answer piece by piece, over a connection of `WINDOW`.
async fn client(io: tokio::io::DuplexStream) -> (Vec<u8>, Option<HeaderMap>) {
    let (mut send, connection) = h2::client::Builder::new()
        .initial_window_size(WINDOW)
        .handshake::<_, Bytes>(io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let (answer, mut body) =
        send.send_request(Request::post("http://a/").body(()).unwrap(), false).unwrap();
    let pump = tokio::task::spawn_local(async move {
        let mut source = Script { pieces: [Some(vec![7; BODY])].into(), ..Script::default() };
        move_all(&mut source, &mut body).await;
    });
    let mut answer = answer.await.unwrap().into_body();
    let mut read = Vec::new();
    while let Some(piece) = answer.data().await {
        let piece = piece.unwrap();
        read.extend_from_slice(&piece);
        answer.flow_control().release_capacity(piece.len()).unwrap();
    }
    pump.await.unwrap();
    (read, answer.trailers().await.unwrap())
}

async fn move_all(source: &mut impl Source, sink: &mut impl Sink) {
    let (mut pump, mut scratch) = (Pump::default(), vec![0; 64 * 1024]);
    let mut poll = |cx: &mut Context<'_>| {
        let mut room =
            Room { scratch: &mut scratch, pipes: &Pipes::default(), parked: &Parked::default() };
        pump.poll(cx, source, sink, &mut room)
    };
    std::future::poll_fn(|cx| poll(cx)).await.unwrap();
}

#[tokio::test(flavor = "local")]
async fn a_slow_http2_peer_is_never_sent_more_than_its_window_and_gets_everything() {
    let (near, far) = tokio::io::duplex(4096);
    let client = tokio::task::spawn_local(client(near));
    let mut server = h2::server::Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(2 * WINDOW)
        .handshake::<_, Bytes>(far)
        .await
        .unwrap();
    let (request, mut respond) = server.accept().await.unwrap().unwrap();
    let driver = tokio::spawn(async move { while server.accept().await.is_some() {} });

    let mut incoming =
        Incoming { stream: request.into_body(), piece: Bytes::new(), widest: 0, outstanding: 0 };
    let mut stored = Slow { room: std::iter::repeat_n(700, 300).collect(), ..Slow::default() };
    move_all(&mut incoming, &mut stored).await;
    assert_eq!(stored.taken, vec![7; BODY]);
    assert!(incoming.widest <= WINDOW as usize, "{}", incoming.widest);

    let mut outgoing = respond.send_response(Response::new(()), false).unwrap();
    let mut source =
        Script { pieces: [Some(vec![9; BODY])].into(), outstanding: 0, trailers: true };
    move_all(&mut source, &mut outgoing).await;
    let (read, trailers) = client.await.unwrap();
    assert_eq!(read, vec![9; BODY]);
    assert_eq!(trailers.unwrap()["x-sum"], "1");
    driver.abort();
}

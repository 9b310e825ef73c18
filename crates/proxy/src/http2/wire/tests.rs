use std::cell::Cell;
use std::future::poll_fn;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;

use evenkeel_proto::http2::{Limits, Side};

use super::*;
use crate::fixture::worker;

/// Ends that want to know what the other side has said, or not.
struct Listening {
    io: Io,
    worker: Rc<Worker>,
    state: WireState,
    hears_out: bool,
    was_cut: Cell<bool>,
}

impl Ends for Rc<Listening> {
    fn io(&self) -> &Io {
        &self.io
    }

    fn worker(&self) -> &Worker {
        &self.worker
    }

    fn state(&self) -> &WireState {
        &self.state
    }

    fn cut(&self) -> bool {
        self.was_cut.set(true);
        self.hears_out
    }
}

/// One side of a connection, and the other.
async fn connected(hears_out: bool) -> (Wire<Rc<Listening>>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let io = Io::connect(listener.local_addr().unwrap()).await.unwrap();
    let worker = worker();
    let guard = Guard::new(Side::FacingEndpoint, Arc::new(Limits::facing_endpoint()));
    let state = WireState::new(guard, &worker.buffers.parked);
    let ends = Listening { io, worker, state, hears_out, was_cut: Cell::default() };
    (Wire::facing_endpoint(Rc::new(ends)), listener.accept().unwrap().0)
}

fn poll_read(
    wire: &mut Wire<Rc<Listening>>,
    cx: &mut Context<'_>,
    heard: &mut Vec<u8>,
) -> Poll<io::Result<usize>> {
    let mut bytes = [0; 64];
    let mut buffer = ReadBuf::new(&mut bytes);
    ready!(Pin::new(wire).poll_read(cx, &mut buffer))?;
    heard.extend_from_slice(buffer.filled());
    Poll::Ready(Ok(buffer.filled().len()))
}

fn poll_send(wire: &mut Wire<Rc<Listening>>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    let mut wire = Pin::new(wire);
    ready!(wire.as_mut().poll_write(cx, PREFACE))?;
    wire.poll_flush(cx)
}

/// It has answered and left, and with bytes unread that is a reset: what is sent fails before the answer was seen.
#[tokio::test(flavor = "local")]
async fn what_has_come_before_a_connection_was_cut_is_read() {
    // SETTINGS, and GOAWAY after stream 1 without a fault.
    let said = *b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0";
    for hears_out in [true, false] {
        let (mut wire, mut theirs) = connected(hears_out).await;
        let mut heard = Vec::new();
        poll_fn(|cx| {
            // Whoever sees that there is nothing looks again when the runtime says so.
            assert!(poll_read(&mut wire, cx, &mut heard).is_pending());
            poll_send(&mut wire, cx)
        })
        .await
        .unwrap();
        theirs.write_all(&said).unwrap();
        drop(theirs);
        let sent = poll_fn(|cx| poll_send(&mut wire, cx)).await;
        assert_eq!((sent.is_ok(), wire.ends.was_cut.get()), (hears_out, true));
        if hears_out {
            while poll_fn(|cx| poll_read(&mut wire, cx, &mut heard)).await.unwrap() > 0 {}
            assert_eq!(heard, said);
            assert!(!wire.ends.state.is_blocked());
        }
    }
}

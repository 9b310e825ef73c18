use std::collections::VecDeque;
use std::task::Waker;

use proptest::prelude::*;

use super::*;

mod http2;

/// Yields pieces as they were scripted; `None` is 'not yet'.
#[derive(Default)]
struct Script {
    pieces: VecDeque<Option<Vec<u8>>>,
    outstanding: usize,
    trailers: bool,
}

impl Source for Script {
    fn poll_read<'s>(
        &'s mut self,
        _cx: &mut Context<'_>,
        scratch: &'s mut [u8],
    ) -> Poll<Result<Piece<'s>, SourceError>> {
        assert_eq!(self.outstanding, 0, "nothing is read while the sink still owes credit");
        match self.pieces.pop_front() {
            Some(None) => Poll::Pending,
            None => Poll::Ready(Ok(Piece { bytes: &[], last: true })),
            Some(Some(mut piece)) => {
                let rest = piece.split_off(piece.len().min(scratch.len()));
                if !rest.is_empty() {
                    self.pieces.push_front(Some(rest));
                }
                scratch[..piece.len()].copy_from_slice(&piece);
                self.outstanding = piece.len();
                let last = self.pieces.is_empty() && !self.trailers;
                Poll::Ready(Ok(Piece { bytes: &scratch[..piece.len()], last }))
            }
        }
    }

    fn consumed(&mut self, count: usize) {
        self.outstanding -= count;
    }

    fn trailers(&mut self) -> Option<Fields> {
        self.trailers.then(|| {
            let mut fields = Fields::default();
            fields.push(b"x-sum", b"1");
            fields
        })
    }
}

/// Takes as much as `room` says, poll by poll; 0 is 'not yet'.
#[derive(Default)]
struct Slow {
    broken: bool,
    room: VecDeque<usize>,
    taken: Vec<u8>,
    ended: usize,
    trailers: usize,
}

impl Sink for Slow {
    fn close(&mut self) {}

    fn flushed(&self) -> u64 {
        0
    }

    fn poll_write(
        &mut self,
        _cx: &mut Context<'_>,
        bytes: &[u8],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        assert_eq!(self.ended, 0, "nothing is written after the end");
        if self.broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = self.room.pop_front().unwrap_or(usize::MAX).min(bytes.len());
        if room == 0 {
            return Poll::Pending;
        }
        self.taken.extend_from_slice(&bytes[..room]);
        self.ended += usize::from(last && room == bytes.len());
        Poll::Ready(Ok(room))
    }

    fn end(&mut self, trailers: Option<Fields>) {
        self.ended += 1;
        self.trailers += trailers.map_or(0, |fields| fields.count());
    }

    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn run(source: &mut impl Source, sink: &mut Slow) -> Pump {
    let mut cx = Context::from_waker(Waker::noop());
    let (mut pump, mut scratch) = (Pump::default(), vec![0; 100]);
    for _ in 0..10_000 {
        if let Poll::Ready(outcome) = pump.poll(
            &mut cx,
            source,
            sink,
            &mut Room {
                scratch: &mut scratch,
                pipes: &Pipes::default(),
                parked: &Parked::default(),
            },
        ) {
            assert_eq!(outcome, Ok(()));
            assert!(pump.is_done() && !pump.waits_for_sink());
            return pump;
        }
    }
    panic!("the pump never ends");
}

proptest! {
    #[test]
    fn whatever_the_pace_of_either_side_the_body_arrives_and_all_credit_is_returned(
        pieces in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 1..300)), 0..20),
        room in prop::collection::vec(0_usize..150, 0..40), trailers: bool,
    ) {
        let body: Vec<u8> = pieces.iter().flatten().flatten().copied().collect();
        let mut source = Script { pieces: pieces.into(), outstanding: 0, trailers };
        let mut sink = Slow { room: room.into(), ..Slow::default() };
        let pump = run(&mut source, &mut sink);
        prop_assert_eq!(&sink.taken, &body);
        prop_assert_eq!((source.outstanding, pump.moved()), (0, body.len() as u64));
        prop_assert_eq!((sink.ended, sink.trailers), (1, usize::from(trailers)));
    }

    #[test]
    fn a_body_that_becomes_text_and_bytes_again_is_the_same_with_its_trailers_behind_it(
        pieces in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 1..300)), 0..20),
        room in prop::collection::vec(0_usize..150, 0..40), size in 1_usize..20,
    ) {
        let mut body: Vec<u8> = pieces.iter().flatten().flatten().copied().collect();
        body.extend_from_slice(b"\x80\0\0\0\x0ax-sum: 1\r\n");
        let mut source = Script { pieces: pieces.into(), outstanding: 0, trailers: true };
        let mut sink = Slow { room: room.clone().into(), ..Slow::default() };
        let mut to_text = Translation::of_answer(true);
        let pump = run(&mut to_text.of(&mut source), &mut sink);
        let text = sink.taken;
        prop_assert_eq!((source.outstanding, pump.moved()), (0, text.len() as u64));
        prop_assert_eq!((sink.ended, sink.trailers), (1, 0));
        let pieces = text.chunks(size).map(|piece| Some(piece.to_vec())).collect();
        let mut source = Script { pieces, ..Script::default() };
        let mut sink = Slow { room: room.into(), ..Slow::default() };
        let mut to_bytes = Translation::of_request();
        run(&mut to_bytes.of(&mut source), &mut sink);
        prop_assert_eq!((source.outstanding, to_bytes.read()), (0, text.len() as u64));
        prop_assert_eq!((sink.taken, sink.ended), (body, 1));
    }
}

#[test]
fn an_empty_body_only_ends() {
    let (mut source, mut sink) = (Script::default(), Slow::default());
    let pump = run(&mut source, &mut sink);
    assert_eq!((sink.ended, pump.moved()), (1, 0));
}

#[test]
fn a_body_can_go_elsewhere_until_something_of_it_was_read() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut pump = Pump::default();
    let mut source = Script { pieces: [None, Some(vec![1, 2])].into(), ..Script::default() };
    let mut sink = Slow { room: [0].into(), ..Slow::default() };
    assert!(
        pump.poll(
            &mut cx,
            &mut source,
            &mut sink,
            &mut Room {
                scratch: &mut [0; 10],
                pipes: &Pipes::default(),
                parked: &Parked::default()
            }
        )
        .is_pending()
    );
    assert!(pump.is_untouched());
    assert!(
        pump.poll(
            &mut cx,
            &mut source,
            &mut sink,
            &mut Room {
                scratch: &mut [0; 10],
                pipes: &Pipes::default(),
                parked: &Parked::default()
            }
        )
        .is_ready()
    );
    assert!(!pump.is_untouched());
}

#[test]
fn a_body_whose_first_piece_was_lost_to_a_broken_connection_is_not_sent_again_without_it() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut pump = Pump::default();
    let mut source =
        Script { pieces: [Some(vec![1, 2]), Some(vec![3])].into(), ..Script::default() };
    let mut sink = Slow { broken: true, ..Slow::default() };
    let mut room =
        Room { scratch: &mut [0; 10], pipes: &Pipes::default(), parked: &Parked::default() };
    let outcome = pump.poll(&mut cx, &mut source, &mut sink, &mut room);
    assert_eq!(outcome, Poll::Ready(Err(PumpError::Sink)));
    assert!(!pump.is_untouched());
}

#[test]
fn a_request_without_a_body_can_go_elsewhere_even_when_it_was_sent() {
    let (mut source, mut sink) = (Script::default(), Slow::default());
    assert!(run(&mut source, &mut sink).is_untouched());
}

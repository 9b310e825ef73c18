//! A request's body of which what was read is kept, as long as that is little, so that another attempt can send it again. The exchange
//! says how much.

use std::task::{Context, Poll, ready};

use evenkeel_proto::field::Fields;

use super::{Piece, Source, SourceError};
use crate::io::Io;
use crate::parked::{Held, Parked};

/// A body that can be read again from its beginning, unless too much of it was read.
#[derive(Debug)]
pub(crate) struct Replay<B> {
    body: B,
    kept: Kept,
    /// Whether the body has nothing more.
    ended: bool,
    /// How many bytes the other side has taken since the beginning, and the most that it ever had.
    taken: u64,
    credited: u64,
}

/// What was read.
#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    /// How much of it has been given out since the beginning.
    given: usize,
    /// How much it may be, and where that is counted; `None` for nothing.
    room: Option<(usize, Parked)>,
    held: Option<Held>,
    /// Whether there was more than that.
    overflown: bool,
}

impl<B> Replay<B> {
    /// Keeps nothing, until somebody asks for it.
    pub(crate) fn new(body: B) -> Self {
        Self { body, kept: Kept::default(), ended: false, taken: 0, credited: 0 }
    }

    /// Keeps up to `bytes` from now on.
    pub(crate) fn keep(&mut self, bytes: usize, parked: &Parked) {
        self.kept.room = Some((bytes, parked.clone()));
    }

    /// Whether it can be read again from its beginning.
    pub(crate) fn is_whole(&self) -> bool {
        !self.kept.overflown
    }

    /// Goes back to the beginning; false if that is gone.
    pub(crate) fn rewind(&mut self) -> bool {
        if self.is_whole() {
            (self.kept.given, self.taken) = (0, 0);
        }
        self.is_whole()
    }
}

impl Kept {
    /// Whether so many bytes more may be kept.
    fn has_room(&self, count: u64) -> bool {
        self.room.as_ref().is_some_and(|(most, parked)| {
            count <= (most - self.bytes.len()) as u64 && !parked.is_high()
        })
    }

    fn add(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.overflown {
            return;
        }
        if !self.has_room(bytes.len() as u64) {
            return self.give_up();
        }
        self.bytes.extend_from_slice(bytes);
        self.given = self.bytes.len();
        // What was counted before first, so that nothing is counted twice.
        self.held = None;
        self.held = self.room.as_ref().map(|(_, parked)| parked.hold(self.bytes.len()));
    }

    fn give_up(&mut self) {
        *self = Self { overflown: true, ..Self::default() };
    }

    /// What has not been given out since the beginning.
    fn rest(&mut self) -> &[u8] {
        let given = std::mem::replace(&mut self.given, self.bytes.len());
        &self.bytes[given..]
    }
}

impl<B: Source> Source for Replay<B> {
    fn poll_read<'s>(
        &'s mut self,
        cx: &mut Context<'_>,
        scratch: &'s mut [u8],
    ) -> Poll<Result<Piece<'s>, SourceError>> {
        if self.kept.given < self.kept.bytes.len() {
            // Perhaps the last, but trailers may follow.
            return Poll::Ready(Ok(Piece { bytes: self.kept.rest(), last: false }));
        }
        if self.ended {
            return Poll::Ready(Ok(Piece { bytes: &[], last: true }));
        }
        let Piece { bytes, last } = ready!(self.body.poll_read(cx, scratch))?;
        self.ended = last;
        self.kept.add(bytes);
        Poll::Ready(Ok(Piece { bytes, last }))
    }

    fn direct(&self) -> Option<(&Io, Option<u64>)> {
        let (from, left) = self.body.direct()?;
        let is_next = self.kept.given == self.kept.bytes.len() && !self.ended;
        let is_kept = !self.kept.overflown && left.is_some_and(|left| self.kept.has_room(left));
        (is_next && !is_kept).then_some((from, left))
    }

    fn skip(&mut self, count: u64) {
        self.kept.give_up();
        self.body.skip(count);
    }

    fn consumed(&mut self, count: usize) {
        self.taken += count as u64;
        let news = self.taken.saturating_sub(self.credited);
        self.credited += news;
        if news > 0 {
            self.body.consumed(news as usize);
        }
    }

    fn trailers(&mut self) -> Option<Fields> {
        self.body.trailers()
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.body.poll_gone(cx)
    }

    fn switch(&mut self) {
        self.body.switch();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::Waker;

    use super::*;

    /// Gives out pieces, and counts what it gets credit for.
    #[derive(Default)]
    struct Pieces {
        left: VecDeque<Vec<u8>>,
        credit: usize,
    }

    impl Source for Pieces {
        fn poll_read<'s>(
            &'s mut self,
            _cx: &mut Context<'_>,
            scratch: &'s mut [u8],
        ) -> Poll<Result<Piece<'s>, SourceError>> {
            let piece = self.left.pop_front().unwrap_or_default();
            let bytes = &mut scratch[..piece.len()];
            bytes.copy_from_slice(&piece);
            Poll::Ready(Ok(Piece { bytes, last: self.left.is_empty() }))
        }

        fn consumed(&mut self, count: usize) {
            self.credit += count;
        }

        fn trailers(&mut self) -> Option<Fields> {
            None
        }
    }

    fn body(pieces: &[&str]) -> Replay<Pieces> {
        let left = pieces.iter().map(|piece| piece.as_bytes().to_vec()).collect();
        Replay::new(Pieces { left, credit: 0 })
    }

    /// Reads `count` pieces, all of which the other side takes.
    fn read(body: &mut Replay<Pieces>, count: usize) -> String {
        let mut scratch = [0; 100];
        let mut text = String::new();
        for _ in 0..count {
            let mut cx = Context::from_waker(Waker::noop());
            let Poll::Ready(Ok(piece)) = body.poll_read(&mut cx, &mut scratch) else { panic!() };
            let taken = piece.bytes.len();
            text.push_str(std::str::from_utf8(piece.bytes).unwrap());
            text.push_str(if piece.last { "." } else { "," });
            body.consumed(taken);
        }
        text
    }

    #[test]
    fn what_was_kept_is_read_again_and_then_the_rest() {
        let (mut body, parked) = (body(&["ab", "cd", "ef"]), Parked::default());
        body.keep(6, &parked);
        assert_eq!(read(&mut body, 2), "ab,cd,");
        for _ in 0..2 {
            assert!(body.rewind());
            assert_eq!(read(&mut body, 1), "abcd,");
        }
        assert_eq!((read(&mut body, 1), body.body.credit), ("ef.".to_owned(), 6));
        assert!(body.rewind());
        assert_eq!((read(&mut body, 2), body.body.credit), ("abcdef,.".to_owned(), 6));
    }

    #[test]
    fn too_much_is_not_kept_and_nothing_is_without_room() {
        let parked = Parked::default();
        let mut short = body(&["ab", "cd", "ef"]);
        short.keep(3, &parked);
        assert_eq!((read(&mut short, 1), short.is_whole()), ("ab,".to_owned(), true));
        assert_eq!((read(&mut short, 1), short.rewind()), ("cd,".to_owned(), false));
        assert_eq!(read(&mut short, 1), "ef.");
        let mut nothing = body(&["ab", "cd"]);
        assert!(nothing.rewind());
        assert_eq!((read(&mut nothing, 2), nothing.rewind()), ("ab,cd.".to_owned(), false));
    }

    #[test]
    fn a_body_without_bytes_is_whole_whoever_keeps_it() {
        let mut body = body(&[]);
        assert_eq!(
            (read(&mut body, 1), body.rewind(), read(&mut body, 1)),
            (".".to_owned(), true, ".".to_owned())
        );
    }

    #[test]
    fn what_is_kept_counts_as_held_until_it_is_gone() {
        let parked = Parked::default();
        let full = parked.hold(evenkeel_plan::limits::PARKED_BYTES_WATERMARK);
        let mut late = body(&["ab"]);
        late.keep(100, &parked);
        assert_eq!((read(&mut late, 1), late.is_whole()), ("ab.".to_owned(), false));
        drop(full);
        let _rest = parked.hold(evenkeel_plan::limits::PARKED_BYTES_WATERMARK - 2);
        let mut early = body(&["ab"]);
        early.keep(100, &parked);
        read(&mut early, 1);
        assert!(parked.is_high());
        drop(early);
        assert!(!parked.is_high());
    }
}

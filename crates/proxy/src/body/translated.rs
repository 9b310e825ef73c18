//! A body that is another on the other side: that of a call of gRPC-Web, of either direction. Read by a pump in place of the body itself.

use std::task::{Context, Poll};

use evenkeel_proto::field::Fields;
use evenkeel_proto::grpc::web::{NotText, TextDecoder, put_text, put_trailers};

use super::{Piece, Source, SourceError};

/// What becomes of a body, and how far that is.
#[derive(Debug)]
pub(crate) struct Translation {
    kind: Kind,
    /// What became of the last piece that was read.
    made: Vec<u8>,
    /// How much of that the other side has not taken, and what there is credit for when it has.
    left: usize,
    owed: usize,
    /// How much the other side has taken all of.
    read: u64,
    /// Whether nothing follows.
    is_over: bool,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Of text: the bytes that it says.
    Request(TextDecoder),
    /// With trailers: all of it, as text or not.
    Answer { is_text: bool },
}

/// What is made of `source`.
#[derive(Debug)]
pub(crate) struct Translated<'t, S> {
    source: S,
    translation: &'t mut Translation,
}

impl Translation {
    /// That of the request of a client that sends text.
    pub(crate) fn of_request() -> Self {
        Self::new(Kind::Request(TextDecoder::default()))
    }

    /// That of the answer to a client, which reads text or not.
    pub(crate) fn of_answer(is_text: bool) -> Self {
        Self::new(Kind::Answer { is_text })
    }

    fn new(kind: Kind) -> Self {
        Self { kind, made: Vec::new(), left: 0, owed: 0, read: 0, is_over: false }
    }

    /// What `source` becomes. It has to be the same each time.
    pub(crate) fn of<S: Source>(&mut self, source: S) -> Translated<'_, S> {
        Translated { source, translation: self }
    }

    /// How many bytes of what is translated have been taken by the other side.
    pub(crate) fn read(&self) -> u64 {
        self.read
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), SourceError> {
        match &mut self.kind {
            Kind::Request(decoder) => decoder.decode(bytes, &mut self.made)?,
            Kind::Answer { is_text: true } => put_text(&mut self.made, bytes),
            Kind::Answer { is_text: false } => self.made.extend_from_slice(bytes),
        }
        Ok(())
    }

    /// All that was made is taken: returns what there is credit for.
    fn settle(&mut self) -> usize {
        let owed = std::mem::take(&mut self.owed);
        self.read += owed as u64;
        owed
    }

    fn end(&mut self, trailers: Option<Fields>) -> Result<(), SourceError> {
        self.is_over = true;
        match (self.kind, trailers) {
            (Kind::Request(decoder), _) => decoder.end()?,
            (Kind::Answer { .. }, Some(trailers)) => {
                let mut frame = Vec::new();
                put_trailers(&mut frame, &trailers);
                self.add(&frame)?;
            }
            (Kind::Answer { .. }, None) => {}
        }
        Ok(())
    }
}

impl<S: Source> Source for Translated<'_, S> {
    fn poll_read<'s>(
        &'s mut self,
        cx: &mut Context<'_>,
        scratch: &'s mut [u8],
    ) -> Poll<Result<Piece<'s>, SourceError>> {
        let Self { source, translation } = self;
        let most = scratch.len().min(PIECE_BYTES_MAX);
        translation.made.clear();
        while !translation.is_over && translation.made.is_empty() {
            let Poll::Ready(piece) = source.poll_read(cx, &mut scratch[..most]) else {
                // It may be long until more comes.
                translation.made = Vec::new();
                return Poll::Pending;
            };
            let Piece { bytes, last } = piece?;
            let read = bytes.len();
            translation.add(bytes)?;
            if last {
                translation.end(source.trailers())?;
            }
            translation.owed = read;
            translation.left = translation.made.len();
            if translation.made.is_empty() {
                source.consumed(translation.settle());
            }
        }
        Poll::Ready(Ok(Piece { bytes: &translation.made, last: translation.is_over }))
    }

    fn consumed(&mut self, count: usize) {
        let Self { source, translation } = self;
        translation.left = translation.left.saturating_sub(count);
        if translation.left == 0 {
            source.consumed(translation.settle());
        } else {
            // Whoever reads keeps what is not taken.
            translation.made = Vec::new();
        }
    }

    /// They are in the body by now, or are those of a request, and gRPC has none there.
    fn trailers(&mut self) -> Option<Fields> {
        None
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.source.poll_gone(cx)
    }
}

impl From<NotText> for SourceError {
    fn from(_: NotText) -> Self {
        Self::Malformed("the body is no base64, which its content-type says")
    }
}

/// A frame's worth (RFC 9113 §4.2): what becomes of it is kept for each call whose other side is slow.
const PIECE_BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::Waker;

    use super::*;

    /// Gives out pieces of its own, then trailers, and counts what it gets credit for.
    #[derive(Default)]
    struct Script {
        pieces: VecDeque<Option<Vec<u8>>>,
        trailers: Option<Fields>,
        piece: Vec<u8>,
        credit: usize,
    }

    impl Source for Script {
        fn poll_read<'s>(
            &'s mut self,
            _cx: &mut Context<'_>,
            _scratch: &'s mut [u8],
        ) -> Poll<Result<Piece<'s>, SourceError>> {
            let Some(piece) = self.pieces.pop_front().unwrap_or_else(|| Some(Vec::new())) else {
                return Poll::Pending;
            };
            self.piece = piece;
            let last = self.piece.is_empty() || self.pieces.is_empty() && self.trailers.is_none();
            Poll::Ready(Ok(Piece { bytes: &self.piece, last }))
        }

        fn consumed(&mut self, count: usize) {
            self.credit += count;
        }

        fn trailers(&mut self) -> Option<Fields> {
            self.trailers.take()
        }
    }

    fn script(pieces: &[Option<&str>], trailers: &[(&str, &str)]) -> Script {
        let pieces = pieces.iter().map(|piece| piece.map(|it| it.as_bytes().to_vec())).collect();
        let mut fields = Fields::default();
        trailers.iter().for_each(|(name, value)| fields.push(name.as_bytes(), value.as_bytes()));
        let trailers = (!trailers.is_empty()).then_some(fields);
        Script { pieces, trailers, ..Script::default() }
    }

    /// Each piece that is read, with a dot behind the last, `-` where nothing is there yet, and `!` for an error; and after each how much there
    /// was credit for.
    fn read(script: &mut Script, mut translation: Translation) -> Vec<(String, usize)> {
        let (mut cx, mut scratch) = (Context::from_waker(Waker::noop()), [0; 8]);
        let mut seen = Vec::new();
        loop {
            let mut translated = translation.of(&mut *script);
            let (text, is_end) = match translated.poll_read(&mut cx, &mut scratch) {
                Poll::Pending => ("-".to_owned(), false),
                Poll::Ready(Err(SourceError::Malformed(_))) => ("malformed!".to_owned(), true),
                Poll::Ready(Err(error)) => (format!("{error:?}!"), true),
                Poll::Ready(Ok(Piece { bytes, last })) => {
                    let text = bytes.escape_ascii().to_string();
                    let taken = bytes.len();
                    if taken > 0 {
                        // Not all at once.
                        translated.consumed(taken - 1);
                        translated.consumed(1);
                    }
                    (if last { text + "." } else { text }, last)
                }
            };
            assert!(translated.trailers().is_none());
            seen.push((text, script.credit));
            if is_end {
                return seen;
            }
        }
    }

    fn own(seen: &[(&str, usize)]) -> Vec<(String, usize)> {
        seen.iter().map(|&(text, credit)| (text.to_owned(), credit)).collect()
    }

    #[test]
    fn the_text_of_a_request_becomes_bytes_and_credit_is_for_what_it_was() {
        for (pieces, expected) in [
            (&[Some("YWJj"), Some("ZA==")][..], &[("abc", 4), ("d.", 8)][..]),
            // What says nothing by itself is not kept from its sender.
            (&[Some("Y"), Some("W"), None, Some("Jj")], &[("-", 2), ("abc.", 4)]),
            (&[], &[(".", 0)]),
            (&[Some("YWJj"), Some("Y")], &[("abc", 4), ("malformed!", 4)]),
            (&[Some("?")], &[("malformed!", 0)]),
        ] {
            let seen = read(&mut script(pieces, &[]), Translation::of_request());
            assert_eq!(seen, own(expected), "{pieces:?}");
        }
    }

    #[test]
    fn the_trailers_of_an_answer_are_its_last_piece() {
        let frame = "\\x80\\x00\\x00\\x00\\x10grpc-status: 0\\r\\n.";
        for (pieces, expected) in [
            (&[Some("ab"), None, Some("c")][..], &[("ab", 2), ("-", 2), ("c", 3), (frame, 3)][..]),
            (&[], &[(frame, 0)]),
        ] {
            let mut script = script(pieces, &[("grpc-status", "0")]);
            assert_eq!(read(&mut script, Translation::of_answer(false)), own(expected));
        }
        let mut bare = script(&[Some("ab")], &[]);
        assert_eq!(read(&mut bare, Translation::of_answer(false)), own(&[("ab.", 2)]));
    }

    #[test]
    fn each_piece_of_an_answer_is_text_that_can_be_read_at_once() {
        let mut script = script(&[Some("a"), Some("bc"), Some("def")], &[("x", "1")]);
        let seen = read(&mut script, Translation::of_answer(true));
        let frame = "gAAAAAZ4OiAxDQo=.";
        assert_eq!(seen, own(&[("YQ==", 1), ("YmM=", 3), ("ZGVm", 6), (frame, 6)]));
    }
}

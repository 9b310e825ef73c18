//! Calls of gRPC-Web on routes that want it: to the endpoint they are calls of gRPC, and to the client answers of gRPC-Web. Called by the exchange.

use evenkeel_proto::grpc::web::Dialect;
use evenkeel_proto::head::ResponseHead;
use evenkeel_proto::http1::Framing;

use super::Messages;
use crate::body::Translation;

/// What is translated of a call.
#[derive(Debug)]
pub(crate) struct Web {
    dialect: Dialect,
    /// How the request came.
    framing: Framing,
    /// The body of the request, if it is text.
    pub(super) request: Option<Translation>,
    /// That of the answer, from its head on, if it is one of gRPC.
    pub(super) answer: Option<Translation>,
}

impl<B, A> Messages<'_, B, A> {
    /// Has the exchange translated, if the request is a call of gRPC-Web.
    pub(super) fn translate(&mut self) {
        let Some(dialect) = Dialect::of(self.head) else { return };
        let has_body = !matches!(self.framing, Framing::Empty | Framing::Length(0));
        let (is_text, framing) = (dialect.sends_text && has_body, self.framing);
        if is_text {
            // How long it will be nobody knows.
            self.framing = Framing::Chunked;
        }
        let request = is_text.then(Translation::of_request);
        self.web = Some(Box::new(Web { dialect, framing, request, answer: None }));
    }

    /// Whether the client has said how long the body of its request is, so that it has all of it to send.
    pub(super) fn has_length(&self) -> bool {
        let framing = self.web.as_ref().map_or(self.framing, |web| web.framing);
        matches!(framing, Framing::Length(_))
    }

    /// What the client speaks, if it is translated.
    pub(super) fn dialect(&self) -> Option<&Dialect> {
        self.web.as_deref().map(|web| &web.dialect)
    }

    /// How many bytes of the request's body have come from the client and gone on.
    pub(super) fn bytes_in(&self) -> u64 {
        let text = self.web.as_ref().and_then(|web| web.request.as_ref());
        text.map_or_else(|| self.upload.moved(), Translation::read)
    }

    /// Makes the head of the answer, whose body is framed so, one for the client; returns how its body will be framed.
    pub(super) fn translate_answer(
        &mut self,
        head: &mut ResponseHead,
        framing: Framing,
    ) -> Framing {
        let Some(web) = &mut self.web else { return framing };
        let is_translated = web.dialect.translate_head(head);
        // "Trailers-only responses: no change to the gRPC protocol spec."
        if !is_translated || matches!(framing, Framing::Empty | Framing::Length(0)) {
            return framing;
        }
        web.answer = Some(Translation::of_answer(web.dialect.reads_text));
        Framing::Chunked
    }
}

impl Web {
    /// The request is sent once more.
    pub(super) fn rewind(&mut self) {
        if let Some(request) = &mut self.request {
            *request = Translation::of_request();
        }
    }
}

//! Answers in our own name, whatever protocol they go out in: why a request failed, and the few that are no failures. Given by the exchange,
//! and by connections for what they do not pass on.

use std::sync::Arc;

use evenkeel_plan::Listener;
use evenkeel_plan::errors::{ErrorFacts, default_answer, default_media_type};
use evenkeel_plan::reason::Reason;
use evenkeel_proto::field::FieldName;
use evenkeel_proto::grpc;
use evenkeel_proto::head::RequestHead;
use evenkeel_proto::negotiate::error_form;
use evenkeel_proto::onward::OwnAnswer;

use crate::exchange::{Advice, Answer};
use crate::refusal::Refusal;

/// An answer of our own to a request that goes no further.
#[derive(Debug)]
pub(crate) enum Own {
    /// Why the request is not passed on.
    Refusal(Refusal),
    /// It was to come no further than this (RFC 9110 §7.6.2).
    Methods,
    /// An authority asks whether a name is ours (RFC 8555 §8.3).
    Challenge(Arc<str>),
    /// It shall come again, and there.
    Elsewhere(String),
}

/// The request that is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// What it came in by, in the world of the request.
    pub(crate) listener: &'a Listener,
    /// Its head, if it had one that could be read.
    pub(crate) head: Option<&'a RequestHead>,
    pub(crate) request_id: &'a [u8],
}

impl Own {
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Refusal(refusal) => refusal.reason.status(),
            Self::Methods | Self::Challenge(_) => 200,
            Self::Elsewhere(_) => 308,
        }
    }

    pub(crate) fn failure(&self) -> Option<Reason> {
        self.refusal().map(|refusal| refusal.reason)
    }

    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refusal(refusal) => Some(*refusal),
            Self::Methods | Self::Challenge(_) | Self::Elsewhere(_) => None,
        }
    }
}

impl Asked<'_> {
    /// Answers with `own`; `request_done` says whether all of the request was read. Returns how many bytes of body that are.
    pub(crate) fn answer(&self, answer: &mut impl Answer, own: &Own, request_done: bool) -> u64 {
        let (fields, page) = match own {
            Own::Refusal(it) => return self.refuse(answer, it.reason, None, request_done),
            Own::Methods => (Some(("Allow", METHODS_ALLOWED)), ("", &b""[..])),
            Own::Challenge(text) => (None, ("application/octet-stream", text.as_bytes())),
            Own::Elsewhere(location) => (Some(("Location", location.as_str())), ("", &b""[..])),
        };
        let (media_type, body) = page;
        let fields = fields.as_slice();
        answer.own(&OwnAnswer { status: own.status(), fields, media_type, body }, request_done)
    }

    /// Says why the request failed, and what the client is told besides. Returns how many bytes of body that are.
    pub(crate) fn refuse(
        &self,
        answer: &mut impl Answer,
        reason: Reason,
        advice: Option<&Advice>,
        request_done: bool,
    ) -> u64 {
        if let Some(media_type) = self.head.and_then(grpc::answer_type) {
            let told = (&*media_type, advice);
            return self.fail_call(answer, reason, told, request_done);
        }
        let facts = ErrorFacts { reason, request_id: self.request_id };
        let errors = &self.listener.errors;
        let mut body = Vec::new();
        let media_type = match errors.page(reason.status()) {
            Some(page) => {
                page.render(&mut body, &facts);
                &*page.media_type
            }
            None => {
                let form = self.head.map_or_else(Default::default, |head| {
                    error_form(head.fields.all(FieldName::Accept))
                });
                default_answer(form, &facts, &mut body);
                default_media_type(form)
            }
        };
        let mut fields = self.reason_field(reason);
        fields.extend(required_fields(reason));
        fields.extend(advice.into_iter().flat_map(Advice::fields));
        let own = OwnAnswer { status: reason.status(), fields: &fields, media_type, body: &body };
        answer.own(&own, request_done)
    }

    /// Says so to a client of gRPC, or of gRPC-Web, who looks at the status of its call and not at that of HTTP.
    fn fail_call(
        &self,
        answer: &mut impl Answer,
        reason: Reason,
        (media_type, advice): (&str, Option<&Advice>),
        request_done: bool,
    ) -> u64 {
        let status = reason.grpc_status().to_string();
        let message = grpc::message_value(reason.sentence());
        let mut fields = vec![(grpc::STATUS, &*status), (grpc::MESSAGE, &message)];
        fields.extend(self.reason_field(reason));
        fields.extend(advice.into_iter().flat_map(Advice::fields));
        let own = OwnAnswer { status: 200, fields: &fields, media_type, body: &[] };
        answer.own(&own, request_done)
    }

    fn reason_field(&self, reason: Reason) -> Vec<(&'static str, &'static str)> {
        let is_told = self.listener.errors.reason_header;
        is_told.then(|| ("X-Evenkeel-Reason", reason.name())).into_iter().collect()
    }
}

/// What an answer with the status of `reason` must say beside it.
fn required_fields(reason: Reason) -> &'static [(&'static str, &'static str)] {
    match reason {
        // RFC 9110 §15.5.6
        Reason::MethodNotAllowed => &[("Allow", METHODS_ALLOWED)],
        // RFC 6455 §4.4, RFC 9110 §15.5.22
        Reason::UpgradeRequired => &[("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket")],
        // RFC 9110 §10.2.3: who comes back at once makes it worse.
        Reason::Overloaded | Reason::PendingTimeout => &[("Retry-After", "1")],
        _ => &[],
    }
}

/// Every method that RFC 9110 and RFC 5789 have, but those that end at a proxy. Others go on, too.
const METHODS_ALLOWED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

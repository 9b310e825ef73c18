//! Requests that have come and were not begun, in their order. Called by the service.
//!
//! In the library a head may hold a hundred bytes for each that it has cost its client, because its map has room for twice as many fields. So
//! what waits is taken out of it, and out of its map.

use std::collections::VecDeque;
use std::task::Context;

use h2::RecvStream;
use h2::ext::Protocol;
use h2::server::SendResponse;
use http::{HeaderName, HeaderValue, Method, Request, Uri};

use bytes::Bytes;

use super::Incoming;

#[cfg(test)]
mod tests;

#[derive(Debug, Default)]
pub(super) struct Waiting {
    queue: VecDeque<Box<Packed>>,
}

/// A request that holds no more than it has to.
#[derive(Debug)]
struct Packed {
    method: Method,
    uri: Uri,
    /// A field without a name has that of the one before it.
    fields: Box<[(Option<HeaderName>, HeaderValue)]>,
    protocol: Option<Box<Protocol>>,
    body: RecvStream,
    sender: SendResponse<Bytes>,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn push(&mut self, incoming: Incoming) {
        self.queue.push_back(Box::new(Packed::new(incoming)));
    }

    /// The stream of the first one whose client has not reset it; those before it are out of the queue, and go to `reset`.
    pub(super) fn first(
        &mut self,
        cx: &mut Context<'_>,
        mut reset: impl FnMut(Incoming),
    ) -> Option<u32> {
        while let Some(first) = self.queue.front_mut() {
            if !first.is_reset(cx) {
                return Some(first.sender.stream_id().as_u32());
            }
            self.pop().into_iter().for_each(&mut reset);
        }
        None
    }

    pub(super) fn pop(&mut self) -> Option<Incoming> {
        self.queue.pop_front().map(|packed| packed.unpack())
    }

    /// Takes out of the queue what clients have reset, and hands it to `reset`.
    pub(super) fn sweep(&mut self, cx: &mut Context<'_>, mut reset: impl FnMut(Incoming)) {
        for _ in 0..self.queue.len() {
            let Some(mut packed) = self.queue.pop_front() else { return };
            match packed.is_reset(cx) {
                true => reset(packed.unpack()),
                false => self.queue.push_back(packed),
            }
        }
    }
}

impl Packed {
    fn new((request, sender): Incoming) -> Self {
        let (mut parts, body) = request.into_parts();
        let protocol = parts.extensions.remove().map(Box::new);
        let fields = parts.headers.into_iter().collect();
        Self { method: parts.method, uri: parts.uri, fields, protocol, body, sender }
    }

    fn unpack(self) -> Incoming {
        let mut request = Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        request.headers_mut().extend(self.fields);
        if let Some(protocol) = self.protocol {
            request.extensions_mut().insert(*protocol);
        }
        (request, self.sender)
    }

    /// Whether the client wants no answer to it any more.
    fn is_reset(&mut self, cx: &mut Context<'_>) -> bool {
        self.sender.poll_reset(cx).is_ready()
    }
}

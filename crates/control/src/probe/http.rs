//! The HTTP check: one request, answered by a head whose status decides, and by a body in which a text may have to occur. Called by `probe`.

use std::ops::RangeInclusive;

use evenkeel_plan::limits::CHECKED_BODY_BYTES_MAX;
use h2::RecvStream;
use http::{Response, header};

use super::{Failure, Stream, http1, http2};

/// What is asked, and what passes.
pub(super) struct Question<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) scheme: &'a str,
    pub(super) host: &'a str,
    pub(super) status: &'a [RangeInclusive<u16>],
    /// What has to be in the body, if it is anything.
    pub(super) body: Option<&'a str>,
}

/// Asks over a connection of HTTP/2, or else of HTTP/1.1.
pub(super) async fn ask(
    stream: impl Stream,
    question: &Question<'_>,
    is_http2: bool,
) -> Result<(), Failure> {
    let Question { method, path, scheme, host, body, .. } = *question;
    if is_http2 {
        let mut head = http2::request(method, (scheme, host), path)?;
        head.headers_mut().insert(header::ACCEPT, header::HeaderValue::from_static("*/*"));
        let asked = http2::ask(stream, head, None, |answer| judge(answer, question));
        // It is large, and most checks are without it.
        return Box::pin(asked).await;
    }
    let mut answer = http1::ask(stream, method, path, host).await?;
    question.expects(answer.status())?;
    let Some(text) = body else { return Ok(()) };
    answer.search(Search::new(text)).await
}

/// The same of an answer over HTTP/2.
async fn judge(answer: Response<RecvStream>, question: &Question<'_>) -> Result<(), Failure> {
    question.expects(answer.status().as_u16())?;
    let Some(text) = question.body else { return Ok(()) };
    let (mut search, mut body) = (Search::new(text), answer.into_body());
    while let Some(data) = http2::next(&mut body).await? {
        if let Some(outcome) = search.look_into(&data) {
            return outcome;
        }
    }
    Err(search.in_vain())
}

impl Question<'_> {
    fn expects(&self, status: u16) -> Result<(), Failure> {
        if self.status.iter().any(|range| range.contains(&status)) {
            return Ok(());
        }
        Err(Failure::Status { status, expected: self.status.to_vec() })
    }
}

/// Looks for a text in the first [`CHECKED_BODY_BYTES_MAX`] bytes of a body that comes in pieces.
pub(super) struct Search<'a> {
    text: &'a str,
    body: Vec<u8>,
}

impl<'a> Search<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, body: Vec::new() }
    }

    /// What came of it, if no more is needed to know that.
    pub(super) fn look_into(&mut self, piece: &[u8]) -> Option<Result<(), Failure>> {
        let text = self.text.as_bytes();
        let searched = self.body.len();
        let room = CHECKED_BODY_BYTES_MAX - searched;
        self.body.extend_from_slice(&piece[..piece.len().min(room)]);
        // What was searched does not contain all of it.
        let new = searched.saturating_sub(text.len().saturating_sub(1));
        if text.is_empty() || self.body[new..].windows(text.len()).any(|window| window == text) {
            return Some(Ok(()));
        }
        (self.body.len() == CHECKED_BODY_BYTES_MAX).then(|| Err(self.in_vain()))
    }

    /// There is no more of the body.
    pub(super) fn in_vain(&self) -> Failure {
        Failure::Body(self.text.into())
    }
}

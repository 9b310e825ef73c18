//! A server of h2 that does as it is told, for the checks that speak HTTP/2.

use ::http::{HeaderMap, Request, Response};
use bytes::Bytes;

use super::Stream;

/// What another server says: SETTINGS, and then a GOAWAY with ENHANCE_YOUR_CALM.
pub(super) const CALM: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b";

/// What it does with a request.
#[derive(Clone)]
pub(super) struct Play {
    pub(super) status: u16,
    pub(super) head: Vec<(&'static str, &'static str)>,
    pub(super) data: Vec<Vec<u8>>,
    pub(super) trailers: Option<Vec<(&'static str, &'static str)>>,
}

/// Plays once. Returns what was asked, and the first of the request's body.
pub(super) async fn serve(stream: impl Stream, play: Play) -> (Request<()>, Bytes) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let (request, mut respond) = connection.accept().await.unwrap().unwrap();
    let (head, mut body) = request.into_parts();
    let request = Request::from_parts(head, ());
    let talk = async {
        let message = body.data().await.transpose().unwrap().unwrap_or_default();
        let mut head = Response::builder().status(play.status);
        for (name, value) in &play.head {
            head = head.header(*name, *value);
        }
        let is_all = play.data.is_empty() && play.trailers.is_none();
        let mut answer = respond.send_response(head.body(()).unwrap(), is_all).unwrap();
        let last = play.data.len();
        for (number, data) in play.data.into_iter().enumerate() {
            let is_last = number + 1 == last && play.trailers.is_none();
            // The probe may have seen enough and gone.
            drop(answer.send_data(data.into(), is_last));
        }
        if let Some(trailers) = play.trailers {
            let fields = trailers.into_iter();
            let fields: HeaderMap = fields
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect();
            drop(answer.send_trailers(fields));
        }
        message
    };
    let message = tokio::select! {
        message = talk => message,
        _ = async { while connection.accept().await.is_some() {} } => panic!("nobody waited for the answer"),
    };
    // To the end, so that all of the answer is sent.
    while connection.accept().await.is_some_and(|next| next.is_ok()) {}
    (request, message)
}

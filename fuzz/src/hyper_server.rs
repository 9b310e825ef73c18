//! hyper's server as a judge of requests: what it makes of a byte stream.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::heads::Pairs;

/// A request as hyper understood it.
#[derive(Debug)]
pub struct Seen {
    pub method: String,
    pub target: String,
    /// In no order but that of fields of one name, which are in small letters.
    pub fields: Pairs,
    /// `None` if it did not end, or could not be read.
    pub body: Option<Vec<u8>>,
}

impl Seen {
    /// The values of a field in order.
    pub fn values(&self, name: &[u8]) -> Vec<&[u8]> {
        let named = self.fields.iter().filter(|field| field.0.eq_ignore_ascii_case(name));
        named.map(|field| field.1.as_slice()).collect()
    }
}

/// The requests that hyper finds in `stream`, which then ends.
pub fn requests(stream: &[u8]) -> Vec<Seen> {
    RUNTIME.with(|runtime| runtime.block_on(serve(stream)))
}

async fn serve(stream: &[u8]) -> Vec<Seen> {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let (near, far) = tokio::io::duplex(stream.len() + 1);
    let service = service_fn(|request: Request<Incoming>| {
        let seen = Rc::clone(&seen);
        async move {
            let noted = note(request).await;
            seen.borrow_mut().push(noted);
            Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::new())))
        }
    });
    let mut builder = http1::Builder::new();
    // A stream that has ended may still hold requests.
    builder.max_headers(512).half_close(true);
    let serving = builder.serve_connection(TokioIo::new(far), service);
    let feeding = async {
        let (mut answers, mut requests) = tokio::io::split(near);
        // A judge that has had enough closes.
        let _ = requests.write_all(stream).await;
        let _ = requests.shutdown().await;
        let _ = answers.read_to_end(&mut Vec::new()).await;
    };
    let _ = tokio::join!(serving, feeding);
    seen.take()
}

async fn note(request: Request<Incoming>) -> Seen {
    let (parts, body) = request.into_parts();
    let field = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec())
    };
    Seen {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        fields: parts.headers.iter().map(field).collect(),
        body: body.collect().await.ok().map(|body| body.to_bytes().to_vec()),
    }
}

thread_local! {
    pub(crate) static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
}

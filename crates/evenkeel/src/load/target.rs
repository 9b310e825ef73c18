//! Where requests go and what they look like; `args` reads it, `client` sends by it.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use hyper::header::{HOST, HeaderValue};
use hyper::http::uri::Scheme;
use hyper::{HeaderMap, Method, Request, Uri};
use rustls::pki_types::{InvalidDnsNameError, ServerName};

use crate::payload::Payload;

/// A URL that load can be sent to.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    url: String,
    /// Name or address without brackets, as the resolver wants it.
    name: String,
    is_secure: bool,
    port: u16,
    /// Path and query, as they stand in the request line.
    target: Uri,
    authority: HeaderValue,
}

/// What every request looks like.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// The method.
    pub(crate) method: Method,
    /// Fields beside `Host` and `Content-Length`; a `Host` here wins over the target's.
    pub(crate) headers: HeaderMap,
    /// The size of the body.
    pub(crate) body_bytes: u64,
}

impl Target {
    /// Reads `http://name:port/path?query`, or the same with https; port and path may be left out.
    pub(crate) fn parse(url: &str) -> Result<Target, String> {
        if !url.contains("://") {
            return Err(format!("a URL starts with http://, so write `http://{url}`"));
        }
        let uri: Uri = url.parse().map_err(|error| format!("this is no URL: {error}"))?;
        let is_secure = uri.scheme() == Some(&Scheme::HTTPS);
        if !is_secure && uri.scheme() != Some(&Scheme::HTTP) {
            return Err("only http:// and https:// can be loaded".to_owned());
        }
        let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty())
        else {
            return Err("the URL names no address, such as http://127.0.0.1:8080".to_owned());
        };
        // RFC 9110 §4.2.4: credentials do not belong into a URL, nor into `Host`.
        if authority.as_str().contains('@') {
            return Err("leave name and password out of the URL; send a header with -H".to_owned());
        }
        // Shown, `?q` becomes `/?q`: RFC 9112 §3.2.1, an empty path is sent as "/".
        let target = uri.path_and_query().map_or("/".to_owned(), ToString::to_string);
        let broken = |_| "the URL holds characters that no request can carry".to_owned();
        Ok(Target {
            url: url.to_owned(),
            name: authority.host().trim_matches(['[', ']']).to_owned(),
            is_secure,
            port: authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 }),
            target: target.parse().map_err(|error| format!("this is no path: {error}"))?,
            authority: HeaderValue::from_str(authority.as_str()).map_err(broken)?,
        })
    }

    /// Whether it is asked by TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Whom its certificate has to be for.
    pub(super) fn server_name(&self) -> Result<ServerName<'static>, InvalidDnsNameError> {
        ServerName::try_from(self.name.clone())
    }

    /// The URL as it was written.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Asks the resolver once, so that its speed is not part of what is measured.
    pub(super) async fn resolve(&self) -> Result<Vec<SocketAddr>, TargetError> {
        let found = tokio::net::lookup_host((self.name.as_str(), self.port)).await;
        let failed = |cause| TargetError { name: self.name.clone(), cause };
        let addresses: Vec<SocketAddr> = found.map_err(|error| failed(Some(error)))?.collect();
        if addresses.is_empty() { Err(failed(None)) } else { Ok(addresses) }
    }

    /// A fresh request of this shape.
    pub(super) fn request(&self, shape: &Shape) -> Request<Payload> {
        let mut request = Request::new(Payload::filling(shape.body_bytes));
        *request.method_mut() = shape.method.clone();
        *request.uri_mut() = self.target.clone();
        request.headers_mut().clone_from(&shape.headers);
        if !shape.headers.contains_key(HOST) {
            request.headers_mut().insert(HOST, self.authority.clone());
        }
        request
    }
}

/// A target without an address.
#[derive(Debug)]
pub(crate) struct TargetError {
    name: String,
    cause: Option<io::Error>,
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` has no address", self.name)?;
        if let Some(cause) = &self.cause {
            write!(f, ": {cause}")?;
        }
        write!(f, "\n  check the spelling, or write the IP address")
    }
}

impl std::error::Error for TargetError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (url, name, port, target, host) in [
            ("http://a", "a", 80, "/", "a"),
            ("http://a:8080", "a", 8080, "/", "a:8080"),
            ("http://127.0.0.1:1/x?y=z", "127.0.0.1", 1, "/x?y=z", "127.0.0.1:1"),
            ("http://[::1]:9001/x", "::1", 9001, "/x", "[::1]:9001"),
            ("http://a?q", "a", 80, "/?q", "a"),
            ("https://a/x", "a", 443, "/x", "a"),
            ("https://[::1]:8443", "::1", 8443, "/", "[::1]:8443"),
        ] {
            let parsed = Target::parse(url).unwrap();
            assert_eq!((parsed.name.as_str(), parsed.port), (name, port), "{url}");
            assert_eq!(parsed.is_secure(), url.starts_with("https"), "{url}");
            assert_eq!(parsed.target.to_string(), target, "{url}");
            assert_eq!(parsed.authority, host, "{url}");
        }
    }

    #[test]
    fn what_is_no_http_url_is_refused() {
        for (url, part) in [
            ("a:80", "`http://a:80`"),
            ("ftp://a", "only http://"),
            ("http://", "no URL"),
            ("http://u:p@a/", "-H"),
            ("http://a b/", "no URL"),
        ] {
            let refusal = Target::parse(url).unwrap_err();
            assert!(refusal.contains(part), "{url}: {refusal}");
        }
    }

    #[test]
    fn a_given_host_wins() {
        let target = Target::parse("http://a:1/x").unwrap();
        let mut headers = HeaderMap::new();
        let mut shape = Shape { method: Method::GET, headers: headers.clone(), body_bytes: 0 };
        assert_eq!(target.request(&shape).headers()[HOST], "a:1");
        headers.insert(HOST, HeaderValue::from_static("b"));
        shape.headers = headers;
        assert_eq!(target.request(&shape).headers()[HOST], "b");
    }
}

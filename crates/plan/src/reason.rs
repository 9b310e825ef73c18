//! Why an exchange failed: one enum, which decides the status and names the reason in answers, logs and metrics.

/// Why an exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The request breaks the rules of its protocol.
    RequestMalformed,
    /// The request's path can be read in two ways, and the listener does not let that through.
    PathRefused,
    /// The request's target is longer than we take.
    TargetTooLong,
    /// The request's head is longer, or has more fields, than we take.
    HeadTooLarge,
    /// The request has a method that we do not pass on: CONNECT or TRACE.
    MethodNotAllowed,
    /// The request's body is longer than we take.
    BodyTooLarge,
    /// The request expects something of us that we cannot do (RFC 9110 §10.1.1).
    ExpectationFailed,
    /// The request asks for a version of WebSocket that does not exist (RFC 6455 §4.4).
    UpgradeRequired,
    /// The request asks for something of HTTP that we do not do.
    NotImplemented,
    /// The request is of a version of HTTP that we do not speak.
    VersionNotSupported,
    /// The request's head did not arrive in time.
    HeaderTimeout,
    /// Too little of the request's body arrived in time: less than [`crate::limits::PROGRESS_BYTES_MIN`].
    BodyTimeout,
    /// The client took too little of the answer in time: less than [`crate::limits::PROGRESS_BYTES_MIN`].
    WriteTimeout,
    /// The client went away.
    ClientGone,
    /// The client is of a network that the listener or the route does not serve.
    Denied,
    /// The client, or whoever else the request is counted with, has sent more than the limit allows (RFC 6585 §4).
    RateLimited,
    /// The request is for a host that the certificate of its connection is not good for (RFC 9110 §15.5.20).
    Misdirected,
    /// What came on a listener for streams of TLS is something else.
    NotTls,
    /// The first message of a stream of TLS breaks the rules (RFC 8446 §4.1.2).
    HelloMalformed,
    /// The first message of a stream of TLS is longer than [`evenkeel_proto::tls::HELLO_BYTES_MAX`].
    HelloTooLarge,
    /// The first message of a stream of TLS did not arrive in time.
    HelloTimeout,
    /// The listener has no route for the request's host and path, or for the stream's server name and protocols.
    NoRoute,
    /// No endpoint of the cluster may be used.
    NoEndpoint,
    /// Every endpoint has as many requests as it may, and as many wait as may.
    Overloaded,
    /// Every endpoint had as many requests as it may for longer than the request may wait.
    PendingTimeout,
    /// We may open no more connections.
    OutOfDescriptors,
    /// Every endpoint that was tried refused the connection or could not be reached.
    ConnectFailed,
    /// No endpoint accepted the connection in time.
    ConnectTimeout,
    /// There was no handshake of TLS with the endpoint: it could not prove who it is, say, or wants to know who we are.
    TlsFailed,
    /// The endpoint took the request and did not begin to answer in time.
    FirstByteTimeout,
    /// The endpoint took the request, and says nothing to anybody while others answer.
    UpstreamStalled,
    /// The endpoint stopped in the middle of its answer.
    UpstreamIdle,
    /// The exchange took longer than it may.
    ExchangeTimeout,
    /// The endpoint closed the connection before its answer was complete.
    UpstreamClosed,
    /// The endpoint's answer breaks the rules of HTTP.
    UpstreamMalformed,
    /// The endpoint switched to a protocol that nobody offered, or without proof that it understood.
    UpgradeRefused,
    /// Nothing moved through the tunnel or the stream, in either direction, for too long.
    TunnelIdle,
    /// The endpoint is drained or gone from the plan, and the time that what ran there had to end in is over. Of a tunnel or a stream also: its listener
    /// is gone, or we stop.
    DrainTimeout,
    /// A tunnel or a stream at rest was ended politely in the same cases, instead of being cut.
    Drained,
    /// A long-lived stream was ended on purpose, for its client to begin another one at an endpoint that joined later.
    Moved,
}

impl Reason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Every reason, in the order of its number.
    pub const ALL: [Self; 40] = [
        Self::RequestMalformed,
        Self::PathRefused,
        Self::TargetTooLong,
        Self::HeadTooLarge,
        Self::MethodNotAllowed,
        Self::BodyTooLarge,
        Self::ExpectationFailed,
        Self::UpgradeRequired,
        Self::NotImplemented,
        Self::VersionNotSupported,
        Self::HeaderTimeout,
        Self::BodyTimeout,
        Self::WriteTimeout,
        Self::ClientGone,
        Self::Denied,
        Self::RateLimited,
        Self::Misdirected,
        Self::NotTls,
        Self::HelloMalformed,
        Self::HelloTooLarge,
        Self::HelloTimeout,
        Self::NoRoute,
        Self::NoEndpoint,
        Self::Overloaded,
        Self::PendingTimeout,
        Self::OutOfDescriptors,
        Self::ConnectFailed,
        Self::ConnectTimeout,
        Self::TlsFailed,
        Self::FirstByteTimeout,
        Self::UpstreamStalled,
        Self::UpstreamIdle,
        Self::ExchangeTimeout,
        Self::UpstreamClosed,
        Self::UpstreamMalformed,
        Self::UpgradeRefused,
        Self::TunnelIdle,
        Self::DrainTimeout,
        Self::Drained,
        Self::Moved,
    ];

    /// The machine-readable name, stable across versions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RequestMalformed => "request_malformed",
            Self::PathRefused => "path_refused",
            Self::TargetTooLong => "target_too_long",
            Self::HeadTooLarge => "head_too_large",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::BodyTooLarge => "body_too_large",
            Self::ExpectationFailed => "expectation_failed",
            Self::UpgradeRequired => "upgrade_required",
            Self::NotImplemented => "not_implemented",
            Self::VersionNotSupported => "version_not_supported",
            Self::HeaderTimeout => "header_timeout",
            Self::BodyTimeout => "body_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::ClientGone => "client_gone",
            Self::Denied => "denied",
            Self::RateLimited => "rate_limited",
            Self::Misdirected => "misdirected",
            Self::NotTls => "not_tls",
            Self::HelloMalformed => "hello_malformed",
            Self::HelloTooLarge => "hello_too_large",
            Self::HelloTimeout => "hello_timeout",
            Self::NoRoute => "no_route",
            Self::NoEndpoint => "no_endpoint_up",
            Self::Overloaded => "overloaded",
            Self::PendingTimeout => "pending_timeout",
            Self::OutOfDescriptors => "out_of_descriptors",
            Self::ConnectFailed => "connect_failed",
            Self::ConnectTimeout => "connect_timeout",
            Self::TlsFailed => "tls_failed",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::UpstreamStalled => "upstream_stalled",
            Self::UpstreamIdle => "upstream_idle",
            Self::ExchangeTimeout => "exchange_timeout",
            Self::UpstreamClosed => "upstream_closed",
            Self::UpstreamMalformed => "upstream_malformed",
            Self::UpgradeRefused => "upgrade_refused",
            Self::TunnelIdle => "tunnel_idle",
            Self::DrainTimeout => "drain_timeout",
            Self::Drained => "drained",
            Self::Moved => "moved",
        }
    }

    /// The status that a client gets, where it can still get one (RFC 9110 §15, RFC 6585 §5). A stream's client never does.
    pub const fn status(self) -> u16 {
        match self {
            Self::RequestMalformed
            | Self::PathRefused
            | Self::ClientGone
            | Self::NotTls
            | Self::HelloMalformed => 400,
            Self::Denied => 403,
            Self::NoRoute => 404,
            Self::MethodNotAllowed => 405,
            Self::HeaderTimeout | Self::BodyTimeout | Self::WriteTimeout | Self::HelloTimeout => {
                408
            }
            Self::BodyTooLarge => 413,
            Self::TargetTooLong => 414,
            Self::ExpectationFailed => 417,
            Self::Misdirected => 421,
            Self::UpgradeRequired => 426,
            Self::RateLimited => 429,
            Self::HeadTooLarge | Self::HelloTooLarge => 431,
            Self::NotImplemented => 501,
            Self::ConnectFailed
            | Self::TlsFailed
            | Self::UpstreamClosed
            | Self::UpstreamMalformed
            | Self::UpgradeRefused => 502,
            Self::NoEndpoint
            | Self::Overloaded
            | Self::PendingTimeout
            | Self::OutOfDescriptors
            | Self::DrainTimeout
            | Self::Drained
            | Self::Moved => 503,
            Self::ConnectTimeout
            | Self::FirstByteTimeout
            | Self::UpstreamStalled
            | Self::UpstreamIdle
            | Self::ExchangeTimeout
            | Self::TunnelIdle => 504,
            Self::VersionNotSupported => 505,
        }
    }

    /// The status of gRPC that a call gets, where it can still get one (`doc/statuscodes.md` of gRPC; where that is silent, as
    /// `doc/http-grpc-status-mapping.md` has it for [`Self::status`]).
    pub const fn grpc_status(self) -> u8 {
        match self {
            Self::ClientGone => CANCELLED,
            Self::HeaderTimeout
            | Self::BodyTimeout
            | Self::WriteTimeout
            | Self::FirstByteTimeout
            | Self::UpstreamIdle
            | Self::ExchangeTimeout => DEADLINE_EXCEEDED,
            Self::Denied => PERMISSION_DENIED,
            Self::RateLimited | Self::BodyTooLarge | Self::HeadTooLarge => RESOURCE_EXHAUSTED,
            Self::NoRoute | Self::MethodNotAllowed | Self::NotImplemented => UNIMPLEMENTED,
            // It may have been done.
            Self::UpstreamMalformed | Self::UpgradeRefused => INTERNAL,
            _ => match self.status() {
                429 | 502..=504 => UNAVAILABLE,
                _ => INTERNAL,
            },
        }
    }

    /// Whether it speaks against the endpoint: neither the client nor we could have prevented it.
    pub const fn is_endpoints_fault(self) -> bool {
        matches!(
            self,
            Self::ConnectFailed
                | Self::ConnectTimeout
                | Self::TlsFailed
                | Self::FirstByteTimeout
                | Self::UpstreamStalled
                | Self::UpstreamIdle
                | Self::UpstreamClosed
                | Self::UpstreamMalformed
                | Self::UpgradeRefused
        )
    }

    /// Whether it is no failure but our own doing, at a moment that suits both sides.
    pub const fn is_meant(self) -> bool {
        matches!(self, Self::Drained | Self::Moved)
    }

    /// One sentence for a person.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::RequestMalformed => "The request is malformed.",
            Self::PathRefused => "The request's path is ambiguous.",
            Self::TargetTooLong => "The request's target is too long.",
            Self::HeadTooLarge => "The request's header fields are too large.",
            Self::MethodNotAllowed => "This method is not allowed.",
            Self::BodyTooLarge => "The request's body is too large.",
            Self::ExpectationFailed => "The request expects something that is not supported.",
            Self::UpgradeRequired => "This version of WebSocket is not supported.",
            Self::NotImplemented => "The request asks for something that is not supported.",
            Self::VersionNotSupported => "This version of HTTP is not supported.",
            Self::HeaderTimeout => "The request's header did not arrive in time.",
            Self::BodyTimeout => "Too little of the request's body arrived in time.",
            Self::WriteTimeout => "The client took too little of the answer in time.",
            Self::ClientGone => "The client went away.",
            Self::Denied => "Clients from this network are not served here.",
            Self::RateLimited => "Too many requests.",
            Self::Misdirected => {
                "This connection is for other hosts: ask for this one on a connection of its own."
            }
            Self::NotTls => "The client does not speak TLS.",
            Self::HelloMalformed => "The first message of TLS is malformed.",
            Self::HelloTooLarge => "The first message of TLS is too large.",
            Self::HelloTimeout => "The first message of TLS did not arrive in time.",
            Self::NoRoute => "Nothing is here.",
            Self::NoEndpoint => "No endpoint is up.",
            Self::Overloaded => "There is more to do than can be done.",
            Self::PendingTimeout => "There was more to do than could be done in time.",
            Self::OutOfDescriptors => "The balancer is out of file descriptors.",
            Self::ConnectFailed => "No endpoint accepted a connection.",
            Self::ConnectTimeout => "No endpoint accepted a connection in time.",
            Self::TlsFailed => "No secure connection to an endpoint could be made.",
            Self::FirstByteTimeout => "The endpoint did not begin to answer in time.",
            Self::UpstreamStalled => "The endpoint answers nobody.",
            Self::UpstreamIdle => "The endpoint stopped answering.",
            Self::ExchangeTimeout => "The exchange took too long.",
            Self::UpstreamClosed => "The endpoint closed the connection before it answered.",
            Self::UpstreamMalformed => "The endpoint's answer is malformed.",
            Self::UpgradeRefused => "The endpoint switched protocols in a way that is not valid.",
            Self::TunnelIdle => "Nothing moved through the tunnel for too long.",
            Self::DrainTimeout | Self::Drained => "The endpoint is taken out of service.",
            Self::Moved => "Another endpoint has joined; begin again.",
        }
    }
}

const CANCELLED: u8 = 1;
const DEADLINE_EXCEEDED: u8 = 4;
const PERMISSION_DENIED: u8 = 7;
const RESOURCE_EXHAUSTED: u8 = 8;
const UNIMPLEMENTED: u8 = 12;
const INTERNAL: u8 = 13;
const UNAVAILABLE: u8 = 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_found_at_its_own_number_and_names_are_unique() {
        for (number, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
            assert_eq!(Reason::ALL.iter().filter(|other| other.name() == reason.name()).count(), 1);
            assert!((400..600).contains(&reason.status()));
            assert!((1..17).contains(&reason.grpc_status()));
        }
    }
}

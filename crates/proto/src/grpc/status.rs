//! The status of a call: its name, and what HTTP says for it. Made from what endpoints send, or from why we have failed a call.

/// How a call ended, by one of the codes that gRPC has (`doc/statuscodes.md` of gRPC). All others are [`Status::OTHER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(u8);

impl Status {
    /// How many there are.
    pub const COUNT: usize = ROWS.len();

    /// The call went well.
    pub const OK: Self = Self(0);

    /// What a client makes of an answer that has no status.
    pub const UNKNOWN: Self = Self(2);

    /// A code that gRPC does not have.
    pub const OTHER: Self = Self(17);

    /// Every status, in the order of its code.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT as u8).map(Self)
    }

    /// The status with this code.
    pub fn new(code: u32) -> Self {
        u8::try_from(code).map_or(Self::OTHER, |code| Self(code.min(Self::OTHER.0)))
    }

    /// The status in a field of that name. What is no number is [`Status::UNKNOWN`], as it is to clients.
    pub fn read(value: &[u8]) -> Self {
        let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        // More digits than fit are a code that gRPC does not have.
        let code = || std::str::from_utf8(value).ok()?.parse().ok();
        if is_number { code().map_or(Self::OTHER, Self::new) } else { Self::UNKNOWN }
    }

    /// What a client makes of an answer with another status of HTTP than 200, and with none of gRPC
    /// (`doc/http-grpc-status-mapping.md` of gRPC).
    pub fn of_http(status: u16) -> Self {
        Self(match status {
            400 => 13,
            401 => 16,
            403 => 7,
            404 => 12,
            429 | 502..=504 => 14,
            _ => return Self::UNKNOWN,
        })
    }

    /// Its place in the order of all.
    pub fn index(self) -> usize {
        self.0.into()
    }

    /// Its name in gRPC; `_OTHER` if it has none.
    pub fn name(self) -> &'static str {
        ROWS[self.index()].0
    }

    /// The status of HTTP that says the same (`google.rpc.Code`, whose mapping gateways follow).
    pub fn as_http(self) -> u16 {
        ROWS[self.index()].1
    }

    /// Whether it says that the endpoint has failed, or what stands behind it: UNKNOWN, INTERNAL, UNAVAILABLE or DATA_LOSS. That a call was wrong says
    /// nothing about it; and DEADLINE_EXCEEDED is about the time that the client has set, which may have been short.
    pub fn is_fault(self) -> bool {
        matches!(self.0, 2 | 13..=15)
    }
}

/// Names and statuses of HTTP, by code.
const ROWS: [(&str, u16); 18] = [
    ("OK", 200),
    ("CANCELLED", 499),
    ("UNKNOWN", 500),
    ("INVALID_ARGUMENT", 400),
    ("DEADLINE_EXCEEDED", 504),
    ("NOT_FOUND", 404),
    ("ALREADY_EXISTS", 409),
    ("PERMISSION_DENIED", 403),
    ("RESOURCE_EXHAUSTED", 429),
    ("FAILED_PRECONDITION", 400),
    ("ABORTED", 409),
    ("OUT_OF_RANGE", 400),
    ("UNIMPLEMENTED", 501),
    ("INTERNAL", 500),
    ("UNAVAILABLE", 503),
    ("DATA_LOSS", 500),
    ("UNAUTHENTICATED", 401),
    ("_OTHER", 500),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_as_clients_read_it() {
        for (value, name, http) in [
            ("0", "OK", 200),
            ("14", "UNAVAILABLE", 503),
            ("016", "UNAUTHENTICATED", 401),
            ("17", "_OTHER", 500),
            ("300", "_OTHER", 500),
            ("99999999999999999999", "_OTHER", 500),
            ("", "UNKNOWN", 500),
            ("+1", "UNKNOWN", 500),
            ("-1", "UNKNOWN", 500),
            ("OK", "UNKNOWN", 500),
            ("1 ", "UNKNOWN", 500),
        ] {
            let status = Status::read(value.as_bytes());
            assert_eq!((status.name(), status.as_http()), (name, http), "{value:?}");
        }
    }

    #[test]
    fn every_status_has_a_name_of_its_own_and_those_of_servers_are_5xx() {
        let names: std::collections::HashSet<_> = Status::all().map(Status::name).collect();
        assert_eq!(names.len(), Status::COUNT);
        for status in Status::all() {
            assert_eq!(Status::new(status.index() as u32), status);
            // As OpenTelemetry has it for servers, and one that nobody knows.
            let is_servers = [2, 4, 12, 13, 14, 15, 17].contains(&status.index());
            assert_eq!(status.as_http() >= 500, is_servers, "{}", status.name());
            assert!(!status.is_fault() || is_servers, "{}", status.name());
        }
        assert_eq!(Status::of_http(404).name(), "UNIMPLEMENTED");
        assert_eq!(Status::of_http(302), Status::UNKNOWN);
    }
}

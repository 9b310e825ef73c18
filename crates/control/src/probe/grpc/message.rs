//! The two messages of `grpc.health.v1`, written and read by hand: each has one field, so a library for Protocol Buffers would be a
//! dependency, and code made at build time, for thirty lines. Called by `probe::grpc`.
//! <https://protobuf.dev/programming-guides/encoding>

/// `HealthCheckRequest { string service = 1 }`.
pub(super) fn request(service: &str) -> Vec<u8> {
    // What is as by default is not written.
    if service.is_empty() {
        return Vec::new();
    }
    let mut message = vec![1 << 3 | LENGTH];
    let mut length = service.len();
    while length >= 0x80 {
        message.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(service.as_bytes());
    message
}

/// `HealthCheckResponse { ServingStatus status = 1 }`: the number of the status. Other fields are passed over.
///
/// # Errors
/// What is wrong with the message.
pub(super) fn serving_status(message: &[u8]) -> Result<u64, &'static str> {
    let mut rest = message;
    let mut status = 0;
    while !rest.is_empty() {
        let tag = number(&mut rest).ok_or(CUT_OFF)?;
        match ((tag & 0x7) as u8, tag >> 3) {
            // Of a field that is there twice the last counts.
            (NUMBER, 1) => status = number(&mut rest).ok_or(CUT_OFF)?,
            (NUMBER, _) => drop(number(&mut rest).ok_or(CUT_OFF)?),
            (FIXED_64, _) => skip(&mut rest, 8)?,
            (FIXED_32, _) => skip(&mut rest, 4)?,
            (LENGTH, _) => {
                let length = number(&mut rest).ok_or(CUT_OFF)?;
                skip(&mut rest, length)?;
            }
            _ => return Err("a field of an unknown type in the message"),
        }
    }
    Ok(status)
}

/// The name of a status.
pub(super) fn status_name(status: u64) -> &'static str {
    match status {
        0 => "UNKNOWN",
        SERVING => "SERVING",
        2 => "NOT_SERVING",
        3 => "SERVICE_UNKNOWN",
        _ => "a serving status that does not exist",
    }
}

/// Reads a varint: seven bits a byte, the lowest first, at most ten bytes.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for position in 0..10 {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= u64::from(byte & 0x7f) << (7 * position);
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn skip(rest: &mut &[u8], count: u64) -> Result<(), &'static str> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    *rest = rest.get(count..).ok_or(CUT_OFF)?;
    Ok(())
}

/// The only status that passes.
pub(super) const SERVING: u64 = 1;

// How fields are written.
const NUMBER: u8 = 0;
const FIXED_64: u8 = 1;
const LENGTH: u8 = 2;
const FIXED_32: u8 = 5;

const CUT_OFF: &str = "the message is cut off";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_names_the_service_unless_it_is_the_server_as_a_whole() {
        let long = "s".repeat(300);
        let table: [(&str, &[u8]); 3] =
            [("", b""), ("shop.Cart", b"\x0a\x09shop.Cart"), (&long, b"\x0a\xac\x02")];
        for (service, start) in table {
            let message = request(service);
            assert!(message.starts_with(start), "{message:?}");
            assert!(message.ends_with(service.as_bytes()));
        }
        assert_eq!(request("").len(), 0);
        assert_eq!(request(&long).len(), 303);
    }

    #[test]
    fn a_status_is_found_among_fields_that_nobody_knows() {
        let table: [(&[u8], Result<u64, &str>); 13] = [
            (b"", Ok(0)),
            (b"\x08\x01", Ok(1)),
            (b"\x08\x02", Ok(2)),
            (b"\x08\x01\x08\x02", Ok(2)),
            (b"\x08\x81\x00", Ok(1)),
            (b"\x10\x05\x08\x01", Ok(1)),
            (b"\x12\x03abc\x08\x01", Ok(1)),
            (b"\x11abcdefgh\x15abcd\x08\x01", Ok(1)),
            (b"\x08", Err(CUT_OFF)),
            (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", Err(CUT_OFF)),
            (b"\x12\x09abc", Err(CUT_OFF)),
            (b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01abc", Err(CUT_OFF)),
            (b"\x0b", Err("a field of an unknown type in the message")),
        ];
        for (message, status) in table {
            assert_eq!(serving_status(message), status, "{message:?}");
        }
    }

    proptest! {
        #[test]
        fn no_message_is_a_surprise(message in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = serving_status(&message);
        }
    }
}

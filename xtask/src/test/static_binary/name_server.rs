//! A name server that knows one name: what the static binary asks when there is no file to find it in.

use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::process;
use std::thread;

/// Answers for ever, on a thread of its own.
pub(super) struct NameServer {
    ip: IpAddr,
}

impl NameServer {
    /// Listens on an address of this machine that nobody else uses, because the port is given: resolvers know no other.
    pub(super) fn start() -> io::Result<Self> {
        let [.., high, low] = process::id().to_be_bytes();
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 53, high, low.max(1)), 53))?;
        let ip = socket.local_addr()?.ip();
        thread::Builder::new().name("name server".to_owned()).spawn(move || serve(&socket))?;
        Ok(Self { ip })
    }

    pub(super) fn ip(&self) -> IpAddr {
        self.ip
    }
}

fn serve(socket: &UdpSocket) {
    let mut query = [0; 512];
    while let Ok((length, client)) = socket.recv_from(&mut query) {
        if let Some(answer) = answer(&query[..length]) {
            // Whoever asked asks again.
            drop(socket.send_to(&answer, client));
        }
    }
}

/// RFC 1035 §4.1: the question again, and for an IPv4 address of [`NAME`] the loopback.
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let name_length = query.get(HEADER_BYTES..)?.iter().position(|&byte| byte == 0)? + 1;
    let question = query.get(HEADER_BYTES..HEADER_BYTES + name_length + 4)?;
    let is_known = question.starts_with(&wire_name()) && question[name_length..] == [0, 1, 0, 1];
    let mut answer = query[..2].to_vec();
    // A response, recursion available, no error; one question, one or no answer, nothing else.
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_known), 0, 0, 0, 0]);
    answer.extend(question);
    if is_known {
        // The name as before, type A, class IN, 5 s to live, 4 bytes.
        answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}

fn wire_name() -> Vec<u8> {
    let label = |label: &str| {
        let length = u8::try_from(label.len()).unwrap_or_default();
        [&[length], label.as_bytes()].concat()
    };
    NAME.split('.').flat_map(label).chain([0]).collect()
}

/// The one name. No such top-level domain is ever delegated (RFC 6761 §6.2).
pub(super) const NAME: &str = "evenkeel.test";

const HEADER_BYTES: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_name_has_an_address_and_no_other_name_and_no_other_kind_has() {
        let ask = |name: &[u8], kind: u8| {
            let header = [7, 8, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            answer(&[&header, name, &[0, kind, 0, 1]].concat()).unwrap()
        };
        let known = ask(&wire_name(), 1);
        assert_eq!((&known[..2], known[7]), (&[7, 8][..], 1));
        assert!(known.ends_with(&[127, 0, 0, 1]));
        assert_eq!(ask(&wire_name(), 28)[7], 0);
        assert_eq!(ask(b"\x05other\0", 1)[7], 0);
        assert_eq!(answer(&[0; 5]), None);
    }
}

//! Files with secrets for session tickets, which replicas share: a line for each, in base64. Read as other files that are followed.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::followed::{Content, FileKind};
use super::problem::Problem;
use super::tickets::Secret;

/// At least one; tickets are made by the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TicketSecrets(pub(super) Vec<Secret>);

impl Content for TicketSecrets {
    const KIND: FileKind = FileKind::TicketKeys;
    const BYTES_MAX: usize = 16 * 1024;

    fn parse(bytes: &[u8], _: SystemTime) -> Result<Self, Problem> {
        let mut secrets = Vec::new();
        for (position, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if !line.is_empty() && !line.starts_with(b"#") {
                secrets.push(secret(line).ok_or(Problem::BadTicketKey(position + 1))?);
            }
        }
        if secrets.is_empty() { Err(Problem::NoTicketKey) } else { Ok(Self(secrets)) }
    }

    fn until(&self) -> Option<SystemTime> {
        None
    }

    fn has_aged(&self, _: SystemTime, _: SystemTime) -> bool {
        false
    }
}

fn secret(line: &[u8]) -> Option<Secret> {
    let mut bytes = vec![0; line.len()];
    let length = STANDARD.decode_slice(line, &mut bytes).ok()?;
    Secret::new(&bytes[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<usize, Problem> {
        TicketSecrets::parse(text.as_bytes(), SystemTime::UNIX_EPOCH).map(|it| it.0.len())
    }

    #[test]
    fn each_line_is_a_key_of_32_bytes_or_more() {
        let (short, least, long) =
            (["YWFh"; 10].concat(), ["YWFh"; 11].concat(), ["YWFh"; 16].concat());
        for (text, expected) in [
            (format!("{long}\n"), Ok(1)),
            (least.clone(), Ok(1)),
            (format!("\n# made in May\n  {long}\r\n\n{least}\n"), Ok(2)),
            (short.clone(), Err(Problem::BadTicketKey(1))),
            (format!("{long}\n{short}"), Err(Problem::BadTicketKey(2))),
            (format!("{long}{long}!"), Err(Problem::BadTicketKey(1))),
            ("key = 1".to_owned(), Err(Problem::BadTicketKey(1))),
            (String::new(), Err(Problem::NoTicketKey)),
            ("# none\n".to_owned(), Err(Problem::NoTicketKey)),
        ] {
            assert_eq!(parse(&text), expected, "{text}");
        }
        assert_eq!(
            TicketSecrets::parse(&[0xff; 48], SystemTime::UNIX_EPOCH),
            Err(Problem::BadTicketKey(1))
        );
    }

    #[test]
    fn the_order_of_the_lines_is_that_of_the_keys() {
        let [a, b] = ["YWFh", "YmJi"].map(|it| it.repeat(11));
        let both = TicketSecrets::parse(format!("{a}\n{b}").as_bytes(), SystemTime::UNIX_EPOCH);
        let expected = [b'a', b'b'].map(|byte| Secret::new(&[byte; 33]).unwrap());
        assert_eq!(both.unwrap().0, expected);
    }
}

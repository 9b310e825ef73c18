//! Server names (RFC 6066 §3): which strings can be the name of a host, in the one form that all their spellings share.

use std::net::Ipv6Addr;

use super::HelloFault;

/// The name in lower case, without a dot at its end; `None` for an address, which is nobody's name. Neither may be sent (RFC 6066 §3), and
/// clients send both: they are understood, as everywhere else.
///
/// Labels are of letters, digits and hyphens, which neither begin nor end them (RFC 5890 §2.3.1); names in other scripts come
/// as A-labels. Underscores are tolerated: names that no registry would give out have them. A last label of digits alone only addresses
/// have (RFC 1123 §2.1).
///
/// # Errors
/// [`HelloFault::HostName`].
pub(super) fn host_name(name: &[u8]) -> Result<Option<Box<str>>, HelloFault> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    if is_address(name) {
        return Ok(None);
    }
    if name.len() > NAME_BYTES_MAX || !name.split(|&byte| byte == b'.').all(is_label) {
        return Err(HelloFault::HostName);
    }
    match String::from_utf8(name.to_ascii_lowercase()) {
        Ok(name) => Ok(Some(name.into_boxed_str())),
        Err(_) => Err(HelloFault::HostName),
    }
}

fn is_address(name: &[u8]) -> bool {
    let last = name.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
    let looks_like_v4 = !last.is_empty() && last.iter().all(u8::is_ascii_digit);
    looks_like_v4 || is_v6(name)
}

/// Also in the brackets that a URL puts around it.
fn is_v6(name: &[u8]) -> bool {
    let inner = name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]"));
    std::str::from_utf8(inner.unwrap_or(name)).is_ok_and(|name| name.parse::<Ipv6Addr>().is_ok())
}

fn is_label(label: &[u8]) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label.iter().copied().all(is_inner)
        && !label.starts_with(b"-")
        && !label.ends_with(b"-")
}

/// 255 bytes on the wire of DNS (RFC 1035 §2.3.4), less the length of the first label and the root's empty one.
const NAME_BYTES_MAX: usize = 253;

/// RFC 1035 §2.3.4.
const LABEL_BYTES_MAX: usize = 63;

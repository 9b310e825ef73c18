//! The target of a request (RFC 9112 §3.2), and whom it is meant for. Called by `parse`.

use std::net::Ipv6Addr;

use super::{Locator, ParseError};
use crate::head::{RequestHead, Target};
use crate::method::Method;

/// RFC 9112 §3.2: origin-form, absolute-form, or `*` for OPTIONS. Authority-form belongs to CONNECT, which is not for us.
pub(super) fn split(
    target: &[u8],
    method: Method,
    locator: &Locator,
) -> Result<Target, ParseError> {
    if !is_sendable(target) {
        return Err(ParseError::Malformed("the target has a byte that no URI may have"));
    }
    match target {
        [b'/', ..] => Ok(Target::Origin(locator.span(target))),
        b"*" if method == Method::Options => Ok(Target::Origin(locator.span(target))),
        _ if method == Method::Connect => Ok(Target::Origin(locator.span(target))),
        _ => split_absolute(target, locator),
    }
}

fn split_absolute(target: &[u8], locator: &Locator) -> Result<Target, ParseError> {
    let refused = ParseError::Malformed("the target is neither a path nor an http:// address");
    let behind = |scheme: &[u8]| {
        let (before, rest) = target.split_at_checked(scheme.len())?;
        before.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let (rest, is_https) = match behind(b"http://") {
        Some(rest) => (rest, false),
        None => (behind(b"https://").ok_or(refused)?, true),
    };
    let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if !is_authority(authority) {
        return Err(ParseError::Malformed("the target's authority is not a host"));
    }
    let (authority, path) = (locator.span(authority), locator.span(path));
    Ok(Target::Absolute { authority, path, is_https: Some(is_https) })
}

/// `http://host?query` has no path, where origin-form must have `/` (RFC 9112 §3.2.1). The second slash of `http://` makes room
/// for it: the authority moves over it, and leaves a byte between itself and the query.
pub(super) fn complete(head: &mut RequestHead) {
    let Target::Absolute { authority, path, .. } = &mut head.target else { return };
    if !path.of(&head.fields.buffer).starts_with(b"?") {
        return;
    }
    let (moved, extended) = (authority.moved_left(1, 1), path.moved_left(1, 0));
    let host = authority.of(&head.fields.buffer).to_vec();
    moved.of_mut(&mut head.fields.buffer).copy_from_slice(&host);
    if let Some(first) = extended.of_mut(&mut head.fields.buffer).first_mut() {
        *first = b'/';
    }
    (*authority, *path) = (moved, extended);
}

/// RFC 3986 §2: nothing but visible ASCII is in a URI, and a fragment is never sent (RFC 9110 §7.1).
pub(crate) fn is_sendable(target: &[u8]) -> bool {
    target.iter().all(|&byte| byte.is_ascii_graphic() && byte != b'#')
}

/// Whether `authority` is `host[:port]` (RFC 9110 §7.2, RFC 3986 §3.2.2 and §3.2.3): what could be read in two ways is out, so
/// user names and commas too.
pub(crate) fn is_authority(authority: &[u8]) -> bool {
    let (host, port) = match authority {
        [b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|&byte| byte == b']') else { return false };
            let (literal, after) = (&rest[..end], &rest[end + 1..]);
            return is_ipv6(literal) && (after.is_empty() || is_port(after));
        }
        _ => match authority.iter().position(|&byte| byte == b':') {
            Some(colon) => authority.split_at(colon),
            None => (authority, &b":"[..]),
        },
    };
    !host.is_empty() && is_name(host) && is_port(port)
}

/// `reg-name`, which an IPv4 address is too, without the comma: lists of hosts are no host.
fn is_name(host: &[u8]) -> bool {
    let is_plain = |&byte: &u8| IS_PLAIN[usize::from(byte)];
    let mut rest = host;
    loop {
        match rest {
            [] => return true,
            [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest = tail;
            }
            [byte, tail @ ..] if is_plain(byte) => rest = tail,
            _ => return false,
        }
    }
}

/// What means itself in `reg-name`: a table, as each request has one.
const IS_PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"-._~!$&'()*+;=";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
};

/// RFC 3986 §3.2.2: no address of a version that does not exist yet, and no zone, which means something on one machine only.
fn is_ipv6(literal: &[u8]) -> bool {
    str::from_utf8(literal).is_ok_and(|literal| literal.parse::<Ipv6Addr>().is_ok())
}

/// A colon and digits, which may be missing (RFC 3986 §3.2.3), for a port that exists.
fn is_port(port: &[u8]) -> bool {
    let [b':', digits @ ..] = port else { return false };
    let number = digits.iter().try_fold(0_u16, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|&digit| digit <= 9)?;
        number.checked_mul(10)?.checked_add(u16::from(digit))
    });
    number.is_some()
}

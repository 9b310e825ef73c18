//! Messages (RFC 9113 §8), where `h2` does not judge them itself. Called where a head is made of what `h2` has decoded.
//!
//! `h2` has seen to names, to what a value must not contain, to fields of one connection, to pseudo-header fields that are missing,
//! double, unknown or late, and to bodies that are longer or shorter than they say (§8.1.1, §8.2, §8.3). It has also made a map of
//! the fields, whose order across names is lost, and those of trailers lose their pseudo-header fields: for these there is
//! [`Fault::PseudoTrailer`](super::Fault::PseudoTrailer).

use crate::field::list_elements;

/// What is wrong with a message: its stream is reset with PROTOCOL_ERROR, or 400 is answered (RFC 9113 §8.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// `Host` says something else than `:authority`, or there are several (§8.3.1).
    Host,
    /// `:authority` has a user in it (§8.3.1).
    UserInfo,
    /// CONNECT without `:authority` (§8.5).
    ConnectTarget,
    /// A value begins or ends with white space (§8.2.1).
    WhiteSpace,
    /// `Content-Length` is no number (RFC 9110 §8.6); `h2` takes an empty one for 0.
    Length,
    /// `TE` is more than `trailers`, or there are several (§8.2.2).
    Te,
}

/// Judges a request: whether its method is CONNECT, its `:authority` if it has one, and its fields.
///
/// # Errors
/// [`Malformed`], the first one found.
pub fn check_request<'a>(
    is_connect: bool,
    authority: Option<&[u8]>,
    fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), Malformed> {
    if is_connect && authority.is_none_or(<[u8]>::is_empty) {
        return Err(Malformed::ConnectTarget);
    }
    if authority.is_some_and(|authority| authority.contains(&b'@')) {
        return Err(Malformed::UserInfo);
    }
    let (mut host, mut has_te) = (None, false);
    for (name, value) in fields {
        check_field(name, value)?;
        match name {
            b"host" if host.replace(value).is_some() => return Err(Malformed::Host),
            b"te" if has_te || list_elements(value).count() > 1 => return Err(Malformed::Te),
            b"te" => has_te = true,
            _ => {}
        }
    }
    match (authority, host) {
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => {
            Err(Malformed::Host)
        }
        _ => Ok(()),
    }
}

/// Judges the fields of an answer, or trailers.
///
/// # Errors
/// [`Malformed`], the first one found.
pub fn check_fields<'a>(
    fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), Malformed> {
    fields.into_iter().try_for_each(|(name, value)| check_field(name, value))
}

#[inline]
fn check_field(name: &[u8], value: &[u8]) -> Result<(), Malformed> {
    let is_white = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if is_white(value.first()) || is_white(value.last()) {
        return Err(Malformed::WhiteSpace);
    }
    if name == b"content-length" && (value.is_empty() || !value.iter().all(u8::is_ascii_digit)) {
        return Err(Malformed::Length);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Field = (&'static [u8], &'static [u8]);

    /// Whether it is CONNECT, `:authority`, the fields, and what becomes of it.
    type Row = (bool, Option<&'static [u8]>, &'static [Field], Result<(), Malformed>);

    #[test]
    fn requests_are_judged_by_what_h2_leaves() {
        let a = Some(&b"a.example"[..]);
        let rows: [Row; 16] = [
            (false, a, &[], Ok(())),
            (false, None, &[(b"host", b"a.example")], Ok(())),
            (false, a, &[(b"host", b"A.example")], Ok(())),
            (false, a, &[(b"host", b"a.example:80")], Err(Malformed::Host)),
            (false, a, &[(b"host", b"a.example.different")], Err(Malformed::Host)),
            (false, a, &[(b"host", b"a.example"), (b"host", b"a.example")], Err(Malformed::Host)),
            (false, Some(b"u@a.example"), &[], Err(Malformed::UserInfo)),
            (true, a, &[], Ok(())),
            (true, None, &[(b"host", b"a.example")], Err(Malformed::ConnectTarget)),
            (false, a, &[(b"x", b" oh no")], Err(Malformed::WhiteSpace)),
            (false, a, &[(b"x", b"oh no\t")], Err(Malformed::WhiteSpace)),
            (false, a, &[(b"x", b"")], Ok(())),
            (false, a, &[(b"content-length", b"")], Err(Malformed::Length)),
            (false, a, &[(b"content-length", b"+1")], Err(Malformed::Length)),
            (false, a, &[(b"te", b"trailers")], Ok(())),
            (false, a, &[(b"te", b"trailers"), (b"te", b"trailers")], Err(Malformed::Te)),
        ];
        for (is_connect, authority, fields, expected) in rows {
            let judged = check_request(is_connect, authority, fields.iter().copied());
            assert_eq!(judged, expected, "{fields:?}");
        }
    }

    #[test]
    fn fields_of_answers_and_trailers_are_judged_alone() {
        assert_eq!(check_fields([(&b"x"[..], &b"y"[..]), (b"host", b"z")]), Ok(()));
        assert_eq!(check_fields([(&b"x"[..], &b"y "[..])]), Err(Malformed::WhiteSpace));
    }
}

//! The extensions that a choice rests on: server name, protocols, versions. All others are passed by.

use super::HelloFault;
use super::cursor::{Cursor, LENGTH_8_MAX, LENGTH_16_MAX};
use super::host_name::host_name;

/// RFC 6066 §3.
pub(super) const SERVER_NAME: u16 = 0;

/// RFC 7301 §3.1.
pub(super) const PROTOCOLS: u16 = 16;

/// RFC 8446 §4.2.1.
pub(super) const SUPPORTED_VERSIONS: u16 = 43;

/// RFC 9849 §5.
pub(super) const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

/// The host name of a server name extension (RFC 6066 §3). Names of types that are not known yet are skipped: each begins with
/// its length.
pub(super) fn server_name(extension: &[u8]) -> Result<Option<Box<str>>, HelloFault> {
    let mut extension = Cursor::new(extension);
    let mut list = Cursor::new(extension.vector_16(1..=LENGTH_16_MAX)?);
    extension.end()?;
    let mut found = None;
    while !list.is_at_end() {
        let kind = list.number_8()?;
        let name = list.vector_16(1..=LENGTH_16_MAX)?;
        if kind != HOST_NAME {
            continue;
        }
        if found.is_some() {
            return Err(HelloFault::SeveralNames);
        }
        found = Some(host_name(name)?);
    }
    Ok(found.flatten())
}

/// The list of an ALPN extension (RFC 7301 §3.1), each protocol behind its length. [`protocols`] reads it.
pub(super) fn protocol_list(extension: &[u8]) -> Result<&[u8], HelloFault> {
    let mut extension = Cursor::new(extension);
    let list = extension.vector_16(2..=LENGTH_16_MAX)?;
    extension.end()?;
    let mut rest = Cursor::new(list);
    while !rest.is_at_end() {
        rest.vector_8(1..=LENGTH_8_MAX)?;
    }
    Ok(list)
}

/// The protocols of a list that [`protocol_list`] let pass, but for those that only keep servers tolerant (RFC 8701 §2).
pub(super) fn protocols(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Cursor::new(list);
    std::iter::from_fn(move || rest.vector_8(1..=LENGTH_8_MAX).ok()).filter(|&protocol| {
        !<[u8; 2]>::try_from(protocol).is_ok_and(|pair| is_grease(u16::from_be_bytes(pair)))
    })
}

/// The highest version of TLS in a list of versions (RFC 8446 §4.2.1). Those with another first byte are drafts, other
/// protocols, and GREASE.
pub(super) fn highest_version(extension: &[u8]) -> Result<Option<u16>, HelloFault> {
    let mut extension = Cursor::new(extension);
    let mut versions = Cursor::new(extension.vector_8(2..=254)?);
    extension.end()?;
    let mut highest = None;
    while !versions.is_at_end() {
        let version = versions.number_16().map_err(|_| HelloFault::Length)?;
        if is_tls(version) {
            highest = highest.max(Some(version));
        }
    }
    Ok(highest)
}

/// Whether a version is one of SSL 3.0 and all that came after it.
pub(super) fn is_tls(version: u16) -> bool {
    version >> 8 == 3
}

/// RFC 8701 §2: 0x0a0a, 0x1a1a, to 0xfafa.
fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// The type of host names in a list of server names (RFC 6066 §3).
const HOST_NAME: u8 = 0;

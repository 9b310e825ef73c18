//! What a session cookie holds: an endpoint and an expiry, in 38 letters that mean nothing to anybody else and cannot be made up.
//!
//! `id (8 bytes) expiry (4) signature (16)`, in base64url. The id is the endpoint's name under a key, so that it tells neither an address
//! nor how many endpoints there are; the signature covers both. Whoever has the same keys reads the same endpoints: every replica, and
//! this one after a restart.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::endpoint::Endpoint;

/// What cookies are signed with. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    /// A key made of any text, by SHA-256: it is as hard to guess as the text.
    pub fn from_text(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// A key of these bytes, which should be random.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn sign(&self, purpose: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        // Longer keys are hashed and shorter ones padded (RFC 2104 §2), so no length is wrong.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return [0; 32] };
        mac.update(purpose);
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    fn id_of(&self, endpoint: &str) -> Id {
        first_bytes(&self.sign(b"endpoint\0", &[endpoint.as_bytes()]))
    }

    fn signature_of(&self, payload: &[u8]) -> Signature {
        first_bytes(&self.sign(b"session\0", &[payload]))
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

type Id = [u8; 8];
type Signature = [u8; 16];

/// Reads and writes the tokens of one cluster.
#[derive(Debug)]
pub(in super::super) struct Tokens {
    keys: Box<[Known]>,
}

/// A key, and the endpoints by their ids under it.
#[derive(Debug)]
struct Known {
    key: SessionKey,
    ids: Box<[Id]>,
    positions: HashMap<Id, usize>,
}

/// A token that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// The endpoint's position.
    pub(super) position: usize,
    /// Since 1970; `None` for never.
    pub(super) expires: Option<Duration>,
    /// Whether it is signed with the key that new ones are.
    pub(super) is_by_first_key: bool,
}

impl Tokens {
    pub(super) fn new(keys: &[SessionKey], endpoints: &[Endpoint]) -> Self {
        let known = |key: &SessionKey| {
            let ids: Box<[Id]> =
                endpoints.iter().map(|endpoint| key.id_of(&endpoint.name)).collect();
            let positions = ids.iter().copied().zip(0..).collect();
            Known { key: key.clone(), ids, positions }
        };
        Self { keys: keys.iter().map(known).collect() }
    }

    /// A token for the endpoint at `position`; `None` if there is none.
    pub(super) fn write(&self, position: usize, expires: Option<Duration>) -> Option<String> {
        let first = self.keys.first()?;
        let mut token = [0; TOKEN_BYTES];
        token[..8].copy_from_slice(first.ids.get(position)?);
        // 0 is never; in 2106, when 32 bits are over, it is as well.
        let expires = expires.map_or(0, |at| u32::try_from(at.as_secs()).unwrap_or(0));
        token[8..12].copy_from_slice(&expires.to_be_bytes());
        let signature = first.key.signature_of(&token[..12]);
        token[12..].copy_from_slice(&signature);
        let mut text = [0; TEXT_BYTES];
        URL_SAFE_NO_PAD.encode_slice(token, &mut text).ok()?;
        Some(text.iter().copied().map(char::from).collect())
    }

    /// What a cookie's value says, if one of the keys has signed it, it is still good, and the endpoint is there.
    pub(super) fn read(&self, value: &[u8], now: Duration) -> Option<Token> {
        let mut token = [0; TOKEN_BYTES];
        if URL_SAFE_NO_PAD.decode_slice(value, &mut token).ok()? != TOKEN_BYTES {
            return None;
        }
        let (payload, signature) = token.split_at(12);
        let signs = |known: &&Known| is_same(&known.key.signature_of(payload), signature);
        let known = self.keys.iter().find(signs)?;
        let expires = u32::from_be_bytes(first_bytes(&payload[8..]));
        let expires = (expires != 0).then(|| Duration::from_secs(u64::from(expires)));
        if expires.is_some_and(|expires| expires <= now) {
            return None;
        }
        let position = *known.positions.get(&payload[..8])?;
        let is_by_first_key = self.keys.first().is_some_and(|first| std::ptr::eq(first, known));
        Some(Token { position, expires, is_by_first_key })
    }
}

fn first_bytes<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut first = [0; N];
    first.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    first
}

/// Compares without saying by the time it takes how much of it was right.
fn is_same(one: &Signature, other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}

const TOKEN_BYTES: usize = 28;

/// In base64.
const TEXT_BYTES: usize = (TOKEN_BYTES * 8).div_ceil(6);

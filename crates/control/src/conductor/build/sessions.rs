//! Sticky sessions as the plan has them: with keys that are keys.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use evenkeel_plan::balance::hash::HashKey;
use evenkeel_plan::balance::{SessionCookie, SessionKey, Sticky};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::config::{CookieConfig, StickyConfig};

/// What makes the requests of a session go to one endpoint.
pub(super) fn sticky(config: &StickyConfig) -> Sticky {
    match config {
        StickyConfig::Key(source) => Sticky::Key(HashKey::new([source.clone()])),
        StickyConfig::Cookie(cookie) => Sticky::Cookie(session_cookie(cookie)),
    }
}

fn session_cookie(config: &CookieConfig) -> SessionCookie {
    let keys = config.keys.iter().map(|key| SessionKey::from_text(key.reveal()));
    let mut keys: Vec<SessionKey> = keys.collect();
    if keys.is_empty() {
        keys.push(OURS.clone());
    }
    SessionCookie {
        ttl: config.ttl,
        path: config.path.as_str().into(),
        domain: config.domain.as_deref().map(Box::from),
        same_site: config.same_site,
        secure: config.secure,
        http_only: config.http_only,
        drain: config.drain,
        ..SessionCookie::new(&config.name, keys)
    }
}

/// What is signed with where nobody has said: one for all the life of this process, so that a reload ends no session.
static OURS: LazyLock<SessionKey> = LazyLock::new(|| {
    let mut bytes = [0; 32];
    // It gives up to 256 bytes at once, and fails only where the system is too old to have it; what the standard library hashes
    // with cannot be guessed either.
    if getrandom(&mut bytes, GetRandomFlags::empty()).is_err() {
        let state = RandomState::new();
        for (part, number) in bytes.chunks_exact_mut(8).zip(0_u64..) {
            part.copy_from_slice(&state.hash_one(number).to_be_bytes());
        }
    }
    SessionKey::from_bytes(bytes)
});

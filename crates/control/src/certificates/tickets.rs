//! Session tickets (RFC 8446 §4.6.1, RFC 5077): what a client may come back with instead of proving itself anew. The terms of a listener
//! make them, with keys of the store.
//!
//! A ticket is `name of the key (16 bytes), nonce (12), encrypted: time of the full handshake (8 bytes) and session, tag (16)`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hkdf, rand};
use rustls::server::ProducesTickets;

/// Random bytes that nobody else knows, of which keys are derived.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(Box<[u8]>);

/// Secrets of this process, which nobody tells it, and which it replaces by itself.
#[derive(Clone, Debug)]
pub(super) struct OwnSecrets {
    since: SystemTime,
    /// The one that tickets are made by, and those before whose tickets may still be good.
    pub(super) secrets: Vec<Secret>,
}

/// The keys that come of secrets for one purpose: tickets are made by the first, and taken by all.
#[derive(Debug)]
pub(super) struct TicketKeys {
    keys: Vec<Key>,
    /// How long after a full handshake its tickets are taken.
    lifetime: Duration,
}

struct Key {
    name: [u8; NAME_BYTES],
    cipher: LessSafeKey,
}

/// The tickets of one handshake: the one that the client shows, and those that it gets. These remember when it proved itself, so that
/// nobody lives on tickets for ever.
#[derive(Debug)]
pub(super) struct Tickets {
    keys: Arc<TicketKeys>,
    /// When the full handshake was, in seconds since 1970; 0 if that is this one.
    proved: AtomicU64,
}

// === impl Secret ===

impl Secret {
    /// Those bytes; `None` if they are too few.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= SECRET_BYTES_MIN).then(|| Self(bytes.into()))
    }

    fn random() -> Result<Self, Unspecified> {
        let mut bytes = [0; SECRET_BYTES_MIN];
        rand::fill(&mut bytes)?;
        Ok(Self(bytes.into()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

// === impl OwnSecrets ===

impl OwnSecrets {
    /// A new one.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub(super) fn new(now: SystemTime) -> Result<Self, Unspecified> {
        Ok(Self { since: now, secrets: vec![Secret::random()?] })
    }

    /// Whether another one shall take its place.
    pub(super) fn is_due(&self, now: SystemTime) -> bool {
        now.duration_since(self.since).is_ok_and(|age| age >= ROTATE_EVERY)
    }

    /// A new one before the last ones.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub(super) fn rotated(&self, now: SystemTime) -> Result<Self, Unspecified> {
        let mut secrets = vec![Secret::random()?];
        secrets.extend(self.secrets.iter().take(KEPT).cloned());
        Ok(Self { since: now, secrets })
    }
}

// === impl TicketKeys ===

impl TicketKeys {
    /// Those of `secrets` for `purpose`. Whoever has the same secrets for another purpose has other keys.
    ///
    /// # Errors
    /// The library cannot do what it was built for.
    pub(super) fn new(
        secrets: &[Secret],
        purpose: &[u8],
        lifetime: Duration,
    ) -> Result<Self, Unspecified> {
        let keys = secrets.iter().map(|secret| Key::new(secret, purpose));
        Ok(Self { keys: keys.collect::<Result<_, _>>()?, lifetime })
    }

    fn seal(&self, session: &[u8], proved: u64) -> Option<Vec<u8>> {
        let key = self.keys.first()?;
        if session.len() > SESSION_BYTES_MAX {
            return None;
        }
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).ok()?;
        let mut sealed = [&proved.to_be_bytes(), session].concat();
        // All replicas make tickets by the same key, and none knows the others' nonces: this cipher suffers no harm from two alike (RFC 8452).
        let unique = Nonce::assume_unique_for_key(nonce);
        key.cipher.seal_in_place_append_tag(unique, Aad::from(key.name), &mut sealed).ok()?;
        Some([&key.name[..], &nonce, &sealed].concat())
    }

    /// The session in a ticket, and when its client proved itself; `None` for a ticket of others, one that was changed, and one that is too
    /// old.
    fn open(&self, ticket: &[u8], now: u64) -> Option<(Vec<u8>, u64)> {
        let (name, rest) = ticket.split_at_checked(NAME_BYTES)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        let key = self.keys.iter().find(|key| key.name == name)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let plain = key.cipher.open_in_place(nonce, Aad::from(key.name), &mut sealed).ok()?;
        let (proved, session) = plain.split_first_chunk()?;
        let proved = u64::from_be_bytes(*proved);
        // Replicas' clocks differ a little.
        let is_fresh = now <= proved.saturating_add(self.lifetime.as_secs());
        (is_fresh && proved <= now + SKEW_SECONDS_MAX).then(|| (session.to_vec(), proved))
    }
}

impl Key {
    fn new(secret: &Secret, purpose: &[u8]) -> Result<Self, Unspecified> {
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(&secret.0);
        let mut name = [0; 32];
        secret.expand(&[b"name", purpose], hkdf::HKDF_SHA256)?.fill(&mut name)?;
        let mut short = [0; NAME_BYTES];
        short.copy_from_slice(&name[..NAME_BYTES]);
        let cipher = UnboundKey::from(secret.expand(&[b"key ", purpose], &AES_256_GCM_SIV)?);
        Ok(Self { name: short, cipher: LessSafeKey::new(cipher) })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

// === impl Tickets ===

impl Tickets {
    pub(super) fn new(keys: Arc<TicketKeys>) -> Self {
        Self { keys, proved: AtomicU64::new(0) }
    }

    /// When the client proved itself, if what it said until now is all.
    fn proved(&self, now: u64) -> u64 {
        match self.proved.load(Ordering::Relaxed) {
            0 => now,
            proved => proved,
        }
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        let now = seconds_now();
        let end = self.proved(now).saturating_add(self.keys.lifetime.as_secs());
        u32::try_from(end.saturating_sub(now)).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        self.keys.seal(session, self.proved(seconds_now()))
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (session, proved) = self.keys.open(ticket, seconds_now())?;
        self.proved.store(proved, Ordering::Relaxed);
        Some(session)
    }
}

/// The library does not say at what time it asks.
fn seconds_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Each of our own makes tickets for so long.
const ROTATE_EVERY: Duration = Duration::from_hours(6);

/// So many that make none any more take theirs for 12 h after the last: with fewer a client would be told a longer time than it has.
const KEPT: usize = 2;

/// As many as a key of the cipher has.
pub(super) const SECRET_BYTES_MIN: usize = 32;

const NAME_BYTES: usize = 16;

/// With a client's certificates a session may be long, and what a client says first has to fit into 16 KiB.
const SESSION_BYTES_MAX: usize = 8 * 1024;

/// A ticket from so far in the future may be from a replica.
const SKEW_SECONDS_MAX: u64 = 60;

/// So that the same bytes used for something else make other keys (RFC 5869 §3.1).
const SALT: &[u8] = b"evenkeel session tickets 1";

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const NOW: u64 = 1_800_000_000;

    fn secret(byte: u8) -> Secret {
        Secret::new(&[byte; 48]).unwrap()
    }

    fn keys(secrets: &[u8], purpose: &str) -> TicketKeys {
        let secrets: Vec<Secret> = secrets.iter().map(|byte| secret(*byte)).collect();
        TicketKeys::new(&secrets, purpose.as_bytes(), HOUR).unwrap()
    }

    fn open(keys: &TicketKeys, ticket: &[u8]) -> Option<Vec<u8>> {
        keys.open(ticket, NOW).map(|(session, _)| session)
    }

    #[test]
    fn a_ticket_is_taken_by_whoever_has_its_key_for_the_same_purpose() {
        let ticket = keys(&[1], "a").seal(b"session", NOW).unwrap();
        for (secrets, purpose, is_taken) in [
            (&[1][..], "a", true),
            (&[2, 1], "a", true),
            (&[2, 3, 1], "a", true),
            (&[2], "a", false),
            (&[1], "b", false),
            (&[1], "", false),
            (&[], "a", false),
        ] {
            let session = open(&keys(secrets, purpose), &ticket);
            assert_eq!(session.is_some(), is_taken, "{secrets:?} {purpose:?}");
            assert!(session.is_none_or(|session| session == b"session"));
        }
        assert_eq!(keys(&[], "a").seal(b"session", NOW), None);
    }

    #[test]
    fn the_first_key_makes_tickets() {
        let ticket = keys(&[2, 1], "a").seal(b"session", NOW).unwrap();
        assert!(open(&keys(&[2], "a"), &ticket).is_some());
        assert!(open(&keys(&[1], "a"), &ticket).is_none());
    }

    #[test]
    fn a_ticket_that_was_changed_or_cut_off_anywhere_is_none() {
        let keys = keys(&[1], "a");
        let ticket = keys.seal(b"session", NOW).unwrap();
        for position in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[position] ^= 1;
            assert_eq!(open(&keys, &changed), None, "{position}");
            assert_eq!(open(&keys, &ticket[..position]), None, "{position}");
        }
        let longer = [&ticket[..], b"x"].concat();
        assert_eq!(open(&keys, &longer), None);
    }

    #[test]
    fn a_session_that_would_not_fit_into_what_a_client_says_first_has_no_ticket() {
        let keys = keys(&[1], "a");
        assert!(keys.seal(&[0; SESSION_BYTES_MAX], NOW).is_some());
        assert!(keys.seal(&[0; SESSION_BYTES_MAX + 1], NOW).is_none());
    }

    #[test]
    fn no_two_tickets_are_alike() {
        let keys = keys(&[1], "a");
        assert_ne!(keys.seal(b"session", NOW), keys.seal(b"session", NOW));
    }

    #[test]
    fn a_ticket_is_good_for_so_long_after_its_client_proved_itself() {
        let keys = keys(&[1], "a");
        for (proved, is_taken) in [
            (NOW, true),
            (NOW - 3600, true),
            (NOW - 3601, false),
            (0, false),
            (NOW + 60, true),
            (NOW + 61, false),
            (u64::MAX, false),
        ] {
            let ticket = keys.seal(b"session", proved).unwrap();
            assert_eq!(open(&keys, &ticket).is_some(), is_taken, "{proved}");
        }
    }

    /// RFC 8446 §4.6.1: whoever comes back with ticket after ticket proves itself again all the same.
    #[test]
    fn a_ticket_for_a_ticket_ends_when_the_first_would() {
        let keys = Arc::new(keys(&[1], "a"));
        let first = keys.seal(b"session", seconds_now() - 3000).unwrap();
        let later = Tickets::new(Arc::clone(&keys));
        assert!((3590..=3600).contains(&later.lifetime()));
        assert_eq!(later.decrypt(&first).as_deref(), Some(&b"session"[..]));
        assert!((590..=600).contains(&later.lifetime()));
        let second = later.encrypt(b"session").unwrap();
        assert!(keys.open(&second, seconds_now()).is_some());
        assert!(keys.open(&second, seconds_now() + 700).is_none());
        // Another handshake knows nothing of it.
        let fresh = Tickets::new(keys);
        let third = fresh.encrypt(b"session").unwrap();
        assert!(fresh.keys.open(&third, seconds_now() + 700).is_some());
    }

    #[test]
    fn our_own_secrets_are_replaced_every_six_hours_and_taken_for_twelve_after_that() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        let first = OwnSecrets::new(start).unwrap();
        assert!(!first.is_due(start + 6 * HOUR - Duration::from_secs(1)));
        assert!(first.is_due(start + 6 * HOUR));
        // Somebody has set the clock back.
        assert!(!first.is_due(start - HOUR));
        let second = first.rotated(start + 6 * HOUR).unwrap();
        assert_eq!(second.secrets[1..], first.secrets);
        assert_ne!(second.secrets[0], first.secrets[0]);
        assert!(!second.is_due(start + 7 * HOUR));
        let third = second.rotated(start + 12 * HOUR).unwrap();
        assert_eq!(third.secrets[1..], second.secrets);
        let fourth = third.rotated(start + 18 * HOUR).unwrap();
        assert_eq!(fourth.secrets[1..], third.secrets[..2]);
    }

    #[test]
    fn a_secret_is_long_and_tells_nobody() {
        assert!(Secret::new(&[7; 31]).is_none());
        assert_eq!(format!("{:?}", Secret::new(&[7; 32]).unwrap()), "Secret");
    }
}

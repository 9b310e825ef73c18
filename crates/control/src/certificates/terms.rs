//! What the handshakes of a listener follow, as long as the listener is there: made anew when its files have changed. Handed out by the
//! store, asked by `proxy` through the plan.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use evenkeel_plan::listener::Protocol;
use evenkeel_plan::tls::{Certificates, Terms, Told};
use rustls::ServerConfig;

use super::client_auth::{ClientAuth, fingerprint};
use super::followed::Followed;
use super::store::Unusable;
use super::terminate::terminate;
use super::tickets::{Secret, TicketKeys, Tickets};
use crate::config::{TlsConfig, TlsVersion};

/// What a listener's handshakes follow from some moment on.
#[derive(Debug)]
pub(super) struct Current {
    basis: Basis,
    config: Arc<ServerConfig>,
    tickets: Arc<TicketKeys>,
}

/// All that it is made of, but for what is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Basis {
    min_version: TlsVersion,
    carries: Protocol,
    /// Of the listener's name and of how its clients prove who they are. Tickets are taken by whoever has the same one (CVE-2025-23419,
    /// CVE-2025-23048).
    fingerprint: [u8; 32],
    secrets: Vec<Secret>,
}

/// See [`Terms`].
#[derive(Debug)]
pub(super) struct ListenerTerms {
    current: ArcSwap<Current>,
    /// That of `current`, for whoever asks for nothing else, which is at each request.
    edition: AtomicU64,
    told: Told,
}

impl Current {
    /// For the listener called `name`, by what is good in the files at that time; `own` are the secrets for tickets if it names no file with
    /// them. The same as `old` if nothing about it is another.
    ///
    /// # Errors
    /// The library's.
    pub(super) fn new(
        (name, tls): (&str, &TlsConfig),
        (files, own, now): (&Followed, &[Secret], SystemTime),
        certificates: &Arc<Certificates>,
        old: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>, Unusable> {
        let auth = tls.client_auth.as_ref().map(|config| ClientAuth::new(config, files, now));
        let shared = tls.ticket_keys.as_ref().and_then(|it| files.ticket_keys.good(&it.path));
        let basis = Basis {
            min_version: tls.min_version,
            carries: tls.carries,
            fingerprint: fingerprint(name, auth.as_ref()),
            secrets: shared.map_or(own, |shared| &shared.0).to_vec(),
        };
        if let Some(old) = old.filter(|old| old.basis == basis) {
            return Ok(Arc::clone(old));
        }
        let lifetime = if auth.is_some() { LIFETIME_PROVED } else { LIFETIME };
        let tickets = TicketKeys::new(&basis.secrets, &basis.fingerprint, lifetime)?;
        let verifier = auth.map(|auth| auth.verifier()).transpose()?;
        let config = terminate(Arc::clone(certificates), verifier, tls)?;
        Ok(Arc::new(Self { basis, config: Arc::new(config), tickets: Arc::new(tickets) }))
    }

    fn edition(&self) -> u64 {
        self.basis.fingerprint.first_chunk().copied().map_or(0, u64::from_be_bytes)
    }
}

impl ListenerTerms {
    pub(super) fn new(current: &Arc<Current>) -> Self {
        let edition = AtomicU64::new(current.edition());
        Self { current: ArcSwap::new(Arc::clone(current)), edition, told: Told::default() }
    }

    /// From now on handshakes begin by these.
    pub(super) fn replace(&self, current: &Arc<Current>) {
        self.current.store(Arc::clone(current));
        // After it: nobody begins by the old ones and takes them for these.
        self.edition.store(current.edition(), Ordering::Release);
    }
}

impl Terms for ListenerTerms {
    fn config(&self) -> Arc<ServerConfig> {
        let current = self.current.load();
        let mut config = ServerConfig::clone(&current.config);
        config.ticketer = Arc::new(Tickets::new(Arc::clone(&current.tickets)));
        Arc::new(config)
    }

    fn edition(&self) -> u64 {
        self.edition.load(Ordering::Acquire)
    }

    fn told(&self) -> &Told {
        &self.told
    }
}

/// How long after a full handshake a session may be resumed: as long as our own keys are there.
const LIFETIME: Duration = Duration::from_hours(12);

/// The same where clients prove who they are: for so long a certificate may be used that has expired meanwhile.
const LIFETIME_PROVED: Duration = Duration::from_hours(1);

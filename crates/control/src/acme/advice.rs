//! When an authority would like a certificate to be renewed (ARI, RFC 9773). Asked for by the client between orders.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use instant_acme::{Account, CertificateIdentifier, Error, RenewalInfo};
use rustls::pki_types::CertificateDer;

use super::renewal::in_window;
use super::retry_after::{ADVICE_MAX, ADVICE_USUAL};

/// What an authority has said about the certificate that is there.
#[derive(Debug, Default)]
pub(super) struct Advice {
    /// Of which certificate.
    about: Option<CertificateDer<'static>>,
    window: Option<Range<SystemTime>>,
    /// When to ask again; `None` for at once.
    again: Option<SystemTime>,
}

impl Advice {
    /// When to renew, if the authority has said so. `spread`, from 0 to 1, chooses a moment of its window.
    pub(super) fn at(&self, leaf: &CertificateDer<'_>, spread: f64) -> Option<SystemTime> {
        let window = self.window.as_ref().filter(|_| self.is_about(leaf))?;
        Some(in_window(window, spread))
    }

    /// Whether to ask about `leaf`.
    pub(super) fn is_due(&self, leaf: &CertificateDer<'_>, now: SystemTime) -> bool {
        !self.is_about(leaf)
            || self.again.is_none_or(|again| again <= now || again > now + ADVICE_MAX)
    }

    /// Asks about `leaf`, if there is an `account` to ask with. Where there is no answer, what was said before holds.
    pub(super) async fn ask(
        &mut self,
        account: Option<&Account>,
        leaf: &CertificateDer<'_>,
        now: SystemTime,
    ) {
        if !self.is_about(leaf) {
            *self = Self { about: Some(leaf.clone().into_owned()), ..Self::default() };
        }
        let again = match account.zip(identifier(leaf)) {
            Some((account, id)) => self.hear(account.renewal_info(&id).await),
            None => ADVICE_USUAL,
        };
        self.again = Some(now + again);
    }

    /// Takes in what an authority answers; returns after what time to ask again.
    fn hear(&mut self, answer: Result<(RenewalInfo, Duration), Error>) -> Duration {
        match answer {
            Ok((info, again)) => {
                let window = info.suggested_window;
                let window = SystemTime::from(window.start)..SystemTime::from(window.end);
                // RFC 9773 §4.2: a window that ends before it begins is none.
                self.window = Some(window).filter(|window| window.start < window.end);
                again
            }
            Err(Error::Unsupported(_)) => ADVICE_MAX,
            Err(error) => {
                tracing::debug!(%error, "the authority does not say when to renew");
                ADVICE_USUAL
            }
        }
    }

    fn is_about(&self, leaf: &CertificateDer<'_>) -> bool {
        self.about.as_ref().is_some_and(|about| about == leaf)
    }
}

/// What the authority calls a certificate (RFC 9773 §4.1); `None` if it does not say by whom it was issued.
pub(super) fn identifier(leaf: &CertificateDer<'_>) -> Option<CertificateIdentifier<'static>> {
    CertificateIdentifier::try_from(leaf).ok().map(CertificateIdentifier::into_owned)
}

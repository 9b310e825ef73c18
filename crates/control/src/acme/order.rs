//! One order, from the names to a certificate for them (RFC 8555 §7.4). What is to be seen by the authority meanwhile is taken away again at
//! its end, however it ends. Called by the client under the lock.

use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Identifier, NewOrder,
    Order, OrderStatus, RetryPolicy,
};
use rcgen::{
    CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
    PKCS_RSA_SHA256, RsaKeySize,
};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::hook::{Hook, TxtRecord, Written};
use super::shared::{Answer, Published, publish};
use super::stage::{Shown, Stage};
use super::state::{Lock, State};
use super::trouble::Trouble;
use crate::config::{AcmeConfig, AcmeKey, ChallengeConfig};

/// A certificate, and its key.
#[derive(Debug)]
pub(super) struct Issued {
    /// In PEM, with the authorities between it and the root.
    pub(super) chain: String,
    /// In PEM.
    pub(super) key: String,
}

/// What is to be seen while the authority looks; taken away when it is dropped.
#[derive(Debug, Default)]
struct Exhibits {
    shown: Vec<Shown>,
    published: Option<Published>,
    written: Option<Written>,
}

/// Where something is to be seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rooms<'a> {
    /// On our own listeners.
    pub(super) stage: &'a Arc<Stage>,
    /// On those of replicas, which look there.
    pub(super) state: &'a State,
    /// Without it nobody writes there.
    pub(super) lock: &'a Lock,
}

/// Orders what `config` wants; `replaces` is what it comes in the place of (RFC 9773 §5).
///
/// # Errors
///
/// Why there is none.
pub(super) async fn order(
    account: &Account,
    config: &AcmeConfig,
    replaces: Option<CertificateIdentifier<'static>>,
    rooms: Rooms<'_>,
) -> Result<Issued, Trouble> {
    let mut order = begin(account, config, replaces).await?;
    let exhibits = exhibit(&mut order, config, rooms).await?;
    let outcome = prove(&mut order, config).await;
    drop(exhibits);
    outcome?;
    let (csr, key) = request(config).await?;
    order.finalize_csr(&csr).await?;
    let chain = order.poll_certificate(&patience()).await?;
    Ok(Issued { chain, key })
}

async fn begin(
    account: &Account,
    config: &AcmeConfig,
    replaces: Option<CertificateIdentifier<'static>>,
) -> Result<Order, Trouble> {
    let names: Vec<Identifier> = config.names.iter().cloned().map(Identifier::Dns).collect();
    let new = || {
        let new = NewOrder::new(&names);
        match &config.profile {
            Some(profile) => new.profile(profile),
            None => new,
        }
    };
    if let Some(replaces) = replaces {
        match account.new_order(&new().replaces(replaces)).await {
            Ok(order) => return Ok(order),
            // RFC 9773 §5: an order that replaces nothing is as good as any.
            Err(error) => {
                let trouble = Trouble::from(error);
                if trouble.is_refused_for_now {
                    return Err(trouble);
                }
                tracing::debug!(%trouble, "the authority does not take what an order replaces");
            }
        }
    }
    Ok(account.new_order(&new()).await?)
}

/// Shows everything that the authority wants to see, and waits until it can be seen.
async fn exhibit(
    order: &mut Order,
    config: &AcmeConfig,
    rooms: Rooms<'_>,
) -> Result<Exhibits, Trouble> {
    let hook = Hook::of(config).map(|hook| Written::new(hook, rooms.state, rooms.lock));
    let mut exhibits = Exhibits { written: hook, ..Exhibits::default() };
    let mut answers = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        match authorization.status {
            AuthorizationStatus::Pending => {}
            // It was shown not long ago.
            AuthorizationStatus::Valid => continue,
            other => return Err(Trouble::new(format!("the authority begins with {other:?}"))),
        }
        let name = name_of(authorization.identifier().identifier);
        let challenge = authorization.challenge(kind(config));
        let challenge = challenge.ok_or_else(|| not_offered(config, &name))?;
        let proof = challenge.key_authorization();
        match config.challenge {
            ChallengeConfig::Http01 => {
                let (token, answer) = (challenge.token.clone(), proof.as_str().to_owned());
                answers.push(Answer::Http { token, answer });
            }
            ChallengeConfig::TlsAlpn01 => {
                answers.push(Answer::Tls { name, digest: proof.digest().as_ref().to_vec() });
            }
            ChallengeConfig::Dns01 { .. } => {
                if let Some(written) = &mut exhibits.written {
                    let value = proof.dns_value();
                    written.add(TxtRecord { domain: name, value }).await?;
                }
            }
        }
    }
    match &config.challenge {
        ChallengeConfig::Dns01 { wait, .. } => {
            if exhibits.written.as_ref().is_some_and(|written| !written.is_empty()) {
                sleep(*wait).await;
            }
        }
        _ if answers.is_empty() => {}
        _ => {
            for answer in &answers {
                exhibits.shown.push(answer.show(rooms.stage)?);
            }
            exhibits.published = Some(publish(answers, rooms.state, rooms.lock).await?);
        }
    }
    Ok(exhibits)
}

/// Has the authority look, and waits until it has seen everything.
async fn prove(order: &mut Order, config: &AcmeConfig) -> Result<(), Trouble> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Pending
            && let Some(mut challenge) = authorization.challenge(kind(config))
        {
            challenge.set_ready().await?;
        }
    }
    match order.poll_ready(&patience()).await {
        Ok(OrderStatus::Ready | OrderStatus::Valid | OrderStatus::Processing) => Ok(()),
        Ok(status) => Err(why_not(order)
            .await
            .unwrap_or_else(|| Trouble::new(format!("the order is {status:?}")))),
        Err(error) => Err(why_not(order).await.unwrap_or_else(|| error.into())),
    }
}

/// What the authority did not like about the names.
async fn why_not(order: &mut Order) -> Option<Trouble> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.ok()?;
        let name = name_of(authorization.identifier().identifier);
        let state = authorization.refresh().await.ok()?;
        if let Some(problem) =
            state.challenges.iter().find_map(|challenge| challenge.error.as_ref())
        {
            return Some(Trouble::of_problem(problem).about(&name));
        }
    }
    None
}

/// The key of the certificate, and what asks for a certificate for it.
async fn request(config: &AcmeConfig) -> Result<(Vec<u8>, String), Trouble> {
    let (names, kind) = (config.names.clone(), config.key);
    // A long key takes a second to make.
    let made = spawn_blocking(move || {
        let key = match kind {
            AcmeKey::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            AcmeKey::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
            AcmeKey::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            AcmeKey::Rsa4096 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_4096),
        }?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key)?;
        Ok((request.der().to_vec(), key.serialize_pem()))
    });
    let made = made.await.map_err(|error| Trouble::of_work(&error))?;
    made.map_err(|error: rcgen::Error| Trouble::new(format!("no request could be made: {error}")))
}

fn kind(config: &AcmeConfig) -> ChallengeType {
    match config.challenge {
        ChallengeConfig::Http01 => ChallengeType::Http01,
        ChallengeConfig::TlsAlpn01 => ChallengeType::TlsAlpn01,
        ChallengeConfig::Dns01 { .. } => ChallengeType::Dns01,
    }
}

fn not_offered(config: &AcmeConfig, name: &str) -> Trouble {
    let word = match config.challenge {
        ChallengeConfig::Http01 => "http-01",
        ChallengeConfig::TlsAlpn01 => "tls-alpn-01",
        ChallengeConfig::Dns01 { .. } => "dns-01",
    };
    Trouble::new(format!("the authority does not offer the challenge {word} for {name}"))
}

/// Without the `*.`, which is not in what an authority looks for.
fn name_of(identifier: &Identifier) -> String {
    match identifier {
        Identifier::Dns(name) => name.clone(),
        other => format!("{other:?}"),
    }
}

/// Authorities look from several places, and some of them wait before they look again.
fn patience() -> RetryPolicy {
    RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.5).timeout(POLL_WITHIN)
}

const POLL_WITHIN: Duration = Duration::from_mins(2);

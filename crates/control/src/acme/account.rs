//! The account with an authority: made when it is needed first, and kept. Called by the client under the lock.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use instant_acme::{Account, AccountBuilder, ExternalAccountKey, NewAccount};
use sha2::{Digest as _, Sha256};

use super::state::{Lock, State};
use super::transport::Transport;
use super::trouble::Trouble;
use crate::config::AcmeConfig;

/// The account that `config` wants, which may be that of other certificates, too; made if there is none.
///
/// # Errors
///
/// The authority cannot be reached, or makes no account; or what is kept of it cannot be read or written.
pub(super) async fn account(
    config: &AcmeConfig,
    state: &State,
    lock: &Lock,
) -> Result<Account, Trouble> {
    match kept_account(config, state).await? {
        Some(account) => Ok(account),
        None => new_account(config, state, lock).await,
    }
}

/// The same, if it was made before.
///
/// # Errors
///
/// The authority cannot be reached, or what is kept cannot be read.
pub(super) async fn kept_account(
    config: &AcmeConfig,
    state: &State,
) -> Result<Option<Account>, Trouble> {
    let file = file_name(config);
    let path = state.folder().join(&file);
    let unreadable =
        |error: &dyn fmt::Display| Trouble::new(format!("cannot read {}: {error}", path.display()));
    let kept = state.with(move |state| state.read(&file)).await?;
    let Some(kept) = kept.map_err(|error| unreadable(&error))? else { return Ok(None) };
    let kept = serde_json::from_slice(&kept).map_err(|error| unreadable(&error))?;
    Ok(Some(builder(config).await?.from_credentials(kept).await?))
}

async fn new_account(config: &AcmeConfig, state: &State, lock: &Lock) -> Result<Account, Trouble> {
    let contact = config.email.as_ref().map(|email| format!("mailto:{email}"));
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    let new = NewAccount {
        contact: &contact,
        // Whoever writes an `[acme.NAME]` does: the docs say so.
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let binding = binding(config)?;
    let created = builder(config).await?.create(&new, config.directory.clone(), binding.as_ref());
    let (account, credentials) = created.await?;
    let file = file_name(config);
    let path = state.folder().join(&file);
    let unwritable = |error: &dyn fmt::Display| {
        Trouble::new(format!("cannot write {}: {error}", path.display()))
    };
    let kept = serde_json::to_vec_pretty(&credentials).map_err(|error| unwritable(&error))?;
    let lock = lock.clone();
    let written = state.with(move |state| state.write(&file, &kept, &lock)).await?;
    written.map_err(|error| unwritable(&error))?;
    tracing::info!(acme = config.name, "there is an account with {} now", config.directory);
    Ok(account)
}

async fn builder(config: &AcmeConfig) -> Result<AccountBuilder, Trouble> {
    let ca = config.ca.as_ref().map(|ca| ca.path.clone());
    Ok(Account::builder_with_http(Box::new(Transport::new(ca).await?)))
}

fn binding(config: &AcmeConfig) -> Result<Option<ExternalAccountKey>, Trouble> {
    let Some(binding) = &config.binding else { return Ok(None) };
    let key = BASE64_URL_SAFE_NO_PAD.decode(binding.mac_key.reveal());
    let key = key
        .map_err(|error| Trouble::new(format!("the key of `binding` is not base64url: {error}")))?;
    Ok(Some(ExternalAccountKey::new(binding.key_id.clone(), &key)))
}

/// One for each authority, and whoever it is with us.
fn file_name(config: &AcmeConfig) -> String {
    let mut hash = Sha256::new();
    let key_id = config.binding.as_ref().map(|binding| binding.key_id.as_str());
    for part in [Some(config.directory.as_str()), config.email.as_deref(), key_id] {
        // No part can be taken for two.
        hash.update([u8::from(part.is_some())]);
        hash.update(part.unwrap_or_default());
        hash.update([0]);
    }
    let name: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("account-{name}")
}

#[cfg(test)]
mod tests {
    use super::super::state::tests::wanted;
    use super::*;
    use crate::config::{BindingConfig, Secret};

    #[test]
    fn who_is_another_with_the_authority_has_another_account() {
        let plain = wanted(&["a.example"]);
        let other_names = wanted(&["b.example"]);
        assert_eq!(file_name(&plain), file_name(&other_names));
        let directory = AcmeConfig { directory: "https://b".to_owned(), ..plain.clone() };
        let email = AcmeConfig { email: Some("a@a.example".to_owned()), ..plain.clone() };
        let binding = BindingConfig { key_id: "a@a.example".to_owned(), mac_key: Secret::new("x") };
        let bound = AcmeConfig { binding: Some(binding), ..plain.clone() };
        let all = [&plain, &directory, &email, &bound].map(file_name);
        let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:?}");
    }
}

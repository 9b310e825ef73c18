//! The account with an authority: made when it is needed first, and kept. Called by the client under the lock.

use std::{fmt, io};

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
    let folder = state.folder().display();
    let unreadable = |error: &dyn fmt::Display| {
        Trouble::new(format!("cannot read an account in {folder}: {error}"))
    };
    let (file, is_bound) = (file_name(config), config.binding.is_some());
    let kept = state.with(move |state| kept_file(state, &file, is_bound)).await?;
    let Some(kept) = kept.map_err(|error| unreadable(&error))? else { return Ok(None) };
    let kept = serde_json::from_slice(&kept).map_err(|error| unreadable(&error))?;
    Ok(Some(builder(config).await?.from_credentials(kept).await?))
}

/// What is in `file`. Once it is there, an account needs no binding: without one, that which is bound will do, if there are not several.
fn kept_file(state: &State, file: &str, is_bound: bool) -> io::Result<Option<Vec<u8>>> {
    let exact = state.read(file)?;
    if exact.is_some() || is_bound {
        return Ok(exact);
    }
    match &state.names(&format!("{file}-"))?[..] {
        [bound] => state.read(bound),
        _ => Ok(None),
    }
}

/// Makes an account, which takes the place of what is kept.
///
/// # Errors
///
/// The authority cannot be reached, or makes none; or it cannot be written.
pub(super) async fn new_account(
    config: &AcmeConfig,
    state: &State,
    lock: &Lock,
) -> Result<Account, Trouble> {
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

/// One for each authority, and whoever it is with us. That of a bound one begins as it would without `binding`.
fn file_name(config: &AcmeConfig) -> String {
    let whose = short_hash([Some(config.directory.as_str()), config.email.as_deref()]);
    match &config.binding {
        Some(binding) => format!("account-{whose}-{}", short_hash([Some(&*binding.key_id)])),
        None => format!("account-{whose}"),
    }
}

fn short_hash<const N: usize>(parts: [Option<&str>; N]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // No part can be taken for two.
        hash.update([u8::from(part.is_some())]);
        hash.update(part.unwrap_or_default());
        hash.update([0]);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::state::tests::wanted;
    use super::*;
    use crate::config::{BindingConfig, Secret};

    fn bound_by(config: &AcmeConfig, key_id: &str) -> AcmeConfig {
        let binding = BindingConfig { key_id: key_id.to_owned(), mac_key: Secret::new("x") };
        AcmeConfig { binding: Some(binding), ..config.clone() }
    }

    /// What was needed once had to stay in the config for ever.
    #[test]
    fn an_account_that_is_bound_is_found_without_what_binds_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut plain = wanted(&["a.example"]);
        plain.state.path = folder.path().to_owned();
        let state = State::of(&plain);
        let lock = state.try_lock().unwrap().unwrap();
        let found = |config: &AcmeConfig| {
            let kept = kept_file(&state, &file_name(config), config.binding.is_some());
            kept.unwrap().map(|kept| String::from_utf8(kept).unwrap())
        };
        let [first, second] = ["first", "second"].map(|key_id| bound_by(&plain, key_id));
        assert_eq!(found(&plain), None);
        state.write(&file_name(&first), b"1", &lock).unwrap();
        assert_eq!(
            [&first, &second, &plain].map(found),
            [Some("1"), None, Some("1")].map(|it| it.map(str::to_owned))
        );
        // Nobody knows which.
        state.write(&file_name(&second), b"2", &lock).unwrap();
        assert_eq!(
            [&first, &second, &plain].map(found),
            [Some("1"), Some("2"), None].map(|it| it.map(str::to_owned))
        );
        state.write(&file_name(&plain), b"0", &lock).unwrap();
        assert_eq!(found(&plain).as_deref(), Some("0"));
    }

    #[test]
    fn who_is_another_with_the_authority_has_another_account() {
        let plain = wanted(&["a.example"]);
        let other_names = wanted(&["b.example"]);
        assert_eq!(file_name(&plain), file_name(&other_names));
        let directory = AcmeConfig { directory: "https://b".to_owned(), ..plain.clone() };
        let email = AcmeConfig { email: Some("a@a.example".to_owned()), ..plain.clone() };
        let [bound, other] = ["a@a.example", "b"].map(|key_id| bound_by(&plain, key_id));
        let all = [&plain, &directory, &email, &bound, &other].map(file_name);
        let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:?}");
    }
}

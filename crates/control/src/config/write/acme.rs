//! What is said about ACME, as it is written.

use super::super::decode::{DIRECTORY_DEFAULT, HOOK_TIMEOUT_DEFAULT, WAIT_DEFAULT};
use super::super::model::{AcmeConfig, AcmeKey, ChallengeConfig};
use super::super::words::{ACME_KEYS, word_for};
use super::MASK;
use super::table::{Table, list, string};

pub(super) fn acme_table(acme: &AcmeConfig) -> Table {
    let mut table = Table::default();
    table.add("names", list(acme.names.iter().map(|name| string(name)).collect()));
    table.add_unless("directory", string(&acme.directory), acme.directory == DIRECTORY_DEFAULT);
    for (key, value) in [("email", &acme.email), ("profile", &acme.profile)] {
        if let Some(value) = value {
            table.add(key, string(value));
        }
    }
    match &acme.challenge {
        ChallengeConfig::TlsAlpn01 => {}
        ChallengeConfig::Http01 => table.add("challenge", string("http-01")),
        ChallengeConfig::Dns01 { command, timeout, wait } => {
            let mut dns = Table::default();
            dns.add("kind", string("dns-01"));
            dns.add("command", list(command.iter().map(|part| string(part)).collect()));
            dns.add_duration("timeout", *timeout, HOOK_TIMEOUT_DEFAULT);
            dns.add_duration("wait", *wait, WAIT_DEFAULT);
            table.add_table("challenge", &dns);
        }
    }
    let key = string(word_for(&ACME_KEYS, &acme.key));
    table.add_unless("key", key, acme.key == AcmeKey::default());
    if let Some(binding) = &acme.binding {
        let mut account = Table::default();
        account.add("key_id", string(&binding.key_id));
        account.add("mac_key", string(MASK));
        table.add_table("binding", &account);
    }
    if let Some(ca) = &acme.ca {
        table.add("ca", string(&ca.written));
    }
    table.add_unless("state", string(&acme.state.written), acme.state.written.is_empty());
    table
}

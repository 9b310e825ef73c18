//! What a listener and a cluster say about TLS, as it is written.

use super::super::model::{
    CertificateSource, ClientAuthConfig, FilePlace, HstsConfig, HttpsPort, ListenerConfig,
    OriginationConfig, TlsConfig, TlsVersion, Trust,
};
use super::super::units::format_duration;
use super::super::words::{CLIENT_AUTH, TLS_VERSIONS, word_for};
use super::table::{Table, list, string};

/// Adds what it speaks, how it shakes hands, and what it says of those who do not.
pub(super) fn add_tls(table: &mut Table, listener: &ListenerConfig) {
    let protocol = listener.protocol_word();
    table.add_unless("protocol", string(protocol), protocol == "http");
    let tls = listener.tls.as_ref();
    if let Some(TlsConfig { certificates, min_version, client_auth, ticket_keys, .. }) = tls {
        table.add("certificates", list(certificates.iter().map(source).collect()));
        let mut tls = Table::default();
        let word = string(word_for(&TLS_VERSIONS, min_version));
        tls.add_unless("min_version", word, *min_version == TlsVersion::default());
        if let Some(ClientAuthConfig { is_required, authorities, revocations }) = client_auth {
            tls.add("client_auth", string(word_for(&CLIENT_AUTH, &Some(*is_required))));
            tls.add("client_ca", places(authorities));
            tls.add_unless("client_crl", places(revocations), revocations.is_empty());
        }
        if let Some(place) = ticket_keys {
            tls.add("ticket_keys", string(&place.written));
        }
        table.add_table("tls", &tls);
    }
    match listener.redirect_to_https {
        Some(HttpsPort::Ours) => table.add("redirect_to_https", true),
        Some(HttpsPort::Only(port)) => table.add("redirect_to_https", port),
        None => {}
    }
    if let Some(hsts) = &listener.hsts {
        table.add("hsts", strict_transport(hsts));
    }
}

fn places(places: &[FilePlace]) -> String {
    list(places.iter().map(|place| string(&place.written)).collect())
}

fn source(source: &CertificateSource) -> String {
    match source {
        CertificateSource::Directory(folder) => string(&folder.written),
        files => pair(files).inline(),
    }
}

/// `true` alone, if there is nothing else to say.
pub(super) fn origination(tls: &OriginationConfig) -> String {
    let mut table = Table::default();
    match &tls.trust {
        Trust::System => {}
        Trust::Authorities(file) => table.add("ca", string(&file.written)),
        Trust::Anybody => table.add("verify", false),
    }
    if let Some(name) = &tls.server_name {
        table.add("server_name", string(name));
    }
    let certificate = tls.certificate.as_ref().map(pair).unwrap_or_default();
    let table = table.with(certificate);
    if table.is_empty() { "true".to_owned() } else { table.inline() }
}

fn pair(source: &CertificateSource) -> Table {
    let mut table = Table::default();
    match source {
        CertificateSource::Files { cert, key } | CertificateSource::Client { cert, key } => {
            table.add("cert", string(&cert.written));
            if let Some(key) = key {
                table.add("key", string(&key.written));
            }
        }
        CertificateSource::Acme { name, .. } => table.add("acme", string(name)),
        CertificateSource::Directory(_) => {}
    }
    table
}

/// The time alone, if there is nothing else to say.
fn strict_transport(hsts: &HstsConfig) -> String {
    let age = string(&format_duration(hsts.max_age));
    if *hsts == HstsConfig::new(hsts.max_age) {
        return age;
    }
    let mut table = Table::default();
    table.add("max_age", age);
    table.add_unless("include_subdomains", true, !hsts.include_subdomains);
    table.add_unless("preload", true, !hsts.preload);
    table.inline()
}

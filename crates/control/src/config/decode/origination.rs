//! `tls` of a cluster: how its endpoints are spoken TLS with, and by whom they are proved to be who they are.

use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic, Span};
use super::super::draft::OriginationDraft;
use super::super::model::{CertificateSource, Trust};
use super::super::section::{Field, Section};
use super::health::parse_server_name;
use super::tls::place;

/// Reads it; `None` for clear text.
pub(super) fn read(field: Option<Field<'_>>) -> Option<OriginationDraft> {
    let field = field?;
    let usual = || draft(Spanned::new(field.key_span(), Trust::System));
    match field.value() {
        DeValue::Boolean(false) => None,
        DeValue::Boolean(true) => Some(usual()),
        DeValue::String(text) if &**text == "off" => None,
        DeValue::Table(_) => field.clone().table(table),
        // Whatever it says is reported, and then the rest is read as if it were on.
        _ => field.wrong_type("true, a table, or \"off\"").or_else(|| Some(usual())),
    }
}

/// How long a handshake may take.
pub(super) fn timeout(section: &mut Section<'_>, has_tls: bool, default: Duration) -> Duration {
    if !has_tls && let Some(field) = section.optional("tls") {
        field.report_misplaced("it belongs to a cluster with `tls`");
        return default;
    }
    section.duration("tls", default)
}

fn draft(trust: Spanned<Trust>) -> OriginationDraft {
    OriginationDraft { trust, server_name: None, certificate: None }
}

fn table(section: &mut Section<'_>) -> OriginationDraft {
    let trust = trust(section);
    let server_name = section.optional("server_name");
    let server_name = server_name.and_then(|field| field.parsed("a string", parse_server_name));
    OriginationDraft { server_name, certificate: certificate(section), ..draft(trust) }
}

fn trust(section: &mut Section<'_>) -> Spanned<Trust> {
    let (verify, ca) = (section.optional("verify"), section.optional("ca"));
    if let Some(field) = verify.filter(|field| field.boolean() == Some(false)) {
        field.report(verifies_nothing());
        if let Some(ca) = ca {
            ca.report_misplaced("with `verify = false` nobody is asked; leave out one of the two");
        }
        return Spanned::new(field.span(), Trust::Anybody);
    }
    let Some(ca) = ca else { return Spanned::new(section.span(), Trust::System) };
    // What could not be read is reported, and nothing more is to be said about it.
    let trust = place(&ca).map_or(Trust::Anybody, Trust::Authorities);
    Spanned::new(ca.span(), trust)
}

fn certificate(section: &mut Section<'_>) -> Option<Spanned<CertificateSource>> {
    let (cert, key) = (section.optional("cert"), section.optional("key"));
    let Some(cert) = cert else {
        if let Some(key) = key {
            key.report_misplaced(
                "name the certificate that it belongs to, as in `cert = \"client.crt\"`",
            );
        }
        return None;
    };
    let span: Span = cert.span();
    let key = match key {
        Some(key) => Some(place(&key)?),
        None => None,
    };
    Some(Spanned::new(span, CertificateSource::Client { cert: place(&cert)?, key }))
}

fn verifies_nothing() -> Diagnostic {
    Diagnostic::new(Code::VerifiesNothing, "whoever answers is taken for an endpoint")
        .label("verifies no certificate")
        .help("anybody between us and the endpoints can read along and answer in their place; name who has signed their certificates: `ca = \"ca.pem\"`")
}

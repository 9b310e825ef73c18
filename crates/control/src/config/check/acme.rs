//! Whether listeners show certificates of ACME that somebody orders, and whether authorities find an answer.

use evenkeel_plan::listener::{Bind, Protocol};
use toml::Spanned;

use super::super::decode::AcmeDraft;
use super::super::diagnostic::{Code, Diagnostic, Sink, quoted};
use super::super::draft::{Draft, ListenerDraft};
use super::super::model::{CertificateSource, ChallengeConfig};
use super::super::suggest;

/// Checks all of it.
pub(super) fn check(draft: &Draft, sink: &Sink) {
    let shown = || draft.listeners.iter().flat_map(shown_by);
    for (name, source) in shown() {
        if !draft.acme.iter().any(|acme| acme.name.get_ref() == name) {
            sink.report(unknown(draft, name).at(source.span()));
        }
    }
    let is_shown = |acme: &&AcmeDraft| shown().any(|(name, _)| name == acme.name.get_ref());
    let (used, rest): (Vec<&AcmeDraft>, Vec<&AcmeDraft>) = draft.acme.iter().partition(is_shown);
    used.iter().for_each(|acme| check_challenge(draft, acme, sink));
    check_rivals(&used, sink);
    rest.iter().for_each(|acme| sink.report(unused(acme.name.get_ref()).at(acme.name.span())));
}

/// What a listener shows of ACME.
fn shown_by(listener: &ListenerDraft) -> impl Iterator<Item = (&str, &Spanned<CertificateSource>)> {
    let sources = listener.tls.iter().flat_map(|tls| &tls.certificates);
    sources.filter_map(|source| match source.get_ref() {
        CertificateSource::Acme { name, .. } => Some((name.as_str(), source)),
        CertificateSource::Directory(_)
        | CertificateSource::Files { .. }
        | CertificateSource::Client { .. } => None,
    })
}

fn unknown(draft: &Draft, name: &str) -> Diagnostic {
    let message = format!("there is no `[acme.{name}]`");
    let problem = Diagnostic::new(Code::UnknownAcme, message);
    let names = || draft.acme.iter().map(|acme| acme.name.get_ref().as_str());
    match suggest::closest(name, names()) {
        Some(meant) => problem.label(format!("did you mean `{meant}`?")),
        None if draft.acme.is_empty() => problem
            .label("unknown")
            .help(format!("add it, as in `[acme.{name}]` with `names = [\"example.com\"]`")),
        None => problem
            .label("unknown")
            .help(format!("there are: {}", names().collect::<Vec<_>>().join(", "))),
    }
}

fn unused(name: &str) -> Diagnostic {
    Diagnostic::new(Code::UnusedAcme, format!("no listener shows the certificate of {}", quoted(name)))
        .label("is not used, and so not ordered")
        .help(format!("a listener with `protocol = \"https\"` shows it with `certificates = [{{ acme = \"{name}\" }}]`"))
}

/// Authorities ask on the usual ports only (RFC 8555 §8.3, RFC 8737 §3).
fn check_challenge(draft: &Draft, acme: &AcmeDraft, sink: &Sink) {
    let (port, by_tls, what) = match acme.challenge {
        ChallengeConfig::Http01 => (80, false, "in clear text"),
        ChallengeConfig::TlsAlpn01 => (443, true, "by TLS"),
        ChallengeConfig::Dns01 { .. } => return,
    };
    // In a stream that is not TLS of ours nobody answers.
    let answers = |listener: &&ListenerDraft| match &listener.tls {
        Some(_) => by_tls,
        None => !by_tls && listener.protocol.is_none_or(|it| it == Protocol::Http),
    };
    let mut listeners = draft.listeners.iter().filter(answers);
    let is_there = |bind: &Spanned<Bind>| match bind.get_ref() {
        // Where it listens is not known here.
        Bind::Inherited(_) => true,
        bind => bind.port() == Some(port),
    };
    if listeners.any(|listener| listener.binds.iter().any(is_there)) {
        return;
    }
    let message = format!("no listener answers {what} on port {port}, where the authority asks");
    let problem = Diagnostic::new(Code::ChallengeUnreachable, message)
        .label("may find no answer")
        .help(format!("all is well if port {port} is passed on to another one here; else add such a listener, or choose another `challenge`"));
    let span = acme.challenge_span.clone().unwrap_or_else(|| acme.name.span());
    sink.report(problem.at(span));
}

/// Orders of one directory come one after the other. Those of several may come at a time, and a handshake can show the proof of one alone.
fn check_rivals(used: &[&AcmeDraft], sink: &Sink) {
    for (position, acme) in used.iter().enumerate() {
        let is_rival = |other: &&&AcmeDraft| other.state_place().path != acme.state_place().path;
        let rivals = used[..position].iter().filter(is_rival);
        let mut common = rivals.filter_map(|other| Some((other, acme.name_by_tls_of(other)?)));
        let Some((other, name)) = common.next() else { continue };
        let (first, second) = (other.name.get_ref(), acme.name.get_ref());
        let message = format!(
            "{} is ordered by {} and {} at a time",
            quoted(name),
            quoted(first),
            quoted(second)
        );
        let problem = Diagnostic::new(Code::RivalOrders, message)
            .label("may fail because of the other")
            .help("give both the same `state`, so that one waits for the other; or choose another `challenge`")
            .related(other.name.span(), "has another `state`");
        sink.report(problem.at(acme.name.span()));
    }
}

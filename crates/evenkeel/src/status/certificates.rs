//! The part of the page about TLS: what listeners show their clients and clusters their endpoints, whom they believe, how long that is good
//! for, and what cannot be used.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use evenkeel_control::admin::{
    CertificateProblem, CertificateState, CertificateStatus, HandshakesStatus, Status, TlsFileKind,
    TlsFileStatus, TlsStatus, date,
};

use crate::table::{Cell, Side, Table};
use crate::tone::{Palette, Tone};
use crate::units::{counted, show_age, show_count};

/// Writes it; nothing if all speak in clear text. `now` is in seconds of Unix time.
pub(super) fn write_certificates(
    f: &mut fmt::Formatter<'_>,
    status: &Status,
    now: f64,
    palette: Palette,
) -> fmt::Result {
    let listeners = status
        .listeners
        .iter()
        .filter_map(|it| Some(("certificates of", &it.name, it.tls.as_ref()?)));
    let clusters = status.clusters.iter().filter_map(|it| Some((&it.name, it.tls.as_ref()?)));
    // Of those that only believe what this machine believes there is nothing to say.
    let clusters = clusters.filter(|(_, tls)| has_own(tls));
    let clusters = clusters.map(|(name, tls)| ("TLS with the endpoints of", name, tls));
    for (what, name, tls) in listeners.chain(clusters) {
        let title = palette.paint(Tone::Strong, &format!("{what} {name}"));
        let handshakes = tls.handshakes.as_ref().map(handshakes);
        writeln!(f, "\n{}", format!("{title}  {}", handshakes.unwrap_or_default()).trim_end())?;
        write_table(f, tls, now, palette)?;
        write_files(f, tls, now, palette)?;
        write_problems(f, tls, palette)?;
    }
    Ok(())
}

fn has_own(tls: &TlsStatus) -> bool {
    tls.certificate_count + tls.files.len() + tls.problem_count > 0
}

/// How many there were; of those without a session only what occurred.
fn handshakes(counts: &HandshakesStatus) -> String {
    let HandshakesStatus { full, resumed, refused, closed, timeout } = *counts;
    let done = format!("{} and {} resumed", handshakes_in_full(full), show_count(resumed));
    let failed = [(refused, "refused"), (closed, "left by the client"), (timeout, "timed out")];
    let failed = failed.into_iter().filter(|(count, _)| *count > 0);
    let failed = failed.map(|(count, what)| format!("{} {what}", show_count(count)));
    std::iter::once(done).chain(failed).collect::<Vec<_>>().join(" · ")
}

fn handshakes_in_full(count: u64) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), "handshake")
}

fn write_table(
    f: &mut fmt::Formatter<'_>,
    tls: &TlsStatus,
    now: f64,
    palette: Palette,
) -> fmt::Result {
    if tls.certificates.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&COLUMNS);
    for certificate in &tls.certificates {
        table.push(row(certificate, now));
    }
    write!(f, "{}", table.render(palette))?;
    write_more(f, tls.certificate_count, tls.certificates.len(), "end later")
}

fn row(certificate: &CertificateStatus, now: f64) -> Vec<Cell> {
    let [mark, until, left] = end(certificate.state, Some(certificate.not_after_unix_seconds), now);
    vec![
        mark,
        (Tone::Plain, names(certificate)),
        until,
        left,
        (Tone::Plain, certificate.key.clone()),
        (Tone::Plain, certificate.issuer.clone()),
        (Tone::Quiet, certificate.file.clone()),
    ]
}

fn write_files(
    f: &mut fmt::Formatter<'_>,
    tls: &TlsStatus,
    now: f64,
    palette: Palette,
) -> fmt::Result {
    if tls.files.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&FILE_COLUMNS);
    for TlsFileStatus { kind, file, not_after_unix_seconds, state } in &tls.files {
        let [mark, until, left] = end(*state, *not_after_unix_seconds, now);
        let kind = match kind {
            TlsFileKind::ClientAuthorities => "client CAs",
            TlsFileKind::Revocations => "revocation lists",
            TlsFileKind::TicketKeys => "ticket keys",
            TlsFileKind::EndpointAuthorities => "CAs of endpoints",
        };
        let kind = (Tone::Plain, kind.to_owned());
        table.push(vec![mark, kind, until, left, (Tone::Quiet, file.clone())]);
    }
    write!(f, "{}", table.render(palette))
}

/// The cells about the end of something: a mark, when it is, and how long until then.
fn end(state: CertificateState, unix_seconds: Option<f64>, now: f64) -> [Cell; 3] {
    let (mark, tone) = match state {
        CertificateState::Good => ("✓", Tone::Good),
        CertificateState::EndsSoon => ("!", Tone::Warning),
        CertificateState::EndsVerySoon => ("!", Tone::Bad),
        CertificateState::Expired => ("✗", Tone::Bad),
    };
    let told = if state == CertificateState::Good { Tone::Plain } else { tone };
    let until = |seconds| {
        let since = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        UNIX_EPOCH.checked_add(since).map(date)
    };
    [
        (tone, mark.to_owned()),
        (Tone::Plain, unix_seconds.and_then(until).unwrap_or_default()),
        (told, unix_seconds.map(|seconds| left(seconds - now)).unwrap_or_default()),
    ]
}

/// The first names, and how many more there are; one that nobody shall look for a name in has none.
fn names(certificate: &CertificateStatus) -> String {
    let CertificateStatus { names, name_count, subject, default, .. } = certificate;
    if names.is_empty() {
        return subject.clone();
    }
    let shown = &names[..names.len().min(NAMES_SHOWN)];
    let mut text = shown.join(", ");
    let more = name_count.saturating_sub(shown.len());
    if more > 0 {
        text.push_str(&format!(" +{more}"));
    }
    if *default {
        text.push_str(" (default)");
    }
    text
}

/// For how long it is still good.
fn left(seconds: f64) -> String {
    match (seconds / DAY_SECONDS) as usize {
        _ if seconds < 0.0 => "expired".to_owned(),
        0 => show_age(seconds),
        days => counted(days, "day"),
    }
}

fn write_problems(f: &mut fmt::Formatter<'_>, tls: &TlsStatus, palette: Palette) -> fmt::Result {
    for file in &tls.awaited {
        let text = format!("…  {file} has not been issued yet");
        writeln!(f, "{}", palette.paint(Tone::Quiet, &text))?;
    }
    for CertificateProblem { file, problem, help, kept, lapsed } in &tls.problems {
        let (tone, then) = match (kept, lapsed) {
            (true, _) => (Tone::Warning, "what was good before stays in use"),
            (false, true) => (Tone::Bad, "nobody is taken by it"),
            (false, false) => (Tone::Bad, "it is not used"),
        };
        writeln!(f, "{}", palette.paint(tone, &format!("✗  {file} {problem}; {then}")))?;
        writeln!(f, "   {}", palette.paint(Tone::Quiet, help))?;
    }
    write_more(f, tls.problem_count, tls.problems.len(), "cannot be used either")
}

fn write_more(f: &mut fmt::Formatter<'_>, all: usize, shown: usize, what: &str) -> fmt::Result {
    match all.saturating_sub(shown) {
        0 => Ok(()),
        more => writeln!(f, "   and {} more, which {what}", show_count(more as u64)),
    }
}

const COLUMNS: [(Side, &str); 7] = [
    (Side::Left, ""),
    (Side::Left, "names"),
    (Side::Left, "good until"),
    (Side::Right, "left"),
    (Side::Left, "key"),
    (Side::Left, "signed by"),
    (Side::Left, "file"),
];

const FILE_COLUMNS: [(Side, &str); 5] = [
    (Side::Left, ""),
    (Side::Left, "beside them"),
    (Side::Left, "good until"),
    (Side::Right, "left"),
    (Side::Left, "file"),
];

/// More would push everything else out of the window.
const NAMES_SHOWN: usize = 2;

const DAY_SECONDS: f64 = 86_400.0;

#[cfg(test)]
mod tests;

use super::super::fixture::{NOW, cluster, listener, status};
use super::super::page::Page;
use super::*;

fn certificate(names: &[&str], days: f64, state: CertificateState) -> CertificateStatus {
    CertificateStatus {
        names: names.iter().map(|&name| name.to_owned()).collect(),
        name_count: names.len(),
        file: format!("certs/{}.crt", names.first().unwrap_or(&"none")),
        not_before_unix_seconds: NOW - DAY_SECONDS,
        not_after_unix_seconds: NOW + days * DAY_SECONDS,
        state,
        key: "ECDSA P-256".to_owned(),
        issuer: "Let's Encrypt, E5".to_owned(),
        subject: "web".to_owned(),
        default: false,
    }
}

fn file(kind: TlsFileKind, days: Option<f64>, state: CertificateState) -> TlsFileStatus {
    let not_after_unix_seconds = days.map(|days| NOW + days * DAY_SECONDS);
    TlsFileStatus { kind, file: "a.file".to_owned(), not_after_unix_seconds, state }
}

fn problem([file, problem, help]: [&str; 3], kept: bool, lapsed: bool) -> CertificateProblem {
    let [file, problem, help] = [file, problem, help].map(str::to_owned);
    CertificateProblem { file, problem, help, kept, lapsed }
}

fn with_tls(tls: TlsStatus) -> Status {
    let mut status = status(Vec::new());
    status.listeners = vec![listener("plain", ":80", "api"), listener("web", ":443", "api")];
    status.listeners[1].tls = Some(tls);
    status
}

fn page(status: &Status, palette: Palette) -> String {
    Page { status, now: NOW, palette }.to_string()
}

#[test]
fn each_certificate_says_how_long_it_is_good_and_each_problem_what_to_do() {
    let tls = TlsStatus {
        handshakes: Some(HandshakesStatus {
            full: 1204,
            resumed: 3,
            refused: 2,
            closed: 0,
            timeout: 1,
        }),
        certificates: vec![
            certificate(&["d.example"], -1.0, CertificateState::Expired),
            certificate(&["c.example"], 0.2, CertificateState::EndsVerySoon),
            certificate(&["b.example", "*.b.example"], 10.0, CertificateState::EndsSoon),
            CertificateStatus {
                name_count: 30,
                key: "RSA 2048".to_owned(),
                ..certificate(&["a.example", "b", "c"], 51.5, CertificateState::Good)
            },
        ],
        certificate_count: 9_904,
        files: vec![
            file(TlsFileKind::ClientAuthorities, Some(51.5), CertificateState::Good),
            file(TlsFileKind::Revocations, Some(-1.0), CertificateState::Expired),
            file(TlsFileKind::TicketKeys, None, CertificateState::Good),
        ],
        awaited: vec!["web.pem".to_owned()],
        problems: vec![
            problem(["certs/x.crt", "is not PEM", "copy it again"], true, false),
            problem(["certs/y.crt", "has no private key", "put NAME.key beside it"], false, false),
            problem(["list.pem", "is outdated", "fetch it"], false, true),
        ],
        problem_count: 3,
    };
    let expected = "
certificates of web  1,204 handshakes and 3 resumed · 2 refused · 1 timed out
   names                   good until                  left  key          signed by          file
✗  d.example               2023-11-13 22:13 UTC     expired  ECDSA P-256  Let's Encrypt, E5  certs/d.example.crt
!  c.example               2023-11-15 03:01 UTC  4 h 48 min  ECDSA P-256  Let's Encrypt, E5  certs/c.example.crt
!  b.example, *.b.example  2023-11-24 22:13 UTC     10 days  ECDSA P-256  Let's Encrypt, E5  certs/b.example.crt
✓  a.example, b +28        2024-01-05 10:13 UTC     51 days  RSA 2048     Let's Encrypt, E5  certs/a.example.crt
   and 9,900 more, which end later
   beside them       good until               left  file
✓  client CAs        2024-01-05 10:13 UTC  51 days  a.file
✗  revocation lists  2023-11-13 22:13 UTC  expired  a.file
✓  ticket keys                                      a.file
…  web.pem has not been issued yet
✗  certs/x.crt is not PEM; what was good before stays in use
   copy it again
✗  certs/y.crt has no private key; it is not used
   put NAME.key beside it
✗  list.pem is outdated; nobody is taken by it
   fetch it
";
    let shown = page(&with_tls(tls), Palette::new(false));
    assert!(shown.ends_with(expected), "{shown}");
}

#[test]
fn what_ends_soon_is_yellow_and_what_is_over_is_red() {
    for (state, colour) in [
        (CertificateState::Good, "\x1b[32m"),
        (CertificateState::EndsSoon, "\x1b[33m"),
        (CertificateState::EndsVerySoon, "\x1b[31m"),
        (CertificateState::Expired, "\x1b[31m"),
    ] {
        let certificates = vec![certificate(&["a.example"], 1.0, state)];
        let tls = TlsStatus { certificates, certificate_count: 1, ..TlsStatus::default() };
        let shown = page(&with_tls(tls), Palette::new(true));
        let line = shown.lines().find(|line| line.contains("a.example")).unwrap();
        assert!(line.starts_with(colour), "{line:?}");
    }
}

#[test]
fn clusters_that_have_files_of_their_own_are_listed_and_others_are_not() {
    let mut status = status(vec![cluster("api", &[]), cluster("other", &[])]);
    let files = vec![file(TlsFileKind::EndpointAuthorities, Some(51.5), CertificateState::Good)];
    status.clusters[0].tls = Some(TlsStatus { files, ..TlsStatus::default() });
    status.clusters[1].tls = Some(TlsStatus::default());
    let expected = "
TLS with the endpoints of api
   beside them       good until               left  file
✓  CAs of endpoints  2024-01-05 10:13 UTC  51 days  a.file
";
    let shown = page(&status, Palette::new(false));
    assert!(shown.contains(expected), "{shown}");
    assert!(!shown.contains("endpoints of other"), "{shown}");
}

#[test]
fn the_default_is_marked_and_what_has_no_name_is_shown_by_its_subject() {
    let certificates = vec![
        CertificateStatus {
            default: true,
            ..certificate(&["a.example"], 51.0, CertificateState::Good)
        },
        certificate(&[], 51.0, CertificateState::Good),
    ];
    let tls = TlsStatus { certificates, certificate_count: 2, ..TlsStatus::default() };
    let shown = page(&with_tls(tls), Palette::new(false));
    assert!(
        shown.contains("\n✓  a.example (default)  ") && shown.contains("\n✓  web  "),
        "{shown}"
    );
}

#[test]
fn clear_text_has_no_certificates() {
    let mut status = with_tls(TlsStatus::default());
    status.listeners.pop();
    assert!(!page(&status, Palette::new(false)).contains("certificate"));
}

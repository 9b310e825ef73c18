//! The files beside certificates: authorities, revocation lists and keys for tickets.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, Error};

use super::super::authorities::ClientAuthorities;
use super::super::client_auth::{ClientAuth, Revocations};
use super::super::fixture::{directory, good, place, tls, write};
use super::super::followed::{Content, FileKind, Followed};
use super::*;
use crate::config::ClientAuthConfig;

/// An authority for clients.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
    pem: String,
}

impl Authority {
    fn new(name: &str, until: SystemTime) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_after = until.into();
        let key = KeyPair::generate().unwrap();
        let pem = params.clone().self_signed(&key).unwrap().pem();
        Self { params, key, pem }
    }

    /// One that is good for a long time.
    fn good(name: &str) -> Self {
        Self::new(name, SystemTime::now() + DAY * 1000)
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }

    /// The certificate of a client with this number.
    fn client(&self, number: u64, until: SystemTime) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(number));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_after = until.into();
        params.signed_by(&KeyPair::generate().unwrap(), &self.issuer()).unwrap().der().clone()
    }

    /// The list with these numbers, which is good from then until then.
    fn list(&self, numbers: &[u64], (from, until): (SystemTime, SystemTime)) -> String {
        let revoked = numbers.iter().map(|number| RevokedCertParams {
            serial_number: SerialNumber::from(*number),
            revocation_time: from.into(),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: from.into(),
            next_update: until.into(),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer()).unwrap().pem().unwrap()
    }

    /// One that is good today.
    fn list_of_today(&self, numbers: &[u64]) -> String {
        let now = SystemTime::now();
        self.list(numbers, (now - DAY, now + DAY))
    }
}

/// A directory with `ca.pem`, and perhaps `list.pem` and `keys`.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.0.path().join("draft"), text).unwrap();
        fs::rename(self.0.path().join("draft"), self.0.path().join(name)).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self, names: &[&str]) -> ClientAuthConfig {
        let places = |name: &'static str| {
            let is_there = names.contains(&name);
            is_there.then(|| place(self.file(name))).into_iter().collect()
        };
        ClientAuthConfig {
            is_required: true,
            authorities: places("ca.pem"),
            revocations: places("list.pem"),
        }
    }

    /// A listener with a certificate that asks its clients for theirs, and its store.
    fn store(&self, names: &[&str]) -> (Store, Config) {
        write(&self.file("certs"), "a", &good("a.example"));
        let mut config = with_tls(&[&directory(&self.file("certs"))], TlsVersion::Tls12);
        let tls = config.listeners[0].tls.as_mut().unwrap();
        tls.client_auth = names.contains(&"ca.pem").then(|| self.config(names));
        tls.ticket_keys = names.contains(&"keys").then(|| place(self.file("keys")));
        let store = Store::default();
        put(&store, &config);
        (store, config)
    }
}

// === What is good and what is not ===

fn authorities(text: &str) -> Result<ClientAuthorities, Problem> {
    ClientAuthorities::parse(text.as_bytes(), SystemTime::now())
}

#[test]
fn each_file_that_has_no_authority_has_its_own_answer() {
    let past = unix(1_600_000_000);
    let leaf = good("a.example");
    let cut = |text: &str| text[..text.len() / 2].to_owned();
    let ca = Authority::good("ca").pem;
    for (text, problem) in [
        (String::new(), Problem::Garbled(Part::Chain)),
        ("text".to_owned(), Problem::Garbled(Part::Chain)),
        (cut(&ca), Problem::Truncated(Part::Chain)),
        (leaf.key.clone(), Problem::NoCertificate),
        (leaf.cert.clone(), Problem::NoAuthority("CN=rcgen self signed cert".to_owned())),
        (
            format!("{ca}{}", leaf.cert),
            Problem::NoAuthority("CN=rcgen self signed cert".to_owned()),
        ),
        (Authority::new("past", past).pem, Problem::Expired(past)),
    ] {
        assert_eq!(authorities(&text), Err(problem), "{text}");
    }
    assert!(authorities(&ca).is_ok());
    // While one takes over from another.
    assert!(authorities(&format!("{ca}{}", Authority::new("past", past).pem)).is_ok());
}

#[test]
fn each_file_that_has_no_list_has_its_own_answer() {
    let ca = Authority::good("ca");
    let (now, hour) = (SystemTime::now(), Duration::from_hours(1));
    let seconds =
        |at: SystemTime| unix(at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs());
    let after = seconds(now + hour);
    let list = ca.list_of_today(&[1]);
    let parse = |text: &str| Revocations::parse(text.as_bytes(), now);
    for (text, problem) in [
        (String::new(), Problem::NoList),
        (ca.pem.clone(), Problem::NoList),
        (
            "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n".to_owned(),
            Problem::UnusableList("it is not well-formed".to_owned()),
        ),
        (ca.list(&[], (after, after + hour)), Problem::NotYetValid(after)),
    ] {
        assert_eq!(parse(&text), Err(problem), "{text}");
    }
    assert!(parse(&list).is_ok());
    assert!(parse(&format!("{}{list}", ca.pem)).is_ok());
}

/// What `openssl ca -gencrl` makes if nobody asks for more.
#[test]
fn a_list_of_the_first_version_is_refused_as_such() {
    let place = Place::new();
    place.put("index", "");
    place.put(
        "config",
        "[ca]\ndefault_ca = a\n[a]\ndatabase = index\ndefault_md = sha256\ndefault_crl_days = 1\n",
    );
    let run = |words: &str| {
        let mut command = std::process::Command::new("openssl");
        let output = command.args(words.split(' ')).current_dir(place.0.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    run("req -x509 -newkey rsa:2048 -nodes -subj /CN=ca -keyout ca.key -out ca.pem");
    let list = run("ca -config config -gencrl -cert ca.pem -keyfile ca.key");
    let expected = Problem::UnusableList("it is of version 1".to_owned());
    assert_eq!(Revocations::parse(&list, SystemTime::now()), Err(expected));
}

// === What they do ===

/// What becomes of a client's certificate.
fn judged(
    place: &Place,
    names: &[&str],
    der: &CertificateDer<'_>,
    at: SystemTime,
) -> Result<(), Error> {
    let config = place.config(names);
    let mut tls = tls(Vec::new());
    tls.client_auth = Some(config.clone());
    let files = Followed::default().gather(&tls.followed().collect::<Vec<_>>(), SystemTime::now());
    let verifier = ClientAuth::new(&config, &files, SystemTime::now()).verifier().unwrap();
    let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    verifier.verify_client_cert(der, &[], UnixTime::since_unix_epoch(at)).map(drop)
}

#[test]
fn only_a_certificate_that_is_good_and_not_taken_back_is_taken() {
    let (place, now) = (Place::new(), SystemTime::now());
    let (ca, other) = (Authority::good("ca"), Authority::good("other"));
    place.put("ca.pem", &ca.pem);
    place.put("list.pem", &ca.list_of_today(&[2, 3]));
    let refused = |error: CertificateError| Err(Error::InvalidCertificate(error));
    let (good, revoked) = (ca.client(1, now + DAY * 9), ca.client(2, now + DAY * 9));
    let judge = |names: &[&str], der| judged(&place, names, der, now);
    let (all, no_list) = (&["ca.pem", "list.pem"][..], &["ca.pem"][..]);
    assert_eq!(judge(all, &good), Ok(()));
    assert_eq!(judge(all, &revoked), refused(CertificateError::Revoked));
    assert_eq!(judge(no_list, &revoked), Ok(()));
    let foreign = other.client(1, now + DAY);
    assert_eq!(judge(all, &foreign), refused(CertificateError::UnknownIssuer));
    let past = ca.client(1, now - DAY);
    assert!(matches!(
        judge(no_list, &past),
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { .. }))
    ));
    // Nobody knows what has been taken back since.
    assert!(matches!(
        judged(&place, all, &good, now + DAY * 2),
        Err(Error::InvalidCertificate(CertificateError::ExpiredRevocationListContext { .. }))
    ));
    place.put("ca.pem", &format!("{}{}", ca.pem, other.pem));
    // Nor what the other one has.
    assert_eq!(judge(all, &foreign), refused(CertificateError::UnknownRevocationStatus));
}

/// RFC 5280 §6.1 leaves that to us, and the library looks at no times of authorities.
#[test]
fn the_certificates_of_an_authority_that_has_expired_are_refused() {
    let (place, now) = (Place::new(), SystemTime::now());
    let ca = Authority::new("ca", now + DAY);
    place.put("ca.pem", &ca.pem);
    let client = ca.client(1, now + DAY * 9);
    assert_eq!(judged(&place, &["ca.pem"], &client, now), Ok(()));
    let expired = Err(Error::InvalidCertificate(CertificateError::Expired));
    assert_eq!(judged(&place, &["ca.pem"], &client, now + DAY * 2), expired);
}

// === How they are followed ===

#[test]
fn a_changed_list_is_in_use_and_takes_old_tickets_with_it_and_a_broken_one_is_not() {
    let (place, ca) = (Place::new(), Authority::good("ca"));
    place.put("ca.pem", &ca.pem);
    place.put("list.pem", &ca.list_of_today(&[]));
    let (store, config) = place.store(&["ca.pem", "list.pem"]);
    let (termination, now) = (termination(&store), SystemTime::now());
    let ticket = ticket_of(&termination);
    assert!(!store.known().is_stale(now));
    // Whoever writes the same again changes nothing.
    place.put("ca.pem", &ca.pem);
    assert!(store.known().is_stale(now));
    store.refresh(now);
    assert!(takes(&termination, &ticket));
    assert_eq!(store.known().problems_of("web"), Some(0));

    place.put("list.pem", &ca.list_of_today(&[7]));
    store.refresh(now);
    assert!(!takes(&termination, &ticket), "who was let in before might not be any more");
    let ticket = ticket_of(&termination);

    place.put("list.pem", "text");
    place.put("ca.pem", "text");
    store.refresh(now);
    assert!(takes(&termination, &ticket), "what was good before stays");
    assert_eq!(store.known().problems_of("web"), Some(2));
    put(&store, &config);
    assert!(takes(&termination, &ticket));
    for (kind, name, problem) in [
        (FileKind::ClientAuthorities, "ca.pem", Problem::Garbled(Part::Chain)),
        (FileKind::Revocations, "list.pem", Problem::NoList),
    ] {
        let file = place.file(name);
        let findings = store.known().file_findings((kind, &file), &[], now);
        let remark = Remark::Kept(problem.clone());
        assert_eq!(findings, [Finding { file: file.clone(), remark }]);
        let refused = Known::default().file_findings((kind, &file), &[], now);
        let remark = Remark::Refused(problem);
        assert_eq!(refused, [Finding { file, remark }]);
    }
    let refused = propose(&Store::default(), &config).unwrap_err().to_string();
    assert_eq!(refused, format!("client CA {} is not PEM", place.file("ca.pem").display()));
}

/// Every client was refused, and the log said that the list was in use.
#[test]
fn a_list_that_cannot_work_takes_the_place_of_none_that_does() {
    let (place, now) = (Place::new(), SystemTime::now());
    let [ca, same_name, other] = ["ca", "ca", "other"].map(Authority::good);
    place.put("ca.pem", &ca.pem);
    let good = ca.list_of_today(&[]);
    place.put("list.pem", &good);
    let (store, config) = place.store(&["ca.pem", "list.pem"]);
    let (termination, file) = (termination(&store), place.file("list.pem"));
    let ticket = ticket_of(&termination);
    let named = (FileKind::Revocations, &*file);
    let beside = [(FileKind::ClientAuthorities, place.file("ca.pem"))];
    let foreign = || Problem::ForeignList("CN=other".to_owned());
    let forged = || Problem::ForgedList("CN=ca".to_owned());
    for (list, problem) in [
        (other.list_of_today(&[]), foreign()),
        (same_name.list_of_today(&[]), forged()),
        (format!("{good}{}", same_name.list_of_today(&[])), forged()),
    ] {
        place.put("list.pem", &list);
        store.refresh(now);
        assert!(takes(&termination, &ticket), "{problem}");
        assert_eq!(store.known().problems_of("web"), Some(1), "{problem}");
        let remark = Remark::Kept(problem.clone());
        let said = store.known().file_findings(named, &beside, now);
        assert_eq!(said, [Finding { file: file.clone(), remark }]);
        let remark = Remark::Refused(problem);
        let said = Known::default().file_findings(named, &beside, now);
        assert_eq!(said, [Finding { file: file.clone(), remark }]);
        assert!(propose(&Store::default(), &config).is_err());
    }
    // Beside one of theirs there may be one of somebody between.
    place.put("list.pem", &format!("{good}{}", other.list_of_today(&[])));
    store.refresh(now);
    assert_eq!(store.known().problems_of("web"), Some(0));
}

/// Whichever of the two is written first.
#[test]
fn a_list_that_comes_before_its_authority_is_in_use_when_that_has_come() {
    let (place, now) = (Place::new(), SystemTime::now());
    let [ca, other] = ["ca", "other"].map(Authority::good);
    place.put("ca.pem", &ca.pem);
    place.put("list.pem", &ca.list_of_today(&[]));
    let (store, _) = place.store(&["ca.pem", "list.pem"]);
    for (name, text, problems) in [
        ("list.pem", other.list_of_today(&[]), 1),
        ("ca.pem", other.pem, 0),
        // The list that is there is of nobody any more, and its authority has none.
        ("ca.pem", ca.pem.clone(), 2),
        ("list.pem", ca.list_of_today(&[]), 0),
    ] {
        place.put(name, &text);
        store.refresh(now);
        assert_eq!(store.known().problems_of("web"), Some(problems), "{name}");
        assert!(!store.known().is_stale(now));
    }
}

#[test]
fn an_authority_without_a_list_where_others_have_one_is_told_of() {
    let (place, now) = (Place::new(), SystemTime::now());
    let [ca, other] = ["ca", "other"].map(Authority::good);
    place.put("ca.pem", &format!("{}{}", ca.pem, other.pem));
    place.put("list.pem", &ca.list_of_today(&[]));
    let (store, _) = place.store(&["ca.pem", "list.pem"]);
    assert_eq!(store.known().problems_of("web"), Some(1));
    let file = place.file("ca.pem");
    let beside = [(FileKind::Revocations, place.file("list.pem"))];
    let said = Known::default().file_findings((FileKind::ClientAuthorities, &file), &beside, now);
    let subject = "CN=other".to_owned();
    let finding = Finding { file, remark: Remark::Lapsed(Problem::Unlisted(subject)) };
    assert_eq!(said, slice::from_ref(&finding));
    let line = (Level::Warn, format!("listener web: {finding}"));
    assert!(news(&Known::default(), &store.known()).contains(&line));
    assert!(!news(&store.known(), &store.known()).contains(&line));
    place.put("list.pem", &format!("{}{}", ca.list_of_today(&[]), other.list_of_today(&[])));
    store.refresh(now);
    assert_eq!(store.known().problems_of("web"), Some(0));
}

/// No file changes, and yet nobody may be let in by a session that a handshake would refuse.
#[test]
fn tickets_end_when_a_list_is_outdated_and_when_an_authority_expires() {
    let (place, now) = (Place::new(), SystemTime::now());
    let (ca, short) = (Authority::good("ca"), Authority::new("short", now + DAY * 2));
    place.put("ca.pem", &format!("{}{}", ca.pem, short.pem));
    place.put("list.pem", &ca.list_of_today(&[]));
    let (store, _) = place.store(&["ca.pem", "list.pem"]);
    let termination = termination(&store);
    for (days, problems) in [(1, 2), (2, 1)] {
        let ticket = ticket_of(&termination);
        let later = now + DAY * days + Duration::from_secs(1);
        assert!(store.known().is_stale(later), "{days}");
        store.refresh(later);
        assert!(!takes(&termination, &ticket), "{days}");
        assert_eq!(store.known().problems_of("web"), Some(problems), "{days}");
        assert!(!store.known().is_stale(later), "{days}");
    }
}

/// It used to keep everything from starting, although it only stopped its authority's clients where it was in use already.
#[test]
fn a_list_that_is_outdated_at_the_start_refuses_its_clients_and_nothing_else() {
    let (place, ca, now) = (Place::new(), Authority::good("ca"), SystemTime::now());
    let due = unix(1_600_000_000);
    let old = ca.list(&[], (due - DAY, due));
    place.put("ca.pem", &ca.pem);
    place.put("list.pem", &old);
    let (names, client) = (&["ca.pem", "list.pem"][..], ca.client(1, now + DAY * 9));
    let (store, _) = place.store(names);
    assert_eq!(store.known().problems_of("web"), Some(1));
    let said = |known: &Known, remark: Remark| {
        let file = place.file("list.pem");
        let findings = known.file_findings((FileKind::Revocations, &file), &[], now);
        assert_eq!(findings, [Finding { file, remark }]);
    };
    said(&Known::default(), Remark::Lapsed(Problem::Outdated(due)));
    let lapsed = |problem| {
        let known = store.known();
        let view = View::of_listener(&known, "web").unwrap();
        let [refused] = &view.refused[..] else { panic!("{view:?}") };
        assert!(refused.is_lapsed && !refused.is_kept);
        assert_eq!(*refused.problem, problem);
        let file = place.file("list.pem");
        let finding = Finding { file, remark: Remark::Lapsed(problem) };
        (Level::Error, format!("revocation list {finding}"))
    };
    let line = lapsed(Problem::Outdated(due));
    assert!(line.1.ends_with("nobody is taken by it"), "{line:?}");
    assert!(news(&Known::default(), &store.known()).contains(&line));
    // Whoever writes something broken in its place hears of that; it was said that the old one was outdated, and no more.
    let before = store.known();
    place.put("list.pem", "text");
    store.refresh(now);
    let line = lapsed(Problem::NoList);
    assert_eq!(news(&before, &store.known()), [line]);
    place.put("list.pem", &old);
    store.refresh(now);
    lapsed(Problem::Outdated(due));
    assert!(matches!(
        judged(&place, names, &client, now),
        Err(Error::InvalidCertificate(CertificateError::ExpiredRevocationListContext { .. }))
    ));
    place.put("list.pem", &ca.list_of_today(&[]));
    store.refresh(now);
    assert_eq!(store.known().problems_of("web"), Some(0));
    assert_eq!(judged(&place, names, &client, now), Ok(()));

    // Where there is a better one an old one changes nothing.
    let (termination, ticket) = (termination(&store), ticket_of(&termination(&store)));
    place.put("list.pem", &old);
    store.refresh(now);
    assert!(takes(&termination, &ticket));
    assert_eq!(store.known().problems_of("web"), Some(1));
    said(&store.known(), Remark::Kept(Problem::Outdated(due)));
    let known = store.known();
    let beside = View::of_listener(&known, "web").unwrap().beside;
    let shown = beside.iter().map(|it| (it.kind, it.until.is_some_and(|until| now < until)));
    let expected = [(FileKind::ClientAuthorities, true), (FileKind::Revocations, true)];
    assert!(shown.eq(expected), "{beside:?}");
}

#[test]
fn tickets_are_taken_by_whoever_asks_the_same_of_clients() {
    let (place, ca, other) = (Place::new(), Authority::good("ca"), Authority::good("other"));
    place.put("ca.pem", &ca.pem);
    place.put("list.pem", &ca.list_of_today(&[]));
    place.put("keys", KEYS);
    let replica = |names: &[&str]| termination(&place.store(names).0);
    let ticket = ticket_of(&replica(&["ca.pem", "list.pem", "keys"]));
    assert!(
        takes(&replica(&["ca.pem", "list.pem", "keys"]), &ticket),
        "another one with the same files"
    );
    assert!(!takes(&replica(&["ca.pem", "list.pem"]), &ticket), "without the keys");
    assert!(!takes(&replica(&["ca.pem", "keys"]), &ticket), "without the list");
    assert!(!takes(&replica(&["keys"]), &ticket), "without asking");
    let open = ticket_of(&replica(&["keys"]));
    assert!(!takes(&replica(&["ca.pem", "list.pem", "keys"]), &open), "of one that does not ask");
    let (store, mut config) = place.store(&["ca.pem", "list.pem", "keys"]);
    config.listeners[0].tls.as_mut().unwrap().client_auth.as_mut().unwrap().is_required = false;
    put(&store, &config);
    assert!(!takes(&termination(&store), &ticket), "where it is optional");
    place.put("ca.pem", &other.pem);
    place.put("list.pem", &other.list_of_today(&[]));
    assert!(!takes(&replica(&["ca.pem", "list.pem", "keys"]), &ticket), "of another authority");
}

#[test]
fn keys_for_tickets_are_replaced_and_the_old_ones_taken_as_long_as_they_are_there() {
    let place = Place::new();
    place.put("keys", KEYS);
    let (store, config) = place.store(&["keys"]);
    let (termination, now) = (termination(&store), SystemTime::now());
    let first = ticket_of(&termination);
    let next = "bmV4dCBuZXh0IG5leHQgbmV4dCBuZXh0IG5leHQgbmV4dCBuZXh0\n";
    place.put("keys", &format!("{next}{KEYS}"));
    store.refresh(now);
    assert!(takes(&termination, &first));
    let second = ticket_of(&termination);
    place.put("keys", "broken");
    store.refresh(now);
    assert!(takes(&termination, &first) && takes(&termination, &second));
    assert_eq!(store.known().problems_of("web"), Some(1));
    put(&store, &config);
    place.put("keys", next);
    store.refresh(now);
    assert!(!takes(&termination, &first) && takes(&termination, &second));
}

#[test]
fn our_own_keys_are_replaced_by_themselves() {
    let place = Place::new();
    let (store, _) = place.store(&[]);
    let (termination, now) = (termination(&store), SystemTime::now());
    let first = ticket_of(&termination);
    for (hours, is_taken) in [(6, true), (12, true), (18, false)] {
        let later = now + Duration::from_hours(hours);
        assert!(store.known().is_stale(later));
        store.refresh(later);
        assert_eq!(takes(&termination, &first), is_taken, "{hours}");
    }
}

#[test]
fn keys_that_everybody_may_read_are_told_of() {
    let place = Place::new();
    place.put("keys", KEYS);
    let file = place.file("keys");
    let found = |mode: u32| {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        Known::default().file_findings((FileKind::TicketKeys, &file), &[], SystemTime::now())
    };
    let guard =
        |mode| fs::set_permissions(place.0.path(), fs::Permissions::from_mode(mode)).unwrap();
    guard(0o755);
    assert_eq!(found(0o644), [Finding { file: file.clone(), remark: Remark::Open }]);
    assert_eq!(found(0o640), []);
    assert_eq!(found(0o600), []);
    // Nobody else comes as far as the file.
    guard(0o750);
    assert_eq!(found(0o644), []);
    let absent = Path::new("/nowhere/keys");
    let named = (FileKind::TicketKeys, absent);
    let found = Known::default().file_findings(named, &[], SystemTime::now());
    let remark = Remark::Refused(Problem::Absent);
    assert_eq!(found, [Finding { file: absent.to_owned(), remark }]);
}

const DAY: Duration = Duration::from_hours(24);

const KEYS: &str = "a2V5cyBrZXlzIGtleXMga2V5cyBrZXlzIGtleXMga2V5cyBrZXlz\n";

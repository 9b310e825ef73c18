use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::slice;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use evenkeel_plan::tls::Termination;
use rcgen::{SanType, date_time_ymd};

use super::fixture::{
    Made, by_openssl, chain, directory, files, good, in_days, made, place, propose, put, tls, write,
};
use super::news::{Level, news};
use super::parse::{Parsed, Purpose, parse};
use super::*;
use crate::config::{
    CertificateSource, Config, ConfigFile, OriginationConfig, TlsConfig, TlsVersion, Trust,
};
use crate::fixture::config;

mod client_auth;

// === What is good and what is not ===

#[test]
fn a_good_pair_is_read_with_its_names_and_its_time() {
    let made = made(&["Example.com", "*.example.com", "under_score.example"], |params| {
        params.subject_alt_names.extend([
            SanType::IpAddress("192.0.2.1".parse().unwrap()),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
            SanType::Rfc822Name("a@example.com".try_into().unwrap()),
        ]);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2040, 1, 1);
    });
    let parsed = read(&made.cert, &made.key).unwrap();
    let names: Vec<&str> = parsed.certificate.names.iter().collect();
    let expected =
        ["example.com", "*.example.com", "under_score.example", "192.0.2.1", "2001:db8::1"];
    assert_eq!(names, expected);
    assert_eq!(parsed.certificate.validity, (unix(1_577_836_800), unix(2_208_988_800)));
    assert!(!parsed.was_sorted);
    let both = format!("{}{}", made.key, made.cert);
    assert!(read(&both, &both).is_ok());
}

#[test]
fn every_usual_kind_of_key_is_taken() {
    for kind in ["rsa:2048", "ed25519", "ec -pkeyopt ec_paramgen_curve:P-384"] {
        let made = by_openssl(&format!("-nodes -newkey {kind}"));
        assert!(read(&made.cert, &made.key).is_ok(), "{kind}");
    }
}

#[test]
fn each_way_to_be_bad_has_its_own_answer() {
    let Made { cert, key } = good("a.example");
    let empty = |kind| format!("-----BEGIN {kind}-----\nMAA=\n-----END {kind}-----\n");
    let cut = |text: &str| text[..text.len() / 2].to_owned();
    for (cert, key, problem) in [
        (String::new(), key.clone(), Problem::Garbled(Part::Chain)),
        ("\u{30}\u{82}\u{1}".to_owned(), key.clone(), Problem::Garbled(Part::Chain)),
        (cert.replace("MI", "!!"), key.clone(), Problem::Garbled(Part::Chain)),
        (cut(&cert), key.clone(), Problem::Truncated(Part::Chain)),
        (cert.clone(), String::new(), Problem::Garbled(Part::Key)),
        (cert.clone(), cut(&key), Problem::Truncated(Part::Key)),
        (key.clone(), key.clone(), Problem::NoCertificate),
        (cert.clone(), cert.clone(), Problem::NoKey),
        (cert.clone(), good("a.example").key, Problem::KeyMismatch),
        (empty("CERTIFICATE"), key.clone(), Problem::NotACertificate),
        (cert.clone(), empty("PRIVATE KEY"), Problem::UnusableKey),
        (cert.repeat(1000), key.clone(), Problem::TooLarge(100_000)),
    ] {
        assert_eq!(refused(&cert, &key), problem, "{cert}{key}");
    }
}

#[test]
fn only_what_is_valid_now_and_has_names_is_taken() {
    let past = made(&["a"], |params| params.not_after = date_time_ymd(2020, 1, 1));
    let past = refused(&past.cert, &past.key);
    assert_eq!(past, Problem::Expired(unix(1_577_836_800)));
    assert_eq!(past.to_string(), "has expired: it was valid until 2020-01-01 00:00 UTC");
    let future = made(&["a"], |params| params.not_before = date_time_ymd(2090, 1, 1));
    assert_eq!(refused(&future.cert, &future.key), Problem::NotYetValid(unix(3_786_912_000)));
    let nameless = made(&[], |_| {});
    assert_eq!(refused(&nameless.cert, &nameless.key), Problem::NoName);
    let mailbox = SanType::Rfc822Name("a@a.example".try_into().unwrap());
    let mailbox = made(&[], |params| params.subject_alt_names = vec![mailbox]);
    assert_eq!(refused(&mailbox.cert, &mailbox.key), Problem::NoName);
}

#[test]
fn a_name_that_is_none_is_refused() {
    let (long, longer) = ("a".repeat(64), ["a"; 128].join("."));
    let bad = ["a.example\0.evil.example", "", ".", "a..example", "a.example.", "*", "*."];
    let worse = ["a.*.example", "w*.example", "a b.example", "*.*.example", "http://a", "a:443"];
    for name in bad.into_iter().chain(worse).chain([long.as_str(), longer.as_str()]) {
        let made = made(&["good.example", name], |_| {});
        assert_eq!(refused(&made.cert, &made.key), Problem::BadName(name.to_owned()));
    }
}

#[test]
fn what_can_be_forged_and_what_is_locked_is_refused() {
    for (arguments, problem) in [
        ("-nodes -newkey rsa:1024", Problem::WeakKey(1024)),
        ("-nodes -newkey rsa:2048 -sha1", Problem::WeakSignature("SHA-1")),
        (
            "-nodes -newkey rsa:2048 -sha1 -sigopt rsa_padding_mode:pss",
            Problem::WeakSignature("SHA-1"),
        ),
        (
            "-nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha1",
            Problem::WeakSignature("SHA-1"),
        ),
        ("-passout pass:secret -newkey rsa:2048", Problem::EncryptedKey),
    ] {
        let made = by_openssl(arguments);
        assert_eq!(refused(&made.cert, &made.key), problem, "{arguments}");
    }
    // A hash that is good, of which the signature says so itself.
    let pss = by_openssl("-nodes -newkey rsa:2048 -sha256 -sigopt rsa_padding_mode:pss");
    assert!(read(&pss.cert, &pss.key).is_ok());
    // As keys were locked before PKCS #8.
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n\
        MAA=\n-----END RSA PRIVATE KEY-----\n";
    assert_eq!(refused(&good("a.example").cert, old), Problem::EncryptedKey);
}

#[test]
fn a_chain_is_put_in_order_whatever_order_it_has() {
    let ([leaf, middle, root], key) = chain("a.example");
    let ordered = |texts: &[&String]| {
        let text: String = texts.iter().map(|each| each.as_str()).collect();
        let parsed = read(&text, &key).unwrap();
        (parsed.certificate.key.cert.clone(), parsed.was_sorted)
    };
    let (right, was_sorted) = ordered(&[&leaf, &middle, &root]);
    assert!(!was_sorted);
    for other in [[&root, &middle, &leaf], [&middle, &leaf, &root], [&leaf, &root, &middle]] {
        assert_eq!(ordered(&other), (right.clone(), true));
    }
    assert_eq!(ordered(&[&leaf, &middle]), (right[..2].to_vec(), false));
    assert_eq!(ordered(&[&middle, &leaf]), (right[..2].to_vec(), true));
}

// === Where they are ===

#[test]
fn a_directory_has_the_pairs_that_its_names_say() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(folder.path(), "a.example", &good("a.example"));
    let [b, c, d] = ["b.example", "c.example", "d.example"].map(good);
    put("b.pem", &format!("{}{}", b.cert, b.key));
    put("c.pem", &c.cert);
    put("c-key.pem", &c.key);
    put("d.example/fullchain.pem", &d.cert);
    put("d.example/privkey.pem", &d.key);
    put("d.example/cert.pem", "not looked at");
    put("e/chain.pem", "not looked at");
    put("README", "not looked at");
    put(".hidden.crt", "not looked at");
    let store = store_of(&[&directory(folder.path())]);
    assert_eq!(shown(&store), ["a.example", "b.example", "c.example", "d.example"]);
    let inside = store_of(&[&directory(&folder.path().join("d.example"))]);
    assert_eq!(shown(&inside), ["d.example"]);
}

#[test]
fn a_source_that_cannot_be_read_says_why_and_which_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(folder.path(), "a", &good("a.example"));
    fs::create_dir(at("empty")).unwrap();
    fs::write(at("large.crt"), vec![b'x'; 1 << 21]).unwrap();
    for (source, file, problem) in [
        (directory(&at("empty")), "empty", Problem::NothingFound),
        (directory(&at("nowhere")), "nowhere", Problem::Absent),
        (directory(&at("a.crt")), "a.crt", Problem::NoDirectory),
        (files(at("a.crt"), at("b.key")), "b.key", Problem::Absent),
        (files(at("a.key"), at("a.crt")), "a.key", Problem::NoCertificate),
        (files(at("large.crt"), at("a.key")), "large.crt", Problem::TooLarge(100_000)),
        (
            files(at("empty"), at("a.key")),
            "empty",
            Problem::Unreadable("is a directory".to_owned()),
        ),
    ] {
        let remark = Remark::Refused(problem);
        assert_eq!(findings(&source), [Finding { file: at(file), remark }]);
    }
    fs::set_permissions(at("a.key"), fs::Permissions::from_mode(0o000)).unwrap();
    // Whoever may read everything sees no difference.
    if fs::read(at("a.key")).is_err() {
        let remark = Remark::Refused(Problem::Unreadable("permission denied".to_owned()));
        let source = files(at("a.crt"), at("a.key"));
        assert_eq!(findings(&source), [Finding { file: at("a.key"), remark }]);
    }
}

// === While it runs ===

#[test]
fn a_renewed_certificate_is_shown_by_the_same_object_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a", &good("one.example"));
    let store = store_of(&[&directory(folder.path())]);
    let before = termination(&store);
    assert!(!store.known().is_stale(SystemTime::now()));

    write(folder.path(), "a", &good("two.example"));
    assert!(store.known().is_stale(SystemTime::now()));
    store.refresh(SystemTime::now());
    assert!(!store.known().is_stale(SystemTime::now()));
    assert_eq!(shown(&store), ["two.example"]);
    assert!(before.serves(Some("x.example"), "two.example"));
    assert!(!before.serves(Some("x.example"), "one.example"));

    let three = good("three.example");
    for broken in [
        Made::default(),
        Made { key: good("three.example").key, ..three.clone() },
        made(&["three.example"], |params| params.not_after = date_time_ymd(2020, 1, 1)),
    ] {
        write(folder.path(), "a", &broken);
        store.refresh(SystemTime::now());
        assert_eq!(shown(&store), ["two.example"]);
        assert!(before.serves(Some("x.example"), "two.example"));
    }
    fs::remove_file(folder.path().join("a.crt")).unwrap();
    store.refresh(SystemTime::now());
    assert_eq!(shown(&store), ["two.example"]);
    fs::remove_dir_all(folder.path()).unwrap();
    store.refresh(SystemTime::now());
    assert_eq!(shown(&store), ["two.example"]);

    write(folder.path(), "a", &three);
    store.refresh(SystemTime::now());
    assert_eq!(shown(&store), ["three.example"]);
    let after = termination(&store);
    assert!(Arc::ptr_eq(&before.terms, &after.terms));
    assert!(Arc::ptr_eq(&before.certificates, &after.certificates));
}

#[test]
fn a_pair_that_comes_or_goes_in_a_directory_comes_or_goes() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a", &good("a.example"));
    let store = store_of(&[&directory(folder.path())]);
    write(folder.path(), "b", &good("b.example"));
    store.refresh(SystemTime::now());
    assert_eq!(shown(&store), ["a.example", "b.example"]);
    fs::remove_file(folder.path().join("a.crt")).unwrap();
    let before = store.known();
    store.refresh(SystemTime::now());
    assert_eq!(shown(&store), ["b.example"]);
    let file = folder.path().join("a.crt");
    let line = format!("certificate {} is not in use any more: it has disappeared", file.display());
    assert_eq!(news(&before, &store.known()), [(Level::Warn, line)]);
    fs::write(folder.path().join("c.crt"), "text").unwrap();
    store.refresh(SystemTime::now());
    assert_eq!(shown(&store), ["b.example"]);
}

/// The clients of b were shown the certificate of a.
#[test]
fn a_key_that_goes_missing_or_a_stray_one_beside_its_certificate_takes_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let [a, b, c, d] = ["a.example", "b.example", "c.example", "d.example"].map(good);
    write(folder.path(), "a", &a);
    write(folder.path(), "b", &b);
    fs::write(at("c.pem"), format!("{}{}", c.cert, c.key)).unwrap();
    fs::create_dir(at("d")).unwrap();
    fs::write(at("d/fullchain.pem"), &d.cert).unwrap();
    fs::write(at("d/privkey.pem"), &d.key).unwrap();
    let store = store_of(&[&directory(folder.path())]);
    let all = ["a.example", "b.example", "c.example", "d.example"];
    assert_eq!(shown(&store), all);
    let refreshed = |file: &str, problem: Option<Problem>| {
        let before = store.known();
        follow(&store);
        assert_eq!(shown(&store), all, "{file}");
        let known = store.known();
        let kept = |problem| Finding { file: at(file), remark: Remark::Kept(problem) };
        let said = problem.map(|it| (Level::Warn, format!("certificate refused: {}", kept(it))));
        let count = usize::from(said.is_some());
        assert_eq!(known.problems_of("web"), Some(count), "{file}");
        let lines = news(&before, &known);
        assert!(said.is_none_or(|said| lines == [said]), "{lines:?}");
    };
    let there_and_back = |name: &str, file: &str, problem: Problem| {
        fs::rename(at(name), at(".away")).unwrap();
        refreshed(file, Some(problem));
        fs::rename(at(".away"), at(name)).unwrap();
        refreshed(file, None);
    };
    there_and_back("b.key", "b.crt", Problem::NoKey);
    there_and_back("d/privkey.pem", "d/privkey.pem", Problem::Absent);
    there_and_back("d/fullchain.pem", "d/fullchain.pem", Problem::Absent);
    for (stray, problem) in [
        (a.key.as_str(), Problem::KeyMismatch),
        ("text", Problem::Garbled(Part::Key)),
        ("", Problem::Garbled(Part::Key)),
    ] {
        fs::write(at("c.key"), stray).unwrap();
        refreshed("c.key", Some(problem));
        fs::remove_file(at("c.key")).unwrap();
        refreshed("c.key", None);
    }
    // A link that leads nowhere any more.
    fs::remove_file(at("d/privkey.pem")).unwrap();
    std::os::unix::fs::symlink(at("nowhere"), at("d/privkey.pem")).unwrap();
    fs::remove_file(at("d/fullchain.pem")).unwrap();
    std::os::unix::fs::symlink(at("nowhere"), at("d/fullchain.pem")).unwrap();
    refreshed("d/fullchain.pem", Some(Problem::Absent));
}

/// Named itself, a directory of certbot's has other files that are none of a pair.
#[test]
fn a_directory_of_certbots_keeps_its_certificate_without_either_of_its_files() {
    for name in ["fullchain.pem", "privkey.pem"] {
        let folder = tempfile::tempdir().unwrap();
        let Made { cert, key } = good("a.example");
        for (name, text) in [
            ("cert.pem", &cert),
            ("chain.pem", &cert),
            ("fullchain.pem", &cert),
            ("privkey.pem", &key),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let store = store_of(&[&directory(folder.path())]);
        fs::remove_file(folder.path().join(name)).unwrap();
        follow(&store);
        assert_eq!(shown(&store), ["a.example"], "{name}");
        assert!(store.known().problems_of("web") > Some(0));
        let text = if name == "privkey.pem" { key } else { cert };
        fs::write(folder.path().join(name), text).unwrap();
        follow(&store);
        assert_eq!(store.known().problems_of("web"), Some(0));
    }
}

#[test]
fn what_is_not_valid_yet_is_shown_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a", &good("a.example"));
    let store = store_of(&[&directory(folder.path())]);
    let next = made(&["b.example"], |params| params.not_before = date_time_ymd(2090, 1, 1));
    write(folder.path(), "a", &next);
    store.refresh(SystemTime::now());
    assert_eq!(shown(&store), ["a.example"]);
    let then = unix(3_786_912_000);
    assert!(store.known().is_stale(then));
    store.refresh(then);
    assert_eq!(shown(&store), ["b.example"]);
}

#[test]
fn a_certificate_that_comes_near_its_end_is_news_at_each_step_and_stays_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let until = in_days(20).duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let made = made(&["a.example"], |params| params.not_after = date_time_ymd(1970, 1, 1) + until);
    write(folder.path(), "a", &made);
    let source = directory(folder.path());
    // Keys of its own would be replaced on each of these days.
    fs::write(folder.path().join("keys"), ["a2V5"; 16].concat()).unwrap();
    let (store, mut config) = (Store::default(), with_tls(&[&source], TlsVersion::Tls12));
    let keys = Some(place(folder.path().join("keys")));
    config.listeners[0].tls.as_mut().unwrap().ticket_keys = keys;
    put(&store, &config);
    assert_eq!(findings_on(&store, &source, SystemTime::now()), []);
    for (day, is_news) in
        [(5, false), (7, true), (8, false), (16, false), (18, true), (19, false), (21, true)]
    {
        assert_eq!(store.known().is_stale(in_days(day)), is_news, "{day}");
        store.refresh(in_days(day));
        assert_eq!(shown(&store), ["a.example"], "{day}");
    }
    let remark = Remark::ExpiresIn(7);
    let file = folder.path().join("a.crt");
    assert_eq!(findings_on(&store, &source, in_days(12)), [Finding { file, remark }]);
}

#[test]
fn of_thousands_the_log_is_told_the_first_and_how_many_more_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let one = good("a.example");
    let until = in_days(5).duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let ending = made(&["b.example"], |it| it.not_after = date_time_ymd(1970, 1, 1) + until);
    for number in 0..25 {
        write(folder.path(), &format!("bad{number}"), &Made { key: one.key.clone(), ..good("x") });
        write(folder.path(), &format!("ending{number}"), &ending);
    }
    let store = store_of(&[&directory(folder.path())]);
    let lines = news(&Known::default(), &store.known());
    let of = |level| lines.iter().filter(move |(each, _)| *each == level).map(|(_, line)| line);
    assert_eq!(of(Level::Info).next_back().unwrap(), "and 5 more certificates are in use");
    assert_eq!(of(Level::Info).count(), 21);
    let warnings: Vec<_> = of(Level::Warn).collect();
    assert!(warnings[0].contains("certificate refused: "), "{}", warnings[0]);
    assert_eq!(warnings[20], "and 5 more are refused");
    assert!(warnings[21].contains("expires soon"), "{}", warnings[21]);
    assert_eq!(warnings[41], "and 5 more have expired, or expire soon");
    assert_eq!(warnings.len(), 42);
    assert_eq!(news(&store.known(), &store.known()), []);
}

// === Configs ===

#[test]
fn a_listener_that_stays_keeps_its_tickets_and_what_it_shows_them_by() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    write(&one, "a", &good("a.example"));
    write(&two, "b", &good("b.example"));
    let [one, two] = [directory(&one), directory(&two)];
    let store = store_of(&[&one]);
    let before = termination(&store);

    let ticket = ticket_of(&before);
    put(&store, &with_tls(&[&one, &two], TlsVersion::Tls12));
    assert!(Arc::ptr_eq(&before.terms, &termination(&store).terms));
    assert_eq!(shown(&store), ["a.example", "b.example"]);
    assert!(before.serves(Some("b.example"), "b.example"));
    put(&store, &with_tls(&[&two], TlsVersion::Tls13));
    let after = termination(&store);
    assert!(Arc::ptr_eq(&before.terms, &after.terms));
    assert!(Arc::ptr_eq(&before.certificates, &after.certificates));
    assert!(takes(&after, &ticket));
    assert_eq!(shown(&store), ["b.example"]);

    put(&store, &config(&[], &[]));
    put(&store, &with_tls(&[&two], TlsVersion::Tls13));
    assert!(!takes(&termination(&store), &ticket));
}

#[test]
fn a_plan_that_is_not_published_after_all_shows_nothing_new() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    write(&one, "a", &good("a.example"));
    write(&two, "b", &good("b.example"));
    let store = store_of(&[&directory(&one)]);
    let config = with_tls(&[&directory(&two)], TlsVersion::Tls12);
    drop(propose(&store, &config).unwrap());
    assert_eq!(shown(&store), ["a.example"]);
    assert!(termination(&store).serves(Some("x.example"), "a.example"));
}

#[test]
fn what_was_read_for_a_config_is_not_read_again_to_put_it_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evenkeel.toml");
    let text =
        "[listener.web]\nbind = ':443'\nprotocol = 'https'\ncertificates = 'certs'\nto = '9001'\n";
    fs::write(&path, text).unwrap();
    let certs = folder.path().join("certs");
    write(&certs, "a", &good("a.example"));
    write(&certs, "b", &good("b.example"));
    let file = ConfigFile { path, workers: None };
    let (loaded, mut seen) = file.read();
    let config = loaded.unwrap().config;
    let read = seen.take_certificates();
    let of_a = |known: &Known| {
        let (_, entry) = known.pairs.first_key_value().unwrap();
        Arc::clone(&entry.good.as_ref().unwrap().certificate)
    };
    // Read by then, and changed since.
    write(&certs, "b", &good("c.example"));
    let store = Store::default();
    store.commit(store.propose(&config, &read, SystemTime::now()).unwrap());
    assert_eq!(shown(&store), ["a.example", "c.example"]);
    assert!(Arc::ptr_eq(&of_a(&read), &of_a(&store.known())));
    assert!(seen.take_certificates().pairs.is_empty(), "keys are kept in one place");

    // A reload reads on top of what is in use.
    let (_, mut seen) = file.read_on(&store.known());
    assert!(Arc::ptr_eq(&of_a(&read), &of_a(&seen.take_certificates())));
}

#[test]
fn what_is_renewed_while_a_config_is_prepared_is_in_use_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    write(&one, "a", &good("old.example"));
    write(&two, "x", &good("x.example"));
    let [one_source, two_source] = [directory(&one), directory(&two)];
    let store = store_of(&[&one_source]);
    let both = with_tls(&[&one_source, &two_source], TlsVersion::Tls12);
    let proposal = propose(&store, &both).unwrap();
    write(&one, "a", &good("new.example"));
    write(&one, "b", &good("b.example"));
    follow(&store);
    store.commit(proposal);
    follow(&store);
    assert_eq!(shown(&store), ["new.example", "b.example", "x.example"]);
    assert!(termination(&store).serves(Some("new.example"), "new.example"));

    // What the config does not name any more is not brought back either.
    let proposal = propose(&store, &with_tls(&[&two_source], TlsVersion::Tls12)).unwrap();
    write(&one, "a", &good("newer.example"));
    follow(&store);
    store.commit(proposal);
    follow(&store);
    assert_eq!(shown(&store), ["x.example"]);
    assert_eq!(store.known().pairs.len(), 1);
}

/// It was taken back for good: the watch saw nothing that it had not read already.
#[test]
fn what_clusters_show_and_trust_is_not_taken_back_by_a_config_that_was_prepared_before() {
    let folder = tempfile::tempdir().unwrap();
    let [ca, cert, key] = ["ca.pem", "a.crt", "a.key"].map(|name| folder.path().join(name));
    fs::write(&ca, chain("a.example").0[2].clone()).unwrap();
    write(folder.path(), "a", &good("old.example"));
    let mut config = config(&[("web", "api")], &[("api", &["a.example:443"])]);
    let certificate = CertificateSource::Client { cert: place(cert), key: Some(place(key)) };
    config.clusters[0].tls = Some(OriginationConfig {
        trust: Trust::Authorities(place(ca.clone())),
        certificate: Some(certificate),
        ..OriginationConfig::default()
    });
    let store = Store::default();
    put(&store, &config);
    let origination = store.known().origination("api").unwrap();
    let proposal = propose(&store, &config).unwrap();
    fs::write(&ca, chain("a.example").0[2].clone()).unwrap();
    write(folder.path(), "a", &good("new.example"));
    follow(&store);
    let shown = |name| store.known().shown_to_endpoints("api").unwrap().names.iter().eq([name]);
    let before = origination.config();
    let was_new = shown("new.example");
    store.commit(proposal);
    assert!(Arc::ptr_eq(&before, &origination.config()));
    assert_eq!(shown("new.example"), was_new);
    follow(&store);
    assert!(shown("new.example"));
    assert!(!store.known().is_stale(SystemTime::now()));
}

#[test]
fn a_bad_one_beside_others_is_left_out_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a", &good("a.example"));
    let file = folder.path().join("b.crt");
    fs::write(&file, "text").unwrap();
    let source = directory(folder.path());
    let remark = Remark::LeftOut(Problem::Garbled(Part::Chain));
    let finding = Finding { file: file.clone(), remark };
    assert_eq!(
        finding.to_string(),
        format!("{} is not PEM; it is left out, and others beside it are used", file.display())
    );
    assert_eq!(findings(&source), [finding]);
    let store = store_of(&[&source]);
    assert_eq!(shown(&store), ["a.example"]);
    assert_eq!(store.known().problems_of("web"), Some(1));
}

#[test]
fn a_key_that_everybody_may_read_is_told_of_and_used() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a", &good("a.example"));
    let key = folder.path().join("a.key");
    let set =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let source = directory(folder.path());
    for (folder_mode, key_mode, is_open) in
        [(0o755, 0o644, true), (0o755, 0o604, true), (0o755, 0o640, false), (0o700, 0o644, false)]
    {
        set(folder.path(), folder_mode);
        set(&key, key_mode);
        let open = Finding { file: key.clone(), remark: Remark::KeyOpen };
        assert_eq!(findings(&source), Vec::from_iter(is_open.then_some(open)), "{key_mode:o}");
        assert_eq!(shown(&store_of(&[&source])), ["a.example"]);
    }
}

#[test]
fn a_chain_that_is_mended_is_not_said_to_be_out_of_order_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let ([leaf, middle, root], key) = chain("a.example");
    let source = directory(folder.path());
    let put = |chain: [&str; 3]| {
        write(folder.path(), "a", &Made { cert: chain.concat(), key: key.clone() });
    };
    put([&leaf, &root, &middle]);
    let store = store_of(&[&source]);
    let before = termination(&store);
    let file = folder.path().join("a.crt");
    let sorted = Finding { file, remark: Remark::Sorted };
    let said = findings_on(&store, &source, SystemTime::now());
    assert_eq!(said, slice::from_ref(&sorted));
    put([&leaf, &middle, &root]);
    store.refresh(SystemTime::now());
    assert_eq!(findings_on(&store, &source, SystemTime::now()), []);
    put([&leaf, &root, &middle]);
    store.refresh(SystemTime::now());
    assert_eq!(findings_on(&store, &source, SystemTime::now()), [sorted]);
    assert!(Arc::ptr_eq(&before.certificates, &termination(&store).certificates));
}

#[test]
fn two_listeners_have_tickets_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a", &good("a.example"));
    let mut config = with_tls(&[&directory(folder.path())], TlsVersion::Tls12);
    let mut other = config.listeners[0].clone();
    other.name = "other".to_owned();
    config.listeners.push(other);
    let proposal = propose(&Store::default(), &config).unwrap();
    let termination = |name| proposal.known().termination(name).unwrap();
    let [web, other] = ["web", "other"].map(termination);
    let ticket = ticket_of(&web);
    assert!(takes(&web, &ticket));
    assert!(!takes(&other, &ticket));
}

#[test]
fn handshakes_offer_what_we_speak_and_no_early_data() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a", &good("a.example"));
    let store = store_of(&[&directory(folder.path())]);
    let config = termination(&store).terms.config();
    assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    assert_eq!((config.send_tls13_tickets, config.max_early_data_size), (1, 0));
    assert!(config.ticketer.enabled());
    assert!(store.known().termination("api").is_none());
}

#[test]
fn a_broken_certificate_stops_only_a_config_that_has_no_older_one() {
    let folder = tempfile::tempdir().unwrap();
    let source = directory(folder.path());
    let file = folder.path().join("a.crt");
    fs::write(&file, "text").unwrap();
    let config = with_tls(&[&source], TlsVersion::Tls12);
    let refused = propose(&Store::default(), &config).unwrap_err();
    let remark = Remark::Refused(Problem::Garbled(Part::Chain));
    assert_eq!(refused, Unusable::Certificate(Finding { file: file.clone(), remark }));

    write(folder.path(), "a", &good("a.example"));
    let store = store_of(&[&source]);
    fs::write(&file, "text").unwrap();
    let remark = Remark::Kept(Problem::Garbled(Part::Chain));
    let findings = findings_on(&store, &source, SystemTime::now());
    assert_eq!(findings, [Finding { file, remark }]);
    put(&store, &config);
    assert_eq!(shown(&store), ["a.example"]);
}

#[test]
fn a_config_whose_renewed_certificate_is_broken_is_read_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evenkeel.toml");
    let text =
        "[listener.web]\nbind = ':443'\nprotocol = 'https'\ncertificates = 'certs'\nto = '9001'\n";
    fs::write(&path, text).unwrap();
    write(&folder.path().join("certs"), "a", &good("a.example"));
    let file = ConfigFile { path, workers: None };
    let store = Store::default();
    put(&store, &file.read().0.unwrap().config);
    write(&folder.path().join("certs"), "a", &Made::default());

    assert!(file.read().0.is_err());
    let warnings = file.read_on(&store.known()).0.unwrap().warnings.to_string();
    let said = warnings.replace(&format!("{}/", folder.path().display()), "");
    let golden =
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/without-toml/certificate-kept.expected");
    if std::env::var_os("EVENKEEL_BLESS").is_some() {
        fs::write(golden, &said).unwrap();
    }
    assert_eq!(fs::read_to_string(golden).unwrap(), said);
}

#[test]
fn a_certificate_that_is_still_to_be_issued_stops_nobody_and_is_shown_when_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.pem");
    let source = CertificateSource::Acme { name: "web".to_owned(), file: file.clone() };
    let put = |made: &Made| fs::write(&file, format!("{}{}", made.key, made.cert)).unwrap();
    let refresh = |store: &Store| {
        assert!(store.known().is_stale(SystemTime::now()));
        store.refresh(SystemTime::now());
        assert!(!store.known().is_stale(SystemTime::now()));
    };
    assert_eq!(findings(&source), []);
    let store = store_of(&[&source]);
    assert!(shown(&store).is_empty());
    assert_eq!(store.known().problems_of("web"), Some(0));
    assert_eq!(View::of_listener(&store.known(), "web").unwrap().awaited, [file.as_path()]);
    put(&good("a.example"));
    refresh(&store);
    assert_eq!(shown(&store), ["a.example"]);
    assert_eq!(store.known().problems_of("web"), Some(0));
    fs::remove_file(&file).unwrap();
    refresh(&store);
    assert_eq!(shown(&store), ["a.example"]);

    // Nobody was there to renew it.
    put(&made(&["a.example"], |params| params.not_after = date_time_ymd(2020, 1, 1)));
    assert_eq!(findings(&source), []);
    assert!(shown(&store_of(&[&source])).is_empty());
}

#[test]
fn the_challenges_of_all_configs_are_the_same_object() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a", &good("a.example"));
    let store = Store::default();
    let before = store.known().challenges();
    put(&store, &with_tls(&[&directory(folder.path())], TlsVersion::Tls12));
    store.refresh(SystemTime::now());
    assert!(Arc::ptr_eq(&before, &store.known().challenges()));
}

// === In short ===

fn read(cert: &str, key: &str) -> Result<Parsed, Problem> {
    parse(cert.as_bytes(), key.as_bytes(), Purpose::Server, SystemTime::now())
}

fn refused(cert: &str, key: &str) -> Problem {
    read(cert, key).unwrap_err()
}

fn unix(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// What is said where nothing is in use yet.
fn findings(source: &CertificateSource) -> Vec<Finding> {
    findings_on(&Store::default(), source, SystemTime::now())
}

fn with_tls(sources: &[&CertificateSource], min_version: TlsVersion) -> Config {
    let mut config = config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
    let certificates = sources.iter().map(|source| (*source).clone()).collect();
    config.listeners[0].tls = Some(TlsConfig { min_version, ..tls(certificates) });
    config
}

fn findings_on(store: &Store, source: &CertificateSource, now: SystemTime) -> Vec<Finding> {
    store.known().look(source, &mut Known::default(), now)
}

/// What the watch does each time that it looks.
fn follow(store: &Store) {
    let now = SystemTime::now();
    if store.known().is_stale(now) {
        store.refresh(now);
    }
}

fn store_of(sources: &[&CertificateSource]) -> Store {
    let store = Store::default();
    put(&store, &with_tls(sources, TlsVersion::Tls12));
    store
}

pub(super) fn termination(store: &Store) -> Termination {
    store.known().termination("web").unwrap()
}

/// A ticket of a new session.
pub(super) fn ticket_of(termination: &Termination) -> Vec<u8> {
    termination.terms.config().ticketer.encrypt(b"session").unwrap()
}

/// Whether a session may be resumed by this ticket.
pub(super) fn takes(termination: &Termination, ticket: &[u8]) -> bool {
    let session = termination.terms.config().ticketer.decrypt(ticket);
    session.is_some_and(|session| session == b"session")
}

/// The first names of what is shown.
fn shown(store: &Store) -> Vec<String> {
    let known = store.known();
    let names = known.shown_by("web").iter().map(|it| it.names.iter().next().unwrap().to_owned());
    names.collect()
}

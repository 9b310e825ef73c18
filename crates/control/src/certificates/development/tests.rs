use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;

use tempfile::TempDir;

use super::super::fixture::in_days;
use super::super::parse::Parsed;
use super::*;

/// A place of its own, and the folder that goes with the test.
fn place() -> (TempDir, DevelopmentCertificate) {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let variable = |name: &str| (name == "STATE_DIRECTORY").then(|| state.clone().into());
    let place = DevelopmentCertificate::of(variable);
    (folder, place)
}

fn read(place: &DevelopmentCertificate) -> Parsed {
    Pair { chain: place.chain(), key: place.key(), purpose: Purpose::Server }
        .read(SystemTime::now())
        .unwrap()
}

fn files(place: &DevelopmentCertificate) -> [Vec<u8>; 2] {
    [place.chain(), place.key()].map(|file| fs::read(file).unwrap())
}

#[test]
fn it_is_kept_where_the_service_manager_says_or_with_the_data_of_the_user() {
    for (variables, folder) in [
        (&[("STATE_DIRECTORY", "/s"), ("XDG_DATA_HOME", "/d")][..], "/s"),
        (&[("STATE_DIRECTORY", "/s:/t")], "/s"),
        (&[("XDG_DATA_HOME", "/d"), ("HOME", "/h")], "/d/evenkeel"),
        // The specification wants relative ones to be ignored.
        (&[("XDG_DATA_HOME", "d"), ("HOME", "/h")], "/h/.local/share/evenkeel"),
        (&[("STATE_DIRECTORY", ""), ("HOME", "/h")], "/h/.local/share/evenkeel"),
        (&[("HOME", "")], "/var/lib/evenkeel"),
        (&[], "/var/lib/evenkeel"),
    ] {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let place = DevelopmentCertificate::of(variable);
        let folder = Path::new(folder).join("development");
        assert_eq!(place.chain(), folder.join("localhost.crt"), "{variables:?}");
        assert_eq!(place.key(), folder.join("localhost.key"), "{variables:?}");
    }
}

#[test]
fn it_is_for_this_machine_alone_and_for_as_long_as_browsers_take() {
    let (_folder, place) = place();
    let now = SystemTime::now();
    place.ensure("Laptop", now).unwrap();
    let certificate = read(&place).certificate;
    let names: Vec<&str> = certificate.names.iter().collect();
    assert_eq!(names, ["localhost", "laptop", "127.0.0.1", "::1"]);
    let (from, until) = certificate.validity;
    assert!(from < now && until > in_days(390));
    assert!(until.duration_since(from).unwrap() <= Duration::from_hours(397 * 24));
    let mode = |file: PathBuf| fs::metadata(file).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(place.key()), mode(place.folder)), (0o600, 0o700));
}

#[test]
fn it_is_no_authority_and_good_for_servers_alone() {
    use x509_parser::prelude::{FromDer as _, X509Certificate};

    let (_folder, place) = place();
    place.ensure("laptop", SystemTime::now()).unwrap();
    let certificate = read(&place).certificate;
    let (_, certificate) = X509Certificate::from_der(&certificate.key.cert[0]).unwrap();
    let constraints = certificate.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && !constraints.value.ca);
    let usage = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth && !usage.any);
    assert!(!certificate.key_usage().unwrap().unwrap().value.key_cert_sign());
}

/// docs/tls.md says so of `evenkeel load --cacert`: should this fail one day, nothing is to be said there any more.
#[test]
fn who_takes_it_for_an_authority_all_the_same_believes_what_its_key_has_signed() {
    use rcgen::Issuer;
    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::crypto::aws_lc_rs::default_provider;
    use rustls::pki_types::UnixTime;

    let (_folder, place) = place();
    place.ensure("laptop", SystemTime::now()).unwrap();
    let key = KeyPair::from_pem(&fs::read_to_string(place.key()).unwrap()).unwrap();
    let issuer = Issuer::new(params("laptop", SystemTime::now()), key);
    let leaf = CertificateParams::new(vec!["bank.example".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(read(&place).certificate.key.cert[0].clone()).unwrap();
    let provider = default_provider().into();
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider);
    let name = "bank.example".try_into().unwrap();
    let verified =
        verifier.build().unwrap().verify_server_cert(leaf.der(), &[], &name, &[], UnixTime::now());
    assert!(verified.is_ok(), "{verified:?}");
}

#[test]
fn a_host_whose_name_is_none_is_left_out() {
    for host in ["localhost", "", "(none)", "a b", "*"] {
        let (_folder, place) = place();
        place.ensure(host, SystemTime::now()).unwrap();
        let names = read(&place).certificate;
        let names: Vec<&str> = names.names.iter().collect();
        assert_eq!(names, ["localhost", "127.0.0.1", "::1"], "{host:?}");
    }
}

#[test]
fn it_stays_until_it_nears_its_end() {
    let (_folder, place) = place();
    place.ensure("laptop", SystemTime::now()).unwrap();
    let first = files(&place);
    for (day, stays) in [(0, true), (300, true), (365, true), (367, false)] {
        place.ensure("laptop", in_days(day)).unwrap();
        assert_eq!(files(&place) == first, stays, "{day}");
    }
}

#[test]
fn what_cannot_be_used_is_made_anew() {
    let (_folder, place) = place();
    place.ensure("laptop", SystemTime::now()).unwrap();
    for file in [place.chain(), place.key()] {
        for text in [&b""[..], b"text"] {
            fs::write(&file, text).unwrap();
            place.ensure("laptop", SystemTime::now()).unwrap();
            read(&place);
        }
        fs::remove_file(&file).unwrap();
        // Killed in the middle of writing it.
        fs::write(file.with_extension("new"), "half").unwrap();
        place.ensure("laptop", SystemTime::now()).unwrap();
        read(&place);
    }
}

#[test]
fn those_that_start_at_once_have_the_same() {
    let (_folder, place) = place();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                place.ensure("laptop", SystemTime::now()).unwrap();
                read(&place);
            });
        }
    });
}

#[test]
fn a_place_that_cannot_be_written_is_an_error() {
    let (folder, place) = place();
    fs::write(folder.path().join("state"), "a file").unwrap();
    let error = place.ensure("laptop", SystemTime::now()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
}

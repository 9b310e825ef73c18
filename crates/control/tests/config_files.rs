//! Golden files: each `config/NAME.toml` and, beside it, what is said about it. `EVENKEEL_BLESS=1` writes what is said now.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use evenkeel_control::config::{Config, Folder};
use evenkeel_plan::reason::Reason;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
};

#[test]
fn every_mistake_is_explained_as_in_the_file_beside_it() {
    let cases = tomls(&manifest().join("tests/config"));
    assert!(!cases.is_empty());
    compare(cases.iter().map(|case| (case.with_extension("expected"), said_about(case))));
}

#[test]
fn mistakes_that_are_not_in_a_text_are_explained_as_in_their_files() {
    let golden = manifest().join("tests/config/without-toml");
    compare(ON_DISK.iter().map(|(name, prepare)| {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let loaded = Config::load(&folder.path().join("evenkeel.toml"));
        let report = loaded.map_or_else(|report| report, |loaded| loaded.warnings).to_string();
        let said = report.replace(&format!("{}/", folder.path().display()), "");
        (golden.join(name).with_extension("expected"), said)
    }));
}

#[test]
fn every_kind_of_mistake_has_a_golden_file() {
    let list = include_str!("../src/config/diagnostic.rs");
    let list = list.split("pub enum Code {").nth(1).unwrap().split("\n}\n").next().unwrap();
    let numbers = list.lines().filter_map(|line| line.split(" = ").nth(1)?.strip_suffix(','));
    let codes: Vec<String> =
        numbers.map(|number| format!("EK{:04}", number.parse::<u16>().unwrap())).collect();
    assert!(codes.len() > 40, "{codes:?}");
    let folders = ["tests/config", "tests/config/without-toml"].map(|it| manifest().join(it));
    let golden: String = folders
        .iter()
        .flat_map(|folder| files(folder, "expected"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let missing: Vec<_> =
        codes.iter().filter(|code| !golden.contains(&format!("[{code}]"))).collect();
    assert!(missing.is_empty(), "in no .expected file: {missing:?}");
}

/// Compares what is said with what files hold, or writes it there.
fn compare(cases: impl Iterator<Item = (PathBuf, String)>) {
    let mut wrong = Vec::new();
    for (expected, said) in cases {
        if std::env::var_os("EVENKEEL_BLESS").is_some() {
            fs::write(&expected, &said).unwrap();
        } else if fs::read_to_string(&expected).ok().as_deref() != Some(said.as_str()) {
            wrong.push(format!("{}:\n{said}", expected.display()));
        }
    }
    assert!(wrong.is_empty(), "not as expected:\n\n{}", wrong.join("\n\n"));
}

type Prepare = fn(&Path);

/// Cases that are not in a text but in what is on the disk; each makes a folder with an `evenkeel.toml`, or none.
const ON_DISK: [(&str, Prepare); 11] = [
    ("file-absent", |_| ()),
    ("file-is-a-directory", |folder| fs::create_dir(folder.join("evenkeel.toml")).unwrap()),
    ("file-not-text", |folder| write(folder, "evenkeel.toml", b"workers = 1\n\xff\xfe")),
    ("file-too-large", |folder| write(folder, "evenkeel.toml", &vec![b'#'; (16 << 20) + 1])),
    ("page-is-a-directory", |folder| {
        write(folder, "evenkeel.toml", PAGE);
        fs::create_dir(folder.join("sorry.html")).unwrap();
    }),
    ("page-too-large", |folder| {
        write(folder, "evenkeel.toml", PAGE);
        write(folder, "sorry.html", &[b'x'; (256 << 10) + 1]);
    }),
    ("include-too-large", |folder| {
        write(folder, "evenkeel.toml", INCLUDE);
        write(folder, "part-a.toml", &vec![b'#'; 9 << 20]);
        write(folder, "part-b.toml", &vec![b'#'; 9 << 20]);
    }),
    ("include-too-many", |folder| {
        write(folder, "evenkeel.toml", INCLUDE);
        (0..=1000).for_each(|number| write(folder, &format!("part-{number}.toml"), b""));
    }),
    ("certificate-odd", |folder| {
        write(folder, "evenkeel.toml", HTTPS);
        let in_days = |days: u64| {
            let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            date_time_ymd(1970, 1, 1) + since_1970 + Duration::from_secs(days * 24 * 3600 + 60)
        };
        let mut params = CertificateParams::new(["a.example".to_owned()]).unwrap();
        params.not_after = in_days(10);
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let chain = [&other, &key].map(|key| params.clone().self_signed(key).unwrap().pem());
        write(folder, "a.crt", chain.concat().as_bytes());
        write(folder, "a.key", key.serialize_pem().as_bytes());
    }),
    ("secrets-open", |folder| {
        let keys = b"tls = { ticket_keys = 'ticket.keys' }\n";
        write(folder, "evenkeel.toml", &[HTTPS, keys].concat());
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        write(folder, "a.crt", made.cert.pem().as_bytes());
        write(folder, "a.key", made.signing_key.serialize_pem().as_bytes());
        write(folder, "ticket.keys", &b"a2V5".repeat(16));
        for (path, mode) in [("ticket.keys", 0o644), ("a.key", 0o644), ("", 0o755)] {
            fs::set_permissions(folder.join(path), fs::Permissions::from_mode(mode)).unwrap();
        }
    }),
    ("list-outdated", |folder| {
        let tls =
            b"tls = { client_auth = 'required', client_ca = 'ca.pem', client_crl = 'list.pem' }\n";
        write(folder, "evenkeel.toml", &[HTTPS, tls].concat());
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        write(folder, "a.crt", made.cert.pem().as_bytes());
        write(folder, "a.key", made.signing_key.serialize_pem().as_bytes());
        let (mut params, key) = (CertificateParams::default(), KeyPair::generate().unwrap());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        write(folder, "ca.pem", params.self_signed(&key).unwrap().pem().as_bytes());
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2020, 2, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&Issuer::from_params(&params, &key)).unwrap();
        write(folder, "list.pem", list.pem().unwrap().as_bytes());
    }),
];

const HTTPS: &[u8] = b"[listener.web]\nbind = ':443'\nprotocol = 'https'\n\
    certificates = { cert = 'a.crt', key = 'a.key' }\nto = '9001'\n";

const PAGE: &[u8] =
    b"[listener.web]\nbind = ':8080'\nto = '9001'\nerrors.pages = { 503 = 'sorry.html' }\n";

const INCLUDE: &[u8] = b"include = 'part-*.toml'\n\n[listener.web]\nbind = ':8080'\nto = '9001'\n";

/// Readable for nobody else, whatever the machine does by itself.
fn write(folder: &Path, name: &str, bytes: &[u8]) {
    fs::write(folder.join(name), bytes).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o600)).unwrap();
}

/// What a run over this file alone prints; names of files without folders, so that it is the same everywhere.
fn said_about(case: &Path) -> String {
    let name = case.file_name().unwrap().to_string_lossy();
    let text = fs::read_to_string(case).unwrap();
    // Relative, so that messages have no folder of this machine.
    match Config::read(&name, &text, &Folder::new("tests/config"), &variable) {
        Ok(loaded) if loaded.warnings.is_empty() => "Nothing.\n".to_owned(),
        Ok(loaded) => loaded.warnings.to_string(),
        Err(report) => report.to_string(),
    }
}

/// The variables that the cases may use.
fn variable(name: &str) -> Option<OsString> {
    match name {
        "PORT" => Some("8080".into()),
        "WRONG_PORT" => Some("80x".into()),
        "EMPTY" => Some(OsString::new()),
        "ADMIN_TOKEN" => Some("hunter2".into()),
        "LATIN_1" => Some(OsString::from_vec(vec![0xe4])),
        "LARGE" => Some("x".repeat(9 << 20).into()),
        _ => None,
    }
}

#[test]
fn a_page_is_said_to_be_never_sent_exactly_where_no_error_of_ours_has_its_status() {
    for status in 400..=599 {
        let text = format!(
            "[listener.web]\nbind = ':8080'\nto = '9001'\nerrors.pages.{status} = 'pages/sorry.html'\n"
        );
        let loaded = Config::parse_with("text", &text, &Folder::new("tests/config")).unwrap();
        let warned = loaded.warnings.to_string().contains("EK0906");
        let is_ours = Reason::ALL.iter().any(|reason| reason.status() == status);
        assert_eq!(warned, !is_ours, "{status}");
    }
}

#[test]
fn every_example_is_flawless() {
    let examples = tomls(&manifest().join("../../examples"));
    assert!(examples.len() >= 4, "{examples:?}");
    for example in examples {
        let warnings = Config::load(&example).unwrap_or_else(|report| panic!("{report}")).warnings;
        assert!(warnings.is_empty(), "{warnings}");
    }
}

#[test]
fn the_full_example_says_what_is_the_default_anyhow() {
    let full = Config::load(&manifest().join("../../examples/full.toml")).unwrap().config;
    let short = Config::parse(
        "short.toml",
        "[listener.web]\nbind = ':8080'\nto = 'app'\n\
         [[route]]\nname = 'v1'\nhost = 'api.example.com'\npath = '/v1/*'\n\
         to = { app = 100 }\ntimeouts.exchange = 'off'\n\
         [cluster.app]\nendpoints = ['127.0.0.1:9001', '127.0.0.1:9002']\n",
    )
    .unwrap()
    .config;
    assert_eq!(full, short);
}

#[test]
fn a_config_may_have_16_mebibytes_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.toml");
    let toml = "include = 'p?rt.toml'\n[listener.web]\nbind = ':8080'\nto = '127.0.0.1:9001'\n#";
    let comment = "x".repeat((16 << 20) - toml.len());
    fs::write(&file, format!("{toml}{comment}")).unwrap();
    assert!(Config::load(&file).is_ok());
    fs::write(&file, format!("{toml}{comment}x")).unwrap();
    let refusal = Config::load(&file).err().unwrap().to_string();
    assert!(refusal.starts_with("error[EK0002]: cannot read "), "{refusal}");
    assert!(refusal.contains("at most 16 MiB"), "{refusal}");
    // Without end, and without a size.
    assert_eq!(Config::load(Path::new("/dev/zero")).err().unwrap().errors(), 1);

    fs::write(&file, format!("{toml}{}", &comment[..comment.len() - 9])).unwrap();
    fs::write(folder.path().join("part.toml"), "drain='1s").unwrap();
    let closed = Config::load(&file).err().unwrap().to_string();
    assert!(closed.starts_with("error[EK0100]: not TOML"), "{closed}");
    fs::write(folder.path().join("part.toml"), "drain='1s'").unwrap();
    let refusal = Config::load(&file).err().unwrap().to_string();
    assert!(refusal.starts_with("error[EK0408]: `part.toml` makes the config too"), "{refusal}");
}

fn tomls(folder: &Path) -> Vec<PathBuf> {
    files(folder, "toml")
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    files
}

fn manifest() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

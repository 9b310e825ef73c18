//! Where certificates come from: which files a source stands for, and what is in them. Called by the store.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::parse::{CHAIN_BYTES_MAX, Parsed, Purpose, parse};
use super::problem::{Part, Problem};
use crate::config::{CertificateSource, FilePlace, Files as _, Folder};

/// The two files of a certificate; the same twice if both are in one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    pub(super) chain: PathBuf,
    pub(super) key: PathBuf,
    /// The same files may be shown both, and be good for one only.
    pub(super) purpose: Purpose,
}

/// What a pair was when it was looked at.
pub(super) type Stamp = [Option<FileStamp>; 2];

/// What changes when a file is written or replaced.
pub(super) type FileStamp = [i64; 7];

/// What is wrong, and with which file or directory.
pub(super) type Refusal = (PathBuf, Problem);

impl Pair {
    /// Whether it has the same certificate as `other`, whatever its key is.
    pub(super) fn is_of_chain(&self, other: &Self) -> bool {
        (&self.chain, self.purpose) == (&other.chain, other.purpose)
    }

    /// What its files are now.
    pub(super) fn stamp(&self) -> Stamp {
        [&self.chain, &self.key].map(|file| stamp(file))
    }

    /// Reads it, as something that has to be good `now`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and in which file.
    pub(super) fn read(&self, now: SystemTime) -> Result<Parsed, Refusal> {
        let chain = read_file(&self.chain)?;
        let key = if self.key == self.chain { None } else { Some(read_file(&self.key)?) };
        let key = key.as_deref().unwrap_or(&chain);
        parse(&chain, key, self.purpose, now).map_err(|problem| {
            let file = match problem.part() {
                Part::Chain => &self.chain,
                Part::Key => &self.key,
            };
            (file.clone(), problem)
        })
    }
}

/// What `file` is now; `None` if it is not there.
pub(super) fn stamp(file: &Path) -> Option<FileStamp> {
    let about = fs::metadata(file).ok()?;
    let identity = [about.dev(), about.ino(), about.size()].map(u64::cast_signed);
    let times = [about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec()];
    let mut stamp = [0; 7];
    stamp[..3].copy_from_slice(&identity);
    stamp[3..].copy_from_slice(&times);
    Some(stamp)
}

/// Whether everybody on the machine may read it: a folder that only its owner may look into guards what is in it, as that of certbot's
/// archive does.
pub(super) fn is_open(file: &Path) -> bool {
    let Ok(file) = file.canonicalize() else { return false };
    let may =
        |path: &Path, what| fs::metadata(path).is_ok_and(|it| it.permissions().mode() & what != 0);
    may(&file, 0o004) && file.ancestors().skip(1).all(|folder| may(folder, 0o001))
}

/// The bytes of a file.
///
/// # Errors
///
/// Why they cannot be had.
pub(super) fn read_file(file: &Path) -> Result<Vec<u8>, Refusal> {
    let read = Folder::new("").read(file, FILE_BYTES_MAX);
    read.map_err(|error| (file.to_owned(), unreadable(&error, CHAIN_BYTES_MAX)))
}

/// Why a file cannot be read of which nobody reads more than `bytes_max`.
pub(super) fn unreadable(error: &io::Error, bytes_max: usize) -> Problem {
    match error.kind() {
        io::ErrorKind::FileTooLarge => Problem::TooLarge(bytes_max),
        io::ErrorKind::NotFound => Problem::Absent,
        io::ErrorKind::NotADirectory => Problem::NoDirectory,
        _ => Problem::Unreadable(error.to_string()),
    }
}

/// The pairs that a source stands for, in the order of their names.
///
/// # Errors
///
/// Why the directory cannot be looked through, or that nothing is in it.
pub(super) fn pairs(source: &CertificateSource) -> Result<Vec<Pair>, Refusal> {
    let pair = |cert: &FilePlace, key: &Option<FilePlace>, purpose| {
        let key = key.as_ref().unwrap_or(cert).path.clone();
        Ok(vec![Pair { chain: cert.path.clone(), key, purpose }])
    };
    let folder = match source {
        CertificateSource::Files { cert, key } => return pair(cert, key, Purpose::Server),
        CertificateSource::Client { cert, key } => return pair(cert, key, Purpose::Client),
        CertificateSource::Acme { file, .. } if !file.exists() => {
            return Err((file.clone(), Problem::Awaited));
        }
        CertificateSource::Acme { file, .. } => {
            let (chain, key) = (file.clone(), file.clone());
            return Ok(vec![Pair { chain, key, purpose: Purpose::Server }]);
        }
        CertificateSource::Directory(folder) => &folder.path,
    };
    let refused = |problem| (folder.clone(), problem);
    let names = Folder::new("")
        .list(folder)
        .map_err(|error| refused(unreadable(&error, CHAIN_BYTES_MAX)))?;
    let names: BTreeSet<String> = names
        .into_iter()
        .filter_map(|name| name.into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    let mut pairs = pairs_among(folder, &names);
    let below = names.iter().filter(|name| Path::new(name).extension().is_none_or(is_no_file));
    pairs.extend(below.filter_map(|name| certbot_pair(&folder.join(name))));
    if pairs.is_empty() { Err(refused(Problem::NothingFound)) } else { Ok(pairs) }
}

/// The pairs among the files of a folder. Where certbot has written, its other files are parts of the same. A key that has lost its chain
/// keeps its pair, so that what was good in it is not forgotten.
fn pairs_among(folder: &Path, names: &BTreeSet<String>) -> Vec<Pair> {
    let pair = |chain: &str, key: &str| Pair {
        chain: folder.join(chain),
        key: folder.join(key),
        purpose: Purpose::Server,
    };
    if names.contains(CERTBOT[0]) && names.contains(CERTBOT[1]) {
        return vec![pair(CERTBOT[0], CERTBOT[1])];
    }
    let chains = names.iter().filter_map(|name| {
        let (stem, extension) = name.rsplit_once('.')?;
        if name == CERTBOT[1] {
            return Some(pair(CERTBOT[0], CERTBOT[1]));
        }
        if !EXTENSIONS.contains(&extension) || stem.ends_with("-key") {
            return None;
        }
        let keys = [format!("{stem}.key"), format!("{stem}-key.pem")];
        let key = keys.iter().find(|key| names.contains(*key)).unwrap_or(name);
        Some(pair(name, key))
    });
    chains.collect()
}

/// With one of the two there it is a pair as well, which cannot be used: what was good before stays, and somebody is told.
fn certbot_pair(folder: &Path) -> Option<Pair> {
    let [chain, key] = CERTBOT.map(|name| folder.join(name));
    // A link that leads nowhere is there, too.
    let is_there = |file: &PathBuf| file.symlink_metadata().is_ok();
    (is_there(&chain) || is_there(&key)).then_some(Pair { chain, key, purpose: Purpose::Server })
}

fn is_no_file(extension: &std::ffi::OsStr) -> bool {
    !EXTENSIONS.iter().any(|known| extension == *known) && extension != "key"
}

/// What files with certificates are called.
const EXTENSIONS: [&str; 3] = ["crt", "pem", "cer"];

/// What certbot calls a chain and its key.
const CERTBOT: [&str; 2] = ["fullchain.pem", "privkey.pem"];

/// More than any chain that is taken has in PEM, with some text between.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

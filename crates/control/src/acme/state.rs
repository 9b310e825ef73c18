//! What is kept on disk of one certificate: itself with its key, what went wrong lately, and the account. All files are written as a whole
//! and can be read by nobody else; one lock keeps replicas that share the directory from ordering the same. Called by the client on a
//! thread that may block.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::hook::TxtRecord;
use super::renewal::Held;
use super::trouble::Trouble;
use crate::certificates::{Parsed, Purpose, parse};
use crate::config::{AcmeConfig, Files as _, Folder};
use crate::whole_file::write_whole;

/// Where it is.
#[derive(Clone, Debug)]
pub(super) struct State {
    folder: PathBuf,
    certificate: PathBuf,
    record: PathBuf,
    left: PathBuf,
}

/// What is remembered beside a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The authority that the certificate is from; `None` if nobody knows.
    pub(super) directory: Option<String>,
    /// What went wrong after it was issued.
    pub(super) failed: Option<Failed>,
}

/// Orders that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failed {
    /// How many there were in a row.
    pub(super) in_a_row: u32,
    /// When the last one failed.
    #[serde(rename = "at_unix_seconds", with = "super::moment")]
    pub(super) at: SystemTime,
    /// Whether the authority wants to be left alone for a while.
    pub(super) is_refused_for_now: bool,
    /// Why, for a person.
    pub(super) reason: String,
}

/// While this lives nobody else writes into the directory. A process that ends lets go of it, however it ends.
#[derive(Clone, Debug)]
pub(super) struct Lock {
    _file: Arc<File>,
}

impl State {
    pub(super) fn of(config: &AcmeConfig) -> Self {
        let certificate = config.file();
        let record = certificate.with_extension("json");
        let left = certificate.with_extension("dns");
        Self { folder: config.state.path.clone(), certificate, record, left }
    }

    /// Does `work` where a disk that does not answer holds up nobody.
    ///
    /// # Errors
    ///
    /// Everything is ending, or `work` panics.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Trouble> {
        let state = self.clone();
        spawn_blocking(move || work(&state)).await.map_err(|error| Trouble::of_work(&error))
    }

    /// The certificate, if there is one that can be used `now`, with the chain that it is shown with.
    pub(super) fn held(&self, now: SystemTime) -> Option<(Held, Parsed)> {
        let pem = Folder::new("").read(&self.certificate, FILE_BYTES_MAX).ok()?;
        let parsed = parse(&pem, &pem, Purpose::Server, now).ok()?;
        Some((Held::of(&parsed), parsed))
    }

    /// What is remembered beside it.
    ///
    /// # Errors
    ///
    /// It is there, and cannot be read.
    pub(super) fn record(&self) -> io::Result<Record> {
        let text = read(&self.record)?;
        text.map_or_else(|| Ok(Record::default()), |text| Ok(serde_json::from_slice(&text)?))
    }

    /// Takes the lock; `None` if somebody else has it.
    ///
    /// # Errors
    ///
    /// The directory cannot be made, or its lock not be opened.
    pub(super) fn try_lock(&self) -> io::Result<Option<Lock>> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let lock =
            OpenOptions::new().create(true).append(true).mode(PRIVATE).open(self.lock_file())?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: Arc::new(lock) })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Puts a new certificate in the place of the old one, its key before it.
    ///
    /// # Errors
    ///
    /// It cannot be written; then the old one is untouched.
    pub(super) fn put_certificate(&self, key: &str, chain: &str, _lock: &Lock) -> io::Result<()> {
        write_whole(&self.certificate, format!("{key}{chain}").as_bytes(), PRIVATE)
    }

    /// Remembers `record`.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub(super) fn put_record(&self, record: &Record, _lock: &Lock) -> io::Result<()> {
        write_whole(&self.record, &serde_json::to_vec_pretty(record)?, PRIVATE)
    }

    /// What may be in DNS and has to be taken away again; nothing if nobody knows.
    pub(super) fn left(&self) -> Vec<TxtRecord> {
        let text = read(&self.left).ok().flatten();
        text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Remembers what may be in DNS from now on, before it is there: whoever is killed takes nothing away.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub(super) fn put_left(&self, left: &[TxtRecord], _lock: &Lock) -> io::Result<()> {
        if left.is_empty() {
            return remove(&self.left);
        }
        write_whole(&self.left, &serde_json::to_vec_pretty(left)?, PRIVATE)
    }

    /// What is in another file of the directory; `None` if it is not there.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub(super) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        read(&self.folder.join(name))
    }

    /// The names of other files of the directory that begin with `start`.
    ///
    /// # Errors
    ///
    /// It cannot be looked at.
    pub(super) fn names(&self, start: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            names.extend(name.to_str().filter(|name| name.starts_with(start)).map(str::to_owned));
        }
        Ok(names)
    }

    /// Writes another file of the directory. Its `name` has no extension, so that no `[acme.NAME]` has files of that name.
    ///
    /// # Errors
    ///
    /// It cannot be written; then what was there is untouched.
    pub(super) fn write(&self, name: &str, bytes: &[u8], _lock: &Lock) -> io::Result<()> {
        write_whole(&self.folder.join(name), bytes, PRIVATE)
    }

    /// Takes another file of the directory away, if it is there.
    ///
    /// # Errors
    ///
    /// It cannot be taken away.
    pub(super) fn remove(&self, name: &str, _lock: &Lock) -> io::Result<()> {
        remove(&self.folder.join(name))
    }

    /// The directory.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn lock_file(&self) -> PathBuf {
        self.folder.join("lock")
    }
}

impl Held {
    pub(super) fn of(parsed: &Parsed) -> Self {
        let certificate = &parsed.certificate;
        let mut names: Vec<String> = certificate.names.iter().map(str::to_owned).collect();
        names.sort_unstable();
        Self { names, validity: certificate.validity.0..certificate.validity.1 }
    }
}

impl Failed {
    /// One more after those `before`, at that time.
    pub(super) fn after(before: Option<Self>, trouble: &Trouble, at: SystemTime) -> Self {
        Self {
            in_a_row: before.map_or(0, |before| before.in_a_row).saturating_add(1),
            at,
            is_refused_for_now: trouble.is_refused_for_now,
            reason: trouble.to_string(),
        }
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
    match Folder::new("").read(file, FILE_BYTES_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Nobody else reads it.
const PRIVATE: u32 = 0o600;

/// More than any of our files has.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

#[cfg(test)]
pub(super) mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    use super::*;
    use crate::certificates::fixture;
    use crate::config::{AcmeKey, ChallengeConfig, FilePlace};

    /// A config for these names, of a certificate `a`.
    pub(in super::super) fn wanted(names: &[&str]) -> AcmeConfig {
        AcmeConfig {
            name: "a".to_owned(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
            directory: "https://ca.example/dir".to_owned(),
            email: None,
            challenge: ChallengeConfig::TlsAlpn01,
            key: AcmeKey::P256,
            profile: None,
            binding: None,
            ca: None,
            state: FilePlace::from(String::new()),
        }
    }

    fn state(folder: &Path) -> State {
        let mut config = wanted(&["a.example"]);
        config.state.path = folder.join("deep/acme");
        State::of(&config)
    }

    #[test]
    fn what_is_put_is_held_and_seen_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path());
        assert_eq!(state.held(SystemTime::now()).map(|(held, _)| held), None);
        assert_eq!(state.record().unwrap(), Record::default());
        let lock = state.try_lock().unwrap().unwrap();
        let made = fixture::good("a.example");
        state.put_certificate(&made.key, &made.cert, &lock).unwrap();
        let record = Record { directory: Some("https://ca.example/dir".to_owned()), failed: None };
        state.put_record(&record, &lock).unwrap();
        state.write("account", b"secret", &lock).unwrap();
        assert_eq!(state.held(SystemTime::now()).unwrap().0.names, ["a.example"]);
        assert_eq!(state.record().unwrap(), record);
        assert_eq!(state.read("account").unwrap().unwrap(), b"secret");
        assert_eq!(state.read("other").unwrap(), None);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(state.folder()), 0o700);
        let files: Vec<_> =
            fs::read_dir(state.folder()).unwrap().map(|it| it.unwrap().path()).collect();
        assert_eq!(files.len(), 4, "{files:?}");
        assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
        for _ in 0..2 {
            state.remove("account", &lock).unwrap();
            assert_eq!(state.read("account").unwrap(), None);
        }
    }

    /// A certificate of that name was written where an account is kept.
    #[test]
    fn no_certificate_has_files_of_the_name_of_another_file() {
        for name in ["answers", "account-0123456789abcdef", "lock", "a.b", ".json"] {
            let state = State::of(&AcmeConfig { name: name.to_owned(), ..wanted(&["a.example"]) });
            for file in [&state.certificate, &state.record, &state.left] {
                assert!(file.extension().is_some(), "{}", file.display());
                assert_eq!(file.file_stem().unwrap(), name);
            }
        }
    }

    #[test]
    fn what_cannot_be_used_is_not_held() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path());
        let lock = state.try_lock().unwrap().unwrap();
        let good = fixture::good("a.example");
        let past = fixture::made(&["a.example"], |params| {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        });
        for (key, cert) in
            [(&past.key, &past.cert), (&good.key, &past.cert), (&good.key, &String::new())]
        {
            state.put_certificate(key, cert, &lock).unwrap();
            assert!(state.held(SystemTime::now()).is_none());
        }
    }

    /// A time that no clock has ended renewal.
    #[test]
    fn a_record_is_what_was_written_or_garbled() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path());
        let lock = state.try_lock().unwrap().unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let failed = Some(Failed::after(None, &Trouble::new("refused"), at));
        let record = Record { directory: None, failed };
        state.put_record(&record, &lock).unwrap();
        assert_eq!(state.record().unwrap(), record);
        let written = fs::read_to_string(&state.record).unwrap();
        for (good, bad) in [
            ("1800000000", "18446744073709551615"),
            ("1800000000", "9223372036854775807"),
            ("1800000000", "253402300800"),
            ("1800000000", "-1"),
            ("{", ""),
        ] {
            assert!(written.contains(good), "{written}");
            fs::write(&state.record, written.replace(good, bad)).unwrap();
            assert!(state.record().is_err(), "{bad}");
        }
    }

    #[test]
    fn one_has_the_lock_until_it_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let [ours, theirs] = [(); 2].map(|()| state(folder.path()));
        let lock = ours.try_lock().unwrap().unwrap();
        assert!(theirs.try_lock().unwrap().is_none());
        drop(lock);
        assert!(theirs.try_lock().unwrap().is_some());
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("deep"), "a file").unwrap();
        assert!(state(folder.path()).try_lock().is_err());
    }
}

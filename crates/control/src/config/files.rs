//! The files that a config names: pages are read, places for logs are looked at. `Config::read` calls [`look`], and is
//! told by its caller what there is to see; only [`Folder`] touches the disk.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::string::FromUtf8Error;
use std::time::SystemTime;

use toml::Spanned;

use super::diagnostic::{Code, Diagnostic, Sink, Span, quoted};
use super::draft::{AccessDraft, Draft, PageDraft, Target};
use super::model::{AccessPath, CertificateSource, FilePlace, Trust};
use super::sources::Sources;
use crate::certificates::{FileKind, Finding, Known, Problem, Remark};

/// What a config can see of the disk.
pub trait Files {
    /// The bytes of the file that a config calls `path`.
    ///
    /// # Errors
    ///
    /// Why it cannot be read; [`io::ErrorKind::FileTooLarge`] if it has more than `bytes_max`.
    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>>;

    /// The names of what is in the folder that a config calls `folder`, in any order; empty means the config's own.
    ///
    /// # Errors
    ///
    /// Why it cannot be listed.
    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>>;

    /// The file that a config calls `path`, as the process calls it.
    fn locate(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }

    /// Whether `path`, which starts at the working directory if it is relative, is a directory; `None` if nobody can tell.
    fn is_directory(&self, path: &Path) -> Option<bool>;

    /// Why the program at the absolute `path` cannot be run; `None` if it can, or nobody can tell.
    fn obstacle(&self, _path: &Path) -> Option<&'static str> {
        None
    }

    /// What is to be said about the certificates of `source`; nothing if they are good, or nobody can tell.
    fn findings(&self, _source: &CertificateSource) -> Vec<Finding> {
        Vec::new()
    }

    /// What is to be said about the authorities that are trusted so; nothing if they are good, or nobody can tell.
    fn findings_of_trust(&self, _trust: &Trust) -> Vec<Finding> {
        Vec::new()
    }

    /// The same of a file of that kind, as the process calls it, which is named together with those `beside` it.
    fn file_findings(
        &self,
        _file: (FileKind, &Path),
        _beside: &[(FileKind, PathBuf)],
    ) -> Vec<Finding> {
        Vec::new()
    }
}

/// The disk, seen from the folder of a config.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

/// No disk at all: for configs that do not come from a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoFiles;

/// Reads the pages that the draft names, and looks at where it wants to write.
pub(super) fn look(draft: &mut Draft, files: &dyn Files, sources: &Sources, sink: &Sink) {
    let pages = draft.listeners.iter_mut().flat_map(|listener| &mut listener.errors.pages);
    for page in pages {
        let span = page.file.span();
        let path = sources.resolve(span.start, Path::new(page.file.get_ref()));
        *page.file.get_mut() = path.to_string_lossy().into_owned();
        match read_page(page, files) {
            Ok(template) => page.template = template,
            Err(problem) => sink.report(problem.at(span)),
        }
    }
    look_at_certificates(draft, files, sources, sink);
    look_at_acme(draft, files, sink);
    let own = draft.listeners.iter().filter_map(|listener| match &listener.target {
        Target::Own(cluster) => Some(&**cluster),
        Target::Named(_) | Target::Missing => None,
    });
    for program in own.chain(&draft.clusters).flat_map(|cluster| &cluster.health.programs) {
        if let Some(obstacle) = files.obstacle(Path::new(program.get_ref())) {
            sink.report(not_runnable(program.get_ref(), obstacle).at(program.span()));
        }
    }
    if let Some(problem) = draft.access.as_ref().and_then(|access| log_problem(access, files)) {
        sink.report(problem);
    }
}

/// The number of the line from which on something is not UTF-8.
pub(super) fn not_text_line(error: &FromUtf8Error) -> usize {
    let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
    valid.iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// The bytes of an open file, if they are not too many.
pub(super) fn read_at_most(file: File, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Not a look at its size and then a read: it may have none, or another one by then.
    file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

// === impl Folder ===

impl Folder {
    /// Where paths of pages start.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The folder of a config.
    pub(super) fn of(config: &Path) -> Self {
        Self::new(config.parent().unwrap_or_else(|| Path::new("")))
    }
}

impl Files for Folder {
    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        let path = self.locate(path);
        let kind = fs::metadata(&path)?.file_type();
        if kind.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !kind.is_file() {
            // Opening a pipe waits for whoever writes into it: a check of a config would hang.
            return Err(io::Error::other("it is a device or a pipe, not a file"));
        }
        read_at_most(File::open(path)?, bytes_max)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let folder = self.0.join(folder);
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
        let names = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name()));
        let names = names.take(NAMES_MAX + 1).collect::<io::Result<Vec<_>>>()?;
        if names.len() > NAMES_MAX {
            return Err(io::Error::other(format!("it has more than {NAMES_MAX} entries")));
        }
        Ok(names)
    }

    fn locate(&self, path: &Path) -> PathBuf {
        self.0.join(path)
    }

    fn is_directory(&self, path: &Path) -> Option<bool> {
        match fs::metadata(path) {
            Ok(about) => Some(about.is_dir()),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Some(false),
                // We may not look, or the disk does not answer: whoever runs with other rights may find it.
                _ => None,
            },
        }
    }

    fn obstacle(&self, path: &Path) -> Option<&'static str> {
        match fs::metadata(path) {
            Ok(about) if !about.is_file() => Some("not a file"),
            // Whoever runs it may have other rights than we; but these are nobody's.
            Ok(about) if about.permissions().mode() & 0o111 == 0 => Some("not executable"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some("no such file"),
            Ok(_) | Err(_) => None,
        }
    }

    fn findings(&self, source: &CertificateSource) -> Vec<Finding> {
        Known::default().look(source, &mut Known::default(), SystemTime::now())
    }

    fn findings_of_trust(&self, trust: &Trust) -> Vec<Finding> {
        Known::default().findings_of_trust(trust, SystemTime::now())
    }

    fn file_findings(
        &self,
        file: (FileKind, &Path),
        beside: &[(FileKind, PathBuf)],
    ) -> Vec<Finding> {
        Known::default().file_findings(file, beside, SystemTime::now())
    }
}

// === impl NoFiles ===

impl Files for NoFiles {
    fn read(&self, _path: &Path, _bytes_max: u64) -> io::Result<Vec<u8>> {
        Err(io::Error::other("only a config in a file can name other files"))
    }

    fn list(&self, _folder: &Path) -> io::Result<Vec<OsString>> {
        Err(io::Error::other("only a config in a file includes others"))
    }

    fn is_directory(&self, _path: &Path) -> Option<bool> {
        None
    }
}

// === Pages ===

fn read_page(page: &PageDraft, files: &dyn Files) -> Result<String, Diagnostic> {
    let file = page.file.get_ref();
    let bytes = files
        .read(Path::new(file), PAGE_BYTES_MAX)
        .map_err(|error| unreadable(&quoted(file), &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let line = not_text_line(&error);
        let message = format!("line {line} of page {} is not text", quoted(file));
        Diagnostic::new(Code::PageNotText, message).label("not UTF-8").help("save it in UTF-8")
    })
}

fn unreadable(file: &str, error: &io::Error) -> Diagnostic {
    match error.kind() {
        io::ErrorKind::NotFound => {
            Diagnostic::new(Code::PageAbsent, format!("there is no page {file}"))
                .label("no such file")
                .help("a path starts at the folder of this config, unless it starts with a slash")
        }
        io::ErrorKind::FileTooLarge => Diagnostic::new(
            Code::PageTooLarge,
            format!("page {file} has more than 256 KiB"),
        )
        .label("too large")
        .help(
            "it is kept in memory, and sent for every error; load images and styles from elsewhere",
        ),
        kind => {
            let message = format!("cannot read page {file}: {error}");
            let problem = Diagnostic::new(Code::PageUnreadable, message).label("cannot be read");
            match kind {
                io::ErrorKind::IsADirectory => problem.help("name the file in it"),
                io::ErrorKind::PermissionDenied => {
                    problem.help("the user that runs evenkeel needs the right to read it")
                }
                _ => problem,
            }
        }
    }
}

// === Certificates ===

fn look_at_certificates(draft: &mut Draft, files: &dyn Files, sources: &Sources, sink: &Sink) {
    let find = |place: &mut FilePlace, span: &Span| {
        let path = sources.resolve(span.start, Path::new(&place.written));
        place.written = path.to_string_lossy().into_owned();
        place.path = files.locate(&path);
    };
    let report = |noun: &str, findings: Vec<Finding>, span: &Span| {
        findings.iter().for_each(|it| sink.report(of_certificate(noun, it).at(span.clone())));
    };
    let judge = |certificate: &mut Spanned<CertificateSource>| {
        let span = certificate.span();
        certificate.get_mut().places_mut().for_each(|place| find(place, &span));
        report("certificate", files.findings(certificate.get_ref()), &span);
    };
    for tls in draft.listeners.iter_mut().filter_map(|listener| listener.tls.as_mut()) {
        tls.certificates.iter_mut().for_each(&judge);
        let (mut beside, mut spans) = (Vec::new(), Vec::new());
        for (kind, file) in tls.followed_mut() {
            let span = file.span();
            find(file.get_mut(), &span);
            beside.push((kind, file.get_ref().path.clone()));
            spans.push(span);
        }
        for ((kind, file), span) in beside.iter().zip(&spans) {
            report(kind.noun(), files.file_findings((*kind, file), &beside), span);
        }
    }
    for tls in draft.clusters.iter_mut().filter_map(|cluster| cluster.tls.as_mut()) {
        tls.certificate.iter_mut().for_each(&judge);
        let span = tls.trust.span();
        if let Trust::Authorities(place) = tls.trust.get_mut() {
            find(place, &span);
        }
        report(
            FileKind::EndpointAuthorities.noun(),
            files.findings_of_trust(tls.trust.get_ref()),
            &span,
        );
    }
}

fn of_certificate(noun: &str, finding: &Finding) -> Diagnostic {
    let (code, label, help) = match &finding.remark {
        Remark::Refused(problem) => (Code::CertificateRefused, "cannot be used", problem.help()),
        Remark::Kept(problem) | Remark::LeftOut(problem) => {
            (Code::CertificateKept, "is not used as it is", problem.help())
        }
        Remark::Lapsed(problem @ Problem::Unlisted(_)) => {
            (Code::Lapsed, "has no list", problem.help())
        }
        Remark::Lapsed(problem) => (Code::Lapsed, "is over", problem.help()),
        Remark::ExpiresIn(_) => {
            (Code::CertificateExpires, "expires soon", "renew it, and look at what should have")
        }
        Remark::Sorted => (
            Code::ChainUnsorted,
            "is sent in the right order",
            "first the certificate itself, then each time the one that has signed the one before",
        ),
        Remark::Open => (
            Code::SecretOpen,
            "is no secret",
            "`chmod o-r FILE`: who has the keys can read what was said in resumed sessions of TLS 1.2, and resume them",
        ),
        Remark::KeyOpen => (
            Code::SecretOpen,
            "is no secret",
            "`chmod o-r FILE`: who has the key can pass for whoever it belongs to; a group that evenkeel is in may read it",
        ),
    };
    Diagnostic::new(code, format!("{noun} {finding}")).label(label).help(help)
}

/// What is needed to order certificates: programs that can be run, and authorities that can be read.
fn look_at_acme(draft: &Draft, files: &dyn Files, sink: &Sink) {
    for program in draft.acme.iter().filter_map(|acme| acme.program.as_ref()) {
        if let Some(obstacle) = files.obstacle(Path::new(program.get_ref())) {
            let message = format!("{} cannot be run", quoted(program.get_ref()));
            let problem = Diagnostic::new(Code::CannotRun, message).label(obstacle);
            let help = "until it can, no certificate is issued for these names";
            sink.report(problem.help(help).at(program.span()));
        }
    }
    for ca in draft.acme.iter().filter_map(|acme| acme.ca.as_ref()) {
        let findings = files.findings_of_trust(&Trust::Authorities(ca.get_ref().clone()));
        let noun = FileKind::EndpointAuthorities.noun();
        findings.iter().for_each(|it| sink.report(of_certificate(noun, it).at(ca.span())));
    }
}

// === Programs ===

/// Only a warning: this may not be the machine that it is for, or the program come later.
fn not_runnable(program: &str, obstacle: &str) -> Diagnostic {
    Diagnostic::new(Code::CannotRun, format!("{} cannot be run", quoted(program)))
        .label(obstacle)
        .help("until it can, these endpoints keep the standing that they have, and count as up if they have none")
}

// === Logs ===

fn log_problem(access: &AccessDraft, files: &dyn Files) -> Option<Diagnostic> {
    let (AccessPath::File(path), Some(span)) = (&access.config.path, &access.path_span) else {
        return None;
    };
    let folder = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    };
    let file = quoted(&path.to_string_lossy());
    let problem = if files.is_directory(path) == Some(true) {
        Diagnostic::new(Code::LogPlace, format!("the access log cannot be {file}"))
            .label("is a directory")
            .help("name the file in it")
    } else if files.is_directory(folder) == Some(false) {
        let folder = quoted(&folder.to_string_lossy());
        Diagnostic::new(Code::LogPlace, format!("the access log cannot be written to {file}"))
            .label(format!("there is no directory {folder}"))
            .help("create the directory; a path without a slash in front starts at the working directory")
    } else {
        return None;
    };
    Some(problem.at(span.clone()))
}

/// Every page is kept in memory for each listener that has it.
const PAGE_BYTES_MAX: u64 = 256 * 1024;

/// A folder with more is none for configs; to list it would take long.
const NAMES_MAX: usize = 100_000;

#[cfg(test)]
mod tests;

//! The config: from a file or a command line to a checked [`Config`], with every mistake explained at once.
//!
//! ```text
//! file ─► toml ─► expand ─► include ─► merge ─► decode ─┐
//!                                                       ├─► draft ─► files ─► check ─► Config ─► write ─► file
//! words ──► serve_line ─────────────────────────────────┘
//! ```

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;

mod acme;
mod address;
mod admin_section;
mod assemble;
mod check;
mod config_file;
mod decode;
mod diagnostic;
mod diff;
mod draft;
mod drafts;
mod expand;
mod files;
mod include;
mod merge;
mod model;
mod report;
pub mod schema;
mod section;
mod seen;
pub mod serve_line;
mod sources;
mod suggest;
mod syntax;
mod units;
mod words;
mod write;

use assemble::assemble;
use diagnostic::Sink;
use draft::Draft;
use files::{NoFiles, not_text_line};

pub use crate::certificates::{DevelopmentCertificate, FileKind, Finding, Part, Problem, Remark};
pub(crate) use address::parse_endpoint;
pub use admin_section::AdminSection;
pub use config_file::ConfigFile;
pub(crate) use decode::check_label;
pub use diagnostic::{Code, Diagnostic, Severity, Span};
pub(crate) use diff::diff;
pub use expand::Variables;
pub use files::{Files, Folder};
pub use model::{
    AccessConfig, AccessPath, AcmeConfig, AcmeKey, AdminBind, AdmissionConfig, BalanceConfig,
    BindingConfig, CertificateSource, ChallengeConfig, ClientAuthConfig, ClusterConfig, Config,
    ConnectionRateConfig, ConnectionsConfig, CookieConfig, EligibilityConfig, EndpointConfig,
    ErrorsConfig, FilePlace, HstsConfig, HttpsPort, ListenerConfig, LogLevel, OriginationConfig,
    PageConfig, RateLimitConfig, RouteConfig, Secret, StickyConfig, TlsConfig, TlsVersion, Trust,
    WorkerCount,
};
pub use report::{Report, Verdict};
pub use seen::Seen;
pub use serve_line::ServeOptions;
pub use sources::{Place, Source, Sources};
pub use suggest::closest;
pub(crate) use units::{format_duration, format_share};
pub use words::ACCESS_FORMATS;
pub use write::to_toml;

/// A config that can be used, and what is odd about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The config.
    pub config: Config,
    /// Warnings only.
    pub warnings: Report,
}

impl Config {
    /// Reads and checks a file, and what it names; variables in it are those of this process.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, or why it could not be read.
    pub fn load(path: &Path) -> Result<Loaded, Report> {
        Self::load_with(path, &Folder::of(path), &environment)
    }

    /// The same with other `files` than those beside it to look at, and other variables than those of this process.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, or why it could not be read.
    pub fn load_with(
        path: &Path,
        files: &dyn Files,
        variables: &Variables<'_>,
    ) -> Result<Loaded, Report> {
        let name = path.display().to_string();
        let unusable = |problem: Diagnostic| {
            let source = Source { name: name.clone(), text: String::new() };
            Report::new(Sources::new(source), vec![problem])
        };
        let bytes = read_file(path).map_err(|error| unusable(unreadable(&name, &error)))?;
        let text = String::from_utf8(bytes)
            .map_err(|error| unusable(not_text(&name, not_text_line(&error))))?;
        Self::read(&name, &text, files, variables)
    }

    /// Reads and checks `text`, which messages call `name`. It looks at no file, and no variable is set: what the text names
    /// of these is a mistake.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Loaded, Report> {
        Self::parse_with(name, text, &NoFiles)
    }

    /// The same with `files` to look at: those to include and pages are read, and files to write must be possible.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, and with what it names.
    pub fn parse_with(name: &str, text: &str, files: &dyn Files) -> Result<Loaded, Report> {
        Self::read(name, text, files, &|_| None)
    }

    /// The same with `variables`, too.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, and with what it names.
    pub fn read(
        name: &str,
        text: &str,
        files: &dyn Files,
        variables: &Variables<'_>,
    ) -> Result<Loaded, Report> {
        let sink = Sink::default();
        let mut sources = Sources::new(Source { name: name.to_owned(), text: text.to_owned() });
        let all = assemble(text, &mut sources, files, variables, &sink);
        let mut draft = decode::decode(&all.tree, &sink);
        acme::settle(&mut draft, files, all.sources, variables);
        files::look(&mut draft, files, all.sources, &sink);
        check::check(&draft, &sink);
        if !all.is_whole || all.expansions.are_partial() {
            sink.retain(|diagnostic| !diagnostic.code.claims_absence());
        }
        sink.revise(|diagnostics| all.expansions.explain(diagnostics));
        // The last, for it may drop all that was said before about its lines.
        if all.is_broken() {
            syntax::report(&all.broken, &sink, all.sources);
        }
        finish(draft, sink, sources)
    }
}

/// Makes a checked draft a config, if nothing is wrong with it.
fn finish(draft: Draft, sink: Sink, sources: Sources) -> Result<Loaded, Report> {
    let report = sink.into_report(sources);
    if report.errors() > 0 {
        return Err(report);
    }
    Ok(Loaded { config: draft.finish(), warnings: report })
}

/// The variables of this process.
fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The bytes of a file, if they are not too many.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    // Pipes such as `<(…)` may be configs too.
    files::read_at_most(File::open(path)?, BYTES_MAX)
}

fn unreadable(name: &str, error: &io::Error) -> Diagnostic {
    if error.kind() == io::ErrorKind::NotFound {
        return Diagnostic::new(Code::FileAbsent, format!("no such file: {name}")).help(format!(
            "`evenkeel serve 8080 9001 --save {name}` writes one; `-c FILE` names another"
        ));
    }
    let problem = Diagnostic::new(Code::FileUnreadable, format!("cannot read {name}: {error}"));
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            problem.help("the user that runs evenkeel needs the right to read it")
        }
        io::ErrorKind::IsADirectory => problem.help("name the file in it: `-c FILE`"),
        io::ErrorKind::FileTooLarge => {
            problem.help("a config has at most 16 MiB; is this the right file?")
        }
        _ => problem,
    }
}

fn not_text(name: &str, line: usize) -> Diagnostic {
    Diagnostic::new(Code::FileNotText, format!("line {line} of {name} is not text"))
        .help("a config is a text file in UTF-8; is this the right file?")
}

/// All files of a config together: ten thousand routes and endpoints fit in; more is a file that was named by mistake.
const BYTES_MAX: u64 = 16 << 20;

/// More files to include are a pattern that was not meant so; each costs a look at the disk at every reload.
const FILES_MAX: usize = 1000;

#[cfg(test)]
mod tests;

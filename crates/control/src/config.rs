//! The config: from a file or a command line to a checked [`Config`], with every mistake explained at once.
//!
//! ```text
//! file ─► toml ─► decode ─┐
//!                         ├─► draft ─► files ─► check ─► Config ─► write ─► file
//! words ──► serve_line ───┘
//! ```

use std::fs::File;
use std::io;
use std::path::Path;

use toml::de::DeTable;

mod address;
mod check;
mod config_file;
mod decode;
mod diagnostic;
mod diff;
mod draft;
mod files;
mod model;
mod report;
mod section;
pub mod serve_line;
mod suggest;
mod syntax;
mod units;
mod words;
mod write;

use diagnostic::Sink;
use draft::Draft;
use files::NoFiles;

pub(crate) use address::parse_endpoint;
pub use config_file::ConfigFile;
pub(crate) use config_file::Seen;
pub use diagnostic::{Code, Diagnostic, Severity, Span};
pub(crate) use diff::diff;
pub use files::{Files, Folder};
pub use model::{
    AccessConfig, AccessPath, AdminBind, ClusterConfig, Config, EndpointConfig, ErrorsConfig,
    ListenerConfig, LogLevel, PageConfig, Secret, WorkerCount,
};
pub use report::{Report, Source};
pub use serve_line::ServeOptions;
pub(crate) use suggest::closest;
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
    /// Reads and checks a file, and the pages that it names.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, or why it could not be read.
    pub fn load(path: &Path) -> Result<Loaded, Report> {
        Self::load_with(path, &Folder::of(path))
    }

    /// The same with `files` to look at what it names.
    pub(crate) fn load_with(path: &Path, files: &dyn Files) -> Result<Loaded, Report> {
        let name = path.display().to_string();
        let unusable = |problem: Diagnostic| {
            Report::new(Source { name: name.clone(), text: String::new() }, vec![problem])
        };
        let bytes = read(path).map_err(|error| unusable(unreadable(&name, &error)))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            unusable(not_text(&name, &error.as_bytes()[..valid]))
        })?;
        Self::parse_with(&name, &text, files)
    }

    /// Reads and checks `text`, which messages call `name`. It looks at no file: pages that the text names are mistakes.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Loaded, Report> {
        Self::parse_with(name, text, &NoFiles)
    }

    /// The same with `files` to look at: pages are read, and files to write must be possible.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, and with what it names.
    pub fn parse_with(name: &str, text: &str, files: &dyn Files) -> Result<Loaded, Report> {
        let sink = Sink::default();
        let (file, syntax_errors) = DeTable::parse_recoverable(text);
        let mut draft = decode::decode(&file, &sink);
        files::look(&mut draft, files, &sink);
        let source = Source { name: name.to_owned(), text: text.to_owned() };
        if syntax_errors.is_empty() {
            return finish(draft, sink, source);
        }
        check::check(&draft, &sink);
        syntax::report(&syntax_errors, &sink, &source);
        Err(sink.into_report(source))
    }
}

/// Checks a draft as a whole and makes it a config.
fn finish(draft: Draft, sink: Sink, source: Source) -> Result<Loaded, Report> {
    check::check(&draft, &sink);
    let report = sink.into_report(source);
    if report.errors() > 0 {
        return Err(report);
    }
    Ok(Loaded { config: draft.finish(), warnings: report })
}

/// The bytes of a file, if they are not too many.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Pipes such as `<(…)` may be configs too.
    files::read_at_most(File::open(path)?, FILE_BYTES_MAX)
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
            problem.help("a config has at most 1 MiB; is this the right file?")
        }
        _ => problem,
    }
}

fn not_text(name: &str, valid: &[u8]) -> Diagnostic {
    let line = valid.iter().filter(|&&byte| byte == b'\n').count() + 1;
    Diagnostic::new(Code::FileNotText, format!("line {line} of {name} is not text"))
        .help("a config is a text file in UTF-8; is this the right file?")
}

/// Thousands of clusters fit in; more is a file that was named by mistake.
const FILE_BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests;

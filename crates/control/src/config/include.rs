//! `include`: finds the files that a config names, by patterns if need be, and reads them. `Config::read` calls it.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};
use toml::Spanned;
use toml::de::DeTable;

use super::decode::file_path;
use super::diagnostic::{Code, Diagnostic, Sink, Span, quoted};
use super::files::{Files, not_text_line};
use super::section::Section;
use super::sources::{Source, Sources};
use super::{BYTES_MAX, FILES_MAX};

/// Reads what `main` includes, and adds it to `sources`. Returns whether all of it is there; if not, nothing can be said to be
/// absent.
pub(super) fn read(
    main: &Spanned<DeTable<'_>>,
    files: &dyn Files,
    sources: &mut Sources,
    sink: &Sink,
) -> bool {
    let own = Path::new(&sources.main().name).file_name().unwrap_or_default();
    let own = plain(&files.locate(Path::new(own)));
    let mut found = Found { files, own, seen: HashSet::new(), list: Vec::new() };
    let mut root = Section::file(main, sink);
    let patterns = root.optional("include").map(|field| field.items("a file to include"));
    let mut is_whole = true;
    for item in patterns.unwrap_or_default() {
        let named =
            item.parsed("a path or a pattern in a string", |text| found.add(text, &item.span()));
        is_whole &= named.is_some();
    }
    let mut left = BYTES_MAX.saturating_sub(sources.main().text.len() as u64);
    for (path, span) in found.list {
        match read_one(&path, files, left) {
            Ok(text) => {
                left = left.saturating_sub(text.len() as u64);
                let name = Path::new(&sources.main().name).with_file_name(&path);
                let folder = path.parent().map(Path::to_owned).unwrap_or_default();
                sources.include(Source { name: name.display().to_string(), text }, folder);
            }
            Err(problem) => {
                is_whole = false;
                sink.report(problem.at(span));
            }
        }
    }
    is_whole
}

/// The files to read, each once.
struct Found<'a> {
    files: &'a dyn Files,
    own: PathBuf,
    seen: HashSet<PathBuf>,
    list: Vec<(PathBuf, Span)>,
}

impl Found<'_> {
    /// Adds what `text` names.
    fn add(&mut self, text: &str, span: &Span) -> Result<(), Diagnostic> {
        let text = file_path(text)?;
        let (folder, last) = match text.rfind('/') {
            Some(slash) => text.split_at(slash + 1),
            None => ("", text.as_str()),
        };
        if folder.contains(WILDCARDS) {
            return Err(bad_pattern(&text, "only the last part may have wildcards"));
        }
        if !last.contains(WILDCARDS) {
            let path = PathBuf::from(&text);
            return match self.is_own(&path) {
                true => Err(includes_itself(&text)),
                false => self.push(path, span),
            };
        }
        let pattern = Pattern::new(last).map_err(|error| bad_pattern(&text, error.msg))?;
        for name in self.names(folder, &pattern, &text)? {
            let path = Path::new(folder).join(name);
            // `*.toml` in the folder of the main file means the others.
            if !self.is_own(&path) {
                self.push(path, span)?;
            }
        }
        Ok(())
    }

    /// What of `folder` matches, by the alphabet. A folder that is not there has nothing in it.
    fn names(
        &self,
        folder: &str,
        pattern: &Pattern,
        text: &str,
    ) -> Result<Vec<OsString>, Diagnostic> {
        let names = match self.files.list(Path::new(folder)) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                let message = format!("cannot look for {}: {error}", quoted(text));
                return Err(Diagnostic::new(Code::IncludeUnreadable, message)
                    .label("its folder cannot be listed"));
            }
        };
        let matches =
            |name: &OsString| pattern.matches_with(&name.to_string_lossy(), MATCH_OPTIONS);
        let mut names: Vec<OsString> = names.into_iter().filter(matches).collect();
        names.sort();
        Ok(names)
    }

    fn push(&mut self, path: PathBuf, span: &Span) -> Result<(), Diagnostic> {
        if self.list.len() == FILES_MAX {
            return Err(Diagnostic::new(
                Code::TooManyIncludes,
                format!("more than {FILES_MAX} files are included"),
            )
            .label("leads to too many")
            .help("join some of them; a file may hold many listeners, clusters and routes"));
        }
        if self.seen.insert(plain(&path)) {
            self.list.push((path, span.clone()));
        }
        Ok(())
    }

    fn is_own(&self, path: &Path) -> bool {
        plain(&self.files.locate(path)) == self.own
    }
}

/// The same path without steps that lead nowhere.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

fn read_one(path: &Path, files: &dyn Files, bytes_max: u64) -> Result<String, Diagnostic> {
    let name = quoted(&path.to_string_lossy());
    let bytes = files.read(path, bytes_max).map_err(|error| unreadable(&name, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let line = not_text_line(&error);
        Diagnostic::new(Code::IncludeNotText, format!("line {line} of {name} is not text"))
            .label("leads to a file that is not UTF-8")
            .help("a config is a text file in UTF-8; does the pattern match too much?")
    })
}

fn unreadable(file: &str, error: &io::Error) -> Diagnostic {
    match error.kind() {
        io::ErrorKind::NotFound => {
            Diagnostic::new(Code::IncludeAbsent, format!("there is no file {file} to include"))
                .label("no such file")
                .help("a path starts at the folder of this config; a pattern such as \"conf.d/*.toml\" may match nothing")
        }
        io::ErrorKind::FileTooLarge => {
            Diagnostic::new(Code::IncludeTooLarge, format!("{file} makes the config too large"))
                .label("too large")
                .help("all files of a config together have at most 16 MiB")
        }
        _ => Diagnostic::new(Code::IncludeUnreadable, format!("cannot read {file}: {error}"))
            .label("cannot be read"),
    }
}

fn bad_pattern(text: &str, why: &str) -> Diagnostic {
    Diagnostic::new(Code::BadFilePath, format!("{} is not a pattern", quoted(text)))
        .label(why)
        .help("as in \"conf.d/*.toml\": `*` stands for anything but a slash, `?` for one character, `[a-z]` for one of those")
}

fn includes_itself(text: &str) -> Diagnostic {
    Diagnostic::new(Code::NestedInclude, format!("{} includes itself", quoted(text)))
        .label("is this file")
        .help("name other files")
}

const WILDCARDS: [char; 3] = ['*', '?', '['];

/// As in a shell: what starts with a dot, such as an editor's lock, is not meant by `*`.
const MATCH_OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

#[cfg(test)]
mod tests;

//! `--save`: keeps a command line as a config file. `serve` asks for it, and the service writes once the balancer runs, so
//! that what did not start leaves no file.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use evenkeel_control::config::{Config, to_toml};

use crate::failure::Failure;

/// A file that is to be written.
pub(crate) struct Save {
    file: PathBuf,
    may_replace: bool,
}

impl Save {
    /// Refuses a file that is there, before anything is started; nothing is written yet.
    pub(super) fn new(file: &Path, may_replace: bool) -> Result<Self, Failure> {
        // Not `exists`: a link into nowhere is there too.
        if !may_replace && file.symlink_metadata().is_ok() {
            return Err(unsaved(file, &io::ErrorKind::AlreadyExists.into()));
        }
        Ok(Self { file: file.to_owned(), may_replace })
    }

    /// Where the config can be found.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Writes `config`, which may have a certificate that is for development only.
    pub(crate) fn write(&self, config: &Config, is_development: bool) -> Result<(), Failure> {
        let note = if is_development { DEVELOPMENT_NOTE } else { "" };
        let text = format!("{note}{}", to_toml(config));
        self.try_write(&text).map_err(|error| unsaved(&self.file, &error))
    }

    fn try_write(&self, text: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        if self.may_replace {
            options.write(true).create(true).truncate(true);
        } else {
            // The look was long ago: another program may have been quicker.
            options.write(true).create_new(true);
        }
        options.open(&self.file)?.write_all(text.as_bytes())
    }
}

fn unsaved(file: &Path, error: &io::Error) -> Failure {
    let file = file.display();
    let way_out = match error.kind() {
        io::ErrorKind::AlreadyExists => {
            return Failure::Running(format!(
                "{file} exists already, and was left as it is\n  \
                 --force replaces it; `evenkeel run -c {file}` runs it"
            ));
        }
        io::ErrorKind::NotFound => "its folder does not exist; create that, or name another file",
        io::ErrorKind::PermissionDenied => {
            "this user may not write there; name another file, or leave out --save"
        }
        io::ErrorKind::IsADirectory => "it is a folder; name a file in it",
        _ => "name another file, or leave out --save",
    };
    Failure::Running(format!("cannot write {file}: {error}\n  {way_out}"))
}

/// Whoever finds the file later has not seen the line that it stands for.
const DEVELOPMENT_NOTE: &str = "\
# The certificate is one for development, which no machine but this one trusts: name your own before anybody else comes.
";

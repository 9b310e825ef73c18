//! What a config file says about the admin API, whatever else is wrong with it: whoever mends a file that was refused wants to reach
//! the balancer that refused it. Read by the commands that talk to one.

use std::path::Path;

use super::assemble::assemble;
use super::decode::read_admin;
use super::diagnostic::Sink;
use super::files::Folder;
use super::model::{AdminBind, Secret};
use super::section::Section;
use super::sources::{Source, Sources};
use super::{environment, read_file};

/// `[admin]` of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSection {
    /// Where the admin API listens.
    pub bind: AdminBind,
    /// What it takes for a token.
    pub token: Option<Secret>,
}

impl AdminSection {
    /// Reads that part of a file; `None` if it cannot be known, because of a mistake that is, or may be, about it.
    pub fn read(path: &Path) -> Option<Self> {
        let text = String::from_utf8(read_file(path).ok()?).ok()?;
        let (name, ignored) = (path.display().to_string(), Sink::default());
        let mut sources = Sources::new(Source { name, text: text.clone() });
        let all = assemble(&text, &mut sources, &Folder::of(path), &environment, &ignored);
        let is_whole = all.is_whole && !all.is_broken();
        let sink = Sink::default();
        let section = Section::file(&all.tree, &sink).table("admin", read_admin);
        let draft = match section {
            Some(draft) => draft,
            None if is_whole => Default::default(),
            None => return None,
        };
        let is_right = sink.into_report(sources).errors() == 0;
        // What a variable would have said that is not set here is not known.
        let token = draft.token.filter(|token| !token.reveal().contains("${"));
        is_right.then_some(Self { bind: draft.bind, token })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(text: &str) -> Option<AdminSection> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("evenkeel.toml");
        fs::write(directory.path().join("admin.toml"), "[admin]\nbind = '127.0.0.1:2'\n").unwrap();
        fs::write(&file, text).unwrap();
        AdminSection::read(&file)
    }

    fn bind(text: &str) -> Option<String> {
        read(text).map(|section| match section.bind {
            AdminBind::Fixed(address) => address.to_string(),
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn a_mistake_elsewhere_does_not_hide_where_the_admin_api_is() {
        let admin = "[admin]\nbind = '127.0.0.1:1'\n";
        for broken in ["", "[listener.web]\nbnid = 1\n", "[cluster.api]\nendpoints = [\n"] {
            let found = bind(&format!("{admin}{broken}"));
            assert_eq!(found.as_deref(), Some("127.0.0.1:1"), "{broken}");
        }
        assert_eq!(bind("include = ['admin.toml']\nx = 1\n").as_deref(), Some("127.0.0.1:2"));
        assert_eq!(bind("workers = 0\n").as_deref(), Some("127.0.0.1:9900"));
        assert_eq!(bind("[admin]\nbind = false\n").as_deref(), Some("Off"));
    }

    #[test]
    fn a_mistake_that_may_be_about_it_is_no_answer() {
        for broken in ["[admin]\nbind = 'x'\n", "[admin]\nbind = '${NOT_SET}:1'\n", "[listener\n"] {
            assert_eq!(read(broken), None, "{broken}");
        }
        let token = |text: &str| read(&format!("[admin]\ntoken = '{text}'\n")).unwrap().token;
        assert_eq!(token("0123456789abcdef").unwrap().reveal(), "0123456789abcdef");
        assert_eq!(token("${A_VARIABLE_THAT_IS_NOT_SET}"), None);
    }
}

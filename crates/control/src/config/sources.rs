//! What was read, as one space of offsets: each text follows the one before it, so that a place is a plain range of bytes
//! whichever file it is in. `Config::read` fills it, reports ask it where things are.

use std::path::{Path, PathBuf};

use super::diagnostic::Span;

/// What was read: a file, or a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file as it was named by whoever asked for it.
    pub name: String,
    /// All of it; empty if it could not be read.
    pub text: String,
}

/// A config's own text, and those that it includes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Boxed: a report is carried in many results.
    main: Box<Entry>,
    /// In the order of their offsets.
    included: Vec<Entry>,
}

/// Where something is, for people: lines and columns start at 1, and columns count characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// In what.
    pub source: &'a Source,
    /// Which bytes of it.
    pub span: Span,
    /// Line and column of its first character.
    pub start: (usize, usize),
    /// Line and column behind its last character.
    pub end: (usize, usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    source: Source,
    /// Its offset in the common space.
    base: usize,
    /// Where paths in it start, seen from the folder of the main file.
    folder: PathBuf,
    /// Where its lines start.
    lines: Vec<usize>,
}

// === impl Sources ===

impl Sources {
    /// Only a main text, at offset 0.
    pub(super) fn new(main: Source) -> Self {
        Self { main: Box::new(Entry::new(main, 0, PathBuf::new())), included: Vec::new() }
    }

    /// Adds an included text whose paths start at `folder`.
    pub(super) fn include(&mut self, source: Source, folder: PathBuf) {
        let last = self.included.last().unwrap_or(&self.main);
        // One more than its length: the end of a text is a place of its own, not the start of the next.
        let base = last.base + last.source.text.len() + 1;
        self.included.push(Entry::new(source, base, folder));
    }

    /// What was asked for.
    pub fn main(&self) -> &Source {
        &self.main.source
    }

    /// The offset and the text of each source that is included.
    pub(super) fn included(&self) -> impl Iterator<Item = (usize, &Source)> {
        self.included.iter().map(|entry| (entry.base, &entry.source))
    }

    /// Where something is. What lies beyond a text is at its end.
    pub fn place(&self, span: &Span) -> Place<'_> {
        let entry = self.entry(span.start);
        let text = &entry.source.text;
        let local = |offset: usize| text.floor_char_boundary(offset.saturating_sub(entry.base));
        let start = local(span.start);
        let end = local(span.end).max(start);
        let (start_at, end_at) = (entry.position(start), entry.position(end));
        Place { source: &entry.source, span: start..end, start: start_at, end: end_at }
    }

    /// The file that the text at `offset` calls `path`, as the main file would call it.
    pub(super) fn resolve(&self, offset: usize, path: &Path) -> PathBuf {
        self.entry(offset).folder.join(path)
    }

    fn entry(&self, offset: usize) -> &Entry {
        let behind = self.included.partition_point(|entry| entry.base <= offset);
        behind.checked_sub(1).map_or(&self.main, |last| &self.included[last])
    }
}

// === impl Entry ===

impl Entry {
    fn new(source: Source, base: usize, folder: PathBuf) -> Self {
        let newlines = source.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        Self { source, base, folder, lines }
    }

    /// Line and column of a byte at which a character starts.
    fn position(&self, byte: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= byte);
        let start = self.lines[line - 1];
        (line, self.source.text[start..byte].chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, text: &str) -> Source {
        Source { name: name.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn an_offset_leads_to_the_text_it_is_in() {
        let mut sources = Sources::new(source("a", "x\nyé\n"));
        sources.include(source("b", ""), PathBuf::from("d"));
        sources.include(source("c", "z"), PathBuf::from("d/e"));
        let at = |span: Span| {
            let place = sources.place(&span);
            (place.source.name.as_str(), place.start, place.end)
        };
        assert_eq!(at(0..1), ("a", (1, 1), (1, 2)));
        assert_eq!(at(3..5), ("a", (2, 2), (2, 3)));
        assert_eq!(at(6..6), ("a", (3, 1), (3, 1)));
        assert_eq!(at(7..7), ("b", (1, 1), (1, 1)));
        assert_eq!(at(8..9), ("c", (1, 1), (1, 2)));
        assert_eq!(at(100..200), ("c", (1, 2), (1, 2)));
        assert_eq!(sources.resolve(8, Path::new("p")), Path::new("d/e/p"));
        assert_eq!(sources.resolve(0, Path::new("p")), Path::new("p"));
    }

    #[test]
    fn a_place_inside_a_character_is_at_its_start() {
        let sources = Sources::new(source("a", "é"));
        assert_eq!(sources.place(&(1..1)).start, (1, 1));
        assert_eq!(sources.place(&(2..2)).start, (1, 2));
    }
}

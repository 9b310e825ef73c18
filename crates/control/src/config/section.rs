//! Reads tables of a spanned TOML tree key by key. It reports what does not fit and goes on with the default, so that the
//! decoders in `decode` read like the schema, and one run finds every mistake.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::diagnostic::{Code, Diagnostic, Sink, Span, quoted};
use super::suggest;
use super::units;

mod field;

pub(super) use field::Field;

/// A table, and which of its keys were asked for. [`Section::finish`] reports the others.
pub(super) struct Section<'a> {
    /// As messages name it: `` listener `web` ``.
    title: String,
    span: Span,
    table: &'a DeTable<'a>,
    asked: Vec<&'static str>,
    sink: &'a Sink,
}

impl<'a> Section<'a> {
    /// Reads a whole config.
    pub(super) fn file(file: &'a Spanned<DeTable<'a>>, sink: &'a Sink) -> Self {
        Self::new(FILE.to_owned(), file.span(), file.get_ref(), sink)
    }

    /// Reads `table`, for which messages point to `span`.
    fn new(title: String, span: Span, table: &'a DeTable<'a>, sink: &'a Sink) -> Self {
        Self { title, span, table, asked: Vec::new(), sink }
    }

    /// As messages name it.
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// Where it is: its name, or the whole of an inline table.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// The value of `key`, if it is there.
    pub(super) fn optional(&mut self, key: &'static str) -> Option<Field<'a>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        let (spelt, value) = self.table.get_key_value(key)?;
        let of = if self.title == FILE { String::new() } else { format!(" of {}", self.title) };
        let name = format!("`{key}`{of}");
        let key_span = spelt.span();
        Some(Field { name, of, key_span, value, has_off: false, sink: self.sink })
    }

    /// The value of `key`; `help` says how to write it where it is missing.
    pub(super) fn required(&mut self, key: &'static str, help: &str) -> Option<Field<'a>> {
        let field = self.optional(key);
        if field.is_none() {
            let message = format!("{} has no `{key}`", self.title);
            let problem =
                Diagnostic::new(Code::MissingKey, message).label(format!("lacks `{key}`"));
            self.sink.report(problem.help(help).at(self.span.clone()));
        }
        field
    }

    /// A duration; more than nothing.
    pub(super) fn duration(&mut self, key: &'static str, default: Duration) -> Duration {
        self.good_duration(key, default).unwrap_or(default)
    }

    /// The same, but `None` after a mistake, for who would draw conclusions from it.
    pub(super) fn good_duration(
        &mut self,
        key: &'static str,
        default: Duration,
    ) -> Option<Duration> {
        let Some(field) = self.optional(key) else { return Some(default) };
        field.parsed("a duration in quotes", parse_wait)
    }

    /// What `parse` makes of the value, which messages call `noun`; `None` where it is switched off, as it is by default.
    pub(super) fn unless_off<T>(
        &mut self,
        key: &'static str,
        noun: &str,
        parse: impl FnOnce(&str) -> Result<T, Diagnostic>,
    ) -> Option<T> {
        let field = self.optional(key)?;
        let value = field.parsed(&format!("{noun}, or \"off\""), |text| match text {
            "off" => Ok(None),
            _ => parse(text).map(Some).map_err(Diagnostic::or_off),
        });
        value.flatten()
    }

    /// A share; `None` where it is switched off.
    pub(super) fn share_or_off(&mut self, key: &'static str, default: Option<f64>) -> Option<f64> {
        let Some(field) = self.optional(key) else { return default };
        let share = field.parsed("a share in quotes, or \"off\"", |text| match text {
            "off" => Ok(None),
            _ => units::parse_share(text).map(Some),
        });
        share.unwrap_or(default)
    }

    /// A duration, more than nothing; `None` where it is switched off.
    pub(super) fn duration_or_off(
        &mut self,
        key: &'static str,
        default: Option<Duration>,
    ) -> Option<Duration> {
        let Some(field) = self.optional(key) else { return default };
        let duration = field.parsed("a duration in quotes, or \"off\"", |text| match text {
            "off" => Ok(None),
            _ => parse_wait(text).map(Some).map_err(Diagnostic::or_off),
        });
        duration.unwrap_or(default)
    }

    /// What `read` makes of a number; `None` where it is switched off.
    pub(super) fn or_off<T>(
        &mut self,
        key: &'static str,
        default: Option<T>,
        read: impl FnOnce(&Field<'a>) -> Option<T>,
    ) -> Option<T> {
        let Some(field) = self.optional(key) else { return default };
        match field.value() {
            DeValue::String(text) if &**text == "off" => None,
            DeValue::String(_) => field.wrong_type("a number, or \"off\"").or(default),
            _ => read(&Field { has_off: true, ..field }).or(default),
        }
    }

    /// A whole number within `bounds`.
    pub(super) fn integer<N: TryFrom<u64>>(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<u64>,
        default: N,
    ) -> N {
        self.optional(key).and_then(|field| field.integer(bounds)).unwrap_or(default)
    }

    /// What `read` makes of the table under `key`, if it is there.
    pub(super) fn table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'a>) -> T,
    ) -> Option<T> {
        self.optional(key)?.table(read)
    }

    /// What `read` makes of each `[key.NAME]`, in the order of the file.
    pub(super) fn named<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(Spanned<String>, &mut Section<'a>) -> T,
    ) -> Vec<T> {
        let Some(field) = self.optional(key) else { return Vec::new() };
        let DeValue::Table(table) = field.value.get_ref() else {
            return field.wrong_type(&format!("a table, as in `[{key}.NAME]`")).unwrap_or_default();
        };
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let sink = self.sink;
        let read_one = |(name, value): (&'a Spanned<DeString<'a>>, &'a Spanned<DeValue<'a>>)| {
            let name = Spanned::new(name.span(), name.get_ref().to_string());
            sink.take(check_name(name.get_ref()), name.span());
            let title = format!("{key} {}", quoted(name.get_ref()));
            let (key_span, of) = (name.span(), String::new());
            let field = Field { name: title, of, key_span, value, has_off: false, sink };
            field.table(|section| read(name, section))
        };
        entries.into_iter().filter_map(read_one).collect()
    }

    /// Notes a mistake.
    pub(super) fn report(&self, diagnostic: Diagnostic) {
        self.sink.report(diagnostic);
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self) {
        for (key, value) in self.table {
            if !self.asked.contains(&key.get_ref().as_ref()) {
                self.sink.report(self.unknown(key.get_ref(), value.get_ref()).at(key.span()));
            }
        }
    }

    fn unknown(&self, key: &str, value: &DeValue<'_>) -> Diagnostic {
        let message = format!("unknown key {} in {}", quoted(key), self.title);
        let problem = Diagnostic::new(Code::UnknownKey, message);
        let known = self.asked.iter().copied();
        let translated = suggest::translate_key(key, &self.asked);
        // What has another home is spelt right.
        let closest = || suggest::closest(key, known).filter(|_| suggest::home(key).is_none());
        let meant = translated.or_else(closest).map(|meant| match value {
            // Not so is what was meant.
            DeValue::Boolean(false) => suggest::key_of(meant),
            _ => meant,
        });
        let problem = match meant {
            Some(meant) => problem.label(format!("did you mean `{meant}`?")),
            None => problem.label("does not belong here"),
        };
        // What others call a key of such a small table so was hardly meant for another one.
        let is_meant = translated.is_some() && self.title.contains(" of ");
        match (suggest::home(key).filter(|_| !is_meant), meant) {
            (Some(home), _) => problem.help(format!("`{key}` belongs {home}")),
            (None, Some(_)) => problem,
            (None, None) => problem.help(format!("known here: {}", self.asked.join(", "))),
        }
    }
}

/// A duration; more than nothing.
pub(super) fn parse_wait(text: &str) -> Result<Duration, Diagnostic> {
    match units::parse_duration(text)? {
        Duration::ZERO => {
            Err(Diagnostic::new(Code::OutOfBounds, format!("{} is too short", quoted(text)))
                .label("wants at least 1ms"))
        }
        duration => Ok(duration),
    }
}

/// Names become labels of metrics and words on the command line, and must not look like addresses.
pub(super) fn check_name(name: &str) -> Result<(), Diagnostic> {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let problem = if name.is_empty() {
        "is empty"
    } else if name.len() > NAME_BYTES_MAX {
        "is too long"
    } else if !name.bytes().all(is_good) {
        "has other characters"
    } else if !name.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        "has no letter"
    } else {
        return Ok(());
    };
    Err(Diagnostic::new(Code::BadName, format!("{} cannot be a name", quoted(name)))
        .label(problem)
        .help("letters, digits, `-`, `_` and `.`, at most 64, at least one of them a letter"))
}

/// What the outermost table is called; its keys are named without it.
const FILE: &str = "the file";

/// A name has to fit into a column of the status.
const NAME_BYTES_MAX: usize = 64;

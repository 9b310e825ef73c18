//! One value of a config with its name and place. Each reader takes what fits, or reports what was expected.

use std::fmt::Display;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeString, DeValue};

use super::super::diagnostic::{Code, Diagnostic, Sink, Span, quoted};
use super::super::suggest;
use super::super::units::format_share;
use super::Section;

/// A value, not yet understood.
#[derive(Clone)]
pub(in super::super) struct Field<'a> {
    /// As messages name it: `` `bind` of listener `web` ``.
    pub(super) name: String,
    /// The end of `name`: `` of listener `web` ``.
    pub(super) of: String,
    pub(super) key_span: Span,
    pub(super) value: &'a Spanned<DeValue<'a>>,
    /// Whether `"off"` could stand here.
    pub(super) has_off: bool,
    pub(super) sink: &'a Sink,
}

impl<'a> Field<'a> {
    /// Where the value is.
    pub(in super::super) fn span(&self) -> Span {
        self.value.span()
    }

    /// Where the key is.
    pub(in super::super) fn key_span(&self) -> Span {
        self.key_span.clone()
    }

    /// What it is, for readers that take several types.
    pub(in super::super) fn value(&self) -> &'a DeValue<'a> {
        self.value.get_ref()
    }

    /// What `parse` makes of the string that it is.
    pub(in super::super) fn parsed<T>(
        &self,
        expected: &str,
        parse: impl FnOnce(&str) -> Result<T, Diagnostic>,
    ) -> Option<T> {
        match self.value().as_str() {
            Some(text) => self.sink.take(parse(text), self.span()),
            None => self.wrong_type(expected),
        }
    }

    /// The one of `words` that it is, or a mistake; those of `later` are right words, but for a later version.
    pub(in super::super) fn word(
        &self,
        words: &[&'static str],
        later: &[&'static str],
    ) -> Option<&'static str> {
        self.parsed("a string", |text| {
            let known = words.iter().copied().find(|&word| word == text);
            known.ok_or_else(|| self.unknown_word(text, words, later))
        })
    }

    /// What the word stands for that it is, or a mistake.
    pub(in super::super) fn choice<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let names: Vec<&'static str> = words.iter().map(|(word, _)| *word).collect();
        if self.value().as_str().is_none() {
            return self.wrong_choice(&names);
        }
        let word = self.word(&names, &[])?;
        words.iter().find(|(known, _)| *known == word).map(|(_, value)| *value)
    }

    /// A whole number within `bounds`.
    pub(in super::super) fn integer<N: TryFrom<u64>>(
        &self,
        bounds: RangeInclusive<u64>,
    ) -> Option<N> {
        let Some(integer) = self.value().as_integer() else { return self.wrong_type("an integer") };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let fitting = number.filter(|number| bounds.contains(number)).map(N::try_from);
        if let Some(Ok(number)) = fitting {
            return Some(number);
        }
        self.report_bounds(&bounds)
    }

    /// A number within `bounds`, whole or not.
    pub(in super::super) fn number(&self, bounds: RangeInclusive<f64>) -> Option<f64> {
        let number = match self.value() {
            DeValue::Float(float) => float.as_str().parse::<f64>().ok(),
            DeValue::Integer(integer) => integer.as_str().parse::<f64>().ok(),
            _ => return self.wrong_type("a number"),
        };
        let fitting = number.filter(|number| bounds.contains(number));
        fitting.or_else(|| self.report_bounds(&bounds))
    }

    fn report_bounds<N: Display, T>(&self, bounds: &RangeInclusive<N>) -> Option<T> {
        let message = format!("{} is out of bounds", self.name);
        let label = format!("wants {} to {}", bounds.start(), bounds.end());
        let problem = Diagnostic::new(Code::OutOfBounds, message).label(label);
        self.report(if self.has_off { problem.or_off() } else { problem });
        None
    }

    /// True or false.
    pub(in super::super) fn boolean(&self) -> Option<bool> {
        self.value().as_bool().or_else(|| self.wrong_type("true or false"))
    }

    /// The items of a list, or the value itself where one stands alone. Messages call an item `noun`.
    pub(in super::super) fn items(&self, noun: &str) -> Vec<Field<'a>> {
        match self.value() {
            DeValue::Array(items) => items.iter().map(|value| self.item(noun, value)).collect(),
            _ => vec![self.clone()],
        }
    }

    /// The entries of the table that it is, whose keys may be anything, in the order of the file. Messages call one `noun`.
    pub(in super::super) fn entries(
        &self,
        noun: &str,
        expected: &str,
    ) -> Vec<(&'a str, Field<'a>)> {
        let DeValue::Table(table) = self.value() else {
            return self.wrong_type(expected).unwrap_or_default();
        };
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let entry = |(key, value): (&'a Spanned<DeString<'a>>, &'a Spanned<DeValue<'a>>)| {
            let key_text: &'a str = key.get_ref();
            let name = format!("{noun} {}{}", quoted(key_text), self.of);
            (key_text, Field { name, key_span: key.span(), value, ..self.clone() })
        };
        entries.into_iter().map(entry).collect()
    }

    /// What `read` makes of the table that it is. Keys that `read` does not ask for are mistakes.
    pub(in super::super) fn table<T>(self, read: impl FnOnce(&mut Section<'a>) -> T) -> Option<T> {
        let DeValue::Table(table) = self.value() else { return self.wrong_type("a table") };
        let mut section = Section::new(self.name, self.key_span, table, self.sink);
        let read = read(&mut section);
        section.finish();
        Some(read)
    }

    /// Reports that it is of another type than `expected`.
    pub(in super::super) fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        self.mistyped(expected, self.quotes_help(expected))
    }

    /// The same, with what to do about it.
    pub(in super::super) fn mistyped<T>(&self, expected: &str, help: Option<String>) -> Option<T> {
        let found = self.value().type_str();
        let article = if found.starts_with(['a', 'i']) { "an" } else { "a" };
        let message = format!("{} is of the wrong type", self.name);
        let label = format!("expected {expected}, found {article} {found}");
        let mut problem = Diagnostic::new(Code::WrongType, message).label(label);
        if let Some(help) = help {
            problem = problem.help(help);
        }
        self.report(problem);
        None
    }

    /// The same of one of `words`, which a number may have been meant for.
    fn wrong_choice<T>(&self, words: &[&'static str]) -> Option<T> {
        let number = match self.value() {
            DeValue::Integer(integer) => Some(integer.as_str()),
            DeValue::Float(float) => Some(float.as_str()),
            _ => None,
        };
        let is_word = |number: &&str| words.contains(number);
        let meant = number
            .and_then(|it| Some(it).filter(is_word).or_else(|| suggest::translate(it, words)));
        let help = meant.map(|meant| format!("put it in quotes: \"{meant}\""));
        match words.len() {
            ..=LISTED_MAX => self.mistyped(&format!("\"{}\"", words.join("\" or \"")), help),
            _ => self.mistyped("a string", help),
        }
    }

    /// Notes a mistake in the value.
    pub(in super::super) fn report(&self, diagnostic: Diagnostic) {
        self.sink.report(diagnostic.at(self.span()));
    }

    /// Notes a mistake in the key.
    pub(in super::super) fn report_key(&self, diagnostic: Diagnostic) {
        self.sink.report(diagnostic.at(self.key_span()));
    }

    /// Notes that the key has no business here.
    pub(in super::super) fn report_misplaced(&self, why: &str) {
        let problem = Diagnostic::new(Code::MisplacedKey, format!("{} has no effect", self.name));
        self.sink.report(problem.label("does not belong here").help(why).at(self.key_span()));
    }

    /// How to write the same value as the type that was expected, if only the quotes are wrong.
    fn quotes_help(&self, expected: &str) -> Option<String> {
        match self.value() {
            DeValue::Integer(number) if number.as_str() == "0" && expected.contains("\"off\"") => {
                Some("write \"off\"".to_owned())
            }
            DeValue::Integer(number) if expected.starts_with("a duration") => {
                Some(format!("put it in quotes, with a unit: \"{number}s\""))
            }
            DeValue::Integer(number) if expected.starts_with("a share") => {
                Some(format!("put it in quotes, with a percent sign: \"{number}%\""))
            }
            DeValue::Float(number) if expected.starts_with("a share") => {
                let share = number.as_str().parse().ok().filter(|it| (0.0..=1.0).contains(it))?;
                let share = format_share(share);
                Some(format!("put it in quotes, with a percent sign: \"{share}\""))
            }
            DeValue::Integer(number)
                if expected.contains("a rate") && is_plain(number.as_str()) =>
            {
                Some(format!("put it in quotes, with a unit: \"{number}/s\""))
            }
            DeValue::Float(number)
                if expected.contains("a rate such as") && is_plain(number.as_str()) =>
            {
                Some(format!("put it in quotes, with a unit: \"{}/s\"", number.as_str()))
            }
            DeValue::Boolean(true) if expected.contains("a rate such as") => {
                Some("say how fast, as in \"1/s\"".to_owned())
            }
            DeValue::Boolean(false) if expected.contains("\"off\"") => {
                Some("write \"off\"".to_owned())
            }
            DeValue::Integer(number)
                if expected.contains("string") || expected.contains("quotes") =>
            {
                Some(format!("put it in quotes: \"{number}\""))
            }
            DeValue::String(text) if is_without_quotes(text, expected) => {
                Some(format!("leave out the quotes: {text}"))
            }
            DeValue::String(text) if expected == "true or false" => match &**text {
                "on" | "yes" => Some("write true".to_owned()),
                "off" | "no" => Some("write false".to_owned()),
                _ => None,
            },
            _ => None,
        }
    }

    fn item(&self, noun: &str, value: &'a Spanned<DeValue<'a>>) -> Self {
        Field { name: format!("{noun}{}", self.of), key_span: value.span(), value, ..self.clone() }
    }

    fn unknown_word(&self, text: &str, words: &[&str], later: &[&str]) -> Diagnostic {
        let list = words.join(", ");
        if later.contains(&text) {
            let message = format!("{}: {} is not supported yet", self.name, quoted(text));
            return Diagnostic::new(Code::Unsupported, message)
                .label("not supported yet")
                .help(format!("this version knows {list}"));
        }
        let message = format!("{} cannot be {}", self.name, quoted(text));
        let problem = Diagnostic::new(Code::UnknownWord, message);
        if let Some(several) = suggest::several(text, words) {
            let help = format!("write \"{}\"", several.join("\", \""));
            return problem.label("stands for several").help(help);
        }
        let meant = suggest::translate(text, words);
        match meant.or_else(|| suggest::closest_value(text, words)) {
            Some(word) => problem.label(format!("did you mean `{word}`?")),
            None => problem.label("unknown").help(format!("this version knows {list}")),
        }
    }
}

/// Whether a number has neither a sign nor an exponent.
fn is_plain(number: &str) -> bool {
    number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Whether a text would be as `expected` had it no quotes.
fn is_without_quotes(text: &str, expected: &str) -> bool {
    let is_number =
        text.starts_with(|first: char| first.is_ascii_digit()) && text.parse::<f64>().is_ok();
    match text {
        "true" | "false" => expected.contains("true or false"),
        _ if expected.contains("integer") => text.parse::<u64>().is_ok(),
        _ => is_number && expected.contains("number"),
    }
}

/// More words would be a line that nobody reads to its end.
const LISTED_MAX: usize = 6;

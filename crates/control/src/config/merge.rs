//! Several files as one: what an included file says joins what was said before, and nothing may be said twice. `Config::read`
//! calls it.

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::diagnostic::{Code, Diagnostic, Sink, Span, quoted};

/// Adds what an included file says to `into`.
pub(super) fn merge<'a>(into: &mut DeTable<'a>, from: DeTable<'a>, sink: &Sink) {
    for (key, value) in in_order(from) {
        if key.get_ref() == "include" {
            sink.report(nested().at(key.span()));
            continue;
        }
        let first = into.get_key_value(key.get_ref().as_ref()).map(|(first, _)| first.span());
        let Some(first) = first else {
            into.insert(key, value);
            continue;
        };
        let Some(said) = into.get_mut(key.get_ref().as_ref()) else { continue };
        join(said.get_mut(), (key, value), first, sink);
    }
}

/// Puts a table's value behind what an earlier file has under the same key, if both can be.
fn join<'a>(
    said: &mut DeValue<'a>,
    (key, value): (Spanned<DeString<'a>>, Spanned<DeValue<'a>>),
    first: Span,
    sink: &Sink,
) {
    match (said, value.into_inner()) {
        (DeValue::Table(said), DeValue::Table(more)) if NAMED.contains(&key.get_ref().as_ref()) => {
            join_named(key.get_ref(), said, more, sink);
        }
        // `[[…]]` goes on.
        (DeValue::Array(said), DeValue::Array(more))
            if said.iter().chain(more.iter()).all(|item| item.get_ref().is_table()) =>
        {
            more.into_iter().for_each(|item| said.push(item));
        }
        (_, DeValue::Table(_)) => {
            sink.report(twice(&format!("`[{}]`", key.get_ref()), first).at(key.span()));
        }
        _ => sink.report(twice(&quoted(key.get_ref()), first).at(key.span())),
    }
}

fn join_named<'a>(kind: &str, said: &mut DeTable<'a>, more: DeTable<'a>, sink: &Sink) {
    for (name, value) in in_order(more) {
        match said.get_key_value(name.get_ref().as_ref()) {
            Some((first, _)) => {
                let what = format!("{kind} {}", quoted(name.get_ref()));
                sink.report(twice(&what, first.span()).at(name.span()));
            }
            None => drop(said.insert(name, value)),
        }
    }
}

/// The same table with every place moved by `base` bytes.
pub(super) fn shift(table: DeTable<'_>, base: usize) -> DeTable<'_> {
    let moved = |(key, value)| (shift_one(key, base), shift_value(value, base));
    table.into_iter().map(moved).collect()
}

fn shift_value(value: Spanned<DeValue<'_>>, base: usize) -> Spanned<DeValue<'_>> {
    let span = value.span();
    let moved = match value.into_inner() {
        DeValue::Table(table) => DeValue::Table(shift(table, base)),
        DeValue::Array(array) => {
            DeValue::Array(array.into_iter().map(|item| shift_value(item, base)).collect())
        }
        other => other,
    };
    Spanned::new(span.start + base..span.end + base, moved)
}

fn shift_one<T>(spanned: Spanned<T>, base: usize) -> Spanned<T> {
    let span = spanned.span();
    Spanned::new(span.start + base..span.end + base, spanned.into_inner())
}

/// A table lists its keys by the alphabet; people read mistakes in the order of the file.
fn in_order<'a>(table: DeTable<'a>) -> Vec<(Spanned<DeString<'a>>, Spanned<DeValue<'a>>)> {
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn twice(what: &str, first: Span) -> Diagnostic {
    Diagnostic::new(Code::DuplicateKey, format!("{what} is there twice"))
        .label("already said")
        .related(first, "first here")
        .help("files that are included add to each other and override nothing; take one of the two out")
}

fn nested() -> Diagnostic {
    Diagnostic::new(Code::NestedInclude, "an included file includes others")
        .label("only in the main file")
        .help("name those files, too, in the `include` of the main file")
}

/// Tables whose entries have names and may be spread over files.
const NAMED: [&str; 2] = ["listener", "cluster"];

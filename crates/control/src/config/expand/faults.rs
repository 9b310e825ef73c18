//! What is said about variables that cannot be expanded, and about values that may not be shown.

use super::super::diagnostic::{Code, Diagnostic, quoted};
use super::reference::Fault;

impl Fault {
    /// What is wrong with `written`, the rest of a string from the dollar sign on.
    pub(super) fn diagnostic(&self, written: &str) -> Diagnostic {
        let (what, label) = match self {
            Self::Unclosed => ("is not closed", "lacks the `}`"),
            Self::Nested => ("has another variable in it", "a default is taken as it is"),
            Self::BadName => ("has no name of a variable in it", "wants the name of a variable"),
            Self::BadOperator => ("is not understood", "knows `:-` and `:?` behind the name"),
        };
        Diagnostic::new(Code::BadReference, format!("{} {what}", quoted(written)))
            .label(label)
            .help("as in `${PORT}`, `${PORT:-8080}` or `${PORT:?set it}`, with letters, digits and `_` in the name; `$$` is a `$`")
    }
}

/// A variable without a value.
pub(super) fn unset(name: &str) -> Diagnostic {
    Diagnostic::new(Code::VariableUnset, format!("the variable {} is not set", quoted(name)))
        .label("not set")
        .help(format!(
            "set it where evenkeel is started, or give it a default, which may be empty: `${{{name}:-default}}`"
        ))
}

/// A variable without a value, for which the config has a message.
pub(super) fn explained(name: &str, why: &str) -> Diagnostic {
    let why = if why.is_empty() { "it has to be" } else { why };
    let message = format!("the variable {} is not set: {}", quoted(name), why.escape_debug());
    Diagnostic::new(Code::VariableUnset, message).label("not set, or empty")
}

/// A value that no string can hold.
pub(super) fn not_text(name: &str) -> Diagnostic {
    let message = format!("the value of the variable {} is not text", quoted(name));
    Diagnostic::new(Code::VariableNotText, message)
        .label("not UTF-8")
        .help("set it to text in UTF-8")
}

/// More than a config may be.
pub(super) fn too_large() -> Diagnostic {
    Diagnostic::new(Code::ExpandedTooLarge, "the variables make the config too large")
        .label("too large")
        .help("all values together have at most 16 MiB")
}

/// Takes out of a message what may be a part of a secret: readers quote what they do not understand.
pub(super) fn hide(diagnostic: &mut Diagnostic) {
    diagnostic.message = "a secret is not of the right form".into();
    diagnostic.label = "its value is not shown".into();
    diagnostic.help = Some("look at what the variable is set to".into());
}

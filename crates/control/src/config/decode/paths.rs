//! `paths` of a listener: which ambiguous paths are let through.

use evenkeel_proto::path::{Ambiguity, PathRules};

use super::super::section::Section;
use super::super::words::{AMBIGUITY, EMPTY_SEGMENTS};

/// Reads the rules; each is the strictest unless it is loosened.
pub(super) fn read(section: &mut Section<'_>) -> PathRules {
    PathRules {
        encoded_slash: ambiguity(section, "encoded_slash"),
        encoded_nul: ambiguity(section, "encoded_nul"),
        backslash: ambiguity(section, "backslash"),
        overlong_utf8: ambiguity(section, "overlong_utf8"),
        bad_escape: ambiguity(section, "bad_escape"),
        dot_segments: ambiguity(section, "dot_segments"),
        empty_segments: section
            .optional("empty_segments")
            .and_then(|field| field.choice(&EMPTY_SEGMENTS))
            .unwrap_or_default(),
    }
}

fn ambiguity(section: &mut Section<'_>, key: &'static str) -> Ambiguity {
    section.optional(key).and_then(|field| field.choice(&AMBIGUITY)).unwrap_or_default()
}

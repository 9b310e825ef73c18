//! The path of a request in its one normal form (RFC 3986 §6.2.2): what is matched is what goes on. Called where heads are made.

/// What may stand in a path although others read it differently. The strictest is the default: a neighbour that decodes,
/// cleans or splits such a path in another way would serve something that no rule of ours was asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathRules {
    /// `%2f`, which some take for a `/`.
    pub encoded_slash: Ambiguity,
    /// `%00`, at which some end the path.
    pub encoded_nul: Ambiguity,
    /// `\` and `%5c`, which some take for a `/`.
    pub backslash: Ambiguity,
    /// UTF-8 sequences that are longer than they need be, such as `%c0%ae`, which some take for what they stand for.
    pub overlong_utf8: Ambiguity,
    /// A `%` without two hexadecimal digits behind it.
    pub bad_escape: Ambiguity,
    /// `..` that climbs above the root or over an empty segment, and `..;` and its kin. All other dot segments are resolved.
    pub dot_segments: Ambiguity,
    /// `//`.
    pub empty_segments: EmptySegments,
}

/// What becomes of a request in whose path something is ambiguous.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ambiguity {
    /// It is answered with 400.
    #[default]
    Refuse,
    /// It is let through; dot segments are resolved as RFC 3986 §5.2.4 has it.
    Keep,
}

/// What becomes of `//` in a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmptySegments {
    /// It stays: RFC 3986 §3.3 lets a segment be empty, and object stores have keys like that.
    #[default]
    Keep,
    /// It becomes `/`.
    Merge,
    /// The request is answered with 400.
    Refuse,
}

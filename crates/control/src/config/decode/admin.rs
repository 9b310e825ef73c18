//! `[admin]`: where the admin API listens, and what it asks of those who want to change something.

use super::super::address;
use super::super::diagnostic::{Code, Diagnostic, Span};
use super::super::model::{AdminBind, Secret};
use super::super::section::Section;

/// See [`AdminBind`].
pub(in crate::config) struct AdminDraft {
    pub(in crate::config) bind: AdminBind,
    /// Where it is written, if it is.
    pub(in crate::config) span: Option<Span>,
    pub(in crate::config) token: Option<Secret>,
}

impl Default for AdminDraft {
    fn default() -> Self {
        let bind = AdminBind::Fixed(AdminBind::DEFAULT_ADDRESS);
        Self { bind, span: None, token: None }
    }
}

/// Reads the section.
pub(in crate::config) fn read(section: &mut Section<'_>) -> AdminDraft {
    let default = AdminDraft::default();
    let bind = section.optional("bind");
    let span = bind.as_ref().map(|field| field.span());
    let bind = bind.and_then(|field| match field.value().as_bool() {
        Some(false) => Some(AdminBind::Off),
        Some(true) => field.wrong_type(EXPECTED),
        None => field.parsed(EXPECTED, address::parse_admin),
    });
    let token = section.optional("token");
    let token = token.and_then(|field| field.parsed("a string", parse_token));
    AdminDraft { bind: bind.unwrap_or(default.bind), span, token: token.flatten() }
}

/// The empty one is none. What is told about a bad one does not show it.
fn parse_token(text: &str) -> Result<Option<Secret>, Diagnostic> {
    let is_good = |byte: u8| byte.is_ascii_graphic();
    let problem = match text {
        "" => return Ok(None),
        _ if !text.bytes().all(is_good) => "has blanks or other characters than ASCII",
        _ if text.len() < TOKEN_BYTES_MIN => "is short enough to be guessed",
        _ => return Ok(Some(Secret::new(text))),
    };
    Err(Diagnostic::new(Code::BadToken, "the token of the admin API cannot be used")
        .label(problem)
        .help("at least 16 letters, digits and signs; `openssl rand -hex 32` makes a good one"))
}

const EXPECTED: &str = "an address in a string, or false";

/// Below that, guessing over a network is a matter of time.
const TOKEN_BYTES_MIN: usize = 16;

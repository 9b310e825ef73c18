//! How the errors that we make ourselves are answered: what the client is told, and with which page. The data path renders it.

use std::ops::RangeInclusive;

use evenkeel_proto::negotiate::Form;

use crate::reason::Reason;

mod answer;
mod template;

pub use answer::{default_answer, default_media_type};

/// How errors are answered on one listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorAnswers {
    /// Whether the reason's name is told in the field `X-Evenkeel-Reason`.
    pub reason_header: bool,
    /// Pages that stand in for our own text, the most specific first.
    pub pages: Vec<ErrorPage>,
}

/// A page for some statuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    /// The statuses that it is for, such as 503 to 503, or 500 to 599.
    pub statuses: RangeInclusive<u16>,
    /// Its media type, such as `text/html; charset=utf-8`; never with a control byte.
    pub media_type: Box<str>,
    /// Its content, in which `{status}`, `{reason}`, `{message}` and `{request_id}` are replaced.
    pub template: Box<str>,
}

/// What an answer says about one failure.
#[derive(Clone, Copy, Debug)]
pub struct ErrorFacts<'a> {
    /// Why the exchange failed; decides the status, too.
    pub reason: Reason,
    /// The request's id, which a client behind a trusted proxy may have chosen: any bytes. Empty if there is none.
    pub request_id: &'a [u8],
}

// === impl ErrorAnswers ===

impl ErrorAnswers {
    /// The page for `status`, if there is one.
    pub fn page(&self, status: u16) -> Option<&ErrorPage> {
        self.pages.iter().find(|page| page.statuses.contains(&status))
    }
}

// === impl ErrorPage ===

impl ErrorPage {
    /// Appends the page to `out`. Values are escaped as its media type wants it: a request id is text, never markup.
    pub fn render(&self, out: &mut Vec<u8>, facts: &ErrorFacts<'_>) {
        template::fill(&self.template, self.form(), facts, out);
    }

    fn form(&self) -> Form {
        let kind = self.media_type.split(';').next().unwrap_or_default().trim_ascii_end();
        match kind {
            "text/html" => Form::Html,
            _ if kind.ends_with("json") => Form::Json,
            _ => Form::Text,
        }
    }
}

#[cfg(test)]
mod tests;

//! How the errors that we make ourselves are answered: what the client is told, and with which page.

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
    pub statuses: std::ops::RangeInclusive<u16>,
    /// Its media type, such as `text/html; charset=utf-8`; never with a control byte.
    pub media_type: Box<str>,
    /// Its content, in which `{status}`, `{reason}`, `{message}` and `{request_id}` are replaced.
    pub template: Box<str>,
}

impl ErrorAnswers {
    /// The page for `status`, if there is one.
    pub fn page(&self, status: u16) -> Option<&ErrorPage> {
        self.pages.iter().find(|page| page.statuses.contains(&status))
    }
}

//! How long an authority has us wait: its `Retry-After`, brought within bounds before anything goes by it. Called by the transport for each
//! answer.

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, Method};
use httpdate::parse_http_date;

/// Puts into the `headers` of an answer to `method` how long to wait from `now` on.
pub(super) fn bound(method: &Method, headers: &mut HeaderMap, now: SystemTime) {
    let said = headers.remove(RETRY_AFTER).and_then(|value| wait(&value, now));
    let wait = match *method {
        // The one that counts is about when to renew: all else is asked by POST (RFC 8555 §6.3).
        Method::GET => Some(said.unwrap_or(ADVICE_USUAL).clamp(ADVICE_MIN, ADVICE_MAX)),
        _ => said.map(|said| said.min(POLL_MAX)),
    };
    if let Some(wait) = wait {
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs()));
    }
}

/// RFC 9110 §10.2.3: seconds, or a date. `None` for what is neither.
fn wait(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than any number has mean very long.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    Some(parse_http_date(text).ok()?.duration_since(now).unwrap_or_default())
}

/// RFC 9773 §4.3.2: nobody is asked more often than once a minute, or less often than once a day.
const ADVICE_MIN: Duration = Duration::from_mins(1);
pub(super) const ADVICE_MAX: Duration = Duration::from_hours(24);

/// RFC 9773 §4.3.3: where there is no answer.
pub(super) const ADVICE_USUAL: Duration = Duration::from_hours(6);

/// Looks at an order end after two minutes; whoever says later would else have it fail.
const POLL_MAX: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    /// An authority that says "in 600 billion years" ended renewal.
    #[test]
    fn nobody_waits_for_longer_than_what_is_asked_about_is_worth() {
        let now = parse_http_date("Fri, 01 Jan 2027 00:00:00 GMT").unwrap();
        for (said, advice, poll) in [
            (None, "21600", None),
            (Some("no time"), "21600", None),
            (Some(""), "21600", None),
            (Some("-1"), "21600", None),
            (Some("0"), "60", Some("0")),
            (Some(" 7 "), "60", Some("7")),
            (Some("3600"), "3600", Some("20")),
            (Some("18446744073709551615"), "86400", Some("20")),
            (Some("99999999999999999999999"), "86400", Some("20")),
            (Some("Fri, 01 Jan 2027 00:10:00 GMT"), "600", Some("20")),
            (Some("Fri, 31 Dec 9999 23:59:59 GMT"), "86400", Some("20")),
            (Some("Fri, 01 Jan 1999 00:00:00 GMT"), "60", Some("0")),
        ] {
            for (method, expected) in [(Method::GET, Some(advice)), (Method::POST, poll)] {
                let mut headers = HeaderMap::new();
                if let Some(said) = said {
                    headers.insert(RETRY_AFTER, HeaderValue::from_static(said));
                }
                bound(&method, &mut headers, now);
                let heard = headers.get(RETRY_AFTER).map(|value| value.to_str().unwrap());
                assert_eq!(heard, expected, "{method} {said:?}");
            }
        }
    }
}

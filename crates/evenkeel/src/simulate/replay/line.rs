//! One line of an access log: in JSON, or in the combined form.

use std::time::Duration;

use serde::Deserialize;

use super::moment;

/// What a line says about its request's arrival.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Since 1970.
    pub(super) millis: i64,
    /// How far apart two requests may be that seem to have come at once.
    pub(super) resolution: Duration,
    /// The client's address; empty if the line has none.
    pub(super) client: String,
}

/// What we read of a line in JSON.
#[derive(Deserialize)]
struct Line {
    timestamp: String,
    #[serde(rename = "client.address", default)]
    client: String,
}

impl Entry {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text.starts_with('{') { json(text) } else { combined(text) }
    }
}

fn json(text: &str) -> Result<Entry, String> {
    let Line { timestamp, client } = serde_json::from_str(text)
        .map_err(|error| format!("it is no line of our JSON: {error}"))?;
    let millis = moment::rfc3339(&timestamp)
        .ok_or_else(|| format!("`{timestamp}` is no time such as `2026-11-21T09:40:00.000Z`"))?;
    Ok(Entry { millis, resolution: Duration::from_millis(1), client })
}

/// The client stands first, and the time in the first brackets.
fn combined(text: &str) -> Result<Entry, String> {
    let client = text.split(' ').next().unwrap_or_default();
    let rest = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    let Some((time, _)) = rest else {
        return Err("it is neither JSON nor the combined form of an access log".to_owned());
    };
    let millis = moment::common(time)
        .ok_or_else(|| format!("`{time}` is no time such as `21/Nov/2026:09:40:00 +0000`"))?;
    Ok(Entry { millis, resolution: Duration::from_secs(1), client: client.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_tell_time_and_client() {
        let json = "{\"timestamp\":\"1970-01-01T00:00:01.250Z\",\"client.address\":\"::1\",\"client.port\":9}";
        let entry = Entry::read(json).unwrap();
        assert_eq!((entry.millis, entry.client.as_str()), (1250, "::1"));
        let line =
            "192.0.2.7 - - [01/Jan/1970:01:00:02 +0100] \"GET /[a] HTTP/1.1\" 200 1 \"-\" \"-\"";
        let entry = Entry::read(line).unwrap();
        assert_eq!((entry.millis, entry.client.as_str()), (2000, "192.0.2.7"));
        assert_eq!(Entry::read("{\"timestamp\":\"1970-01-01T00:00:00Z\"}").unwrap().client, "");
    }

    #[test]
    fn other_lines_are_refused_and_it_is_said_why() {
        for (line, said) in [
            ("{\"timestamp\":1}", "no line of our JSON"),
            ("{}", "timestamp"),
            ("{\"timestamp\":\"yesterday\"}", "`yesterday` is no time"),
            ("hello", "neither JSON nor"),
            ("a - - [now] \"GET", "`now` is no time"),
        ] {
            let problem = Entry::read(line).unwrap_err();
            assert!(problem.contains(said), "{line}: {problem}");
        }
    }
}

//! 'Did you mean': the known word that an unknown one is close to, and where a word that is known elsewhere belongs.

mod tables;

use tables::{FOREIGN, HOMES, SEVERAL};

/// The word of `known` that `word` was surely meant to be.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    // One slip in three letters: more, and any short word resembles any other.
    let slips_max = (folded.chars().count() + 1).div_euclid(3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &fold(candidate)), candidate))
        .filter(|(slips, candidate)| *slips <= slips_max && *slips < candidate.chars().count())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// The value of `known` that `word` was surely meant to be. Another number, such as a status, is another one, and no slip.
pub(super) fn closest_value<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    closest(word, known.iter().copied()).filter(|_| !is_number)
}

/// The value of `known` that other load balancers call `word`, or that is only written otherwise.
pub(super) fn translate<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let find = |ours: &str| known.iter().copied().find(|&value| value == ours);
    folded_alike(word, known).or_else(|| ours(word).find_map(find))
}

/// The same for keys; with its value, where the word says that, too.
pub(super) fn translate_key(word: &str, known: &[&'static str]) -> Option<&'static str> {
    folded_alike(word, known).or_else(|| ours(word).find(|ours| known.contains(&key_of(ours))))
}

/// A key without the value that it may have there.
pub(super) fn key_of(ours: &'static str) -> &'static str {
    ours.split_once(" = ").map_or(ours, |(key, _)| key)
}

/// The values of `known` that other load balancers have one `word` for.
pub(super) fn several(word: &str, known: &[&str]) -> Option<&'static [&'static str]> {
    let folded = fold(word);
    let rows = SEVERAL.iter().filter(|(foreign, _)| foreign.contains(&folded.as_str()));
    rows.map(|&(_, ours)| ours).find(|ours| ours.iter().all(|value| known.contains(value)))
}

fn folded_alike<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let folded = fold(word);
    known.iter().copied().find(|known| fold(known) == folded)
}

fn ours(word: &str) -> impl Iterator<Item = &'static str> {
    let folded = fold(word);
    let rows = FOREIGN.iter().filter(move |(foreign, _)| foreign.contains(&folded.as_str()));
    rows.flat_map(|(_, ours)| ours.iter().copied())
}

/// Where the key `word` belongs.
pub(super) fn home(word: &str) -> Option<&'static str> {
    HOMES.iter().find(|(keys, _)| keys.contains(&word)).map(|&(_, home)| home)
}

fn fold(word: &str) -> String {
    word.to_ascii_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_close_words_are_suggested() {
        let known = ["health", "balance", "endpoints", "pool"];
        assert_eq!(closest("heath", known), Some("health"));
        assert_eq!(closest("Balance", known), Some("balance"));
        assert_eq!(closest("end-points", known), Some("endpoints"));
        assert_eq!(closest("sticky", known), None);
        assert_eq!(closest("x", known), None);
        assert_eq!(closest("", known), None);
        assert_eq!(closest("port", ["host"]), None);
        assert_eq!(closest("9002", ["9001"]), Some("9001"));
        assert_eq!(closest_value("500", &["502", "503"]), None);
        assert_eq!(closest_value("rest", &["reset", "503"]), Some("reset"));
    }

    #[test]
    fn a_word_of_another_load_balancer_is_translated_to_what_is_possible_here() {
        assert_eq!(translate("servers", &["endpoints", "balance"]), Some("endpoints"));
        assert_eq!(translate("upstream", &["bind", "to"]), Some("to"));
        assert_eq!(translate("listen", &["bind", "to"]), Some("bind"));
        assert_eq!(translate("servers", &["level"]), None);
        assert_eq!(translate("ip_hash", &["ring-hash", "client-ip"]), Some("client-ip"));
        assert_eq!(translate("leastconn", &["random", "least-request"]), Some("least-request"));
        assert_eq!(translate("gRPC", &["http", "grpc"]), Some("grpc"));
        assert_eq!(translate("h2", &["http", "grpc"]), Some("http"));
    }

    #[test]
    fn a_key_may_stand_for_a_key_with_a_value() {
        assert_eq!(translate_key("grpc", &["kind", "host"]), Some("kind = \"grpc\""));
        assert_eq!(translate_key("grpc", &["endpoints", "http"]), Some("http = \"2\""));
        assert_eq!(translate_key("h2", &["bind", "http2"]), Some("http2"));
        assert_eq!(translate_key("upstream", &["bind", "to"]), Some("to"));
        assert_eq!(translate_key("First-Byte", &["connect", "first_byte"]), Some("first_byte"));
        // A word is none of these.
        assert_eq!(translate("h2c", &["http", "https"]), Some("http"));
        assert_eq!(translate("grpc", &["kind"]), None);
    }

    #[test]
    fn one_word_may_stand_for_several() {
        let known = ["connect", "reset", "502", "503", "504"];
        assert_eq!(several("gateway-error", &known), Some(&["502", "503", "504"][..]));
        assert_eq!(several("error", &known), Some(&["connect", "reset"][..]));
        assert_eq!(several("error", &["connect"]), None);
        assert_eq!(several("503", &known), None);
    }
}

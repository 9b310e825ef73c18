//! What strangers say about a failure, made fit for one line of a log or a terminal. Called by `probe`'s kinds of checks.

use evenkeel_plan::limits::CHECK_WORDS_BYTES_MAX;

/// The first line of `said` that is not blank, at most [`CHECK_WORDS_BYTES_MAX`] bytes of it, without anything that would move a
/// cursor or turn the direction of writing. Empty if there is none.
pub(super) fn first_line(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let mut words = String::new();
    for character in line.chars() {
        let shown = if is_printable(character) { character } else { '?' };
        if words.len() + shown.len_utf8() > CHECK_WORDS_BYTES_MAX {
            words.push('…');
            break;
        }
        words.push(shown);
    }
    words
}

/// Whether it shows as what it is, wherever it stands.
fn is_printable(character: char) -> bool {
    let is_invisible = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !character.is_control() && !is_invisible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_one_short_line_that_does_nothing_to_a_terminal() {
        let long = "ä".repeat(150);
        let cut = format!("{}…", "ä".repeat(100));
        let table: [(&[u8], &str); 9] = [
            (b"", ""),
            (b"\n \n\t\n", ""),
            (b"disk is full\nmore\n", "disk is full"),
            (b"\n\n  late but there  \r\n", "late but there"),
            (b"\x1b[31mred\x07\0", "?[31mred??"),
            (b"caf\xe9", "caf\u{fffd}"),
            ("a\u{202e}b\u{200b}c\u{feff}".as_bytes(), "a?b?c?"),
            ("naïve 日本".as_bytes(), "naïve 日本"),
            (long.as_bytes(), &cut),
        ];
        for (said, words) in table {
            assert_eq!(first_line(said), words);
        }
    }
}

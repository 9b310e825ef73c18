//! Small texts: shares, spans of time, numbers, and paragraphs. Asked by everything here that is read by people.

use std::time::Duration;

/// A share with the digits that matter: `0 %`, `0.04 %`, `12.3 %`.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0 %".to_owned(),
        ..0.005 => "<0.01 %".to_owned(),
        ..0.995 => format!("{percent:.2} %"),
        ..99.95 => format!("{percent:.1} %"),
        _ => "100 %".to_owned(),
    }
}

/// A span of time as somebody would write it: `10 s`, `1.5 s`, `250 ms`.
pub(super) fn span(time: Duration) -> String {
    if time.is_zero() || time >= Duration::from_secs(1) {
        return format!("{} s", short(time.as_secs_f64()));
    }
    if time >= Duration::from_millis(1) {
        return format!("{} ms", short(time.as_secs_f64() * 1e3));
    }
    format!("{} µs", short(time.as_secs_f64() * 1e6))
}

/// A number with three decimals at most.
pub(super) fn short(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Breaks `text` between words into lines of at most `width` characters; what follows the first begins with `indent` blanks.
pub(super) fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let mut lines = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            used = indent;
        } else if used > 0 {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_keep_the_digits_that_matter() {
        let shares = [0.0, 0.000_01, 0.0004, 0.0123, 0.5, 0.9999, 1.0];
        let written = shares.map(percent);
        assert_eq!(written, ["0 %", "<0.01 %", "0.04 %", "1.2 %", "50.0 %", "100 %", "100 %"]);
    }

    #[test]
    fn spans_have_no_zeros_that_nobody_wrote() {
        let micros = [0, 250, 20_000, 1_500_000, 10_000_000, 43_200_000_000];
        let written = micros.map(|micros| span(Duration::from_micros(micros)));
        assert_eq!(written, ["0 s", "250 µs", "20 ms", "1.5 s", "10 s", "43200 s"]);
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two three", 7, 0), "one two\nthree");
        assert_eq!(wrapped("one two three", 7, 2), "one two\n  three");
        assert_eq!(wrapped("unbreakable x", 4, 0), "unbreakable\nx");
        assert_eq!(wrapped("", 4, 0), "");
    }
}

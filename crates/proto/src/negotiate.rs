//! In which form the client wants to read an error (RFC 9110 §12.5.1). Called where answers of our own are made.

use crate::field::list_elements;

/// The forms in which we can say what went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A line for a terminal.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For browsers.
    Html,
}

/// The form that these `Accept` fields like best. Text if they do not care, and if they take none: an error in a form that was not
/// asked for is better than no error.
pub fn error_form<'a>(accept: impl Iterator<Item = &'a [u8]>) -> Form {
    let mut wishes = Wishes::default();
    for range in accept.flat_map(list_elements).take(RANGES_MAX) {
        wishes.add(range);
    }
    let [text, json, problem, html] = wishes.0.map(|wish| wish.quality);
    let json = json.max(problem);
    if text >= json && text >= html {
        Form::Text
    } else if json >= html {
        Form::Json
    } else {
        Form::Html
    }
}

/// What is wished of each of [`TYPES`].
#[derive(Default)]
struct Wishes([Wish; TYPES.len()]);

#[derive(Clone, Copy, Default)]
struct Wish {
    /// How exactly the media range names the type: 1 for `*/*`, 2 for `text/*`, 3 for `text/plain`, 0 when none did yet.
    precision: u8,
    /// In thousandths.
    quality: u16,
}

impl Wishes {
    /// RFC 9110 §12.5.1: of the ranges that match, the most specific counts. Parameters other than `q` are not looked at: what
    /// they could ask for we do not have.
    fn add(&mut self, range: &[u8]) {
        let mut parts = range.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let media = parts.next().unwrap_or_default();
        let Some(quality) = quality(parts) else { return };
        for (wish, (kind, subtype)) in self.0.iter_mut().zip(TYPES) {
            let precision = precision(media, kind, subtype);
            if precision > wish.precision {
                *wish = Wish { precision, quality };
            } else if precision > 0 && precision == wish.precision {
                wish.quality = wish.quality.max(quality);
            }
        }
    }
}

/// How exactly `media` names this type; 0 if it does not.
fn precision(media: &[u8], kind: &str, subtype: &str) -> u8 {
    let mut halves = media.splitn(2, |&byte| byte == b'/');
    let (Some(range), Some(subrange)) = (halves.next(), halves.next()) else { return 0 };
    let is = |half: &[u8], whole: &str| half.eq_ignore_ascii_case(whole.as_bytes());
    match (range, subrange) {
        (b"*", b"*") => 1,
        (range, b"*") if is(range, kind) => 2,
        (range, subrange) if is(range, kind) && is(subrange, subtype) => 3,
        _ => 0,
    }
}

/// RFC 9110 §12.4.2: 1 unless it says otherwise. A weight that is none makes the whole range void.
fn quality<'a>(mut parameters: impl Iterator<Item = &'a [u8]>) -> Option<u16> {
    let weight = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_at_checked(2)?;
        name.eq_ignore_ascii_case(b"q=").then_some(value)
    });
    weight.map_or(Some(1000), thousandths)
}

/// A weight (RFC 9110 §12.4.2) in thousandths: 0 to 1, with at most three decimals.
pub(crate) fn thousandths(weight: &[u8]) -> Option<u16> {
    let (whole, decimals) = match weight {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let mut value = u16::from(whole - b'0');
    for place in 0..3 {
        let digit = decimals.get(place).unwrap_or(&b'0');
        value = value * 10 + u16::from(digit.checked_sub(b'0').filter(|&digit| digit <= 9)?);
    }
    (value <= 1000).then_some(value)
}

/// Browsers send about ten.
const RANGES_MAX: usize = 64;

const TYPES: [(&str, &str); 4] =
    [("text", "plain"), ("application", "json"), ("application", "problem+json"), ("text", "html")];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form(accept: &[&str]) -> Form {
        error_form(accept.iter().map(|value| value.as_bytes()))
    }

    #[test]
    fn everybody_gets_the_form_that_they_like_best() {
        let firefox = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let chrome = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,\
                      application/signed-exchange;v=b3;q=0.7";
        let table: &[(&[&str], Form)] = &[
            (&[], Form::Text),
            (&[""], Form::Text),
            (&["*/*"], Form::Text),
            (&["text/*"], Form::Text),
            (&["image/png"], Form::Text),
            (&[firefox], Form::Html),
            (&[chrome], Form::Html),
            (&["application/json"], Form::Json),
            (&["Application/JSON; charset=utf-8"], Form::Json),
            (&["application/problem+json"], Form::Json),
            (&["application/*"], Form::Json),
            (&["application/json, */*;q=0.5"], Form::Json),
            (&["application/json, text/plain, */*"], Form::Text),
            (&["text/html", "application/json;q=0.9"], Form::Html),
            (&["text/html;q=0.5, application/json;q=0.9"], Form::Json),
            (&["text/html, application/json"], Form::Json),
            (&["*/*, text/plain;q=0.1"], Form::Json),
            (&["*/*;q=0, text/html"], Form::Html),
            (&["text/*;q=0.9, text/plain;q=0.2"], Form::Html),
            (&["text/plain;q=0, text/html;q=0, application/json;q=0"], Form::Text),
            (&["text/html;q=2, application/json;q=0.1"], Form::Json),
            (&["text/html;q=x", "text/html;q=0.0001"], Form::Text),
            (&["text/html ; level=1 ; Q=0.5"], Form::Html),
            (&["text, /, */html, ;q=1"], Form::Text),
        ];
        for (accept, expected) in table {
            assert_eq!(form(accept), *expected, "{accept:?}");
        }
    }

    #[test]
    fn weights_are_between_0_and_1() {
        for (text, weight) in
            [("0", 0), ("1", 1000), ("0.", 0), ("0.5", 500), ("1.000", 1000), ("0.123", 123)]
        {
            assert_eq!(thousandths(text.as_bytes()), Some(weight), "{text}");
        }
        for text in ["", ".5", "2", "1.1", "1.001", "0.1234", "-0", "0,5", "0.a", "01"] {
            assert_eq!(thousandths(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(value in prop::collection::vec(any::<u8>(), 0..200)) {
            error_form([&value[..]].into_iter());
        }
    }
}

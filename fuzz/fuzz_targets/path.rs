//! Any bytes as a path: the first two are the rules. A normal form is one that nothing makes shorter again.
#![no_main]

use evenkeel_proto::path::{Ambiguity, EmptySegments, PathRules, normalise};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let &[first, second, ref path @ ..] = bytes else { return };
    let rules = rules(first, second);
    let mut once = path.to_vec();
    let Ok(length) = normalise(&mut once, &rules) else { return };
    assert!(length <= path.len(), "it has grown");
    once.truncate(length);
    let mut twice = once.clone();
    let again = normalise(&mut twice, &rules).expect("what is normal is accepted");
    twice.truncate(again);
    assert_eq!(once.escape_ascii().to_string(), twice.escape_ascii().to_string(), "not normal yet");
    if path.first() == Some(&b'/') {
        assert_eq!(query(&once), query(path), "the query is not ours to change");
        assert_is_normal(&once, &rules);
        assert_strict_is_unambiguous(&once, &rules);
    } else {
        assert_eq!(once, path, "what is no path stays as it is");
    }
});

fn assert_is_normal(path: &[u8], rules: &PathRules) {
    let path = before_query(path);
    assert_eq!(path.first(), Some(&b'/'));
    for segment in path[1..].split(|&byte| byte == b'/') {
        assert!(segment != b"." && segment != b"..", "a dot segment is left");
    }
    if rules.empty_segments != EmptySegments::Keep {
        assert!(!path.windows(2).any(|pair| pair == b"//"), "an empty segment is left");
    }
    for triple in path.windows(3).filter(|triple| is_escape(triple)) {
        assert!(rules.bad_escape == Ambiguity::Keep || !is_needless(triple), "a needless escape");
        assert!(!triple.iter().any(u8::is_ascii_lowercase), "an escape in small letters");
    }
}

/// Under the strictest rules a neighbour that decodes all escapes finds no other segments.
fn assert_strict_is_unambiguous(path: &[u8], rules: &PathRules) {
    let path = before_query(path);
    // No protocol that we speak brings control bytes this far.
    if *rules != PathRules::default() || path.iter().any(u8::is_ascii_control) {
        return;
    }
    let decoded = decode(path);
    assert!(!decoded.contains(&0) && !decoded.contains(&b'\\'));
    let slashes = |path: &[u8]| path.iter().filter(|&&byte| byte == b'/').count();
    assert_eq!(slashes(&decoded), slashes(path));
    for segment in decoded.split(|&byte| byte == b'/') {
        let name = segment.split(|&byte| byte == b';').next().unwrap_or_default();
        assert!(name != b"." && name != b"..", "a dot segment for others");
    }
}

fn decode(path: &[u8]) -> Vec<u8> {
    let (mut rest, mut decoded) = (path, Vec::new());
    while let [first, tail @ ..] = rest {
        if rest.len() >= 3 && is_escape(&rest[..3]) {
            decoded.push(octet(rest));
            rest = &rest[3..];
        } else {
            decoded.push(*first);
            rest = tail;
        }
    }
    decoded
}

fn is_escape(triple: &[u8]) -> bool {
    triple[0] == b'%' && triple[1..].iter().all(u8::is_ascii_hexdigit)
}

fn octet(triple: &[u8]) -> u8 {
    let digits = std::str::from_utf8(&triple[1..3]).expect("digits");
    u8::from_str_radix(digits, 16).expect("digits")
}

fn is_needless(triple: &[u8]) -> bool {
    let octet = octet(triple);
    octet.is_ascii_alphanumeric() || b"-._~".contains(&octet)
}

fn before_query(path: &[u8]) -> &[u8] {
    path.split(|&byte| byte == b'?').next().unwrap_or_default()
}

fn query(path: &[u8]) -> &[u8] {
    &path[before_query(path).len()..]
}

fn rules(first: u8, second: u8) -> PathRules {
    let rule = |bit: u8| if first >> bit & 1 == 0 { Ambiguity::Refuse } else { Ambiguity::Keep };
    PathRules {
        encoded_slash: rule(0),
        encoded_nul: rule(1),
        backslash: rule(2),
        overlong_utf8: rule(3),
        bad_escape: rule(4),
        dot_segments: rule(5),
        empty_segments: match second % 3 {
            0 => EmptySegments::Keep,
            1 => EmptySegments::Merge,
            _ => EmptySegments::Refuse,
        },
    }
}

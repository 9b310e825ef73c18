use proptest::prelude::*;

use super::*;

const KEEP: PathRules = PathRules {
    encoded_slash: Ambiguity::Keep,
    encoded_nul: Ambiguity::Keep,
    backslash: Ambiguity::Keep,
    overlong_utf8: Ambiguity::Keep,
    bad_escape: Ambiguity::Keep,
    dot_segments: Ambiguity::Keep,
    empty_segments: EmptySegments::Keep,
};

fn strict() -> PathRules {
    PathRules::default()
}

fn normal(path: &[u8], rules: &PathRules) -> Result<Vec<u8>, PathError> {
    let mut path = path.to_vec();
    let length = normalise(&mut path, rules)?;
    path.truncate(length);
    Ok(path)
}

fn table(rules: &PathRules, rows: &[(&str, &str)]) {
    for (path, expected) in rows {
        let found = normal(path.as_bytes(), rules).map(|found| String::from_utf8(found).unwrap());
        assert_eq!(found.as_deref(), Ok(*expected), "{path}");
    }
}

#[test]
fn a_path_gets_the_one_form_that_all_its_spellings_share() {
    table(
        &strict(),
        &[
            ("/", "/"),
            ("/a/b.c?d", "/a/b.c?d"),
            ("*", "*"),
            ("h.example:443", "h.example:443"),
            ("/%61%2D%5f%7e%2e", "/a-_~."),
            ("/%3a%c3%a9", "/%3A%C3%A9"),
            ("/a/./b/../c", "/a/c"),
            ("/a/%2e/b/%2E%2e/c", "/a/c"),
            ("/a/.%2e/b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/.", "/"),
            ("/a/..", "/"),
            ("/...", "/..."),
            ("/.well-known/x", "/.well-known/x"),
            ("/..a/.b", "/..a/.b"),
            ("/a;x=1/../b;y", "/b;y"),
            ("/%252e%252E/%2525", "/%252e%252E/%2525"),
            ("/a//b//", "/a//b//"),
            ("/a/%ff%e9", "/a/%FF%E9"),
            ("/%e0%a4%b9%f0%9f%98%80", "/%E0%A4%B9%F0%9F%98%80"),
            ("/%0d%0a", "/%0D%0A"),
            ("/%41?%41/../%zz\\", "/A?%41/../%zz\\"),
            ("/a?/./", "/a?/./"),
        ],
    );
}

#[test]
fn paths_that_neighbours_would_read_differently_are_refused() {
    let refused = [
        "/a%2fb",
        "/a%2Fb",
        "/a%00",
        "/a\\b",
        "/a%5cb",
        "/..%5c..",
        "/%c0%ae",
        "/%c1%9c",
        "/%e0%80%ae",
        "/%e0%9f%bf",
        "/%f0%80%80%ae",
        "/%f8%80%80%80%ae",
        "/%fc%80%80%80%80%ae",
        "/%",
        "/%2",
        "/%zz",
        "/%u002e",
        "/%%34%31",
        "/..",
        "/../a",
        "/a/../../b",
        "/%2e%2e/a",
        "/a//../b",
        "//..",
        "/a/..;/b",
        "/a/..;x=1",
        "/.;/a",
        "/a/%2e%2e;/b",
        "/a/..%3b/b",
    ];
    for path in refused {
        assert!(normal(path.as_bytes(), &strict()).is_err(), "{path}");
    }
    // A `?` ends the path, so what is behind it is no escape.
    assert!(normal(b"/%?41", &strict()).is_err());
}

#[test]
fn what_is_kept_passes_but_is_never_decoded() {
    table(
        &KEEP,
        &[
            ("/a%2fb", "/a%2Fb"),
            ("/a%00\\%5c", "/a%00\\%5C"),
            ("/%c0%ae%c0%ae/", "/%C0%AE%C0%AE/"),
            ("/%zz%", "/%zz%"),
            ("/%%34%31", "/%%341"),
            ("/%4%31", "/%4%31"),
            ("/../../a", "/a"),
            ("/..", "/"),
            ("/a//../b", "/a/b"),
            ("/a/..;/b", "/a/..;/b"),
            ("/a/..;/../b", "/a/b"),
        ],
    );
}

#[test]
fn empty_segments_stay_merge_or_are_refused() {
    let merge = PathRules { empty_segments: EmptySegments::Merge, ..strict() };
    table(
        &merge,
        &[
            ("//", "/"),
            ("//a///b//?//", "/a/b/?//"),
            ("/a//../b", "/b"),
            ("/a/.//b", "/a/b"),
            ("/a/..//b", "/b"),
        ],
    );
    let refuse = PathRules { empty_segments: EmptySegments::Refuse, ..strict() };
    table(&refuse, &[("/a/", "/a/"), ("/", "/"), ("/a?//", "/a?//")]);
    for path in ["//", "/a//", "/a//b", "//a"] {
        assert!(normal(path.as_bytes(), &refuse).is_err(), "{path}");
    }
}

/// The same rules once more, with lists in place of positions.
fn naive(path: &[u8], rules: &PathRules) -> Option<Vec<u8>> {
    if path.first() != Some(&b'/') {
        return Some(path.to_vec());
    }
    let end = path.iter().position(|&byte| byte == b'?').unwrap_or(path.len());
    let text = naive_escapes(&path[..end], rules)?;
    let mut kept: Vec<&[u8]> = Vec::new();
    let segments: Vec<&[u8]> = text[1..].split(|&byte| byte == b'/').collect();
    let may = |ambiguity| ambiguity == Ambiguity::Keep;
    for (index, &segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        if segment.is_empty() && !last && rules.empty_segments != EmptySegments::Keep {
            if rules.empty_segments == EmptySegments::Refuse {
                return None;
            }
            continue;
        }
        if segment == b".." {
            let removed = kept.pop();
            if !may(rules.dot_segments) && removed.is_none_or(<[u8]>::is_empty) {
                return None;
            }
        }
        let cut = String::from_utf8_lossy(segment).replace("%3B", ";");
        if (cut.starts_with(".;") || cut.starts_with("..;")) && !may(rules.dot_segments) {
            return None;
        }
        match segment {
            b"." | b".." if last => kept.push(b""),
            b"." | b".." => {}
            other => kept.push(other),
        }
    }
    let mut out = b"/".to_vec();
    out.extend(kept.join(&b'/'));
    out.extend(&path[end..]);
    Some(out)
}

fn naive_escapes(path: &[u8], rules: &PathRules) -> Option<Vec<u8>> {
    let may = |ambiguity| ambiguity == Ambiguity::Keep;
    let (mut out, mut octets, mut rest) = (Vec::new(), Vec::new(), path);
    let mut stray: Option<usize> = None;
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let octet = digits
            .filter(|digits| *first == b'%' && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let Some(octet) = octet else {
            let refused = match first {
                b'%' => !may(rules.bad_escape),
                b'\\' => !may(rules.backslash),
                _ => false,
            };
            if refused {
                return None;
            }
            if *first == b'%' {
                stray = Some(out.len());
            }
            out.push(*first);
            octets.push(*first);
            rest = tail;
            continue;
        };
        let refused = (octet == b'/' && !may(rules.encoded_slash))
            || (octet == 0 && !may(rules.encoded_nul))
            || (octet == b'\\' && !may(rules.backslash));
        if refused {
            return None;
        }
        let unreserved = octet.is_ascii_alphanumeric() || b"-._~".contains(&octet);
        if unreserved && stray.is_none_or(|stray| out.len() > stray + 2) {
            out.push(octet);
        } else {
            out.extend(format!("%{octet:02X}").bytes());
        }
        octets.push(octet);
        rest = &tail[2..];
    }
    (may(rules.overlong_utf8) || !has_overlong(&octets)).then_some(out)
}

fn has_overlong(octets: &[u8]) -> bool {
    octets.iter().any(|octet| [0xc0, 0xc1].contains(octet))
        || octets.windows(2).any(|pair| match pair[0] {
            0xe0 => (0x80..0xa0).contains(&pair[1]),
            0xf0 => (0x80..0x90).contains(&pair[1]),
            0xf8 => (0x80..0x88).contains(&pair[1]),
            0xfc => (0x80..0x84).contains(&pair[1]),
            _ => false,
        })
}

/// Paths of what is interesting.
fn paths() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "/", "/", "/", ".", "..", "a", "%2e", "%2E", "%", "%2", "%2f", "%5C", "\\", "%00", "%41",
        "%c0", "%ae", "%e0%80", "%f0", "%ff", ";", "%3b", "?", "//", "4", "1", "%34", "%31", "b",
        "%zz", "\u{e9}",
    ]);
    prop::collection::vec(piece, 0..14).prop_map(|pieces| format!("/{}", pieces.concat()).into())
}

fn rules() -> impl Strategy<Value = PathRules> {
    use EmptySegments::{Keep, Merge, Refuse};
    let ambiguities = prop::array::uniform6(prop::sample::select(vec![
        Ambiguity::Refuse,
        Ambiguity::Keep,
        Ambiguity::Keep,
    ]));
    (ambiguities, prop::sample::select(vec![Keep, Merge, Refuse])).prop_map(
        |(ambiguity, empty_segments)| PathRules {
            encoded_slash: ambiguity[0],
            encoded_nul: ambiguity[1],
            backslash: ambiguity[2],
            overlong_utf8: ambiguity[3],
            bad_escape: ambiguity[4],
            dot_segments: ambiguity[5],
            empty_segments,
        },
    )
}

fn path_of(normal: &[u8]) -> &[u8] {
    normal.split(|&byte| byte == b'?').next().unwrap_or_default()
}

#[test]
fn whatever_stands_out_is_seen_wherever_it_stands() {
    for length in 2..60 {
        for position in 1..length {
            let at = |piece: &str| {
                let mut path = format!("/{}", "a".repeat(length));
                path.insert_str(position, piece);
                path.into_bytes()
            };
            assert!(normal(&at("%2f"), &strict()).is_err(), "{length} {position}");
            assert!(normal(&at("\\"), &strict()).is_err(), "{length} {position}");
            assert!(normal(&at("/..;"), &strict()).is_err(), "{length} {position}");
            assert_eq!(normal(&at("%61"), &strict()), Ok(at("a")), "{length} {position}");
            assert_eq!(normal(&at("/./"), &strict()), Ok(at("/")), "{length} {position}");
            let merge = PathRules { empty_segments: EmptySegments::Merge, ..strict() };
            assert_eq!(
                normal(&at("//"), &merge).map(|path| path.len()),
                Ok(length + 1 + usize::from(position > 1))
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_normal_form_is_what_a_naive_reading_of_the_rules_gives(path in paths(), rules in rules()) {
        prop_assert_eq!(normal(&path, &rules).ok(), naive(&path, &rules));
    }

    #[test]
    fn the_normal_form_is_never_longer_begins_at_the_root_and_is_its_own_normal_form(path in paths(), rules in rules()) {
        if let Ok(once) = normal(&path, &rules) {
            prop_assert!(once.len() <= path.len() && once[0] == b'/');
            prop_assert_eq!(normal(&once, &rules), Ok(once));
        }
    }

    #[test]
    fn what_is_accepted_by_default_has_nothing_ambiguous_left(path in paths()) {
        if let Ok(normal) = normal(&path, &strict()) {
            let text = String::from_utf8_lossy(path_of(&normal)).to_lowercase();
            for trouble in ["%2f", "%00", "\\", "%5c", "%2e"] {
                prop_assert!(!text.contains(trouble), "{}", text);
            }
            prop_assert!(text.split('/').all(|segment| segment != "." && segment != ".."), "{}", text);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(path in prop::collection::vec(any::<u8>(), 0..100), rules in rules()) {
        let _ = normal(&path, &rules);
    }
}

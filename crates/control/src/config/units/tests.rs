use proptest::prelude::*;

use super::*;

fn code<T: std::fmt::Debug>(result: Result<T, Diagnostic>) -> Code {
    result.unwrap_err().code
}

#[test]
fn a_duration_is_numbers_with_units_the_larger_first() {
    let cases = [
        ("0s", 0),
        ("500ms", 500),
        ("10s", 10_000),
        ("1m", 60_000),
        ("90s", 90_000),
        ("1h30m", 5_400_000),
        ("1d1h1m1s1ms", 90_061_001),
        ("365d", 31_536_000_000),
    ];
    for (text, millis) in cases {
        assert_eq!(parse_duration(text).unwrap(), Duration::from_millis(millis), "{text}");
    }
}

#[test]
fn what_is_not_a_duration_is_refused() {
    for text in ["", "s", "10", "10 s", "1.5s", "-1s", "30m1h", "1s1s", "1w", "1S", "10s ", "off"] {
        assert_eq!(code(parse_duration(text)), Code::BadDuration, "{text}");
    }
    for text in ["366d", "8761h", "18446744073709551615d", "365d1ms"] {
        assert_eq!(code(parse_duration(text)), Code::OutOfBounds, "{text}");
    }
    assert_eq!(code(parse_duration("99999999999999999999s")), Code::BadDuration);
}

#[test]
fn durations_are_written_with_the_largest_units_that_fit() {
    let cases =
        [(0, "0s"), (500, "500ms"), (1500, "1s500ms"), (90_000, "1m30s"), (86_400_000, "1d")];
    for (millis, text) in cases {
        assert_eq!(format_duration(Duration::from_millis(millis)), text);
    }
}

#[test]
fn a_size_is_a_number_of_bytes_with_or_without_a_unit() {
    let cases = [
        ("0", 0),
        ("100", 100),
        ("100B", 100),
        ("16KiB", 16_384),
        ("16kib", 16_384),
        ("1MB", 1_000_000),
        ("2GiB", 2_147_483_648),
    ];
    for (text, bytes) in cases {
        assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
    }
    for text in ["", "KiB", "16K", "16 KiB", "-1", "1.5MB", "18446744073709551615KiB", "off"] {
        assert_eq!(code(parse_size(text)), Code::BadSize, "{text}");
    }
}

#[test]
fn a_share_is_a_percentage() {
    for (text, share) in [("0%", 0.0), ("20%", 0.2), ("12.5%", 0.125), ("100%", 1.0)] {
        assert!((parse_share(text).unwrap() - share).abs() < 1e-12, "{text}");
    }
    for text in ["", "%", "20", "0.2", "-1%", "101%", "nan%", "inf%", "1e1%", ".%", "20 %"] {
        assert_eq!(code(parse_share(text)), Code::BadShare, "{text}");
    }
    assert_eq!(format_share(0.2), "20%");
    assert_eq!(format_share(0.07), "7%");
    assert_eq!(format_share(0.125), "12.5%");
}

#[test]
fn a_rate_is_so_many_in_a_second() {
    for (text, rate) in [("0/s", 0.0), ("10/s", 10.0), ("0.5/s", 0.5), ("1000000/s", 1e6)] {
        assert!((parse_rate(text).unwrap() - rate).abs() < 1e-12, "{text}");
    }
    assert_eq!(parse_count_rate("5/m").unwrap(), Rate { count: 5, per: Per::Minute });
}

#[test]
fn what_is_not_a_rate_is_told_how_to_be_written() {
    let usual = "a number from 0 to 1000000 and `/s`, as in \"10/s\"";
    let counted = "as in \"100/s\", \"5/m\" or \"1/h\"";
    let cases = [
        ("10", "write \"10/s\"", "write \"10/s\""),
        ("0.5", "write \"0.5/s\"", counted),
        ("10r/s", "write \"10/s\"", "write \"10/s\""),
        ("10 RPS", "write \"10/s\"", "write \"10/s\""),
        ("3 per second", "write \"3/s\"", "write \"3/s\""),
        ("6/min", "write \"0.1/s\"", "write \"6/m\""),
        ("1/10s", "write \"0.1/s\"", counted),
        ("1000000/sec", "write \"1000000/s\"", counted),
        ("24/day", "write \"0.00028/s\"", counted),
        ("1000001", usual, counted),
        ("1/0s", usual, counted),
        ("-1/s", usual, counted),
        ("on", usual, counted),
        ("", usual, counted),
        ("10%", usual, counted),
    ];
    let help = |problem: Diagnostic| {
        assert_eq!(problem.code, Code::BadRate);
        problem.help.unwrap()
    };
    for (text, rate, count_rate) in cases {
        assert_eq!(&*help(parse_rate(text).unwrap_err()), rate, "{text}");
        assert_eq!(&*help(parse_count_rate(text).unwrap_err()), count_rate, "{text}");
    }
    assert_eq!(&*help(parse_rate("1/m").unwrap_err()), "write \"0.0167/s\"");
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in ".*", close in "[0-9]{0,25}[a-zA-Z%. -]{0,4}[0-9]{0,3}[msh]{0,2}") {
        for text in [text, close] {
            let _ = parse_duration(&text);
            let _ = parse_size(&text);
            let _ = parse_share(&text);
            let _ = parse_rate(&text);
            let _ = parse_count_rate(&text);
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same(
        millis in 0..=31_536_000_000_u64,
        bytes in prop_oneof![any::<u64>(), (0..1_u64 << 20).prop_map(|kib| kib << 10)],
        permille in 0..=1000_u32,
    ) {
        let duration = Duration::from_millis(millis);
        prop_assert_eq!(parse_duration(&format_duration(duration)).unwrap(), duration);
        prop_assert_eq!(parse_size(&format_size(bytes)).unwrap(), bytes);
        let share = f64::from(permille) / 10.0 / 100.0;
        prop_assert_eq!(parse_share(&format_share(share)).unwrap().to_bits(), share.to_bits());
    }
}

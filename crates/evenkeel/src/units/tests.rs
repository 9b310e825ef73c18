//! Tables for what is read and what is shown.

use super::*;

#[test]
fn durations_are_read_with_their_unit() {
    for (text, nanoseconds) in [
        ("0", 0),
        ("3ns", 3),
        ("250us", 250_000),
        ("250µs", 250_000),
        ("10ms", 10_000_000),
        ("1.5s", 1_500_000_000),
        (" 2 m ", 120_000_000_000),
        ("1h", 3_600_000_000_000),
        ("8760h", 31_536_000_000_000_000),
    ] {
        assert_eq!(duration(text), Ok(Duration::from_nanos(nanoseconds)), "{text}");
    }
}

#[test]
fn sizes_are_read_in_bytes() {
    for (text, bytes) in [
        ("0", 0),
        ("13", 13),
        ("13B", 13),
        ("2kB", 2000),
        ("1.5KiB", 1536),
        ("1MiB", 1 << 20),
        ("1048576GiB", 1 << 50),
    ] {
        assert_eq!(size(text), Ok(bytes), "{text}");
    }
}

#[test]
fn rates_and_shares_are_read_in_both_forms() {
    for (text, per_second) in [("500", 500.0), ("500/s", 500.0), ("30/m", 0.5), ("0.1", 0.1)] {
        assert_eq!(rate(text).map(Rate::per_second), Ok(per_second), "{text}");
    }
    for (text, part) in [("0", 0.0), ("1%", 0.01), ("0.01", 0.01), ("100%", 1.0), ("1", 1.0)] {
        assert_eq!(share(text), Ok(Share(part)), "{text}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_a_way_out() {
    let refusals = [
        (duration("10").err(), "`10s`"),
        (duration("10x").err(), "use us, ms, s"),
        (duration("-1s").err(), "does not start with a number"),
        (duration("8761h").err(), "a year"),
        (duration(&format!("{}s", "9".repeat(400))).err(), "a year"),
        (size("").err(), "does not start with a number"),
        (size("1.5").err(), "whole number"),
        (size("1TiB").err(), "use B, KiB"),
        (size("1048577GiB").err(), "at most"),
        (rate("0").err(), "above 0"),
        (rate("5/d").err(), "`500/s`"),
        (rate("10000001").err(), "at most"),
        (share("2").err(), "`1%`"),
        (share("101%").err(), "more than the whole"),
        (share("1.2.3").err(), "does not start with a number"),
    ];
    for (refusal, part) in refusals {
        let refusal = refusal.expect(part);
        assert!(refusal.contains(part), "{refusal:?} does not say {part:?}");
    }
}

#[test]
fn durations_are_shown_with_three_digits() {
    for (nanoseconds, shown) in [
        (0, "0.00 µs"),
        (850_000, "850 µs"),
        (999_499, "999 µs"),
        (999_500, "1.00 ms"),
        (12_340_000, "12.3 ms"),
        (999_600_000, "1.00 s"),
        (61_000_000_000, "61.0 s"),
    ] {
        assert_eq!(show_duration(Duration::from_nanos(nanoseconds)), shown);
    }
}

#[test]
fn counts_are_shown_with_their_thousands_apart() {
    for (count, shown) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
        assert_eq!(show_count(count), shown);
    }
}

#[test]
fn ages_are_shown_in_the_units_that_matter() {
    for (seconds, shown) in [
        (-5.0, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (60.0, "1 min"),
        (3599.0, "59 min"),
        (3600.0, "1 h 0 min"),
        (11_520.0, "3 h 12 min"),
        (86_400.0, "1 d 0 h"),
        (442_800.0, "5 d 3 h"),
    ] {
        assert_eq!(show_age(seconds), shown);
    }
}

#[test]
fn few_of_many_are_not_shown_as_none() {
    for (part, whole, shown) in
        [(0, 0, "–"), (0, 5, "0 %"), (1, 100_000, "<0.1 %"), (1, 1000, "0.1 %"), (5, 5, "100 %")]
    {
        assert_eq!(show_share(part, whole), shown, "{part} of {whole}");
    }
}

#[test]
fn things_are_counted() {
    assert_eq!(counted(1, "worker"), "1 worker");
    assert_eq!(counted(0, "worker"), "0 workers");
    assert_eq!(counted(10_000, "endpoint"), "10,000 endpoints");
}

#[test]
fn a_quantile_in_the_lowest_bucket_is_not_shown_as_if_it_were_precise() {
    let bounds = [0.0005, 0.001, 0.0025];
    for (seconds, shown) in [(0.000_01, "<0.5 ms"), (0.0005, "<0.5 ms"), (0.000_51, "510 µs")] {
        assert_eq!(show_quantile(seconds, &bounds), shown);
    }
    assert_eq!(show_quantile(0.002, &bounds), "2.00 ms");
    assert_eq!(show_quantile(0.0001, &[]), "100 µs");
}

#[test]
fn a_weight_is_a_whole_number_in_its_bounds() {
    assert_eq!((weight("0"), weight("65535")), (Ok(0), Ok(65_535)));
    for wrong in ["65536", "-1", "x", "1.5", ""] {
        assert!(weight(wrong).is_err_and(|help| help.contains("from 0 to 65535")), "{wrong}");
    }
}

#[test]
fn a_share_of_all_has_no_digit_that_is_cut_off() {
    assert_eq!([show_share(8, 8), show_share(9_999, 10_000)], ["100 %", "99.9 %"]);
    assert_eq!(show_share(1_000, 2_000), "50.0 %");
}

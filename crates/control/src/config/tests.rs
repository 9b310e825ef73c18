use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

/// Samples that together use every key, right and wrong.
const SAMPLES: [&str; 10] = [
    include_str!("../../../../examples/full.toml"),
    include_str!("../../../../examples/health-checks.toml"),
    include_str!("../../../../examples/several-listeners.toml"),
    include_str!("../../tests/config/addresses.toml"),
    include_str!("../../tests/config/wrong-types.toml"),
    include_str!("../../tests/config/references.toml"),
    include_str!("../../tests/config/switched-off.toml"),
    include_str!("../../tests/config/paths-and-names.toml"),
    include_str!("../../tests/config/error-pages.toml"),
    include_str!("../../tests/config/labels.toml"),
];

/// A change of a text: how many characters go at a place, and what comes there.
type Change = (Index, usize, String);

proptest! {
    #[test]
    fn no_text_makes_the_decoder_panic(text in "(?s).{0,200}") {
        read(&text)?;
    }

    #[test]
    fn no_change_of_a_config_makes_the_decoder_panic(
        sample in select(&SAMPLES[..]),
        changes in proptest::collection::vec(changes(), 1..8),
    ) {
        let mut text: Vec<char> = sample.chars().collect();
        for (place, cut, put) in changes {
            let start = place.index(text.len() + 1);
            let end = text.len().min(start + cut);
            text.splice(start..end, put.chars());
        }
        read(&text.into_iter().collect::<String>())?;
    }
}

fn changes() -> impl Strategy<Value = Change> {
    let tokens = select(
        &[
            "\"",
            "'",
            "[",
            "]",
            "{",
            "}",
            "=",
            ",",
            "\n",
            ".",
            "0",
            "-1",
            "true",
            "[listener.x]\n",
            "é",
            "\u{feff}",
        ][..],
    );
    let put = prop_oneof![tokens.prop_map(str::to_owned), "\\PC{0,6}", Just(String::new())];
    (any::<Index>(), 0..12_usize, put)
}

/// Reads and shows; what is accepted can be written and read again.
fn read(text: &str) -> Result<(), TestCaseError> {
    match Config::parse("mutated.toml", text) {
        Err(report) => {
            prop_assert!(report.errors() > 0);
            prop_assert!(!report.to_string().is_empty());
        }
        Ok(loaded) => {
            prop_assert_eq!(loaded.warnings.errors(), 0);
            let again = Config::parse("written.toml", &to_toml(&loaded.config));
            prop_assert_eq!(again.map(|again| again.config), Ok(loaded.config));
        }
    }
    Ok(())
}

#[test]
fn an_empty_zone_is_none() {
    let zone = |text: &str| {
        let text = format!(
            "zone = \"{text}\"\n[listener.web]\nbind = ':8080'\nto = {{ address = '9001', zone = 'eu-1' }}\n"
        );
        Config::parse("text", &text).unwrap().config.zone
    };
    assert_eq!(["", "${ZONE:-}", "${ZONE:-eu-1}"].map(zone), [None, None, Some("eu-1".to_owned())]);
}

#[test]
fn standard_output_is_the_same_under_each_of_its_names() {
    let place = |path: &str| {
        let text =
            format!("[listener.web]\nbind = ':8080'\nto = '9001'\n[log]\naccess.path = '{path}'\n");
        Config::parse("text", &text).unwrap().config.access.unwrap().path
    };
    for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        assert_eq!(place(name), AccessPath::Stdout, "{name}");
    }
    assert_eq!(place("/dev/stderr"), AccessPath::File("/dev/stderr".into()));
}

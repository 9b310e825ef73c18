//! The configs on `docs/health.md` are right.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use evenkeel_control::config::Config;

const PAGE: &str = include_str!("../../../docs/health.md");

#[test]
fn every_config_on_the_page_is_accepted() {
    let configs: Vec<&str> =
        PAGE.split("```toml\n").skip(1).map(|it| it.split("```").next().unwrap()).collect();
    assert!(configs.len() >= 4);
    for config in configs {
        let loaded = Config::parse("health.md", config);
        let warnings = loaded.unwrap_or_else(|report| panic!("{config}\n{report}")).warnings;
        assert!(warnings.is_empty(), "{config}\n{warnings}");
    }
}

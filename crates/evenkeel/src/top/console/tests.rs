use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use evenkeel_control::admin::{EndpointState, WantedState};

use super::super::fixture::{console, look};
use super::*;
use crate::admin_client::Change;

fn press(console: &mut Console, keys: &str) -> Option<Wish> {
    let mut wish = None;
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            '\u{8}' => KeyCode::Backspace,
            key => KeyCode::Char(key),
        };
        wish = console.press(KeyEvent::new(code, KeyModifiers::NONE));
    }
    wish
}

fn selected(console: &Console) -> &str {
    console.selected.as_ref().map_or("", |key| &key.endpoint)
}

fn said(console: &Console) -> &str {
    console.notice.as_ref().map_or("", |notice| &notice.text)
}

fn change(cluster: &str, endpoint: &str, state: WantedState) -> Option<Wish> {
    let (cluster, endpoint) = (cluster.to_owned(), endpoint.to_owned());
    Some(Wish::Order(Order::Change(Change::State { cluster, endpoint, state })))
}

#[test]
fn keys_select_endpoints_over_the_borders_of_clusters() {
    let mut console = console();
    assert_eq!(selected(&console), "127.0.0.1:9001");
    for (keys, endpoint) in [
        ("jj", "127.0.0.1:9003"),
        ("j", "app.internal:80"),
        ("j", "app.internal:80"),
        ("k", "127.0.0.1:9003"),
        ("g", "127.0.0.1:9001"),
        ("k", "127.0.0.1:9001"),
        ("G", "app.internal:80"),
    ] {
        assert_eq!(press(&mut console, keys), None);
        assert_eq!(selected(&console), endpoint, "{keys}");
    }
    console.press(KeyEvent::new(KeyCode::PageUp, KeyModifiers::NONE));
    assert_eq!(selected(&console), "127.0.0.1:9001");
}

#[test]
fn a_drain_is_ordered_and_its_answer_is_said() {
    let mut console = console();
    assert_eq!(press(&mut console, "d"), change("api", "127.0.0.1:9001", WantedState::Drain));
    assert_eq!(said(&console), "draining 127.0.0.1:9001 …");
    console.hear(News::Done(vec!["~ drained".to_owned()]));
    assert_eq!(said(&console), "~ drained");
    console.hear(News::Done(Vec::new()));
    assert_eq!(said(&console), "nothing changed: it was so already");
    console.hear(News::Refused("no\n  because".to_owned()));
    assert_eq!(console.notice, Some(Notice { tone: Tone::Bad, text: "no · because".to_owned() }));
    assert_eq!(press(&mut console, "u"), change("api", "127.0.0.1:9001", WantedState::Auto));
}

#[test]
fn the_last_endpoint_that_works_is_drained_only_if_asked_twice() {
    let mut console = console();
    assert_eq!(press(&mut console, "Gd"), None);
    assert!(
        said(&console).contains("press d again to drain app.internal:80"),
        "{}",
        said(&console)
    );
    assert_eq!(press(&mut console, "kd"), change("api", "127.0.0.1:9003", WantedState::Drain));
    assert_eq!(press(&mut console, "jd"), None, "another key in between takes it back");
    assert_eq!(press(&mut console, "d"), change("web", "app.internal:80", WantedState::Drain));
}

#[test]
fn a_weight_is_typed_and_checked() {
    let mut console = console();
    let (cluster, endpoint) = ("api".to_owned(), "127.0.0.1:9001".to_owned());
    let order = Order::Change(Change::Weight { cluster, endpoint, weight: Some(12) });
    assert_eq!(press(&mut console, "w1x3\u{8}2\n"), Some(Wish::Order(order)));
    assert_eq!(console.mode, Mode::Normal);
    for wrong in ["w\n", "w99999\n"] {
        assert_eq!(press(&mut console, wrong), None);
        assert!(said(&console).contains("a number from 0 to 65535"), "{}", said(&console));
    }
    assert_eq!(press(&mut console, "w5\u{1b}"), None);
    assert_eq!((&console.mode, said(&console)), (&Mode::Normal, ""));
}

#[test]
fn a_filter_is_typed_and_the_selection_stays_in_what_is_shown() {
    let mut console = console();
    press(&mut console, "/900");
    assert_eq!(console.rows().len(), 4);
    press(&mut console, "3\n");
    assert_eq!((selected(&console), console.rows().len()), ("127.0.0.1:9003", 2));
    assert_eq!(press(&mut console, "q"), Some(Wish::Quit), "keys are keys again");
    press(&mut console, "\u{1b}");
    assert_eq!((selected(&console), console.rows().len()), ("127.0.0.1:9003", 6));
    press(&mut console, "/nothing\n");
    assert_eq!(press(&mut console, "d"), None);
    assert_eq!(console.selected, None);
}

#[test]
fn help_ends_with_any_key_and_a_reload_is_ordered() {
    let mut console = console();
    press(&mut console, "?");
    assert_eq!(console.mode, Mode::Help);
    assert_eq!(press(&mut console, "q"), None);
    assert_eq!(press(&mut console, "r"), Some(Wish::Order(Order::Reload)));
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(console.press(ctrl_c), Some(Wish::Quit));
}

#[test]
fn a_selected_endpoint_that_goes_gives_its_place_to_the_next() {
    let mut console = console();
    press(&mut console, "j");
    let mut without = look(61);
    without.status.clusters[0].endpoints.remove(1);
    console.hear(News::Seen(Box::new(without)));
    assert_eq!(selected(&console), "127.0.0.1:9003");
    let mut empty = look(62);
    empty.status.clusters.clear();
    console.hear(News::Seen(Box::new(empty)));
    assert_eq!(console.selected, None);
    console.hear(News::Seen(Box::new(look(63))));
    assert_eq!(selected(&console), "127.0.0.1:9001");
}

#[test]
fn a_lost_balancer_is_lost_until_it_answers_again() {
    let mut console = console();
    let now = console.now();
    console.hear(News::Lost { why: "nothing listens".to_owned(), now: now + 5.0 });
    assert_eq!((console.lost.is_some(), console.now()), (true, now + 5.0));
    assert_eq!(console.selection().map(|(_, each)| each.state), Some(EndpointState::Up));
    console.hear(News::Seen(Box::new(look(70))));
    assert!(console.lost.is_none());
}

#[test]
fn events_are_kept_within_bounds() {
    let mut console = console();
    for _ in 0..60 {
        let mut look = look(61);
        look.events = console.events.iter().take(10).cloned().collect();
        console.hear(News::Seen(Box::new(look)));
    }
    assert_eq!(console.events.len(), EVENTS_MAX);
}

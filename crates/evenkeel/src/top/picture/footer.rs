//! The lines at the bottom: what happened, what was said or is being typed, and the keys.

use evenkeel_control::events::{Event, EventLevel};
use ratatui::layout::Rect;

use crate::screen::Canvas;
use crate::tone::Tone;
use crate::units::show_age;

use super::super::console::{Console, Mode};
use super::cut;

/// The newest at the bottom, as in a log.
pub(super) fn draw_events(console: &Console, canvas: &mut Canvas<'_, '_>, place: Rect) {
    let skipped = console.events.len().saturating_sub(usize::from(place.height));
    for (line, event) in place.rows().zip(console.events.iter().skip(skipped)) {
        let age = format!("{:>8} ago  ", show_age(console.now() - event.at_unix_seconds));
        let tone = match event.level {
            EventLevel::Info => Tone::Plain,
            EventLevel::Warn => Tone::Warning,
            EventLevel::Error => Tone::Bad,
        };
        let room = usize::from(line.width).saturating_sub(age.chars().count());
        canvas.words(line, [(Tone::Quiet, age), (tone, cut(&sentence(event), room))]);
    }
}

/// What happened, with whom it happened to, if it does not say so itself. The first line tells it.
fn sentence(event: &Event) -> String {
    let text = event.text.lines().next().unwrap_or_default();
    match (&event.cluster, &event.endpoint) {
        (Some(cluster), Some(endpoint)) if !text.contains(endpoint.as_str()) => {
            format!("{cluster} {endpoint}: {text}")
        }
        _ => text.to_owned(),
    }
}

/// What is being typed, or else what was said last.
pub(super) fn draw_notice(console: &Console, canvas: &mut Canvas<'_, '_>, place: Rect) {
    let prompt = |name: String, typed: &str| {
        [(Tone::Strong, name), (Tone::Plain, typed.to_owned()), (Tone::Bar, "▏".to_owned())]
    };
    match (&console.mode, &console.notice) {
        (Mode::Filter, _) => canvas.words(place, prompt("filter: ".to_owned(), &console.filter)),
        (Mode::Weight(typed), _) => {
            let name = console.selection().map_or_else(String::new, |(_, endpoint)| {
                format!("new weight of {} (now {}): ", endpoint.name, endpoint.weight)
            });
            canvas.words(place, prompt(name, typed));
        }
        (_, Some(notice)) => {
            canvas.left(place, notice.tone, &cut(&notice.text, place.width.into()));
        }
        (_, None) => {}
    }
}

pub(super) fn draw_keys(console: &Console, canvas: &mut Canvas<'_, '_>, place: Rect) {
    let keys: &[(&str, &str)] = match &console.mode {
        Mode::Normal => &NORMAL,
        Mode::Filter => &[("Enter", "keep it"), ("Esc", "drop it")],
        Mode::Weight(_) => &[("Enter", "change it"), ("Esc", "leave it")],
        Mode::Help => &[("any key", "back")],
    };
    let mut keys = keys.to_vec();
    let width = |keys: &[(&str, &str)]| -> usize {
        keys.iter().map(|(key, meaning)| key.chars().count() + meaning.chars().count() + 3).sum()
    };
    // The help tells of all the others, and the way out is known.
    while width(&keys) > usize::from(place.width) + 2 && keys.len() > 2 {
        keys.remove(keys.len() - 3);
    }
    let words = keys.iter().flat_map(|(key, meaning)| {
        [(Tone::Strong, (*key).to_owned()), (Tone::Quiet, format!(" {meaning}  "))]
    });
    canvas.words(place, words);
}

const NORMAL: [(&str, &str); 8] = [
    ("↑↓", "select"),
    ("d", "drain"),
    ("u", "bring back"),
    ("w", "weight"),
    ("r", "reload"),
    ("/", "filter"),
    ("?", "help"),
    ("q", "quit"),
];

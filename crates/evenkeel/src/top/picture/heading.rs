//! The two lines above all: which balancer, whether it is well, and where its config comes from, or what is wrong with that.

use ratatui::layout::Rect;

use crate::reload_words::{refused_config, restart_pending};
use crate::screen::Canvas;
use crate::state_words::readiness;
use crate::tone::Tone;
use crate::units::{counted, show_age};

use super::super::console::Console;
use super::cut;

pub(super) fn draw(console: &Console, canvas: &mut Canvas<'_, '_>, title: Rect, config: Rect) {
    draw_title(console, canvas, title);
    draw_config(console, canvas, config);
}

fn draw_title(console: &Console, canvas: &mut Canvas<'_, '_>, place: Rect) {
    let status = &console.look.status;
    let (tone, health) = match &console.lost {
        None => {
            let (tone, words) = readiness(status);
            (tone, words.to_owned())
        }
        Some(lost) => {
            let age = show_age(lost.now - console.look.now);
            (Tone::Bad, format!("no answer for {age}, asking again"))
        }
    };
    let name = format!("evenkeel {}", status.version);
    let (uptime, workers) = (show_age(status.uptime_seconds), counted(status.workers, "worker"));
    let rest = format!("   up {uptime} · {workers} · generation {}", status.generation);
    canvas.words(
        place,
        [
            (Tone::Strong, name),
            (Tone::Plain, "  ".to_owned()),
            (tone, format!("● {health}")),
            (Tone::Quiet, rest),
        ],
    );
}

fn draw_config(console: &Console, canvas: &mut Canvas<'_, '_>, place: Rect) {
    let status = &console.look.status;
    if let Some(lost) = &console.lost {
        let why = lost.why.lines().next().unwrap_or_default();
        return canvas.left(place, Tone::Bad, &cut(&format!("! {why}"), place.width.into()));
    }
    if let Some(refused) = refused_config(status, console.now()) {
        let text = format!("! {}", refused.line());
        return canvas.left(place, Tone::Bad, &cut(&text, place.width.into()));
    }
    let source = match &status.config.source {
        Some(file) => format!("config {file}"),
        None => "config from the command line".to_owned(),
    };
    let overrides = match status.overrides.len() {
        0 => String::new(),
        count => format!(" · {} on top of it", counted(count, "override")),
    };
    let pending = restart_pending(status).map_or_else(String::new, |text| format!(" · {text}"));
    let room = usize::from(place.width).saturating_sub(source.chars().count());
    let overrides = cut(&(pending + &overrides), room);
    let address = format!("{} {}", console.address, console.interval);
    let used = [&source, &overrides, &address].map(|text| text.chars().count());
    canvas.words(place, [(Tone::Quiet, source), (Tone::Warning, overrides)]);
    if used.iter().sum::<usize>() + 2 <= usize::from(place.width) {
        canvas.right(place, Tone::Quiet, &address);
    }
}

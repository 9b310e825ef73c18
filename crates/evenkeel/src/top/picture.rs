//! Draws the console: what there is to see on a screen of any size. Pure; called by `command` for every frame.

use ratatui::Frame;

use crate::screen::Canvas;
use crate::tone::Palette;

mod arrangement;
mod detail;
mod footer;
mod heading;
mod help;
mod listeners;
mod table;

use arrangement::Arrangement;

use super::console::{Console, Mode};

impl Console {
    /// Draws everything that has room.
    pub(super) fn draw(&self, frame: &mut Frame<'_>, palette: Palette) {
        let places = Arrangement::new(frame.area(), self.look.status.listeners.len());
        let mut canvas = Canvas { frame, palette };
        heading::draw(self, &mut canvas, places.title, places.config);
        listeners::draw(self, &mut canvas, places.listeners);
        table::draw(self, &mut canvas, places.table);
        detail::draw(self, &mut canvas, places.detail);
        footer::draw_events(self, &mut canvas, places.events);
        footer::draw_notice(self, &mut canvas, places.notice);
        footer::draw_keys(self, &mut canvas, places.keys);
        if self.mode == Mode::Help {
            help::draw(&mut canvas);
        }
    }
}

/// A rate as people read it: with a digit after the point while it is small.
fn show_rate(per_second: f64) -> String {
    if per_second > 0.0 && per_second < 9.95 {
        format!("{per_second:.1}")
    } else {
        crate::units::show_count(per_second.round() as u64)
    }
}

/// The beginning of `text`, as far as `width` columns go; what is cut is told by a `…`.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    if width == 0 { kept } else { format!("{kept}…") }
}

#[cfg(test)]
mod tests;

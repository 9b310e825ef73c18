//! The help, in the middle of the screen and over everything else.

use ratatui::layout::Rect;
use ratatui::widgets::{Block, Clear};

use crate::screen::Canvas;
use crate::tone::Tone;

use super::super::keys::KEYS;
use super::super::meter::WINDOW;

pub(super) fn draw(canvas: &mut Canvas<'_, '_>) {
    let notes = [
        "req/s is of the last interval, the bars are those before;".to_owned(),
        format!("errors, p50 and p99 are of the last {WINDOW} intervals"),
    ];
    let height = u16::try_from(KEYS.len() + notes.len() + 3).unwrap_or(u16::MAX);
    let place = middle(canvas.frame.area(), WIDTH, height);
    canvas.frame.render_widget(Clear, place);
    let style = canvas.palette.style(Tone::Bar);
    canvas.frame.render_widget(Block::bordered().title(" keys ").border_style(style), place);
    let inner = Rect {
        x: place.x + 2.min(place.width),
        y: place.y + 1.min(place.height),
        width: place.width.saturating_sub(4),
        height: place.height.saturating_sub(2),
    };
    let mut lines = inner.rows();
    for ((key, meaning), line) in KEYS.into_iter().zip(lines.by_ref()) {
        canvas
            .words(line, [(Tone::Strong, format!("{key:<11}")), (Tone::Plain, meaning.to_owned())]);
    }
    for (note, line) in notes.iter().zip(lines.skip(1)) {
        canvas.left(line, Tone::Quiet, note);
    }
}

/// As much of `width` and `height` as there is, in the middle.
fn middle(screen: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(screen.width), height.min(screen.height));
    let (x, y) = ((screen.width - width) / 2, (screen.height - height) / 2);
    Rect { x: screen.x + x, y: screen.y + y, width, height }
}

/// The longest line, and its frame.
const WIDTH: u16 = 61;

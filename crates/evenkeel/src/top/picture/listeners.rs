//! The listeners, and what comes in there.

use ratatui::layout::{Constraint, Layout, Rect};

use evenkeel_control::admin::ListenerStatus;

use crate::screen::Canvas;
use crate::tone::Tone;
use crate::units::{show_count, show_share};

use super::super::console::Console;
use super::{cut, show_rate};

pub(super) fn draw(console: &Console, canvas: &mut Canvas<'_, '_>, place: Rect) {
    let mut lines = place.rows();
    let Some(heading) = lines.next() else { return };
    draw_heading(canvas, &Columns::new(heading));
    let listeners = &console.look.status.listeners;
    let room = usize::from(place.height) - 1;
    let hidden = listeners.len().saturating_sub(room);
    for (line, (number, listener)) in lines.zip(listeners.iter().enumerate()) {
        if hidden > 0 && number + 1 == room {
            let more = format!("and {} more", show_count(hidden as u64 + 1));
            return canvas.left(line, Tone::Quiet, &more);
        }
        draw_row(console, canvas, line, listener);
    }
}

fn draw_heading(canvas: &mut Canvas<'_, '_>, columns: &Columns) {
    canvas.left(columns.name, Tone::Quiet, "listener");
    canvas.left(columns.binds, Tone::Quiet, "binds");
    for (place, title) in [
        (columns.open, "open"),
        (columns.connections, "conn/s"),
        (columns.requests, "req/s"),
        (columns.errors, "5xx"),
    ] {
        canvas.right(place, Tone::Quiet, title);
    }
}

fn draw_row(console: &Console, canvas: &mut Canvas<'_, '_>, line: Rect, listener: &ListenerStatus) {
    let columns = Columns::new(line);
    let track = console.meter.listener(&listener.name);
    canvas.left(columns.name, Tone::Strong, &cut(&listener.name, columns.name.width.into()));
    let binds = format!("{} → {}", listener.binds.join(", "), listener.leads_to());
    canvas.left(columns.binds, Tone::Plain, &cut(&binds, columns.binds.width.into()));
    let open = u64::try_from(listener.active).unwrap_or(0);
    canvas.right(columns.open, Tone::Plain, &show_count(open));
    canvas.right(columns.connections, Tone::Plain, &show_rate(track.connections_per_second()));
    canvas.right(columns.requests, Tone::Strong, &show_rate(track.requests_per_second()));
    let (errors, requests) = track.recent_errors();
    let tone = if errors == 0 { Tone::Quiet } else { Tone::Warning };
    canvas.right(columns.errors, tone, &show_share(errors, requests));
}

/// The columns, from left to right.
struct Columns {
    name: Rect,
    binds: Rect,
    open: Rect,
    connections: Rect,
    requests: Rect,
    errors: Rect,
}

impl Columns {
    fn new(line: Rect) -> Self {
        let number = |least, width| Constraint::Length(if line.width >= least { width } else { 0 });
        let name = Constraint::Length((line.width / 5).clamp(8, NAME_MAX));
        let [name, binds, open, connections, requests, errors] = Layout::horizontal([
            name,
            Constraint::Min(0),
            number(70, 8),
            number(60, 9),
            number(0, 9),
            number(50, 7),
        ])
        .spacing(1)
        .areas(line);
        Columns { name, binds, open, connections, requests, errors }
    }
}

const NAME_MAX: u16 = 24;

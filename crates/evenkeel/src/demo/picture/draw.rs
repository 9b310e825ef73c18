//! Puts a picture on the screen. Called by `screen` for every frame.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::{RenderDirection, Sparkline};

use crate::screen::Canvas;
use crate::tone::{Palette, Tone};

use super::arrangement::{Arrangement, Columns};
use super::{Chart, Picture, Row};

impl Picture {
    /// Draws everything that has room.
    pub(in super::super) fn draw(&self, frame: &mut Frame<'_>, palette: Palette) {
        let rows = u16::try_from(self.rows.len()).unwrap_or(u16::MAX);
        let places = Arrangement::new(frame.area(), rows);
        let mut canvas = Canvas { frame, palette };
        self.draw_title(&mut canvas, places.title);
        self.draw_hint(&mut canvas, places.hint);
        self.draw_figures(&mut canvas, places.figures);
        self.draw_table(&mut canvas, places.table);
        for (chart, place) in [&self.rate, &self.p99].into_iter().zip(places.charts) {
            chart.draw(&mut canvas, place);
        }
        self.draw_events(&mut canvas, places.events);
        draw_keys(&mut canvas, places.keys);
    }

    fn draw_title(&self, canvas: &mut Canvas<'_, '_>, place: Rect) {
        let words = [
            (Tone::Strong, "evenkeel demo".to_owned()),
            (Tone::Quiet, format!("  {}", self.balancer)),
        ];
        canvas.words(place, words);
        canvas.right(place, Tone::Plain, &self.clock);
    }

    fn draw_hint(&self, canvas: &mut Canvas<'_, '_>, place: Rect) {
        let try_it = [(Tone::Quiet, TRY.to_owned()), (Tone::Plain, self.hint.clone())];
        canvas.words(place, try_it);
        let admin = self.admin.as_ref().map(|admin| format!("admin {admin}"));
        let used = TRY.len() + self.hint.len();
        let fits = |admin: &String| used + 2 + admin.len() <= usize::from(place.width);
        if let Some(admin) = admin.filter(fits) {
            canvas.right(place, Tone::Quiet, &admin);
        }
    }

    fn draw_figures(&self, canvas: &mut Canvas<'_, '_>, place: Rect) {
        let gap = if place.width >= 100 { "   " } else { " " };
        let words = self.figures.iter().flat_map(|figure| {
            let value = format!("{:<width$}{gap}", figure.value, width = figure.width);
            [(Tone::Quiet, format!("{} ", figure.name)), (figure.tone, value)]
        });
        canvas.words(place, words);
    }

    fn draw_table(&self, canvas: &mut Canvas<'_, '_>, place: Rect) {
        let mut lines = place.rows();
        if let Some(line) = lines.next() {
            draw_heading(canvas, &Columns::new(line));
        }
        for (line, row) in lines.zip(&self.rows) {
            row.draw(canvas, &Columns::new(line));
        }
    }

    /// The newest at the bottom, as in a log.
    fn draw_events(&self, canvas: &mut Canvas<'_, '_>, place: Rect) {
        let skipped = self.events.len().saturating_sub(usize::from(place.height));
        for (line, event) in place.rows().zip(self.events.iter().skip(skipped)) {
            let at = format!("{:>8}  ", event.at);
            canvas.words(line, [(Tone::Quiet, at), (event.tone, event.text.clone())]);
        }
    }
}

// === impl Row ===

impl Row {
    fn draw(&self, canvas: &mut Canvas<'_, '_>, columns: &Columns) {
        let name =
            [(Tone::Strong, format!("{} ", self.name)), (Tone::Quiet, self.nature.to_owned())];
        canvas.words(columns.name, name);
        canvas.left(columns.state, self.tone, self.state);
        match &self.trouble {
            Some(reason) => canvas.left(columns.reason(), self.tone, reason),
            None => {
                let bar = bar(self.share, columns.bar.width);
                canvas.left(columns.bar, Tone::Bar, &bar);
                let percent = format!("{:.1} %", 100.0 * self.share);
                canvas.right(columns.share, Tone::Plain, &percent);
                canvas.right(columns.rate, Tone::Plain, &self.rate);
            }
        }
        canvas.right(columns.in_flight, Tone::Plain, &self.in_flight);
        canvas.right(columns.p50, Tone::Plain, &self.p50);
        canvas.right(columns.p99, Tone::Plain, &self.p99);
        let tone = if self.has_failures { Tone::Warning } else { Tone::Quiet };
        canvas.right(columns.failures, tone, &self.failures);
    }
}

fn draw_heading(canvas: &mut Canvas<'_, '_>, columns: &Columns) {
    canvas.left(columns.name, Tone::Quiet, "endpoint");
    canvas.left(columns.state, Tone::Quiet, "state");
    canvas.left(columns.bar, Tone::Quiet, "share");
    for (place, title) in [
        (columns.rate, "req/s"),
        (columns.in_flight, "in flight"),
        (columns.p50, "p50"),
        (columns.p99, "p99"),
        (columns.failures, "failed"),
    ] {
        canvas.right(place, Tone::Quiet, title);
    }
}

/// A bar as long as `share` (0 to 1) of `width`, to an eighth of a column.
pub(super) fn bar(share: f64, width: u16) -> String {
    let eighths = (share.clamp(0.0, 1.0) * f64::from(width) * 8.0).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    bar.extend(EIGHTHS.get(eighths % 8).filter(|_| !eighths.is_multiple_of(8)));
    bar
}

// === impl Chart ===

impl Chart {
    /// The newest second at the right edge.
    fn draw(&self, canvas: &mut Canvas<'_, '_>, place: Rect) {
        if place.is_empty() {
            return;
        }
        let heading = Rect { height: 1, ..place };
        canvas.left(heading, Tone::Quiet, self.title);
        canvas.right(heading, Tone::Quiet, &self.peak);
        let bars = Rect { y: place.y + 1, height: place.height - 1, ..place };
        let newest_first = self.values.iter().rev().take(usize::from(bars.width)).copied();
        let line = Sparkline::default()
            .data(newest_first.collect::<Vec<u64>>())
            .direction(RenderDirection::RightToLeft)
            .max(self.full)
            .style(canvas.palette.style(Tone::Bar));
        canvas.frame.render_widget(line, bars);
    }
}

fn draw_keys(canvas: &mut Canvas<'_, '_>, place: Rect) {
    let words = KEYS.into_iter().flat_map(|(key, meaning)| {
        [(Tone::Strong, key.to_owned()), (Tone::Quiet, format!(" {meaning}    "))]
    });
    canvas.words(place, words);
}

const KEYS: [(&str, &str); 3] =
    [("k", "kill or revive"), ("s", "change the pace of the slow one"), ("q", "quit")];

const TRY: &str = "try  ";

const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

//! What goes where on a screen of any size; pure. What matters least is left out first. Asked by `draw`.

use ratatui::layout::{Constraint, Layout, Rect};

/// The parts from top to bottom. What has no room is empty.
#[derive(Debug, PartialEq)]
pub(super) struct Arrangement {
    pub(super) title: Rect,
    pub(super) hint: Rect,
    pub(super) figures: Rect,
    /// Its heading and a line for each endpoint.
    pub(super) table: Rect,
    /// Side by side.
    pub(super) charts: [Rect; 2],
    pub(super) events: Rect,
    pub(super) keys: Rect,
}

impl Arrangement {
    /// Arranges everything for `rows` endpoints.
    pub(super) fn new(screen: Rect, rows: u16) -> Self {
        let margin = u16::from(screen.width > NARROW);
        let inner =
            Rect { x: screen.x + margin, width: screen.width.saturating_sub(2 * margin), ..screen };
        let table = rows + 1;
        let has_charts = inner.height >= table + WITH_CHARTS;
        let gap = u16::from(inner.height >= table + WITH_GAPS);
        // Of what is left, a third makes the bars higher; the rest is for events.
        let spare = inner.height.saturating_sub(table + WITH_GAPS);
        let chart = if has_charts { CHART + (spare / 3).min(CHART) + gap } else { 0 };
        let hint = u16::from(inner.height >= table + WITH_HINT);
        let heights = [1, hint, gap, 1, gap, table, gap, chart];
        let rest = [Constraint::Min(0), Constraint::Length(1)];
        let parts = heights.map(Constraint::Length).into_iter().chain(rest);
        let parts = Layout::vertical(parts).split(inner);
        let charts = Rect { height: parts[7].height.saturating_sub(gap), ..parts[7] };
        Arrangement {
            title: parts[0],
            hint: parts[1],
            figures: parts[3],
            table: parts[5],
            charts: Layout::horizontal([Constraint::Fill(1); 2]).spacing(3).areas(charts),
            events: parts[8],
            keys: parts[9],
        }
    }
}

/// The columns of the table, from left to right.
pub(super) struct Columns {
    pub(super) name: Rect,
    pub(super) state: Rect,
    pub(super) bar: Rect,
    pub(super) share: Rect,
    pub(super) rate: Rect,
    pub(super) in_flight: Rect,
    pub(super) p50: Rect,
    pub(super) p99: Rect,
    pub(super) failures: Rect,
}

impl Columns {
    /// The columns of the line `line`.
    pub(super) fn new(line: Rect) -> Self {
        // With much room the numbers get more air, with little some go; the bar takes the rest.
        let air = if line.width >= ROOMY { 2 } else { 0 };
        let always = |width: u16| Constraint::Length(width + air);
        let from = |least, width| if line.width >= least { always(width) } else { always(0) };
        let [name, state, bar, share, rate, in_flight, p50, p99, failures] = Layout::horizontal([
            always(8),
            always(6),
            Constraint::Min(0),
            Constraint::Length(6),
            from(WITH_RATE, 6),
            from(WITH_ALL, 9),
            from(WITH_ALL, 7),
            from(WITH_RATE, 7),
            always(6),
        ])
        .spacing(1)
        .areas(line);
        Columns { name, state, bar, share, rate, in_flight, p50, p99, failures }
    }

    /// Where a reason stands, if the endpoint gets no work: from the bar to the rate.
    pub(super) fn reason(&self) -> Rect {
        self.bar.union(self.rate)
    }
}

/// Up to here every column counts.
const NARROW: u16 = 60;

/// Columns from which on there is room to spread.
const ROOMY: u16 = 100;

/// Columns from which on all numbers fit beside a bar worth looking at.
const WITH_ALL: u16 = 74;

/// The same without the attempts in flight and the median.
const WITH_RATE: u16 = 52;

/// A title and four lines of bars.
const CHART: u16 = 5;

/// Beside the table: title, figures, keys, charts and five events.
const WITH_CHARTS: u16 = 3 + CHART + 5;

/// And four empty lines.
const WITH_GAPS: u16 = WITH_CHARTS + 4;

/// Title, hint, figures, keys and two events.
const WITH_HINT: u16 = 6;

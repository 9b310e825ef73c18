//! Which columns the table of endpoints has on a line of any width; pure. Asked by `table`.

use ratatui::layout::{Constraint, Layout, Rect};

/// The columns, from left to right. What has no room is empty.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    pub(super) marker: Rect,
    pub(super) name: Rect,
    pub(super) state: Rect,
    pub(super) weight: Rect,
    pub(super) in_flight: Rect,
    pub(super) rate: Rect,
    pub(super) errors: Rect,
    pub(super) p50: Rect,
    pub(super) p99: Rect,
    pub(super) spark: Rect,
}

impl Columns {
    /// The columns of the line `line`, where the longest name has `name_width` characters, and the longest state `state_width`.
    pub(super) fn new(line: Rect, name_width: usize, state_width: usize) -> Self {
        let state_width = u16::try_from(state_width).unwrap_or(u16::MAX).max(STATE);
        let width = line.width;
        // With much room the numbers get more air, with little some go.
        let air = if width >= ROOMY { 2 } else { 0 };
        let from = |least: u16, wanted: u16| {
            Constraint::Length(if width >= least { wanted + air } else { 0 })
        };
        let numbers = [from(66, 6), from(48, 7), from(0, 7), from(58, 6), from(74, 7), from(40, 7)];
        let taken: u16 = numbers
            .iter()
            .map(|each| if let Constraint::Length(width) = each { width + 1 } else { 0 })
            .sum();
        let room = width.saturating_sub(MARKER + state_width + 2 + taken);
        let wanted = u16::try_from(name_width).unwrap_or(u16::MAX).max(NAME_LEAST);
        // A sparkline that is too short tells nothing.
        let spark = room.saturating_sub(wanted + 2).min(SPARK_MAX);
        let spark = if spark >= SPARK_LEAST { spark } else { 0 };
        let name = room.saturating_sub(spark + u16::from(spark > 0));
        let [weight, in_flight, rate, errors, p50, p99] = numbers;
        let [marker, name, state, weight, in_flight, rate, errors, p50, p99, spark] =
            Layout::horizontal([
                Constraint::Length(MARKER - 1),
                Constraint::Length(name.min(wanted + 4)),
                Constraint::Length(state_width),
                weight,
                in_flight,
                rate,
                errors,
                p50,
                p99,
                Constraint::Length(spark),
            ])
            .spacing(1)
            .areas(line);
        Columns { marker, name, state, weight, in_flight, rate, errors, p50, p99, spark }
    }

    /// Where the name of a cluster stands, and what is said about it: up to the first number.
    pub(super) fn label(&self) -> Rect {
        self.name.union(self.state).union(self.weight)
    }

    /// Where a reason stands: instead of the rates.
    pub(super) fn reason(&self) -> Rect {
        inset(self.rate.union(self.after_rate()))
    }

    /// What is right of the rate.
    pub(super) fn after_rate(&self) -> Rect {
        let columns = [self.errors, self.p50, self.p99, self.spark];
        let columns = columns.into_iter().filter(|column| !column.is_empty());
        columns.reduce(Rect::union).map(inset).unwrap_or_default()
    }
}

/// Words that begin where a number's column begins want a blank before them.
fn inset(place: Rect) -> Rect {
    Rect { x: place.x + 1, width: place.width.saturating_sub(1), ..place }
}

/// The marker of the selected line, and a blank.
const MARKER: u16 = 2;

/// Room for the longest state with its mark, unless an operator forces one: few do.
const STATE: u16 = 12;

const NAME_LEAST: u16 = 14;

const SPARK_LEAST: u16 = 8;

/// A minute of looks.
const SPARK_MAX: u16 = 60;

/// Columns from which on there is room to spread.
const ROOMY: u16 = 100;

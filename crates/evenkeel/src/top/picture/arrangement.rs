//! What goes where on a screen of any size; pure. What matters least is left out first. Asked by the picture.

use ratatui::layout::{Constraint, Layout, Rect};

/// The parts from top to bottom. What has no room is empty.
#[derive(Debug, PartialEq)]
pub(super) struct Arrangement {
    pub(super) title: Rect,
    pub(super) config: Rect,
    /// Its heading and a line for each listener.
    pub(super) listeners: Rect,
    /// Its heading, and clusters with their endpoints.
    pub(super) table: Rect,
    /// What is known about the selected endpoint.
    pub(super) detail: Rect,
    pub(super) events: Rect,
    pub(super) notice: Rect,
    pub(super) keys: Rect,
}

impl Arrangement {
    /// Arranges everything for so many listeners.
    pub(super) fn new(screen: Rect, listeners: usize) -> Self {
        let margin = u16::from(screen.width > NARROW);
        let inner =
            Rect { x: screen.x + margin, width: screen.width.saturating_sub(2 * margin), ..screen };
        let height = inner.height;
        // The table is what all this is about: the others share a half of the screen.
        let gap = u16::from(height >= WITH_GAPS);
        let listeners = u16::try_from(listeners).unwrap_or(u16::MAX).min((height / 8).max(2)) + 1;
        let listeners = if height >= WITH_LISTENERS { listeners } else { 0 };
        let detail = if height >= WITH_DETAIL { 2 } else { 0 };
        let events = if height >= WITH_EVENTS { (height / 6).max(3) } else { 0 };
        let [title, config, _, listeners, _, table, _, detail, _, events, notice, keys] =
            Layout::vertical([
                Constraint::Length(1),
                Constraint::Length(u16::from(height >= WITH_CONFIG)),
                Constraint::Length(u16::from(height >= WITH_FIRST_GAP)),
                Constraint::Length(listeners),
                Constraint::Length(u16::from(listeners > 0)),
                Constraint::Min(0),
                Constraint::Length(gap),
                Constraint::Length(detail),
                Constraint::Length(gap),
                Constraint::Length(events),
                Constraint::Length(1),
                Constraint::Length(1),
            ])
            .areas(inner);
        Arrangement { title, config, listeners, table, detail, events, notice, keys }
    }
}

/// Up to here every column counts.
const NARROW: u16 = 60;

/// Title, config, a heading, one row, notice and keys.
const WITH_CONFIG: u16 = 6;
const WITH_LISTENERS: u16 = 12;
const WITH_EVENTS: u16 = 15;
const WITH_DETAIL: u16 = 18;
const WITH_FIRST_GAP: u16 = 22;
const WITH_GAPS: u16 = 28;

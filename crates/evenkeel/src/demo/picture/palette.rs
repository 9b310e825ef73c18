//! What colours mean; pure. `draw` asks for every word.

use ratatui::style::{Color, Modifier, Style};

/// What a word wants to say by its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Tone {
    Plain,
    /// Of less importance than the rest.
    Quiet,
    Strong,
    Good,
    Warning,
    Bad,
    /// A bar.
    Bar,
}

/// Styles for tones. Nothing is told by colour alone.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Palette {
    has_colour: bool,
}

impl Palette {
    pub(in super::super) fn new(has_colour: bool) -> Self {
        Palette { has_colour }
    }

    /// The sixteen colours of the terminal, so that they fit its theme.
    pub(super) fn style(self, tone: Tone) -> Style {
        let (colour, modifier) = match tone {
            Tone::Plain => (None, Modifier::empty()),
            Tone::Quiet => (None, Modifier::DIM),
            Tone::Strong => (None, Modifier::BOLD),
            Tone::Good => (Some(Color::Green), Modifier::empty()),
            Tone::Warning => (Some(Color::Yellow), Modifier::empty()),
            Tone::Bad => (Some(Color::Red), Modifier::BOLD),
            Tone::Bar => (Some(Color::Cyan), Modifier::empty()),
        };
        let style = Style::new().add_modifier(modifier);
        match colour.filter(|_| self.has_colour) {
            Some(colour) => style.fg(colour),
            None => style,
        }
    }
}

//! What colours mean, in printed lines and on a drawn screen. Asked for every word by whatever shows the balancer to people.

use ratatui::style::{Color, Modifier, Style};

/// What a word wants to say by its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
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
pub(crate) struct Palette {
    has_colour: bool,
}

impl Palette {
    pub(crate) fn new(has_colour: bool) -> Self {
        Palette { has_colour }
    }

    /// How a word of `tone` is drawn: the sixteen colours of the terminal, so that they fit its theme.
    pub(crate) fn style(self, tone: Tone) -> Style {
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

    /// `text` as it is printed: the same colours as escape sequences, or the bare text.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Quiet => "2",
            Tone::Strong => "1",
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31",
            Tone::Bar => "36",
        };
        if self.has_colour && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colour_a_word_is_printed_bare() {
        let (plain, colourful) = (Palette::new(false), Palette::new(true));
        assert_eq!(plain.paint(Tone::Bad, "down"), "down");
        assert_eq!(colourful.paint(Tone::Bad, "down"), "\x1b[31mdown\x1b[0m");
        assert_eq!(colourful.paint(Tone::Plain, "down"), "down");
        assert_eq!(colourful.paint(Tone::Bad, ""), "");
        assert_eq!(plain.style(Tone::Bad).fg, None);
    }
}

//! Words at places on a frame, in their tones. Drawn on by the pictures of `demo` and `top`.

use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::text::{Line, Span};

use crate::tone::{Palette, Tone};

/// What is drawn on, and with what. What does not fit into its place is cut.
pub(crate) struct Canvas<'a, 'f> {
    pub(crate) frame: &'a mut Frame<'f>,
    pub(crate) palette: Palette,
}

impl Canvas<'_, '_> {
    /// Puts `text` at the left end of `place`.
    pub(crate) fn left(&mut self, place: Rect, tone: Tone, text: &str) {
        let line = Line::styled(text, self.palette.style(tone));
        self.frame.render_widget(line, place);
    }

    /// Puts `text` at the right end of `place`.
    pub(crate) fn right(&mut self, place: Rect, tone: Tone, text: &str) {
        let line = Line::styled(text, self.palette.style(tone)).alignment(Alignment::Right);
        self.frame.render_widget(line, place);
    }

    /// Puts words one after the other, from the left end of `place`.
    pub(crate) fn words(&mut self, place: Rect, words: impl IntoIterator<Item = (Tone, String)>) {
        let palette = self.palette;
        let spans = words.into_iter().map(|(tone, text)| Span::styled(text, palette.style(tone)));
        self.frame.render_widget(Line::from_iter(spans), place);
    }
}

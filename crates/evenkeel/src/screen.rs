//! The terminal while something is drawn on it: raw, on its alternate screen, and always given back. Opened by `demo` and `top`.

use std::io::{self, Stdout};
use std::thread;

use crossterm::event::{self, Event};
use crossterm::execute;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};

mod canvas;

pub(crate) use self::canvas::Canvas;

use crate::terminal::wants_colour;
use crate::tone::Palette;

/// Dropping it gives the terminal back; a panic does too, before it prints.
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    palette: Palette,
}

impl Screen {
    /// Takes the terminal over. `hear` is told what is typed, and `None` when the terminal is gone, on a thread of its own; it
    /// says whether it wants to hear more.
    pub(crate) fn open(
        hear: impl FnMut(Option<&Event>) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let palette = Palette::new(wants_colour(&io::stdout()));
        let terminal = ratatui::try_init().inspect_err(|_| ratatui::restore())?;
        let screen = Screen { terminal, palette };
        thread::Builder::new().name("keys".to_owned()).spawn(move || listen(hear))?;
        Ok(screen)
    }

    /// Shows what `picture` draws, all of it at once.
    pub(crate) fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>, Palette)) -> io::Result<()> {
        // Terminals that know it show nothing half drawn; the others ignore it.
        execute!(io::stdout(), BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(|frame| picture(frame, self.palette)).map(drop);
        execute!(io::stdout(), EndSynchronizedUpdate)?;
        drawn
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Until nobody wants to hear more, or the terminal is gone.
fn listen(mut hear: impl FnMut(Option<&Event>) -> bool) {
    while let Ok(event) = event::read() {
        if !hear(Some(&event)) {
            return;
        }
    }
    hear(None);
}

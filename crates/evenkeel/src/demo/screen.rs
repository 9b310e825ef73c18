//! The terminal while the picture is on it: raw, on its alternate screen, and always given back. `command` opens it.

use std::io::{self, Stdout};
use std::sync::mpsc::Sender;
use std::thread;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::execute;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use crate::terminal::wants_colour;

use super::picture::{Palette, Picture};
use super::script::Wish;

/// Dropping it gives the terminal back; a panic does too, before it prints.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    palette: Palette,
}

impl Screen {
    /// Takes the terminal over. What is typed becomes wishes.
    pub(super) fn open(wishes: &Sender<Wish>) -> io::Result<Self> {
        let palette = Palette::new(wants_colour(&io::stdout()));
        let terminal = ratatui::try_init().inspect_err(|_| ratatui::restore())?;
        let screen = Screen { terminal, palette };
        let wishes = wishes.clone();
        thread::Builder::new().name("keys".to_owned()).spawn(move || listen(&wishes))?;
        Ok(screen)
    }

    /// Shows `picture`, all of it at once.
    pub(super) fn draw(&mut self, picture: &Picture) -> io::Result<()> {
        // Terminals that know it show nothing half drawn; the others ignore it.
        execute!(io::stdout(), BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(|frame| picture.draw(frame, &self.palette)).map(drop);
        execute!(io::stdout(), EndSynchronizedUpdate)?;
        drawn
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Until nobody wishes any more, or the terminal is gone.
fn listen(wishes: &Sender<Wish>) {
    while let Ok(event) = event::read() {
        let wish = match event {
            Event::Key(key) => wish_of(key),
            Event::Resize(..) => Some(Wish::Redraw),
            _ => None,
        };
        if wish.is_some_and(|wish| wishes.send(wish).is_err()) {
            return;
        }
    }
    // Without keys there is no other way to say it.
    let _ = wishes.send(Wish::Quit);
}

fn wish_of(key: KeyEvent) -> Option<Wish> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    match key.code {
        // A raw terminal does not turn it into a signal.
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::Quit),
        KeyCode::Char('q') | KeyCode::Esc => Some(Wish::Quit),
        KeyCode::Char('k') => Some(Wish::Toggle),
        KeyCode::Char('s') => Some(Wish::Pace),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_last_line_says() {
        let typed = |code, modifiers| wish_of(KeyEvent::new(code, modifiers));
        let plain = |key| typed(KeyCode::Char(key), KeyModifiers::NONE);
        assert_eq!([plain('k'), plain('s')], [Some(Wish::Toggle), Some(Wish::Pace)]);
        assert_eq!([plain('q'), plain('c')], [Some(Wish::Quit), None]);
        assert_eq!(typed(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Wish::Quit));
        assert_eq!(typed(KeyCode::Esc, KeyModifiers::NONE), Some(Wish::Quit));
        let released =
            KeyEvent::new_with_kind(KeyCode::Char('k'), KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(wish_of(released), None);
    }
}

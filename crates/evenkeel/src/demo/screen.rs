//! The demo on a terminal: draws the picture, and turns what is typed into wishes. `command` opens it.

use std::io;
use std::sync::mpsc::Sender;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::screen::Screen;

use super::picture::Picture;
use super::script::Wish;

/// The screen with the demo on it.
pub(super) struct DemoScreen(Screen);

impl DemoScreen {
    /// Takes the terminal over. What is typed becomes wishes.
    pub(super) fn open(wishes: &Sender<Wish>) -> io::Result<Self> {
        let wishes = wishes.clone();
        let hear = move |event: Option<&Event>| {
            wish_of(event).is_none_or(|wish| wishes.send(wish).is_ok())
        };
        Ok(DemoScreen(Screen::open(hear)?))
    }

    /// Shows `picture`.
    pub(super) fn draw(&mut self, picture: &Picture) -> io::Result<()> {
        self.0.draw(|frame, palette| picture.draw(frame, palette))
    }
}

fn wish_of(event: Option<&Event>) -> Option<Wish> {
    match event {
        Some(Event::Key(key)) => wish_of_key(*key),
        Some(Event::Resize(..)) => Some(Wish::Redraw),
        Some(_) => None,
        // Without keys there is no other way to say it.
        None => Some(Wish::Quit),
    }
}

fn wish_of_key(key: KeyEvent) -> Option<Wish> {
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
        let typed = |code, modifiers| wish_of_key(KeyEvent::new(code, modifiers));
        let plain = |key| typed(KeyCode::Char(key), KeyModifiers::NONE);
        assert_eq!([plain('k'), plain('s')], [Some(Wish::Toggle), Some(Wish::Pace)]);
        assert_eq!([plain('q'), plain('c')], [Some(Wish::Quit), None]);
        assert_eq!(typed(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Wish::Quit));
        assert_eq!(typed(KeyCode::Esc, KeyModifiers::NONE), Some(Wish::Quit));
        let released =
            KeyEvent::new_with_kind(KeyCode::Char('k'), KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(wish_of_key(released), None);
    }

    #[test]
    fn a_terminal_that_is_gone_ends_the_demo() {
        assert_eq!(wish_of(None), Some(Wish::Quit));
        assert_eq!(wish_of(Some(&Event::Resize(1, 1))), Some(Wish::Redraw));
    }
}

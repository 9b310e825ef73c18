//! What each key does; pure. `command` passes on what is typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use evenkeel_control::admin::WantedState;
use evenkeel_plan::limits::WEIGHT_MAX;

use crate::admin_client::Change;
use crate::state_words::gets_work;
use crate::tone::Tone;

use super::asker::Order;
use super::console::{Console, Mode, Wish};
use super::rows::Key;

/// Every key with what it does, as the help shows it.
pub(super) const KEYS: [(&str, &str); 11] = [
    ("↑ ↓  j k", "select an endpoint"),
    ("PgUp PgDn", "ten at a time"),
    ("g  G", "the first, the last"),
    ("d", "drain: no new work, what runs finishes"),
    ("u", "bring back: the checks decide again"),
    ("w", "give it another weight"),
    ("r", "read the config again"),
    ("/", "filter by a part of a name, or a state"),
    ("Esc", "drop the filter"),
    ("?", "this help"),
    ("q", "quit"),
];

impl Console {
    /// Does what `key` means, or says what has to be done elsewhere.
    pub(super) fn press(&mut self, key: KeyEvent) -> Option<Wish> {
        // A raw terminal does not turn it into a signal.
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Some(Wish::Quit);
        }
        self.notice = None;
        match &self.mode {
            Mode::Normal => self.press_normal(key.code),
            Mode::Filter => self.press_filter(key.code),
            Mode::Weight(typed) => {
                let typed = typed.clone();
                self.press_weight(key.code, typed)
            }
            Mode::Help => {
                self.mode = Mode::Normal;
                None
            }
        }
    }

    fn press_normal(&mut self, key: KeyCode) -> Option<Wish> {
        let armed = self.armed.take();
        match key {
            KeyCode::Char('q') => return Some(Wish::Quit),
            KeyCode::Char('d') => return self.drain(armed.as_ref()),
            KeyCode::Char('u') => return self.order_state(WantedState::Auto),
            KeyCode::Char('r') => {
                self.say(Tone::Quiet, "reading the config again …");
                return Some(Wish::Order(Order::Reload));
            }
            KeyCode::Char('w') => self.ask_weight(),
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Char('?' | 'h') => self.mode = Mode::Help,
            KeyCode::Esc => {
                self.filter.clear();
                self.settle();
            }
            key => self.travel(key),
        }
        None
    }

    fn travel(&mut self, key: KeyCode) {
        let position = match key {
            KeyCode::Down | KeyCode::Char('j') => self.position + 1,
            KeyCode::Up | KeyCode::Char('k') => self.position.saturating_sub(1),
            KeyCode::PageDown => self.position + PAGE,
            KeyCode::PageUp => self.position.saturating_sub(PAGE),
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => usize::MAX,
            _ => return,
        };
        self.select(position);
    }

    /// Nobody takes the last one that works away by one slip of the finger.
    fn drain(&mut self, armed: Option<&Key>) -> Option<Wish> {
        let (cluster, endpoint) = self.selection()?;
        let mut others = cluster.endpoints.iter().filter(|each| each.name != endpoint.name);
        if armed != self.selected.as_ref() && !others.any(gets_work) {
            let (cluster, endpoint) = (&cluster.name, &endpoint.name);
            let text = format!(
                "no other endpoint of {cluster} can take its work: press d again to drain {endpoint} all the same"
            );
            self.armed = self.selected.clone();
            self.say(Tone::Warning, text);
            return None;
        }
        self.order_state(WantedState::Drain)
    }

    fn order_state(&mut self, state: WantedState) -> Option<Wish> {
        let Key { cluster, endpoint } = self.selected.clone()?;
        let doing = match state {
            WantedState::Drain => "draining",
            _ => "bringing back",
        };
        self.say(Tone::Quiet, format!("{doing} {endpoint} …"));
        Some(Wish::Order(Order::Change(Change::State { cluster, endpoint, state })))
    }

    fn ask_weight(&mut self) {
        if self.selection().is_some() {
            self.mode = Mode::Weight(String::new());
        }
    }

    fn press_weight(&mut self, key: KeyCode, mut typed: String) -> Option<Wish> {
        match key {
            KeyCode::Char(digit) if digit.is_ascii_digit() && typed.len() < DIGITS_MAX => {
                typed.push(digit);
            }
            KeyCode::Backspace => drop(typed.pop()),
            KeyCode::Enter => {
                self.mode = Mode::Normal;
                return self.order_weight(&typed);
            }
            KeyCode::Esc => {
                self.mode = Mode::Normal;
                return None;
            }
            _ => {}
        }
        self.mode = Mode::Weight(typed);
        None
    }

    fn order_weight(&mut self, typed: &str) -> Option<Wish> {
        let Some(weight) = typed.parse().ok().filter(|weight| *weight <= WEIGHT_MAX) else {
            self.say(Tone::Bad, format!("a weight is a number from 0 to {WEIGHT_MAX}"));
            return None;
        };
        let Key { cluster, endpoint } = self.selected.clone()?;
        self.say(Tone::Quiet, format!("giving {endpoint} the weight {weight} …"));
        let weight = Some(weight);
        Some(Wish::Order(Order::Change(Change::Weight { cluster, endpoint, weight })))
    }

    fn press_filter(&mut self, key: KeyCode) -> Option<Wish> {
        match key {
            KeyCode::Char(typed) if self.filter.len() < FILTER_MAX => self.filter.push(typed),
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Enter => self.mode = Mode::Normal,
            KeyCode::Esc => {
                self.filter.clear();
                self.mode = Mode::Normal;
            }
            KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown => self.travel(key),
            _ => {}
        }
        self.settle();
        None
    }
}

const PAGE: usize = 10;

/// As many as the largest weight has.
const DIGITS_MAX: usize = 5;

/// Longer than any name.
const FILTER_MAX: usize = 253;

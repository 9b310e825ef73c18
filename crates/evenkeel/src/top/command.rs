//! The run of `evenkeel top`: one loop over what is typed and what the balancer says.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};
use std::thread;

use crossterm::event::{Event, KeyEvent, KeyEventKind};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::admin_client::AdminClient;
use crate::failure::{Failure, exit_code};
use crate::screen::Screen;

use super::Args;
use super::asker::{Asker, News};
use super::console::{Console, Wish};

/// What the loop waits for.
#[derive(Debug)]
pub(super) enum Input {
    Key(KeyEvent),
    /// The terminal has another size.
    Redraw,
    News(News),
    /// A signal, or the terminal is gone.
    Quit,
}

/// Shows it until `q` or a signal.
pub(crate) fn run(args: &Args) -> ExitCode {
    exit_code(watch(args))
}

fn watch(args: &Args) -> Result<(), Failure> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let sentence = "`evenkeel top` needs a terminal\n  \
                        into a file or a pipe, `evenkeel status` shows the same once";
        return Err(Failure::Running(sentence.to_owned()));
    }
    let client = AdminClient::new(&args.admin)?;
    let address = client.address();
    let mut asker = Asker::new(client, args.interval);
    // Whoever cannot be reached at all is told so on the plain screen.
    let mut console = Console::new(address, args.interval, args.filter.clone(), asker.look()?);
    let (inputs, input) = mpsc::channel();
    let (orders, ordered) = mpsc::channel();
    watch_signals(inputs.clone())?;
    let keys = inputs.clone();
    let hear =
        move |event: Option<&Event>| input_of(event).is_none_or(|input| keys.send(input).is_ok());
    let mut screen = Screen::open(hear)?;
    asker.start(ordered, inputs)?;
    loop {
        screen.draw(|frame, palette| console.draw(frame, palette))?;
        let wish = match input.recv() {
            Ok(Input::Key(key)) => console.press(key),
            Ok(Input::Redraw) => None,
            Ok(Input::News(news)) => {
                console.hear(news);
                None
            }
            Ok(Input::Quit) | Err(_) => return Ok(()),
        };
        match wish {
            Some(Wish::Quit) => return Ok(()),
            // If nobody takes it, the asker has ended, and so will we.
            Some(Wish::Order(order)) => drop(orders.send(order)),
            None => {}
        }
    }
}

fn input_of(event: Option<&Event>) -> Option<Input> {
    match event {
        Some(Event::Key(key)) if key.kind != KeyEventKind::Release => Some(Input::Key(*key)),
        Some(Event::Resize(..)) => Some(Input::Redraw),
        Some(_) => None,
        None => Some(Input::Quit),
    }
}

/// Every signal that asks for an end gives the terminal back first.
fn watch_signals(inputs: Sender<Input>) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let inside = runtime.enter();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut quit = signal(SignalKind::quit())?;
    drop(inside);
    let wait = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
            _ = quit.recv() => {}
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(wait);
        // An error means that the end has come already.
        let _ = inputs.send(Input::Quit);
    })?;
    Ok(())
}

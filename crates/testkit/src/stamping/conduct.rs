//! How a stamping origin behaves, as values and as the line by which it is told. Read by `serving`, written by whoever starts one.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use crate::message::malformed;

/// How a stamping origin behaves. The default is well: it answers at once, and keeps its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conduct {
    /// How long it works on a request.
    pub service: Duration,
    /// How many requests it works on at the same time, while others wait; 0 for any number.
    pub concurrency: u32,
    /// Bytes of body in each answer.
    pub body: usize,
    /// Whether bodies are framed as chunks, not by their length.
    pub chunked: bool,
    /// The status of a failure, and that every so manyth request has it; 0 for none.
    pub failing: (u16, u32),
    /// Where an answer is cut off, how, and that every so manyth one is; 0 for none.
    pub cut: (Phase, Cut, u32),
    /// What of an answer goes out at a byte per second.
    pub drip: Drip,
    /// After how long without a request a connection is closed; zero for never.
    pub idle: Duration,
    /// What becomes of a connection after an answer.
    pub ends: Ends,
    /// What becomes of a new connection.
    pub greeting: Greeting,
}

impl Default for Conduct {
    fn default() -> Self {
        Self {
            service: Duration::ZERO,
            concurrency: 0,
            body: 1000,
            chunked: false,
            failing: (503, 0),
            cut: (Phase::BeforeHead, Cut::Close, 0),
            drip: Drip::None,
            idle: Duration::ZERO,
            ends: Ends::Kept,
            greeting: Greeting::Serve,
        }
    }
}

/// Defines an enum whose variants have one word each.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$what])* $variant,)*
        }

        impl $name {
            /// All that there are.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            fn of_word(word: &str) -> io::Result<Self> {
                let found = Self::ALL.iter().copied().find(|one| one.word() == word);
                found.ok_or_else(|| malformed("not a word for its conduct", word))
            }
        }
    };
}

words! {
    /// How far an answer is.
    Phase {
        /// The request is complete, and nothing is sent.
        BeforeHead = "before-head",
        /// The head is sent.
        AfterHead = "after-head",
        /// The head and half of the body are sent.
        MidBody = "mid-body",
    }
}

words! {
    /// How an answer is cut off.
    Cut {
        /// The connection ends in order.
        Close = "close",
        /// The connection is reset.
        Reset = "reset",
        /// The whole process kills itself, as by `kill -9`.
        Kill = "kill",
    }
}

words! {
    /// What of an answer goes out at a byte per second.
    Drip {
        /// Nothing.
        None = "none",
        /// All of it, from the head's first byte on.
        Head = "head",
        /// The body; the head goes at once.
        Body = "body",
    }
}

words! {
    /// What becomes of a connection after an answer.
    Ends {
        /// It is kept.
        Kept = "kept",
        /// The answer says `Connection: close`, and it is closed.
        Announced = "announced",
        /// It is closed, and the answer did not say so.
        Silent = "silent",
        /// The sending side is closed without a word, and the rest stays open.
        Half = "half",
    }
}

words! {
    /// What becomes of a new connection.
    Greeting {
        /// It is served.
        Serve = "serve",
        /// It is reset at once.
        Reset = "reset",
        /// It is not accepted, so that the backlog fills.
        Ignore = "ignore",
    }
}

impl fmt::Display for Conduct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, concurrency, body, chunked, failing, cut, drip, idle, ends, greeting } =
            self;
        write!(
            f,
            "{} {concurrency} {body} {chunked} {} {} {} {} {} {} {} {} {}",
            service.as_micros(),
            failing.0,
            failing.1,
            cut.0.word(),
            cut.1.word(),
            cut.2,
            drip.word(),
            idle.as_micros(),
            ends.word(),
            greeting.word()
        )
    }
}

impl FromStr for Conduct {
    type Err = io::Error;

    fn from_str(line: &str) -> io::Result<Self> {
        let mut words = line.split_whitespace();
        let mut next = || words.next().ok_or_else(|| malformed("too few words of conduct", line));
        let conduct = Self {
            service: Duration::from_micros(number(next()?)?),
            concurrency: number(next()?)?,
            body: number(next()?)?,
            chunked: number(next()?)?,
            failing: (number(next()?)?, number(next()?)?),
            cut: (Phase::of_word(next()?)?, Cut::of_word(next()?)?, number(next()?)?),
            drip: Drip::of_word(next()?)?,
            idle: Duration::from_micros(number(next()?)?),
            ends: Ends::of_word(next()?)?,
            greeting: Greeting::of_word(next()?)?,
        };
        match words.next() {
            None => Ok(conduct),
            Some(more) => Err(malformed("too many words of conduct", more)),
        }
    }
}

fn number<T: FromStr>(word: &str) -> io::Result<T> {
    word.parse().map_err(|_| malformed("not a number for its conduct", word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conduct_survives_being_told() {
        let mut conducts = vec![Conduct::default()];
        for &ends in Ends::ALL {
            for &greeting in Greeting::ALL {
                let idle = Duration::from_millis(250);
                conducts.push(Conduct { ends, greeting, idle, ..Conduct::default() });
            }
        }
        for &phase in Phase::ALL {
            for &cut in Cut::ALL {
                for &drip in Drip::ALL {
                    let cut = (phase, cut, 3);
                    let (chunked, failing) = (true, (500, 2));
                    conducts.push(Conduct { cut, drip, chunked, failing, ..Conduct::default() });
                }
            }
        }
        for conduct in conducts {
            assert_eq!(conduct.to_string().parse::<Conduct>().unwrap(), conduct);
        }
    }

    #[test]
    fn other_lines_are_refused() {
        let line = Conduct::default().to_string();
        for wrong in ["", "1", &line[1..], &format!("{line} more"), &line.replace("serve", "eat")] {
            assert!(wrong.parse::<Conduct>().is_err(), "{wrong:?}");
        }
    }
}

//! What a handshake came to. Counted by `proxy`, shown by `control`.

/// What a handshake came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// Both sides have proved themselves anew.
    Full,
    /// The client has shown a ticket of an earlier one (RFC 8446 §2.2).
    Resumed,
    /// One side did not like what the other said: no common version, say, or an unknown certificate.
    Refused,
    /// The client left in the middle.
    Closed,
    /// It took too long.
    TimedOut,
}

impl Handshake {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::Full, Self::Resumed, Self::Refused, Self::Closed, Self::TimedOut];

    /// As metrics name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Resumed => "resumed",
            Self::Refused => "refused",
            Self::Closed => "closed",
            Self::TimedOut => "timeout",
        }
    }

    /// Whether there is a session now.
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Full | Self::Resumed)
    }
}

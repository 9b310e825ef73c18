//! What is wrong with a config, in words for people, with the place and the way out. Every module of `config` reports these.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

use super::report::Report;
use super::sources::Sources;

/// A stretch of what was read, in bytes; [`Sources`] knows of which file.
pub type Span = Range<usize>;

/// One mistake, or one thing that was surely not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of mistake; also says how bad it is.
    pub code: Code,
    /// What is wrong.
    pub message: Box<str>,
    /// Where; `None` when it is about the file as a whole.
    pub span: Option<Span>,
    /// What stands beside the caret; may be empty.
    pub label: Box<str>,
    /// What the place stands for, where that is not written there.
    pub note: Option<Box<str>>,
    /// What to do about it.
    pub help: Option<Box<str>>,
    /// Another place that has to do with it, and what is there; boxed, for results carry a diagnostic.
    pub related: Option<Box<(Span, Box<str>)>>,
}

/// Whether a config can be used in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but it will hardly do what was meant.
    Warning,
}

/// The kinds of mistakes. A number never changes its meaning; from 900 on they are warnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Code {
    /// There is no such file.
    FileAbsent = 1,
    /// The file cannot be read.
    FileUnreadable = 2,
    /// The file is not text in UTF-8.
    FileNotText = 3,
    /// Not TOML.
    Syntax = 100,
    /// A key that does not exist here.
    UnknownKey = 101,
    /// A string where a number belongs, and so on.
    WrongType = 102,
    /// A key that has to be there is not.
    MissingKey = 103,
    /// A number, duration or size that is too large or too small.
    OutOfBounds = 104,
    /// Not a duration.
    BadDuration = 105,
    /// Not a size.
    BadSize = 106,
    /// Not a share.
    BadShare = 107,
    /// A word that is not one of those possible here.
    UnknownWord = 108,
    /// A right word, but this version cannot do it.
    Unsupported = 109,
    /// A key that does not go with what another key says.
    MisplacedKey = 110,
    /// A name of a listener or cluster that could be mistaken for something else.
    BadName = 111,
    /// A label or a zone with other than letters, digits and some signs.
    BadLabel = 112,
    /// Not a rate.
    BadRate = 113,
    /// Neither an address nor a name with a port.
    BadAddress = 201,
    /// An address without a port.
    PortMissing = 202,
    /// A port that does not exist.
    PortOutOfRange = 203,
    /// Not a network.
    BadNetwork = 204,
    /// Not the path of a URL, or not the name of a host or of a service, or not a method.
    BadRequestPart = 205,
    /// Not a status, nor a range of them.
    BadStatus = 206,
    /// A page whose file name does not say what kind it is.
    UnknownExtension = 207,
    /// A path that cannot be one of a file.
    BadFilePath = 208,
    /// A token that could be guessed, or not be sent.
    BadToken = 209,
    /// Not a URL.
    BadUrl = 231,
    /// Nothing to listen on.
    NoListener = 301,
    /// A cluster of nothing.
    NoEndpoints = 302,
    /// Endpoints, or clusters of a route, of which none may be used.
    AllWeightsZero = 303,
    /// The same endpoint twice in a cluster.
    DuplicateEndpoint = 304,
    /// A reference to a cluster that does not exist.
    UnknownCluster = 305,
    /// Two listeners on one address.
    DuplicateBind = 306,
    /// A cluster and a listener with endpoints of its own share a name.
    NameCollision = 307,
    /// A reference to a listener that does not exist.
    UnknownListener = 308,
    /// Two routes that nothing tells apart.
    DuplicateRoute = 309,
    /// A route that may be meant for any of several listeners.
    ListenerMissing = 316,
    /// A route to endpoints with labels that no endpoint of a cluster has.
    NoSuchLabels = 317,
    /// A reference to an `[acme.NAME]` that does not exist.
    UnknownAcme = 331,
    /// A name with a `*` that is not shown to be ours by DNS.
    WildcardNeedsDns = 332,
    /// The same key, listener or cluster in two files.
    DuplicateKey = 310,
    /// An `include` in a file that is included, or of the file itself.
    NestedInclude = 311,
    /// A variable that is not set and has no default.
    VariableUnset = 312,
    /// A `${` that is not the start of a variable.
    BadReference = 313,
    /// A variable whose value is not text in UTF-8.
    VariableNotText = 314,
    /// Variables with too much in them.
    ExpandedTooLarge = 315,
    /// A page of errors that does not exist.
    PageAbsent = 401,
    /// A page of errors that cannot be read.
    PageUnreadable = 402,
    /// A page of errors that is too large.
    PageTooLarge = 403,
    /// A page of errors that is not text in UTF-8.
    PageNotText = 404,
    /// A file for a log where none can be.
    LogPlace = 405,
    /// A file to include that does not exist.
    IncludeAbsent = 406,
    /// A file to include that cannot be read, or a folder that cannot be searched.
    IncludeUnreadable = 407,
    /// A file to include with which the config is too large.
    IncludeTooLarge = 408,
    /// A file to include that is not text in UTF-8.
    IncludeNotText = 409,
    /// More files to include than anybody means.
    TooManyIncludes = 410,
    /// A certificate that cannot be used.
    CertificateRefused = 411,
    /// Checks overlap.
    IntervalBelowTimeout = 901,
    /// A cluster that nothing uses.
    UnusedCluster = 902,
    /// Everybody may claim to be any client.
    TrustsEverybody = 903,
    /// A listener that sends to itself.
    SendsToItself = 904,
    /// Only backups, so none is one.
    OnlyBackups = 905,
    /// A page for a status that none of our errors has.
    PageNeverSent = 906,
    /// A route that no request can take.
    UnreachableRoute = 907,
    /// We are in a zone in which no endpoint is.
    ZoneWithoutEndpoints = 908,
    /// Sessions that no other replica knows, nor this one after a restart.
    SessionsWithoutKeys = 909,
    /// An exchange ends before its answer may be given up.
    ExchangeBelowFirstByte = 920,
    /// Every stop cuts what runs.
    DrainsNothing = 921,
    /// A target can be larger than the head that it is in.
    TargetAboveHead = 922,
    /// A network with an address in it that the prefix ignores.
    NetworkHasHost = 923,
    /// A limit that can never be met, or a word on who waits where nobody can.
    LimitWithoutEffect = 924,
    /// Streams that lead to a cluster which goes by what only requests have.
    NothingToGoBy = 925,
    /// TLS that is passed on as it is, to endpoints that are spoken TLS with.
    TlsInTls = 926,
    /// A version of HTTP where none is chosen, or none is spoken.
    HttpWithoutEffect = 927,
    /// Calls of gRPC for endpoints that are asked in HTTP/1.1.
    GrpcOverHttp1 = 928,
    /// A check by a call of gRPC, of endpoints that are asked in HTTP/1, in which there are no calls.
    CallsOverHttp1 = 929,
    /// A program that cannot be run here.
    CannotRun = 930,
    /// Hurried checks that are slower than others.
    FastAboveInterval = 931,
    /// Streams that are to move, where none can.
    StreamsStay = 932,
    /// A status of gRPC after which to try again, where no call can end with one.
    NeverTriedAgain = 933,
    /// A certificate that cannot be used, in place of one that is in use.
    CertificateKept = 940,
    /// A certificate that is good for a few days only.
    CertificateExpires = 941,
    /// A chain that is not in the order that clients want.
    ChainUnsorted = 942,
    /// `preload` where no list takes it.
    NotPreloaded = 943,
    /// TLS with endpoints that need not prove who they are.
    VerifiesNothing = 944,
    /// A file with secrets that everybody may read.
    SecretOpen = 945,
    /// A file by which nobody is taken: its time is over, or a list is missing beside it.
    Lapsed = 946,
    /// An `[acme.NAME]` that no listener shows the certificate of.
    UnusedAcme = 951,
    /// No listener where an authority asks.
    ChallengeUnreachable = 952,
    /// Two that are shown to be ours by handshakes for the same name, and do not wait for each other.
    RivalOrders = 953,
}

// === impl Diagnostic ===

impl Diagnostic {
    /// A mistake, for now without a place.
    pub(super) fn new(code: Code, message: impl Into<Box<str>>) -> Self {
        let message = message.into();
        let (label, note) = (Box::default(), None);
        Self { code, message, span: None, label, note, help: None, related: None }
    }

    /// Says where it is.
    pub(super) fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// Puts `label` beside the caret.
    pub(super) fn label(mut self, label: impl Into<Box<str>>) -> Self {
        self.label = label.into();
        self
    }

    /// Says what to do about it.
    pub(super) fn help(mut self, help: impl Into<Box<str>>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says that the value can also be switched off.
    pub(super) fn or_off(self) -> Self {
        let help = match &self.help {
            Some(help) => format!("{help}; \"off\" for no bound"),
            None => "\"off\" for no bound".to_owned(),
        };
        self.help(help)
    }

    /// Points to another place as well.
    pub(super) fn related(mut self, span: Span, what: impl Into<Box<str>>) -> Self {
        self.related = Some(Box::new((span, what.into())));
        self
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

// === impl Code ===

impl Code {
    /// How bad it is.
    pub const fn severity(self) -> Severity {
        if self as u16 >= Self::IntervalBelowTimeout as u16 {
            Severity::Warning
        } else {
            Severity::Error
        }
    }

    /// Whether it says why a string could not be expanded.
    pub(super) const fn is_of_expansion(self) -> bool {
        matches!(
            self,
            Self::VariableUnset
                | Self::BadReference
                | Self::VariableNotText
                | Self::ExpandedTooLarge
        )
    }

    /// Whether it says that something is *not* there, which a file that is only partly understood cannot prove.
    pub(super) const fn claims_absence(self) -> bool {
        matches!(
            self,
            Self::MissingKey
                | Self::NoListener
                | Self::NoEndpoints
                | Self::AllWeightsZero
                | Self::UnknownCluster
                | Self::UnknownListener
                | Self::UnusedCluster
                | Self::OnlyBackups
                | Self::ZoneWithoutEndpoints
                | Self::NoSuchLabels
                | Self::UnknownAcme
                | Self::UnusedAcme
                | Self::ChallengeUnreachable
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EK{:04}", *self as u16)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// Collects diagnostics, so that decoding goes on after the first. Shared by all that read one config.
#[derive(Debug, Default)]
pub(super) struct Sink(RefCell<Vec<Diagnostic>>);

impl Sink {
    /// Notes a mistake.
    pub(super) fn report(&self, diagnostic: Diagnostic) {
        self.0.borrow_mut().push(diagnostic);
    }

    /// The value; or its mistake is noted as being at `span`.
    pub(super) fn take<T>(&self, result: Result<T, Diagnostic>, span: Span) -> Option<T> {
        result.map_err(|diagnostic| self.report(diagnostic.at(span))).ok()
    }

    /// All that was noted.
    pub(super) fn into_report(self, sources: Sources) -> Report {
        Report::new(sources, self.0.into_inner())
    }

    /// Lets `change` see and change all that was noted.
    pub(super) fn revise(&self, change: impl FnOnce(&mut Vec<Diagnostic>)) {
        change(&mut self.0.borrow_mut());
    }

    /// What was noted and `keep` wants.
    pub(super) fn retain(&self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.0.borrow_mut().retain(keep);
    }
}

/// A word of the user's as messages quote it: in backticks, in one line, not too long, and visible even if empty.
pub(super) fn quoted(word: &str) -> String {
    let short = shortened(word);
    if short.is_empty() { "\"\"".to_owned() } else { format!("`{short}`") }
}

/// The same without anything around it.
pub(super) fn shortened(word: &str) -> String {
    let mut short: String =
        word.chars().take(QUOTED_CHARS_MAX).flat_map(char::escape_debug).collect();
    if word.chars().nth(QUOTED_CHARS_MAX).is_some() {
        short.push('…');
    }
    short
}

/// Longer words would push the message off the line; the excerpt below it shows the rest.
const QUOTED_CHARS_MAX: usize = 48;

//! Where a scenario is played: a balancer before stamping origins, a ledger that is kept, and the moments that matter.

use std::fs::{self, File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use evenkeel_testkit::ledger::{Book, Load};
use evenkeel_testkit::stamping::Conduct;
use evenkeel_testkit::{Ledger, Moment, StampingOrigin, ports, wait};

use super::balancer::Balancer;
use super::cable;
use super::config::Setup;
use super::scenario::{Log, Scenario, Scenery};
use crate::Outcome;
use crate::bench::contender::Contender;
use crate::tools::succeed;

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The load before anything breaks.
    pub(super) before: Duration,
    /// What is broken stays so.
    pub(super) during: Duration,
    /// The load after it is mended.
    pub(super) after: Duration,
    /// Between two checks of an endpoint.
    pub(super) check: Duration,
    pub(super) is_long: bool,
}

impl Pace {
    /// Seconds, and checks to match: what `cargo xtask test` has time for.
    pub(super) const SHORT: Self = Self {
        before: Duration::from_millis(1200),
        during: Duration::from_millis(2500),
        after: Duration::from_millis(2000),
        check: Duration::from_millis(500),
        is_long: false,
    };

    /// Long enough for the checks that are the default.
    pub(super) const LONG: Self = Self {
        before: Duration::from_secs(5),
        during: Duration::from_secs(15),
        after: Duration::from_secs(15),
        check: Duration::from_secs(2),
        is_long: true,
    };
}

pub(super) struct Stage {
    pub(super) balancer: Balancer,
    pub(super) origins: Vec<StampingOrigin>,
    pub(super) pace: Pace,
    /// The origin that is broken, if it is one of them.
    pub(super) victim: Option<usize>,
    pub(super) notes: Vec<String>,
    /// What was open before the first request of a ledger.
    pub(super) resting_descriptors: usize,
    pub(super) books: Vec<Book>,
    pub(super) fault: Option<Moment>,
    pub(super) heal: Option<Moment>,
    ledger: Option<Ledger>,
    next_id: u64,
    /// The end of the pipe that nobody reads from.
    _pipe: Option<File>,
}

impl Stage {
    /// Starts all that `scenario` needs.
    pub(super) fn open(
        scenario: &Scenario,
        contender: Contender,
        evenkeel: &Path,
        pace: Pace,
    ) -> Outcome<Self> {
        let scenery = (scenario.scenery)();
        let form = if pace.is_long { "long" } else { "short" };
        let folder = new_folder(&format!("{form}/{}-{contender}", scenario.name))?;
        let origins = start_origins(&scenery, &folder)?;
        let [listen, admin] = ports::free_ports()?.map(|port| (Ipv4Addr::LOCALHOST, port).into());
        let (log, pipe) = match scenery.log {
            Log::Off => (None, None),
            Log::Full => (Some(PathBuf::from("/dev/full")), None),
            Log::Stalled => new_pipe(&folder).map(|(path, pipe)| (Some(path), Some(pipe)))?,
        };
        let endpoints = origins.iter().map(StampingOrigin::address).collect();
        let (check, pool) = (pace.check, scenery.pool);
        let setup = Setup { listen, admin, endpoints, check, log, pool, folder };
        let balancer = Balancer::start(contender, evenkeel, setup, scenery.descriptors)?;
        Ok(Self {
            resting_descriptors: balancer.descriptors()?,
            victim: Some(origins.len() - 1),
            balancer,
            origins,
            pace,
            notes: Vec::new(),
            books: Vec::new(),
            fault: None,
            heal: None,
            ledger: None,
            next_id: 1,
            _pipe: pipe,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.balancer.setup.listen
    }

    /// Begins a ledger, and keeps it for as long as all is well.
    pub(super) fn begin(&mut self, load: Load) {
        self.begin_at_once(load);
        self.hold(self.pace.before);
    }

    /// Begins a ledger.
    pub(super) fn begin_at_once(&mut self, load: Load) {
        self.ledger = Some(Ledger::start(self.address(), load, self.next_id));
    }

    /// Lets all origins answer at once, until none has anything to do any more; then they are as they were.
    pub(super) fn rest(&mut self) -> Outcome<()> {
        for origin in &mut self.origins {
            let conduct = origin.conduct();
            origin.behave(Conduct { service: Duration::ZERO, concurrency: 0, ..conduct })?;
            origin.wait_for_rest(REST_WITHIN)?;
            origin.behave(conduct)?;
        }
        Ok(())
    }

    /// From here on something is broken.
    pub(super) fn breaks(&mut self) {
        self.fault.get_or_insert_with(Moment::now);
    }

    /// From here on nothing is broken any more.
    pub(super) fn heals(&mut self) {
        self.heal = Some(Moment::now());
    }

    pub(super) fn hold(&self, length: Duration) {
        wait::pause(length);
    }

    /// Ends the ledger; what became of all its requests.
    pub(super) fn close(&mut self) -> Outcome<Book> {
        let book = self.ledger.take().ok_or("no ledger is being kept")?.close();
        self.next_id = book.entries.last().map_or(self.next_id, |entry| entry.id) + 1;
        self.books.push(book.clone());
        Ok(book)
    }

    /// What all ledgers were about, as one.
    pub(super) fn book(&self) -> Option<Book> {
        self.books.iter().cloned().reduce(Book::and)
    }

    /// The origin that is broken.
    pub(super) fn victim(&mut self) -> Outcome<&mut StampingOrigin> {
        let victim = self.victim.and_then(|victim| self.origins.get_mut(victim));
        Ok(victim.ok_or("no single origin is broken here")?)
    }

    /// Changes how the one that is broken behaves.
    pub(super) fn make_victim(&mut self, change: impl Fn(&mut Conduct)) -> Outcome<()> {
        let victim = self.victim()?;
        let mut conduct = victim.conduct();
        change(&mut conduct);
        Ok(victim.behave(conduct)?)
    }

    /// Changes how all behave.
    pub(super) fn make_all(&mut self, change: impl Fn(&mut Conduct)) -> Outcome<()> {
        for origin in &mut self.origins {
            let mut conduct = origin.conduct();
            change(&mut conduct);
            origin.behave(conduct)?;
        }
        Ok(())
    }

    /// Pulls the cable of the one that is far away, or plugs it in again.
    pub(super) fn plug(&mut self, plugged: bool) -> Outcome<()> {
        cable::plug(self.victim()?.pid().ok_or("the origin is dead")?, plugged)
    }

    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}

fn new_folder(name: &str) -> Outcome<PathBuf> {
    let folder = Path::new(DIRECTORY).join(name.to_lowercase());
    // Left by an earlier run.
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder)?;
    Ok(folder.canonicalize()?)
}

fn start_origins(scenery: &Scenery, folder: &Path) -> Outcome<Vec<StampingOrigin>> {
    let program = super::own_program()?.to_str().ok_or("our own path is not UTF-8")?;
    let near = [program, "stamping-origin"];
    let far = ["unshare", "--net", program, "stamping-origin"];
    let start = |number: usize| -> Outcome<StampingOrigin> {
        let journal = folder.join(format!("origin-{number}.journal"));
        let is_far = scenery.far && number + 1 == scenery.origins;
        let (words, ip): (&[&str], _) =
            if is_far { (&far, cable::FAR) } else { (&near, Ipv4Addr::LOCALHOST) };
        let mut origin = StampingOrigin::start(words, (ip, ports::free_port()?).into(), journal)?;
        origin.behave(scenery.conduct)?;
        if is_far {
            cable::lay(origin.pid().ok_or("the origin is dead")?)?;
        }
        Ok(origin)
    };
    (0..scenery.origins).map(start).collect()
}

/// A pipe with a name, held open so that it can be written to.
fn new_pipe(folder: &Path) -> Outcome<(PathBuf, File)> {
    let path = folder.join("log.pipe");
    succeed(Command::new("mkfifo").arg(&path))?;
    // To open only one end would wait for the other.
    let pipe = OpenOptions::new().read(true).write(true).open(&path)?;
    Ok((path, pipe))
}

/// Thousands of requests may be waiting.
const REST_WITHIN: Duration = Duration::from_secs(20);

/// Where configs, journals and whatever else balancers write go.
const DIRECTORY: &str = "target/faults";

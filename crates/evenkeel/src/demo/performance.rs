//! The running demo: origins, balancer and load, moved on step by step. `command` owns it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::mpsc::Sender;
use std::time::Duration;

use evenkeel_control::View;
use evenkeel_control::admin::Address;
use evenkeel_proxy::Inherited;
use hyper::{HeaderMap, Method};
use tokio::time::timeout;

use crate::balancer::Balancer;
use crate::development;
use crate::failure::Failure;
use crate::load::{self, Arrivals, Load, Pace, Settings, Shape, Target};
use crate::units::{Rate, show_duration};

use super::Args;
use super::backstage::Backstage;
use super::cast::{Cast, ROLES, SLOW};
use super::config::{Choices, config};
use super::meter::Meter;
use super::picture::Scene;
use super::sample::{History, Sample};
use super::script::{Cue, Script, Wish};
use super::story::{EventKind, Story};

/// Everything that runs, and what was seen of it.
pub(super) struct Performance {
    cast: Cast,
    load: Load,
    view: View,
    balancer: Balancer,
    script: Script,
    meter: Meter,
    pub(super) scene: Scene,
    pub(super) story: Story,
    pub(super) history: History,
    pub(super) sample: Sample,
    /// After all that lives on it.
    backstage: Backstage,
}

impl Performance {
    /// Starts everything, and returns when the load runs. Signals become wishes.
    pub(super) fn start(args: &Args, wishes: &Sender<Wish>) -> Result<Self, Failure> {
        let backstage = Backstage::start()?;
        backstage.watch_signals(wishes)?;
        let cast = backstage.block_on(Cast::start())?;
        let choices = choices(args);
        choices.certificate.iter().try_for_each(development::ensure)?;
        let (balancer, address) = start_balancer(&cast.addresses(), &choices)?;
        let view = balancer.view().clone();
        // A demo that begins with unchecked endpoints is no disaster, so this is not waited for forever.
        drop(backstage.block_on(async { timeout(FIRST_ROUND, view.first_round()).await }));
        let trusted = choices.certificate.map(|certificate| certificate.chain());
        let load = backstage.block_on(start_load(address, trusted.as_deref(), args.rate))?;
        let scene = Scene {
            address,
            trusted,
            admin: view.admin_address().as_ref().and_then(Address::tcp),
            algorithm: choices.balance.name(),
            workers: balancer.workers(),
            target_rate: args.rate.per_second(),
            duration: args.duration(),
        };
        let mut meter = Meter::default();
        let sample = meter.sample(&load, &view);
        let (script, mut story) = (Script::new(args.duration()), Story::default());
        let text = format!("{} requests over {} endpoints", args.rate, ROLES.len());
        story.tell(sample.at, EventKind::Started, None, text);
        let history = History::default();
        Ok(Self {
            cast,
            load,
            view,
            balancer,
            script,
            meter,
            scene,
            story,
            history,
            sample,
            backstage,
        })
    }

    /// Takes a sample now, without a step.
    pub(super) fn measure(&mut self) -> Sample {
        self.meter.sample(&self.load, &self.view)
    }

    /// Looks at what happened since the last step, and does what the script wants done.
    pub(super) fn step(&mut self) -> Result<(), Failure> {
        self.sample = self.measure();
        self.history.follow(&self.sample);
        self.story.follow(&self.sample);
        match self.script.due(self.sample.at) {
            Some(Cue::Kill) => self.kill(),
            Some(Cue::Revive) => drop(self.revive()?),
            None => {}
        }
        Ok(())
    }

    /// Does what whoever watches wants done to the origins.
    pub(super) fn grant(&mut self, wish: Wish) -> Result<(), Failure> {
        match wish {
            Wish::Toggle if self.revive()? => {}
            Wish::Toggle => self.kill(),
            Wish::Pace => self.change_pace(),
            Wish::Redraw | Wish::Quit => {}
        }
        Ok(())
    }

    /// Whether its time is over.
    pub(super) fn is_over(&self) -> bool {
        self.scene.duration.is_some_and(|duration| self.sample.at >= duration)
    }

    /// Ends everything; what is under way is not counted. Returns what the load came to.
    pub(super) fn stop(self) -> load::Summary {
        self.load.stop();
        self.backstage.block_on(self.load.ended());
        self.balancer.stop();
        self.load.summary()
    }

    fn kill(&mut self) {
        if let Some(victim) = self.backstage.block_on(self.cast.kill()) {
            let text = format!("endpoint {} was killed", ROLES[victim].name);
            self.story.tell(self.load.elapsed(), EventKind::Killed, Some(victim), text);
        }
    }

    /// Whether there was one to revive.
    fn revive(&mut self) -> Result<bool, Failure> {
        let revived = self.backstage.block_on(self.cast.revive())?;
        if let Some(position) = revived {
            let text = format!("endpoint {} was revived", ROLES[position].name);
            self.story.tell(self.load.elapsed(), EventKind::Revived, Some(position), text);
        }
        Ok(revived.is_some())
    }

    fn change_pace(&mut self) {
        let mean = show_duration(self.cast.change_pace());
        let text = format!("endpoint {} takes {mean} on average now", ROLES[SLOW].name);
        self.story.tell(self.load.elapsed(), EventKind::Pace, Some(SLOW), text);
    }
}

/// What the arguments leave open for the config.
pub(super) fn choices(args: &Args) -> Choices {
    Choices {
        balance: args.balance,
        workers: args.workers.given().unwrap_or_default(),
        certificate: args.https.then(development::certificate),
    }
}

/// A config cannot ask for a free port, so one is looked for; should somebody else take it in
/// between, another one is.
fn start_balancer(
    endpoints: &[SocketAddr],
    choices: &Choices,
) -> Result<(Balancer, SocketAddr), Failure> {
    let mut tries = 0;
    loop {
        let address = free_address()?;
        tries += 1;
        let config = config(address, endpoints, choices)?;
        match Balancer::start(config, None, Box::new(|_| {}), Inherited::default()) {
            Ok(balancer) => return Ok((balancer, address)),
            Err(error) if tries == TRIES => return Err(error.into()),
            Err(_) => {}
        }
    }
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// By https if there is a certificate that can be `trusted`.
async fn start_load(
    address: SocketAddr,
    trusted: Option<&Path>,
    rate: Rate,
) -> Result<Load, Failure> {
    let scheme = if trusted.is_some() { "https" } else { "http" };
    let settings = Settings {
        target: Target::parse(&format!("{scheme}://{address}/")).map_err(Failure::Running)?,
        trust: trusted.map(load::trusting).transpose().map_err(Failure::Running)?,
        shape: Shape { method: Method::GET, headers: HeaderMap::new(), body_bytes: 0 },
        pace: Pace::Open { rate, arrivals: Arrivals::Poisson },
        connections: CONNECTIONS,
        duration: None,
        requests: None,
        timeout: REQUEST_TIMEOUT,
    };
    Load::start(settings).await.map_err(|error| Failure::Running(error.to_string()))
}

/// A check of a living origin takes milliseconds.
const FIRST_ROUND: Duration = Duration::from_secs(2);

/// One free port can be taken by chance, three cannot.
const TRIES: u32 = 3;

/// Each has two ends here, and two more behind the balancer; 1024 descriptors have to do for all.
const CONNECTIONS: u32 = 200;

/// Nobody waits longer for a page.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

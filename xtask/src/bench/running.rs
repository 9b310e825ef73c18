//! A contender that runs, between the load and two origins. Dropping it kills all of them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use evenkeel_testkit::usage::{self, CpuTime};
use evenkeel_testkit::{Client, Process, ports, wait_until};

use super::calls;
use super::case::Case;
use super::config::Setup;
use super::contender::Contender;
use super::load::{self, Counted, Load, Target};
use super::protocol::Protocol;
use crate::Outcome;
use crate::pgo::profiles::Profiles;

/// The two origins that all contenders of a case share.
pub(super) struct Origins {
    pub(super) ports: [u16; 2],
    _processes: Vec<Process>,
}

impl Origins {
    /// What answers as `case` wants it.
    pub(super) fn start(case: Case) -> Outcome<Self> {
        Self::start_with(|port| match case {
            Case::Calls => calls::origin(port),
            _ => {
                let mut command = Command::new("target/release/fast-origin");
                command.args([port.to_string(), case.body_bytes().to_string()]);
                Ok(command)
            }
        })
    }

    /// What this starts on each port.
    pub(super) fn start_with(command: impl Fn(u16) -> Outcome<Command>) -> Outcome<Self> {
        let ports: [u16; 2] = ports::free_ports()?;
        let mut processes = Vec::new();
        for port in ports {
            let process = Process::spawn(&mut command(port)?)?;
            wait_until(START_WITHIN, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())
                .map_err(|error| format!("an origin: {error}: {}", process.stderr()))?;
            processes.push(process);
        }
        Ok(Self { ports, _processes: processes })
    }
}

pub(super) struct Running<'a> {
    pub(super) contender: Contender,
    protocol: &'a Protocol,
    address: SocketAddr,
    target: Target,
    process: Process,
}

impl<'a> Running<'a> {
    /// Starts `contender` in front of `origins`, and waits until it accepts.
    pub(super) fn start(
        contender: Contender,
        protocol: &'a Protocol,
        origins: [u16; 2],
    ) -> Outcome<Self> {
        let [listen, admin] = ports::free_ports()?;
        let config = Setup { protocol, listen, admin, origins }.write(contender)?;
        let mut process = Process::spawn(&mut contender.command(&config)?)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, listen));
        let mut runs = true;
        let accepted = wait_until(START_WITHIN, || {
            runs = process.is_running().unwrap_or(false);
            !runs || TcpStream::connect(address).is_ok()
        });
        if !runs || accepted.is_err() {
            // Its last words come with its end; one that hangs has said what it has to say.
            drop(process.exit_status(Duration::from_millis(100)));
            let said = format!("{}{}", process.stdout(), process.stderr());
            return Err(format!("{contender} does not accept connections; it said:\n{said}").into());
        }
        Ok(Self { contender, protocol, address, target: protocol.target(address), process })
    }

    /// Loads it for some seconds.
    pub(super) fn load(&self, load: Load, seconds: u32) -> Outcome<Counted> {
        load::run(&self.target, load, seconds)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection to it.
    pub(super) fn connect(&self) -> io::Result<Client> {
        self.protocol.connect(self.address)
    }

    /// Its processes: nginx has a worker beside the master.
    pub(super) fn pids(&self) -> io::Result<Vec<u32>> {
        usage::tree(self.process.pid())
    }

    /// The CPU time of all of them.
    pub(super) fn cpu_time(&self) -> io::Result<CpuTime> {
        let pids = self.pids()?;
        pids.into_iter().try_fold(CpuTime::default(), |sum, pid| Ok(sum + usage::cpu_time(pid)?))
    }

    /// The proportional set size of all of them, once it has come to rest.
    pub(super) fn resting_pss_bytes(&self) -> io::Result<u64> {
        let pids = self.pids()?;
        let pss = || pids.iter().map(|&pid| usage::pss_bytes(pid)).sum::<io::Result<u64>>();
        let mut last = pss()?;
        let mut equal_samples = 0;
        // An allocator may give back late. Without rest within the bound, the last value stands.
        drop(wait_until(REST_WITHIN, || {
            let now = pss().unwrap_or(last);
            equal_samples = if now == last { equal_samples + 1 } else { 0 };
            last = now;
            equal_samples >= EQUAL_SAMPLES
        }));
        Ok(last)
    }

    /// Ends it. Ours has to end well: what is built for a profile writes that last. Others are killed.
    pub(super) fn end(mut self) -> Outcome<()> {
        match self.contender {
            Contender::Evenkeel => Profiles::of_environment().end(&mut self.process, "Evenkeel"),
            _ => Ok(()),
        }
    }
}

const START_WITHIN: Duration = Duration::from_secs(20);

const REST_WITHIN: Duration = Duration::from_secs(5);

/// Some 200 ms without a change, at the pace of `wait_until`.
const EQUAL_SAMPLES: u32 = 100;

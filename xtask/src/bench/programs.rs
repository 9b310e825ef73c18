//! Which programs a benchmark runs. Called before anything is built, so that what is missing is said at once.

use std::collections::BTreeSet;

use super::Pass;
use super::case::Case;
use super::contender::Contender;
use super::protocol::Protocol;

/// Envoy is not among them: it comes from PyPI.
pub(super) fn of<T>(
    protocol: &Protocol<T>,
    contenders: &[Contender],
    wants: impl Fn(Pass) -> bool,
) -> BTreeSet<&'static str> {
    let peers = [Contender::Nginx, Contender::Haproxy].into_iter();
    let peers = peers.filter(|peer| contenders.contains(peer)).map(Contender::program_name);
    let mut programs: BTreeSet<_> = peers.collect();
    let cases = protocol.cases().iter().copied();
    let mut cases: Vec<Case> = cases.filter(|case| wants(case.pass())).collect();
    if wants(Pass::Syscalls) {
        programs.insert("strace");
        cases.push(protocol.small());
    }
    if wants(Pass::Memory) && protocol.measures_memory() {
        cases.push(Case::Small);
    }
    for case in cases {
        programs.insert(case.load().maker(protocol.tls().is_some()).program());
        if case == Case::Calls {
            programs.insert("nghttpd");
        }
    }
    if protocol.is_grpc() {
        // They judge whether all do the same work.
        programs.extend(["curl", "node"]);
    }
    programs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is measured, of whom, in which passes; and what that takes.
    type Row<'a> = (Protocol<()>, &'a [Contender], &'a [Pass], &'a str);

    #[test]
    fn only_what_is_run_is_asked_for() {
        use Contender::{Evenkeel, Haproxy, Nginx};
        let all: &[Pass] = &[Pass::Small, Pass::Large, Pass::Connect, Pass::Syscalls, Pass::Memory];
        let cases: &[Row<'_>] = &[
            (Protocol::Http1, &[Evenkeel, Nginx, Haproxy], all, "haproxy nginx strace wrk"),
            (Protocol::Http1, &[Evenkeel], &[Pass::Small, Pass::Connect], "wrk"),
            (Protocol::Tls(()), &[Evenkeel], &[Pass::Large], "wrk"),
            (Protocol::Tls(()), &[Evenkeel], &[Pass::Connect], "ab"),
            (Protocol::Tls(()), &[Nginx], &[Pass::Memory], "nginx wrk"),
            (Protocol::Http2(()), &[Evenkeel], all, "h2load strace"),
            (Protocol::Http2(()), &[Evenkeel], &[Pass::Memory], ""),
            (Protocol::Grpc, &[Evenkeel], &[Pass::Small], "curl h2load nghttpd node"),
            (Protocol::Grpc, &[Evenkeel], &[Pass::Syscalls], "curl h2load nghttpd node strace"),
        ];
        for (protocol, contenders, passes, expected) in cases {
            let programs = of(protocol, contenders, |pass| passes.contains(&pass));
            let programs = programs.into_iter().collect::<Vec<_>>().join(" ");
            assert_eq!(programs, *expected, "{} {passes:?}", protocol.name());
        }
    }
}

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::SockRef;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::fixture::listener;

#[test]
fn an_inherited_socket_outlives_a_listener_that_goes_and_comes_back() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut inherited = Inherited::default();
    inherited.add("web", Ok(socket));
    let (mut sockets, mut commands) = sockets(inherited);
    let (with, without) = (plan("web", &[Bind::Inherited("web".into())]), plan("web", &[]));
    for _ in 0..2 {
        turn(&mut sockets, &with);
        assert_eq!(listening(&mut commands).local_addr().unwrap(), address);
        turn(&mut sockets, &without);
        assert!(matches!(turned(&mut commands)[..], [Change::Close { .. }]));
    }
}

#[test]
fn a_listener_that_wants_a_socket_which_was_not_passed_binds_nothing_else_either() {
    let (mut sockets, mut commands) = sockets(Inherited::default());
    let wanted = Bind::Inherited("web".into());
    let error = sockets.prepare(&plan("web", &[Bind::Any(0), wanted.clone()])).unwrap_err();
    assert_eq!((error.bind, error.source.kind()), (wanted, io::ErrorKind::NotFound));
    assert!(sockets.prepared.is_empty() && commands.try_recv().is_err());
}

/// They were lost, without a word, beyond what a worker's mailbox holds.
#[test]
fn thousands_of_listeners_that_come_are_renamed_and_go_at_once_are_one_command() {
    raise_descriptor_limit();
    let (mut sockets, mut commands) = sockets(Inherited::default());
    let binds: Vec<Bind> = (0..MANY).map(somewhere).collect();
    turn(&mut sockets, &plan("web", &binds));
    let came = turned(&mut commands);
    assert!(came.iter().all(|change| matches!(change, Change::Listen { .. })));
    turn(&mut sockets, &plan("other", &binds));
    let renamed = turned(&mut commands);
    assert!(renamed.iter().all(|change| matches!(change, Change::Rename { .. })));
    turn(&mut sockets, &plan("other", &[]));
    let gone = turned(&mut commands);
    assert!(gone.iter().all(|change| matches!(change, Change::Close { .. })));
    assert_eq!([came.len(), renamed.len(), gone.len()], [binds.len(); 3]);
}

#[test]
fn a_worker_that_has_nothing_to_do_or_is_gone_keeps_nobody_from_going_on() {
    let (mut sockets, mut commands) = sockets(Inherited::default());
    let one = plan("web", &[somewhere(0)]);
    turn(&mut sockets, &one);
    assert_eq!(turned(&mut commands).len(), 1);
    turn(&mut sockets, &one);
    assert!(commands.try_recv().is_err());
    drop(commands);
    turn(&mut sockets, &plan("web", &[]));
    assert!(sockets.open.is_empty());
}

/// A client could connect to a listener of a plan which was then refused.
#[test]
fn nobody_can_connect_before_the_last_address_is_bound() {
    let (mut sockets, _commands) = sockets(Inherited::default());
    let plan = plan("web", &[somewhere(1), somewhere(2)]);
    for (_, bound) in sockets.bind_all(&plan).unwrap() {
        let Bound::Own(bound) = bound else { panic!("{bound:?}") };
        assert!(bound.iter().all(|socket| !socket.is_listener().unwrap()));
    }
    sockets.prepare(&plan).unwrap();
    let prepared = sockets.prepared.values().flatten();
    let listening = prepared.map(|(_, socket)| SockRef::from(&**socket).is_listener().unwrap());
    assert_eq!(listening.collect::<Vec<_>>(), [true, true]);
}

/// Both bound, for nobody listened yet, and then each let the other in.
#[test]
fn of_two_instances_that_start_at_once_one_is_refused() {
    let plan = plan("web", &[Bind::Only(free(3))]);
    let ((mut ours, _our_workers), (theirs, _their_workers)) = (instance(2), instance(2));
    let late = theirs.bind_all(&plan).unwrap();
    turn(&mut ours, &plan);
    for (_, bound) in late {
        assert_eq!(bound.listen(false).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}

/// It took half of the other one's connections, as it had the same port of another address.
#[test]
fn an_address_of_another_instance_is_refused_also_by_one_that_has_its_port_elsewhere() {
    let theirs = free(4);
    let here = SocketAddr::from((Ipv4Addr::new(127, 9, 0, 5), theirs.port()));
    let (mut first, _first_workers) = instance(2);
    let (mut second, _second_workers) = instance(2);
    turn(&mut first, &plan("web", &[Bind::Only(theirs)]));
    turn(&mut second, &plan("web", &[Bind::Only(here)]));
    let both = plan("web", &[Bind::Only(here), Bind::Only(theirs)]);
    let error = second.prepare(&both).unwrap_err();
    assert_eq!((error.bind, error.source.kind()), (Bind::Only(theirs), io::ErrorKind::AddrInUse));
    assert!(second.prepared.is_empty());
}

#[test]
fn connections_are_spread_over_the_sockets_of_all_workers() {
    let address = free(6);
    let (mut sockets, _workers) = instance(3);
    sockets.prepare(&plan("web", &[Bind::Only(address)])).unwrap();
    let _clients: Vec<TcpStream> = (0..99).map(|_| TcpStream::connect(address).unwrap()).collect();
    let prepared = &sockets.prepared[&Bind::Only(address)];
    let accepted = prepared.iter().map(|(_, socket)| {
        std::iter::repeat_with(|| socket.accept()).take_while(Result::is_ok).count()
    });
    let accepted: Vec<usize> = accepted.collect();
    assert_eq!((accepted.len(), accepted.iter().sum()), (3, 99), "{accepted:?}");
    assert!(accepted.iter().all(|&count| count > 9), "{accepted:?}");
}

#[test]
fn an_address_may_come_back_before_the_workers_have_closed_it() {
    let (here, there) = (free(8), free(9));
    let (mut sockets, mut workers) = instance(2);
    for address in [here, there, here] {
        turn(&mut sockets, &plan("web", &[Bind::Only(address)]));
    }
    for worker in &mut workers {
        while worker.try_recv().is_ok() {}
    }
    turn(&mut sockets, &plan("web", &[]));
    sockets.prepare(&plan("web", &[])).unwrap();
    assert!(sockets.made.is_empty());
}

#[test]
fn an_address_of_ours_gives_way_to_a_wider_one_and_that_to_a_narrower_one() {
    let narrow = SocketAddr::from(([127, 9, 0, 7], free_everywhere()));
    let wide = |ip: &str| Bind::Only(SocketAddr::new(ip.parse().unwrap(), narrow.port()));
    let (mut sockets, _workers) = instance(2);
    let steps = [&[Bind::Only(narrow)][..], &[wide("0.0.0.0")], &[Bind::Only(narrow)]];
    for binds in steps {
        turn(&mut sockets, &plan("web", binds));
    }
    turn(&mut sockets, &plan("web", &[wide("0.0.0.0"), wide("::")]));
}

/// An instance of so many workers, which do what they are told only when it is too late: its sockets stay open.
fn instance(workers: usize) -> (Sockets, Vec<UnboundedReceiver<Command>>) {
    let (senders, commands) = (0..workers).map(|_| unbounded_channel()).unzip();
    (Sockets::new(senders, Inherited::default()), commands)
}

/// An address of this machine with a port that is free there.
fn free(number: u16) -> SocketAddr {
    let Bind::Only(address) = somewhere(number) else { unreachable!() };
    TcpListener::bind(address).unwrap().local_addr().unwrap()
}

/// A port that is free on every address, and stays so: not one of those that systems give to connections (32768 and above).
fn free_everywhere() -> u16 {
    let begin = 20_000 + (std::process::id() % 10_000) as u16;
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok();
    (begin..begin + 2_000).find(is_free).unwrap()
}

/// For one worker.
fn sockets(inherited: Inherited) -> (Sockets, UnboundedReceiver<Command>) {
    let (worker, commands) = unbounded_channel();
    (Sockets::new(vec![worker], inherited), commands)
}

fn plan(name: &str, binds: &[Bind]) -> Arc<Plan> {
    let listener =
        evenkeel_plan::Listener { name: name.into(), binds: binds.to_vec(), ..listener() };
    Arc::new(Plan { listeners: vec![Arc::new(listener)], ..Plan::default() })
}

/// A free port of an address of this machine, of which there are many.
fn somewhere(number: u16) -> Bind {
    let [high, low] = number.to_be_bytes();
    Bind::Only(SocketAddr::from((Ipv4Addr::new(127, 9, high, low), 0)))
}

fn turn(sockets: &mut Sockets, plan: &Arc<Plan>) {
    sockets.prepare(plan).unwrap();
    sockets.commit(plan);
}

/// The only command that there is.
fn turned(commands: &mut UnboundedReceiver<Command>) -> Vec<Change> {
    let command = commands.try_recv().unwrap();
    assert!(commands.try_recv().is_err());
    match command {
        Command::Turn(changes) => changes,
        other => panic!("{other:?}"),
    }
}

fn listening(commands: &mut UnboundedReceiver<Command>) -> Arc<TcpListener> {
    match turned(commands).pop().unwrap() {
        Change::Listen { socket, .. } => socket,
        other => panic!("{other:?}"),
    }
}

/// As the binary does: each listener is a socket.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}

/// More than a worker's mailbox had places for.
const MANY: u16 = 2500;

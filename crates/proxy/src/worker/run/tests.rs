use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use evenkeel_plan::publish::Publisher;
use evenkeel_plan::{Listener, Plan};
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::yield_now;

use super::*;
use crate::fixture::{listener, worker_of};

/// Each needed one more, after the plan was in force; where there was none the address was lost until the next start.
#[test]
fn to_accept_on_a_socket_or_rename_it_takes_no_descriptor() {
    on_a_worker(async |worker, crew| {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let (inode, address) = (inode(socket.as_raw_fd()), socket.local_addr().unwrap());
        let bind = Bind::Only(address);
        let mut openings = Openings::default();
        let listen = Change::Listen {
            listener: "before".into(),
            bind: bind.clone(),
            socket: Arc::new(socket),
        };
        openings.apply(&worker, &crew, listen).await;
        let _first = connected(&worker, "before", address).await;
        let before = openings.by_bind[&bind][0].accepting.abort_handle();
        let rename = Change::Rename { listener: "after".into(), bind: bind.clone() };
        openings.apply(&worker, &crew, rename).await;
        let _second = connected(&worker, "after", address).await;
        assert!(!before.is_finished() && openings.by_bind[&bind].len() == 1);
        assert_eq!(handles(&inode), 1);
        openings.apply(&worker, &crew, Change::Close { bind }).await;
        wait(|| handles(&inode) == 0).await;
    });
}

/// A client that is connected by way of the listener called `name`.
async fn connected(worker: &Rc<Worker>, name: &str, address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).unwrap();
    let listener = worker.listener_named(name).unwrap();
    wait(|| listener.counters.shard(0).connections.count() == 1).await;
    client
}

async fn wait(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "it never is");
        yield_now().await;
    }
}

/// Runs `test` on a worker with two listeners, `before` and `after`.
fn on_a_worker(test: impl AsyncFnOnce(Rc<Worker>, Arc<Crew>)) {
    let named = |name: &str| Arc::new(Listener { name: name.into(), ..listener() });
    let listeners = vec![named("before"), named("after")];
    let mut publisher = Publisher::default();
    publisher.publish(Plan { listeners, ..Plan::default() });
    let crew = Crew::new(vec![tokio::sync::mpsc::channel(1).0]);
    let worker = worker_of(Arc::clone(&crew), &publisher);
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_all().build_local(LocalOptions::default());
    runtime.unwrap().block_on(test(worker, crew));
}

/// What the system calls the socket behind a descriptor.
fn inode(descriptor: i32) -> String {
    let link = std::fs::read_link(format!("/proc/self/fd/{descriptor}")).unwrap();
    link.to_str().unwrap().to_owned()
}

/// How many descriptors of this process lead to the socket.
fn handles(inode: &str) -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = links.filter_map(|link| std::fs::read_link(link.ok()?.path()).ok());
    targets.filter(|target| target.to_str() == Some(inode)).count()
}

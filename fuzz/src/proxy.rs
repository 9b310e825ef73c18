//! A proxy that runs in this process, and the two ends between which it stands. Called by `whole_proxy`.

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_plan::balance::Balancing;
use evenkeel_plan::cluster::UpstreamTimeouts;
use evenkeel_plan::counters::Sharded;
use evenkeel_plan::endpoint::Life;
use evenkeel_plan::lines::{LineReceiver, lines};
use evenkeel_plan::listener::{
    Bind, DownstreamLimits, DownstreamTimeouts, Protocol, TrustedProxies,
};
use evenkeel_plan::publish::Publisher;
use evenkeel_plan::route::{Route, Router};
use evenkeel_plan::{Cluster, Endpoint, Listener, Plan};
use evenkeel_proto::path::PathRules;
use evenkeel_proxy::{Inherited, Proxy};
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt};
use tokio::net::{TcpListener as Async, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use crate::heads::ALL_NAMES;
use crate::script::{Script, Step};
use crate::stream;

/// Runs as long as the process does.
pub struct Stage {
    publisher: Publisher,
    runtime: Runtime,
    _proxy: Proxy,
    _lines: LineReceiver,
    proxy_at: SocketAddr,
}

/// What the two ends saw.
#[derive(Debug)]
pub struct Played {
    /// What the client got, up to the end or the reset.
    pub client: Vec<u8>,
    /// What each connection to the endpoint brought.
    pub endpoint: Vec<Brought>,
}

#[derive(Debug, Default)]
pub struct Brought {
    pub bytes: Vec<u8>,
    /// How much of them there was when the endpoint first spoke of another protocol.
    pub switched: Option<usize>,
}

impl Stage {
    /// Starts the proxy on a free port.
    ///
    /// # Errors
    /// When the system has none, or a listener's address was taken in between.
    pub fn start() -> io::Result<Self> {
        let mut publisher = Publisher::default();
        let (senders, lines) = lines(1);
        let proxy = Proxy::start(senders, &publisher.reader())?;
        let proxy_at = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut binder = proxy.binder(Inherited::default());
        let plan = plan(0, proxy_at, proxy_at);
        binder.prepare(&plan).map_err(|error| error.source)?;
        binder.commit(&publisher.publish(plan));
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { publisher, runtime, _proxy: proxy, _lines: lines, proxy_at })
    }

    /// Plays a script; `None` if it does not come to an end.
    ///
    /// # Errors
    /// When the system refuses a socket.
    pub fn play(&mut self, script: Script) -> io::Result<Option<Played>> {
        // A new endpoint, so that no connection of the last script is left, neither pooled nor on its way.
        let endpoint = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        endpoint.set_nonblocking(true)?;
        self.publisher.publish(plan(script.settings, self.proxy_at, endpoint.local_addr()?));
        let answering = Rc::new(Answering {
            whole: script.settings & 0x40 != 0,
            poisons: script.settings & 0x80 != 0,
            answers: RefCell::new(script.answers.into_iter().rev().collect()),
            brought: RefCell::default(),
        });
        let playing = async {
            let listener = Async::from_std(endpoint)?;
            tokio::task::spawn_local(accept(listener, Rc::clone(&answering)));
            converse(self.proxy_at, &script.client).await
        };
        let played = self.runtime.block_on(async {
            // Dropping it ends the endpoint's tasks.
            LocalSet::new().run_until(timeout(WHOLE, playing)).await
        });
        let Ok(client) = played else { return Ok(None) };
        Ok(Some(Played { client: client?, endpoint: answering.brought.take() }))
    }
}

struct Answering {
    /// Whether the endpoint waits for the whole request before it answers.
    whole: bool,
    /// Whether it says more than it was asked, so that another client could get an answer that is not its own.
    poisons: bool,
    /// The next one last.
    answers: RefCell<Vec<Vec<Step>>>,
    brought: RefCell<Vec<Brought>>,
}

async fn accept(listener: Async, answering: Rc<Answering>) {
    while let Ok((socket, _)) = listener.accept().await {
        answering.brought.borrow_mut().push(Brought::default());
        let number = answering.brought.borrow().len() - 1;
        tokio::task::spawn_local(answer(socket, Rc::clone(&answering), number));
    }
}

/// Answers each request of one connection with the next script.
async fn answer(mut socket: TcpStream, answering: Rc<Answering>, number: usize) {
    reset_on_drop(&socket);
    let mut answered = 0;
    let mut room = [0; 4096];
    loop {
        let Ok(count @ 1..) = socket.read(&mut room).await else { return };
        answering.brought.borrow_mut()[number].bytes.extend_from_slice(&room[..count]);
        while answered < answering.due(number) {
            answered += 1;
            let steps = answering.next(number, answered - 1);
            answering.note_switch(number, &steps);
            if play(&mut socket, &steps).await.is_err() {
                return;
            }
        }
    }
}

impl Answering {
    /// How many answers the requests so far ask for.
    fn due(&self, number: usize) -> usize {
        let brought = &self.brought.borrow()[number];
        let requests =
            stream::requests(&brought.bytes[..brought.switched.unwrap_or(brought.bytes.len())]);
        let requests = requests.unwrap_or_default();
        requests.iter().filter(|request| request.complete || !self.whole).count()
    }

    /// What is said to a request. Without a script, what it was, so that the client can see whose answer it got.
    fn next(&self, number: usize, position: usize) -> Vec<Step> {
        let brought = self.brought.borrow();
        let requests = stream::requests(&brought[number].bytes).unwrap_or_default();
        let Some([method, target]) = requests.get(position).map(|request| &request.start) else {
            return Vec::new();
        };
        let mut steps = self.answers.borrow_mut().pop().unwrap_or_else(|| {
            let echo = format!("HTTP/1.1 200 OK\r\nX-Echo: {method} {target}\r\n");
            vec![Step::Send([echo.as_bytes(), b"Content-Length: 2\r\n\r\nok"].concat())]
        });
        if let [Step::Send(bytes)] = &mut steps[..]
            && self.poisons
            && is_whole_answer(bytes, method)
        {
            bytes.extend_from_slice(POISON);
        }
        steps
    }

    fn note_switch(&self, number: usize, steps: &[Step]) {
        let brought = &mut self.brought.borrow_mut()[number];
        let switches = |step: &Step| matches!(step, Step::Send(bytes) if bytes.windows(5).any(|part| part == b" 101 "));
        if steps.iter().any(switches) && brought.switched.is_none() {
            brought.switched = Some(brought.bytes.len());
        }
    }
}

/// The client: says its part, then reads to the end.
async fn converse(proxy: SocketAddr, steps: &[Step]) -> io::Result<Vec<u8>> {
    let socket = TcpStream::connect(proxy).await?;
    reset_on_drop(&socket);
    let (mut reading, mut writing) = socket.into_split();
    let saying = async {
        // A proxy that has had enough closes; what it said before that counts.
        if write_steps(&mut writing, steps).await.is_ok() {
            let _ = writing.shutdown().await;
        }
    };
    let mut got = Vec::new();
    let hearing = async {
        let mut room = [0; 4096];
        while let Ok(count @ 1..) = reading.read(&mut room).await {
            got.extend_from_slice(&room[..count]);
        }
    };
    tokio::join!(saying, hearing);
    Ok(got)
}

async fn play(socket: &mut TcpStream, steps: &[Step]) -> io::Result<()> {
    write_steps(socket, steps).await?;
    if steps.iter().any(|step| matches!(step, Step::Close)) {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    Ok(())
}

async fn write_steps<W: AsyncWriteExt + Unpin>(out: &mut W, steps: &[Step]) -> io::Result<()> {
    for step in steps {
        match step {
            Step::Send(bytes) => out.write_all(bytes).await?,
            Step::Pause => sleep(PAUSE).await,
            Step::Close => return out.shutdown().await,
        }
    }
    Ok(())
}

/// Thousands of connections that wait for a last packet would use up the ports.
fn reset_on_drop(socket: &TcpStream) {
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
    let _ = socket.set_nodelay(true);
}

fn plan(settings: u8, proxy: SocketAddr, endpoint: SocketAddr) -> Plan {
    let timeouts = DownstreamTimeouts {
        tls: SHORT,
        header: SHORT,
        body: SHORT,
        keep_alive: SHORT,
        write: SHORT,
        tunnel: SHORT,
    };
    let body = (settings & 4 != 0).then_some(6);
    let listener = Listener {
        name: "fuzz".into(),
        binds: vec![Bind::Only(proxy)],
        protocol: Protocol::Http,
        http2: true,
        door: None,
        admission: None,
        is_guarded: false,
        routes: Arc::new(Router::new(vec![Route::everything(0, |_| Arc::new(Sharded::new(1)))])),
        trusted_proxies: TrustedProxies::default(),
        timeouts,
        limits: DownstreamLimits { body, ..DownstreamLimits::default() },
        paths: PathRules::default(),
        header_names: ALL_NAMES[usize::from(settings & 3) % ALL_NAMES.len()],
        errors: Arc::default(),
        tls: None,
        redirect_to_https: None,
        hsts: None,
        counters: Arc::new(Sharded::new(1)),
    };
    let life = Life::new(1, &Arc::default());
    let endpoint = Endpoint::new("endpoint.example:80", Some(endpoint), life);
    let cluster = Cluster {
        timeouts: UpstreamTimeouts {
            connect: WHOLE,
            tls: WHOLE,
            first_byte: SHORT,
            idle: SHORT,
            exchange: None,
        },
        ..Cluster::new("fuzz", Balancing::default(), vec![endpoint])
    };
    Plan {
        listeners: vec![Arc::new(listener)],
        clusters: vec![Arc::new(cluster)],
        ..Plan::default()
    }
}

/// Whether nobody could take what follows for a part of it.
fn is_whole_answer(bytes: &[u8], method: &str) -> bool {
    let answer = stream::answer(bytes, method).ok().flatten();
    answer.is_some_and(|answer| {
        answer.complete
            && answer.end == bytes.len()
            && !answer.start[0].starts_with('1')
            // Up to the end of the connection it could be all of what follows.
            && stream::is_delimited(&answer, method)
    })
}

/// An answer to nothing, which no client may ever see.
const POISON: &[u8] = b"HTTP/1.1 299 Poison\r\nContent-Length: 2\r\n\r\nno";

/// The proxy's patience with whoever says nothing.
const SHORT: Duration = Duration::from_millis(40);

const PAUSE: Duration = Duration::from_millis(1);

/// No script waits for more than a dozen of the timeouts above.
const WHOLE: Duration = Duration::from_secs(5);

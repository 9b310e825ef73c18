use super::*;

async fn bind(wanted: &AdminBind) -> Result<Option<Socket>, BindProblem> {
    Socket::bind(wanted, None).await
}

#[tokio::test]
async fn a_taken_address_is_an_error_when_fixed_and_evaded_when_preferred() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let problem = bind(&AdminBind::Fixed(address)).await.unwrap_err().to_string();
    let start = format!("the admin API cannot listen on {address}: already in use by ");
    assert!(problem.starts_with(&start), "{problem}");
    let evaded = bind(&AdminBind::Preferred(address)).await.unwrap().unwrap();
    let evaded = evaded.address().tcp().unwrap();
    assert_eq!(evaded.ip(), address.ip());
    assert_ne!(evaded.port(), address.port());
    assert!(bind(&AdminBind::Off).await.unwrap().is_none());
}

#[tokio::test]
async fn a_path_is_for_its_owner_and_group_and_goes_with_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let there = AdminBind::Unix(path.clone());
    let socket = bind(&there).await.unwrap().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let problem = bind(&there).await.unwrap_err().to_string();
    assert!(problem.contains("already in use"), "{problem}");
    drop(socket);
    assert!(!path.exists());
    // What a killed process leaves behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    assert!(bind(&there).await.unwrap().is_some());
    // A file is nobody's socket.
    fs::write(&path, "precious").unwrap();
    assert!(bind(&there).await.is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

/// A reload that moved the admin API there stopped checks and metrics, until the other process accepted.
#[test]
fn a_path_whose_owner_accepts_nothing_is_taken_and_nobody_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let stuck = std::os::unix::net::UnixListener::bind(&path).unwrap();
    rustix::net::listen(&stuck, 0).unwrap();
    let (report, reported) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            let mut waiting = Vec::new();
            while let Ok(stream) = UnixStream::connect(&path).await {
                waiting.push(stream);
            }
            let problem = bind(&AdminBind::Unix(path)).await.unwrap_err();
            report.send(problem.to_string()).unwrap();
        });
    });
    let problem = reported.recv_timeout(std::time::Duration::from_secs(30)).unwrap();
    assert!(problem.contains("already in use"), "{problem}");
}

/// 127.0.0.1:9900 could not become 0.0.0.0:9900, nor that again 127.0.0.1:9900: our own socket was in the way.
#[tokio::test]
async fn an_address_is_made_wider_and_narrower_while_the_one_before_is_open() {
    // None that a connection of another test may have at another address.
    let port = evenkeel_testkit::ports::free_port().unwrap();
    let here = AdminBind::Fixed(SocketAddr::from(([127, 0, 0, 1], port)));
    let mut ours = bind(&here).await.unwrap().unwrap();
    for ip in ["0.0.0.0", "127.0.0.1", "::", "::1", "0.0.0.0"] {
        let wanted = AdminBind::Fixed(SocketAddr::new(ip.parse().unwrap(), port));
        assert!(!ours.is_at(&wanted));
        let next = Socket::bind(&wanted, Some(&ours)).await.unwrap().unwrap();
        assert!(next.is_at(&wanted));
        ours = next;
        // It is nobody's but ours, as before.
        let intruder = listen_as(SocketAddr::new(ip.parse().unwrap(), port), false);
        assert_eq!(intruder.unwrap_err().kind(), io::ErrorKind::AddrInUse, "{ip}");
    }
}

/// Another balancer shares the ports of its listeners, with itself; that is no invitation.
#[tokio::test]
async fn an_address_that_somebody_else_shares_is_still_taken() {
    let theirs = listen_as("127.0.0.2:0".parse().unwrap(), true).unwrap();
    let port = theirs.local_addr().unwrap().port();
    let ours = AdminBind::Fixed(SocketAddr::new("127.0.0.1".parse().unwrap(), port));
    let ours = bind(&ours).await.unwrap().unwrap();
    let wanted = |ip: &str| AdminBind::Fixed(SocketAddr::new(ip.parse().unwrap(), port));
    for ip in ["0.0.0.0", "127.0.0.2"] {
        let problem = Socket::bind(&wanted(ip), Some(&ours)).await.unwrap_err();
        assert_eq!(problem.kind, io::ErrorKind::AddrInUse);
    }
    assert!(Socket::bind(&wanted("127.0.0.3"), Some(&ours)).await.is_ok());
    let evaded = AdminBind::Preferred(SocketAddr::new("0.0.0.0".parse().unwrap(), port));
    let evaded = Socket::bind(&evaded, Some(&ours)).await.unwrap().unwrap();
    assert_ne!(evaded.address().tcp().unwrap().port(), port);
}

use std::future::poll_fn;
use std::task::Poll;

use h2::client::{ResponseFuture, SendRequest};
use h2::server;
use tokio::io::DuplexStream;

use super::*;

/// Requests for `/0`, `/1` and so on, which wait, and the client that has asked for them.
struct Asked {
    waiting: Waiting,
    server: server::Connection<DuplexStream, Bytes>,
    answers: Vec<Option<ResponseFuture>>,
    _client: SendRequest<Bytes>,
}

impl Asked {
    async fn new(count: usize) -> Self {
        let (near, far) = tokio::io::duplex(1 << 16);
        let (client, server) = tokio::join!(h2::client::handshake(near), server::handshake(far));
        let ((mut client, connection), mut server) = (client.unwrap(), server.unwrap());
        tokio::task::spawn_local(connection);
        let (mut waiting, mut answers) = (Waiting::default(), Vec::new());
        for number in 0..count {
            let request = Request::get(format!("http://a/{number}")).body(()).unwrap();
            answers.push(Some(client.send_request(request, true).unwrap().0));
            waiting.push(server.accept().await.unwrap().unwrap());
        }
        Self { waiting, server, answers, _client: client }
    }

    /// The client does not want these any more, and the server knows.
    async fn reset(&mut self, numbers: &[usize]) {
        // What is dropped is reset.
        numbers.iter().for_each(|&number| self.answers[number] = None);
        let (queue, server) = (&mut self.waiting.queue, &mut self.server);
        poll_fn(|cx| {
            assert!(server.poll_accept(cx).is_pending());
            let gone = queue.iter_mut().filter_map(|it| it.is_reset(cx).then_some(())).count();
            if gone == numbers.len() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn sweep(&mut self, cx: &mut Context<'_>) -> Vec<String> {
        let mut reset = Vec::new();
        self.waiting.sweep(cx, |incoming| reset.push(path(&incoming)));
        reset
    }

    fn pop_all(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.waiting.pop()).map(|incoming| path(&incoming)).collect()
    }
}

fn path((request, _): &Incoming) -> String {
    request.uri().path().to_owned()
}

#[tokio::test(flavor = "local")]
async fn what_clients_have_reset_leaves_the_queue_and_the_others_keep_their_order() {
    let mut asked = Asked::new(6).await;
    asked.reset(&[0, 3, 5]).await;
    let swept = poll_fn(|cx| Poll::Ready((asked.sweep(cx), asked.sweep(cx)))).await;
    assert_eq!(swept, (["/0", "/3", "/5"].map(str::to_owned).to_vec(), Vec::new()));
    assert_eq!(asked.waiting.len(), 3);
    assert_eq!(asked.pop_all(), ["/1", "/2", "/4"]);
}

#[tokio::test(flavor = "local")]
async fn the_first_is_the_first_that_its_client_still_wants() {
    let mut asked = Asked::new(4).await;
    asked.reset(&[0, 1, 3]).await;
    let mut reset = Vec::new();
    let waiting = &mut asked.waiting;
    let first = poll_fn(|cx| Poll::Ready(waiting.first(cx, |it| reset.push(path(&it))))).await;
    // Clients have odd streams.
    assert_eq!((first, reset), (Some(5), ["/0", "/1"].map(str::to_owned).to_vec()));
    assert_eq!(asked.pop_all(), ["/2", "/3"]);
}

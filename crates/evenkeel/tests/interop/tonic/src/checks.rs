//! What the client does one after the other. A check that does not come out panics.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::iter;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::ask::{Calls, WITHIN};

pub(crate) async fn run(name: &str, calls: &Calls) {
    match name {
        "kinds" => kinds(calls).await,
        "turns" => turns(calls).await,
        "large" => large(calls).await,
        "failure" => failure(calls).await,
        "deadline" => deadline(calls).await,
        "cancellation" => cancellation(calls).await,
        "unavailable" => unavailable(calls).await,
        "many" => many(calls).await,
        _ => panic!("there is no check {name}"),
    }
}

async fn kinds(calls: &Calls) {
    assert_eq!(calls.unary("x", WITHIN).await.unwrap(), "x");
    assert_eq!(all(calls.down("x").await).await, ["x0", "x1", "x2", "x3", "x4"]);
    assert_eq!(calls.up(iter(["a", "b"].map(Bytes::from))).await.unwrap(), "ab");
    let messages = ["1", "2", "3"].map(Bytes::from);
    assert_eq!(all(calls.both(iter(messages.clone())).await).await, messages);
}

/// Each message is there before the next one is sent.
async fn turns(calls: &Calls) {
    let (say, said) = mpsc::channel(1);
    say.send(Bytes::from("0")).await.unwrap();
    let mut answers = calls.both(ReceiverStream::new(said)).await.unwrap();
    for number in 1..5 {
        assert_eq!(answers.message().await.unwrap().unwrap(), (number - 1).to_string());
        say.send(Bytes::from(number.to_string())).await.unwrap();
    }
    assert_eq!(answers.message().await.unwrap().unwrap(), "4");
    drop(say);
    assert_eq!(answers.message().await.unwrap(), None);
}

/// The largest that tonic takes by itself.
async fn large(calls: &Calls) {
    let message: Bytes = (0..4 << 20).map(|number: u32| (number % 251) as u8).collect();
    assert!(calls.unary(message.clone(), WITHIN).await.unwrap() == message);
    let messages = vec![message; 3];
    assert!(all(calls.both(iter(messages.clone())).await).await == messages);
}

async fn failure(calls: &Calls) {
    let status = calls.unary("fail", WITHIN).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "no ü"));
    assert_eq!(status.metadata().get("why").unwrap(), "because", "{status:?}");
}

async fn deadline(calls: &Calls) {
    let left = calls.unary("left", Duration::from_secs(20)).await.unwrap();
    let left: f64 = str::from_utf8(&left).unwrap().parse().unwrap();
    assert!((10.0..21.0).contains(&left), "{left}");
    let status = calls.unary("slow", Duration::from_millis(500)).await.unwrap_err();
    // tonic calls its own clock's word CANCELLED.
    let is_over = status.code() == Code::DeadlineExceeded || status.message() == "Timeout expired";
    assert!(is_over, "{status:?}");
    assert_eq!(calls.unary("cancelled", WITHIN).await.unwrap(), "yes");
}

async fn cancellation(calls: &Calls) {
    let call = timeout(Duration::from_millis(200), calls.unary("slow", WITHIN)).await;
    assert!(call.is_err(), "{call:?}");
    assert_eq!(calls.unary("cancelled", WITHIN).await.unwrap(), "yes");
}

async fn unavailable(calls: &Calls) {
    let status = calls.unary("x", WITHIN).await.unwrap_err();
    let expected = (Code::Unavailable, "No endpoint accepted a connection.");
    assert_eq!((status.code(), status.message()), expected);
}

/// One connection, many calls.
async fn many(calls: &Calls) {
    let call = |number: usize| {
        let calls = calls.clone();
        tokio::spawn(async move { calls.unary(number.to_string(), WITHIN).await })
    };
    let begun: Vec<_> = (0..200).map(call).collect();
    for (number, call) in begun.into_iter().enumerate() {
        assert_eq!(call.await.unwrap().unwrap(), number.to_string());
    }
}

async fn all(answers: Result<Streaming<Bytes>, Status>) -> Vec<Bytes> {
    let (mut answers, mut all) = (answers.unwrap(), Vec::new());
    while let Some(message) = answers.message().await.unwrap() {
        all.push(message);
    }
    all
}

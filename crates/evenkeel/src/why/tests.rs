use evenkeel_control::admin::{RequestStory, StoryList};
use serde_json::json;

use super::*;

fn summary() -> serde_json::Value {
    json!({
        "request_id": "id-1", "kind": "failed", "began_unix_seconds": 3_723.5, "method": "GET",
        "path": "/a", "host": "www", "cluster": "api", "endpoint": "b:1", "attempts": 2, "status": 502,
        "reason": "upstream_closed", "total_seconds": 0.012, "sentence": "It failed.",
    })
}

fn story() -> RequestStory {
    serde_json::from_value(json!({
        "summary": summary(),
        "worker": 1, "listener": "web", "client": "127.0.0.1:5000", "route": null,
        "attempts": [
            {
                "endpoint": "a:1", "hedge": false, "began_seconds": 0.0, "pooled": false,
                "connected_seconds": null, "first_byte_seconds": null, "ended_seconds": 0.001,
                "status": null, "reason": "connect_failed", "words": "a:1 refused the connection",
                "then": "again", "backoff_seconds": 0.01, "why_no_other": null,
            },
            {
                "endpoint": "b:1", "hedge": false, "began_seconds": 0.011, "pooled": true,
                "connected_seconds": null, "first_byte_seconds": null, "ended_seconds": 0.012,
                "status": null, "reason": "upstream_closed", "words": "b:1 closed the connection",
                "then": "end", "backoff_seconds": null, "why_no_other": "nobody was left",
            },
        ],
        "attempts_left_out": 0,
        "candidates": [
            {
                "endpoint": "a:1", "tried": true, "barred": "avoided for 1s more", "in_flight": 0,
                "expected_seconds": null,
            },
            { "endpoint": "c:1", "tried": false, "barred": null, "in_flight": 3, "expected_seconds": 0.002 },
        ],
        "candidates_left_out": 7,
    }))
    .unwrap()
}

#[test]
fn a_story_shows_every_attempt_and_whom_there_was_to_choose_from() {
    let (story, palette) = (story(), Palette::new(false));
    let shown = Page { story: &story, now: 3_733.5, palette }.to_string();
    let expected = "\
✗ GET www/a  502 upstream_closed  in 12.0 ms

It failed.

request   id-1
began     01:02:03 UTC, 10 s ago
listener  web, from 127.0.0.1:5000, by worker 1
cluster   api

   attempt at     began  connected  first byte     over
1  a:1          at once          –           –  1.00 ms  refused the connection; the next was sent after 10.0 ms
2  b:1         +11.0 ms   idle one           –  12.0 ms  closed the connection
✗ nobody was left

whom there was to choose from
   endpoint  in flight  expected
✗  a:1               0         –  tried · avoided for 1s more
✓  c:1               3   2.00 ms
and 7 more endpoints
";
    assert_eq!(shown, expected);
}

#[test]
fn the_list_has_a_line_for_each_and_says_how_far_back_it_reaches() {
    let list: StoryList = serde_json::from_value(json!({
        "stories": [summary()],
        "reaches": [
            { "kind": "failed", "kept": 256, "forgotten": 9, "since_unix_seconds": 3_700.0 },
            { "kind": "slow", "kept": 0, "forgotten": 0, "since_unix_seconds": null },
        ],
        "silent_workers": [],
    }))
    .unwrap();
    let palette = Palette::new(false);
    let shown = List { list: &list, now: 3_733.5, palette }.to_string();
    // A line that is continued would lose its first blanks.
    let expected =
        "       when  request id  status  reason             total  attempts  endpoint  request
✗  10 s ago  id-1        502     upstream_closed  12.0 ms         2  b:1       GET www/a

✗ 256 failed of the last 33 s · ◷ 0 slow
`evenkeel why REQUEST-ID` tells all about one
";
    assert_eq!(shown, expected);
    let empty = StoryList { stories: Vec::new(), silent_workers: vec![1], ..list };
    let shown = List { list: &empty, now: 3_733.5, palette }.to_string();
    assert!(shown.starts_with("nothing of that kind is remembered\n"), "{shown}");
    assert!(shown.contains("! some workers did not answer"), "{shown}");
}

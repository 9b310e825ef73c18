use super::*;
use crate::config::Config;

#[test]
fn comments_and_order_stay_and_only_the_endpoints_change() {
    let text = "\
# Mine.
[listener.web]   # the web
bind = \":8080\"
to = \"api\"

[cluster.api]
endpoints = [
    \"127.0.0.1:9001\", # the first
    { address = \"9002\", backup = true },
    \"127.0.0.1:9003\",
]
balance = \"random\"
";
    let edits = [
        ("api", "127.0.0.1:9001", Edit::Weight(3)),
        ("api", "127.0.0.1:9002", Edit::Weight(2)),
        ("api", "127.0.0.1:9003", Edit::Remove),
        ("api", "10.0.0.4:80", added("10.0.0.4:80", 1, false)),
        ("api", "[::1]:80", added("[::1]:80", 4, true)),
    ];
    let expected = "\
# Mine.
[listener.web]   # the web
bind = \":8080\"
to = \"api\"

[cluster.api]
endpoints = [
    { address = \"127.0.0.1:9001\", weight = 3 }, # the first
    { address = \"9002\", backup = true, weight = 2 },
    \"10.0.0.4:80\",
    { address = \"[::1]:80\", weight = 4, backup = true },
]
balance = \"random\"
";
    assert_eq!(edit(text, &edits), Ok((expected.to_owned(), Vec::new())));
}

#[test]
fn a_lone_endpoint_of_a_listener_becomes_a_list() {
    let text = "[listener.web]\nbind = \":8080\"\nto = \"127.0.0.1:9001\"\n";
    let edits = [("web", "a:1", added("a:1", 1, false))];
    let (text, _) = edit(text, &edits).unwrap();
    assert!(text.ends_with("to = [\"127.0.0.1:9001\", \"a:1\"]\n"), "{text}");
}

#[test]
fn an_added_endpoint_is_written_with_all_that_is_known_of_it() {
    let labels = Box::new([("version".into(), "2".into())]);
    let zone = Some("eu-1".to_owned());
    let known = parse_endpoint("a:1").unwrap();
    let endpoint = EndpointConfig { priority: 1, zone, labels, ..known };
    let list = "[cluster.api]\nendpoints = [\"b:1\"]\n";
    let tables = "[[cluster.api.endpoints]]\naddress = \"b:1\"\n";
    for text in [list, tables] {
        let (text, _) = edit(text, &[("api", "a:1", Edit::Add(endpoint.clone()))]).unwrap();
        let listener = "[listener.web]\nbind = ':80'\nto = 'api'\n";
        let read = Config::parse("edited.toml", &format!("{listener}{text}")).unwrap().config;
        assert_eq!(read.clusters[0].endpoints[1], endpoint, "{text}");
    }
}

#[test]
fn what_is_not_in_this_file_is_said_to_be_elsewhere() {
    let edits = [("api", "a:1", Edit::Remove)];
    let (text, elsewhere) = edit("workers = 1\n", &edits).unwrap();
    assert_eq!((text.as_str(), elsewhere.len()), ("workers = 1\n", 1));
}

#[test]
fn endpoints_in_tables_of_their_own_are_edited_as_such() {
    let text = "\
[[cluster.api.endpoints]]   # the first
address = \"9001\"
weight = 3 # as much as three

[[cluster.api.endpoints]]
address = \"9002\"

[cluster.other]
endpoints = \"9009\"
";
    let edits = [
        ("api", "127.0.0.1:9001", Edit::Weight(5)),
        ("api", "127.0.0.1:9002", Edit::Remove),
        ("api", "a:4", added("a:4", 2, true)),
    ];
    let (edited, elsewhere) = edit(text, &edits).unwrap();
    assert!(elsewhere.is_empty());
    let expected = "\
[[cluster.api.endpoints]]   # the first
address = \"9001\"
weight = 5 # as much as three

[[cluster.api.endpoints]]
address = \"a:4\"
weight = 2
backup = true

[cluster.other]
endpoints = \"9009\"
";
    assert_eq!(edited, expected);
}

#[test]
fn a_listener_of_the_clusters_name_is_not_taken_for_it() {
    let text = "[listener.api]\nbind = \":8080\"\nto = \"api\"\n";
    let edits = [("api", "a:1", added("a:1", 1, false)), ("api", "b:1", Edit::Remove)];
    let (unchanged, elsewhere) = edit(text, &edits).unwrap();
    assert_eq!((unchanged.as_str(), elsewhere.len()), (text, 2));
}

#[test]
fn ten_thousand_edits_are_made_in_one_go() {
    let names: Vec<String> = (1..=10_000).map(|port| format!("127.0.0.1:{port}")).collect();
    let text = format!("[cluster.api]\nendpoints = {names:?}\n");
    let edits: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let edit = if at % 2 == 0 { Edit::Weight(2) } else { Edit::Remove };
            ("api", name.as_str(), edit)
        })
        .collect();
    let (text, _) = edit(&text, &edits).unwrap();
    assert_eq!(text.matches("weight = 2").count(), 5000);
    assert_eq!(text.matches("127.0.0.1").count(), 5000);
}

#[test]
fn an_endpoint_that_is_written_in_another_way_is_refused() {
    let text = "[cluster.api]\nendpoints = [\"${HOST}:80\"]\n";
    let refused = edit(text, &[("api", "db:80", Edit::Weight(2))]).unwrap_err();
    assert!(refused.contains("\"db:80\"") && refused.contains("by hand"), "{refused}");
}

#[test]
fn a_comment_behind_an_endpoint_goes_with_it_and_no_other() {
    let text = "\
[cluster.api]
endpoints = [ # all of them
    \"a:1\", # the first
    # about the second
    \"a:2\", # the second
    \"a:3\" # the third
]
";
    let with = |list: &str| format!("[cluster.api]\nendpoints = [{list}]\n");
    for (edit_of, expected) in [
        (
            ("api", "a:1", Edit::Remove),
            " # all of them\n    # about the second\n    \"a:2\", # the second\n    \"a:3\" # the third\n",
        ),
        (
            ("api", "a:2", Edit::Remove),
            " # all of them\n    \"a:1\", # the first\n    \"a:3\" # the third\n",
        ),
        (
            ("api", "a:3", Edit::Remove),
            " # all of them\n    \"a:1\", # the first\n    # about the second\n    \"a:2\" # the second\n",
        ),
        (
            ("api", "a:4", added("a:4", 1, false)),
            " # all of them\n    \"a:1\", # the first\n    # about the second\n    \"a:2\", # the second\n    \"a:3\", # the third\n    \"a:4\"\n",
        ),
    ] {
        assert_eq!(edit(text, &[edit_of]).unwrap().0, with(expected));
    }
    let line = with("\"a:1\", \"a:2\", \"a:3\"");
    for (endpoint, expected) in
        [("a:1", "\"a:2\", \"a:3\""), ("a:2", "\"a:1\", \"a:3\""), ("a:3", "\"a:1\", \"a:2\"")]
    {
        assert_eq!(edit(&line, &[("api", endpoint, Edit::Remove)]).unwrap().0, with(expected));
    }
}

fn added(name: &str, weight: u32, backup: bool) -> Edit {
    Edit::Add(EndpointConfig { weight, backup, ..parse_endpoint(name).unwrap() })
}

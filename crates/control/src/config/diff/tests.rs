use super::*;

#[test]
fn every_kind_of_difference_is_one_line() {
    let before = parsed(
        "drain = \"10s\"\nzone = \"eu-1\"\n[listener.web]\nbind = \":8080\"\nto = \"api\"\n\
         [listener.old]\nbind = \":8081\"\nto = \"api\"\n\
         [cluster.api]\nendpoints = [\"a:1\", { address = \"a:2\", zone = \"eu-1\" }, { address = \"a:3\", weight = 2 }]\n\
         balance = \"random\"\ntimeouts = { connect = \"2s\" }\nslow_start = \"30s\"\n",
    );
    let after = parsed(
        "[listener.web]\nbind = \":8080\"\nto = \"api\"\nheader_names = \"refuse\"\n\
         [listener.new]\nbind = \":8082\"\nto = \"next\"\n\
         [cluster.api]\nendpoints = [\"a:4\", { address = \"a:2\", backup = true, priority = 1 },\n\
         { address = \"a:3\", labels = { v = \"2\" } }]\n\
         balance = \"round-robin\"\npanic_below = \"off\"\n\
         [cluster.next]\nendpoints = [\"b:1\"]\n[log]\nlevel = \"debug\"\n",
    );
    let expected = [
        "~ drain \"10s\" → (default)",
        "~ zone \"eu-1\" → (default)",
        "~ listener web: header_names (default) → \"refuse\"",
        "+ listener new",
        "~ cluster api: balance \"random\" → \"round-robin\"",
        "~ cluster api: panic_below (default) → \"off\"",
        "~ cluster api: slow_start \"30s\" → (default)",
        "~ cluster api: timeouts { connect = \"2s\" } → (default)",
        "+ cluster next",
        "~ log: level (default) → \"debug\"",
        "- listener old",
        "+ cluster api: endpoint a:4",
        "~ cluster api: endpoint a:2: backup false → true",
        "~ cluster api: endpoint a:2: priority 0 → 1",
        "~ cluster api: endpoint a:2: zone eu-1 → (none)",
        "~ cluster api: endpoint a:3: weight 2 → 1",
        "~ cluster api: endpoint a:3: labels {} → { v = \"2\" }",
        "- cluster api: endpoint a:1",
    ];
    assert_eq!(diff(&before, &after), expected);
    assert_eq!(diff(&after, &after), [""; 0]);
}

#[test]
fn a_route_is_a_thing_of_its_own() {
    let with = |routes: &str| {
        let clusters = "[cluster.api]\nendpoints = \"a:1\"\n[cluster.next]\nendpoints = \"b:1\"\n";
        let listener = "[listener.web]\nbind = \":1\"\nto = \"api\"\n";
        parsed(&format!("{listener}{routes}{clusters}"))
    };
    let before =
        with("[[route]]\npath = \"/v1/*\"\nto = \"api\"\n[[route]]\nhost = \"a\"\nto = \"next\"\n");
    let after = with(
        "[[route]]\npath = \"/v1/*\"\nto = { api = 9, next = 1 }\n[[route]]\nhost = \"b\"\nto = \"next\"\n",
    );
    let expected = [
        "~ route /v1/* of web: to \"api\" → { api = 9, next = 1 }",
        "+ route b/* of web",
        "- route a/* of web",
    ];
    assert_eq!(diff(&before, &after), expected);
}

#[test]
fn a_token_is_never_shown() {
    let with = |token: &str| {
        parsed(&format!(
            "[listener.web]\nbind = \":1\"\nto = \"a:1\"\n[admin]\ntoken = \"{token}\"\n"
        ))
    };
    let (old, new) = (with("0123456789abcdef"), with("fedcba9876543210"));
    assert_eq!(diff(&old, &new), ["~ admin: token is another one"]);
    let lines = diff(&with(""), &new).join("\n");
    assert!(lines.contains("token") && !lines.contains("fedcba"), "{lines}");
}

fn parsed(text: &str) -> Config {
    Config::parse("test.toml", text).unwrap().config
}

#[test]
fn another_order_of_the_same_is_a_change() {
    let order = |endpoints| crate::fixture::config(&[("web", "api")], &[("api", endpoints)]);
    let (before, after) = (order(&["a:1", "a:2"]), order(&["a:2", "a:1"]));
    assert_eq!(diff(&before, &after), ["~ the same in another order"]);
    assert!(diff(&after, &after).is_empty());
}

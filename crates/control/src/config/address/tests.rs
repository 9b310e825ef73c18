use proptest::prelude::*;

use super::*;

#[test]
fn a_bind_is_a_port_or_an_address_of_this_machine() {
    let only = |text: &str| Bind::Only(text.parse().unwrap());
    let cases = [
        ("8080", Bind::Any(8080)),
        (":8080", Bind::Any(8080)),
        ("127.0.0.1:8080", only("127.0.0.1:8080")),
        ("0.0.0.0:1", only("0.0.0.0:1")),
        ("[::1]:65535", only("[::1]:65535")),
        ("[::]:8080", only("[::]:8080")),
        ("fd:web", Bind::Inherited("web".into())),
        ("fd:evenkeel.socket", Bind::Inherited("evenkeel.socket".into())),
        ("fd:80", Bind::Inherited("80".into())),
    ];
    for (text, bind) in cases {
        assert_eq!(parse_bind(text).unwrap(), bind, "{text}");
    }
}

#[test]
fn an_inherited_socket_has_a_name_that_systemd_would_give_it() {
    let long = format!("fd:{}", "x".repeat(256));
    for text in ["fd:", "fd:a:b", "fd:a\nb", "fd:é", &long] {
        assert_eq!(parse_bind(text).unwrap_err().code, Code::BadAddress, "{text}");
    }
    assert!(parse_bind(&long[..long.len() - 1]).is_ok());
}

#[test]
fn an_endpoint_is_a_port_of_this_machine_or_an_address_or_a_name() {
    let cases = [
        ("9001", "127.0.0.1:9001", "127.0.0.1", 9001),
        (":9001", "127.0.0.1:9001", "127.0.0.1", 9001),
        ("10.0.0.1:80", "10.0.0.1:80", "10.0.0.1", 80),
        ("[::1]:80", "[::1]:80", "::1", 80),
        ("[0:0::1]:80", "[::1]:80", "::1", 80),
        ("DB.internal:5432", "db.internal:5432", "db.internal", 5432),
        ("_srv.app-1.example.:1", "_srv.app-1.example.:1", "_srv.app-1.example.", 1),
    ];
    for (text, name, host, port) in cases {
        let endpoint = parse_endpoint(text).unwrap();
        assert_eq!(
            (endpoint.name.as_str(), endpoint.host.as_str(), endpoint.port),
            (name, host, port),
            "{text}"
        );
        assert_eq!((endpoint.weight, endpoint.backup), (1, false));
    }
}

#[test]
fn each_wrong_endpoint_has_the_code_of_its_mistake() {
    let cases = [
        ("", Code::BadAddress),
        (":", Code::PortMissing),
        ("app", Code::PortMissing),
        ("app:", Code::PortMissing),
        ("[::1]", Code::PortMissing),
        ("0", Code::PortOutOfRange),
        ("65536", Code::PortOutOfRange),
        ("app:99999999999999999999", Code::PortOutOfRange),
        ("::1", Code::BadAddress),
        ("[::1", Code::BadAddress),
        ("[::1]x:80", Code::BadAddress),
        ("[127.0.0.1]:80", Code::BadAddress),
        ("256.0.0.1:80", Code::BadAddress),
        ("a..b:80", Code::BadAddress),
        ("-1", Code::PortMissing),
        ("app:+80", Code::BadAddress),
        ("http://app:80", Code::BadAddress),
        ("unix:/run/app.sock", Code::Unsupported),
    ];
    for (text, code) in cases {
        assert_eq!(parse_endpoint(text).unwrap_err().code, code, "{text}");
    }
}

#[test]
fn only_the_admin_api_may_ask_for_any_free_port() {
    let fixed = |text: &str| AdminBind::Fixed(text.parse().unwrap());
    assert_eq!(parse_admin("127.0.0.1:0").unwrap(), fixed("127.0.0.1:0"));
    assert_eq!(parse_admin("9901").unwrap(), fixed("127.0.0.1:9901"));
    assert_eq!(parse_admin("unix:/run/e.sock").unwrap(), AdminBind::Unix("/run/e.sock".into()));
    assert_eq!(parse_admin("unix:").unwrap_err().code, Code::BadAddress);
    assert_eq!(parse_bind("127.0.0.1:0").unwrap_err().code, Code::PortOutOfRange);
}

#[test]
fn an_address_alone_is_a_network_of_one() {
    assert_eq!(parse_network("10.0.0.1").unwrap(), "10.0.0.1/32".parse().unwrap());
    assert_eq!(parse_network("fd00::/8").unwrap(), "fd00::/8".parse().unwrap());
    assert_eq!(parse_network("10.0.0.0/33").unwrap_err().code, Code::BadNetwork);
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in ".*", close in "[\\[\\]:.*/a-f0-9é]{0,24}") {
        for text in [text, close] {
            let _ = parse_bind(&text);
            let _ = parse_admin(&text);
            let _ = parse_network(&text);
            if let Ok(endpoint) = parse_endpoint(&text) {
                prop_assert_eq!(parse_endpoint(&endpoint.name).unwrap(), endpoint);
            }
        }
    }

    #[test]
    fn a_bind_is_read_as_it_is_displayed(ip: IpAddr, port in 1..=u16::MAX, name in "[ -9;-~]{1,255}") {
        let only = Bind::Only(SocketAddr::new(ip, port));
        for bind in [Bind::Any(port), only, Bind::Inherited(name.into())] {
            prop_assert_eq!(parse_bind(&bind.to_string()).unwrap(), bind);
        }
    }
}

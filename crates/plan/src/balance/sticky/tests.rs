use std::sync::Arc;

use super::*;
use crate::endpoint::Life;

const NOW: Duration = Duration::from_secs(1_800_000_000);

fn endpoints(names: &[&str]) -> Vec<Endpoint> {
    let cluster = Arc::default();
    names.iter().map(|name| Endpoint::new(name, None, Life::new(1, &cluster))).collect()
}

fn keys(texts: &[&str]) -> Vec<SessionKey> {
    texts.iter().map(|text| SessionKey::from_text(text)).collect()
}

fn value(tokens: &Tokens, position: usize) -> String {
    tokens.write(position, Some(NOW + Duration::from_secs(60))).unwrap()
}

#[test]
fn replicas_with_the_same_keys_agree_whatever_the_order_of_the_endpoints() {
    let one = Tokens::new(&keys(&["a"]), &endpoints(&["10.0.0.1:80", "10.0.0.2:80"]));
    let other = Tokens::new(&keys(&["a"]), &endpoints(&["10.0.0.2:80", "10.0.0.1:80"]));
    let token = value(&one, 0);
    assert_eq!(one.read(token.as_bytes(), NOW).unwrap().position, 0);
    assert_eq!(other.read(token.as_bytes(), NOW).unwrap().position, 1);
    let stranger = Tokens::new(&keys(&["b"]), &endpoints(&["10.0.0.1:80", "10.0.0.2:80"]));
    assert_eq!(stranger.read(token.as_bytes(), NOW), None);
}

#[test]
fn an_old_key_is_believed_and_a_new_one_signs() {
    let names = ["10.0.0.1:80"];
    let old = Tokens::new(&keys(&["old"]), &endpoints(&names));
    let both = Tokens::new(&keys(&["new", "old"]), &endpoints(&names));
    let after = Tokens::new(&keys(&["new"]), &endpoints(&names));
    let read = |tokens: &Tokens, token: &str| {
        tokens.read(token.as_bytes(), NOW).map(|token| token.is_by_first_key)
    };
    assert_eq!(read(&both, &value(&old, 0)), Some(false));
    assert_eq!(read(&both, &value(&both, 0)), Some(true));
    assert_eq!(read(&after, &value(&both, 0)), Some(true));
    assert_eq!(read(&after, &value(&old, 0)), None);
}

#[test]
fn no_letter_of_a_token_can_be_changed_and_no_address_is_in_it() {
    let tokens = Tokens::new(&keys(&["a"]), &endpoints(&["10.0.0.1:80", "10.0.0.2:80"]));
    let token = value(&tokens, 1);
    for at in 0..token.len() {
        let mut wrong = token.clone().into_bytes();
        wrong[at] = if wrong[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(tokens.read(&wrong, NOW), None, "{at}");
    }
    for garbage in [&b""[..], b"x", &[255; 38], &[b'A'; 38], &[b'A'; 4000]] {
        assert_eq!(tokens.read(garbage, NOW), None);
    }
    assert!(!token.contains("10"), "{token}");
    assert_eq!(tokens.write(2, None), None);
}

#[test]
fn a_token_ends_when_it_says() {
    let tokens = Tokens::new(&keys(&["a"]), &endpoints(&["10.0.0.1:80"]));
    let token = value(&tokens, 0);
    let at = |seconds| tokens.read(token.as_bytes(), NOW + Duration::from_secs(seconds));
    assert!(at(59).is_some() && at(60).is_none());
    let for_ever = tokens.write(0, None).unwrap();
    assert_eq!(tokens.read(for_ever.as_bytes(), NOW * 2).unwrap().expires, None);
}

#[test]
fn the_field_says_what_was_configured() {
    let tokens = Tokens::new(&keys(&["a"]), &endpoints(&["10.0.0.1:80"]));
    let plain = SessionCookie::new("ek", keys(&["a"]));
    let field = plain.field(&tokens, 0, NOW).unwrap();
    let (value, attributes) = field.split_once(';').unwrap();
    assert_eq!(value.len(), 3 + 38, "{value}");
    assert_eq!(attributes, " Path=/; Max-Age=3600; SameSite=Lax; HttpOnly");
    let other = SessionCookie {
        ttl: None,
        path: "/app".into(),
        domain: Some("example.com".into()),
        same_site: SameSite::None,
        secure: true,
        http_only: false,
        ..plain
    };
    let field = other.field(&tokens, 0, NOW).unwrap();
    let (_, attributes) = field.split_once(';').unwrap();
    assert_eq!(attributes, " Path=/app; Domain=example.com; SameSite=None; Secure");
}

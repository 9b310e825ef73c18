use super::*;

fn fields(list: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in list {
        fields.push(name.as_bytes(), value.as_bytes());
    }
    fields
}

#[test]
fn connections_are_kept_as_the_version_has_it_unless_told_otherwise() {
    let table = [
        (Version::Http11, "", true),
        (Version::Http11, "close", false),
        (Version::Http11, "Keep-Alive, CLOSE", false),
        (Version::Http10, "", false),
        (Version::Http10, "Keep-Alive", true),
        (Version::Http10, "keep-alive, close", false),
    ];
    for (version, connection, kept) in table {
        let fields = fields(&[("Connection", connection)]);
        assert_eq!(wants_keep_alive(&fields, version), kept, "{version:?} {connection}");
    }
}

#[test]
fn what_connection_names_ends_here_but_not_what_endpoints_rely_on() {
    let fields = fields(&[
        ("Connection", "X-A, cookie, x-forwarded-for"),
        ("x-a", "1"),
        ("X-B", "2"),
        ("Cookie", "c"),
    ]);
    let names: Vec<_> = end_to_end(&fields).map(|field| field.name).collect();
    assert_eq!(names, [&b"X-B"[..], b"Cookie"]);
}

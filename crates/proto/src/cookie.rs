//! The cookies of a request (RFC 6265 §4.2). Asked by what tells requests apart, and by what keeps a client at its endpoint.

use crate::field::{FieldName, Fields};

/// All cookies in order, as names and values: over several `Cookie` fields, into which HTTP/2 may split one (RFC 9113 §8.2.3).
///
/// Values are as they were sent, quotes included (RFC 6265 §5.4 has clients send back just what they got), but without white
/// space around. What has no `=` is no cookie and left out.
pub fn cookies(fields: &Fields) -> impl Iterator<Item = (&[u8], &[u8])> {
    fields.all(FieldName::Cookie).flat_map(|value| value.split(|&byte| byte == b';')).filter_map(
        |pair| {
            let equals = pair.iter().position(|&byte| byte == b'=')?;
            Some((pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii()))
        },
    )
}

/// The values of all cookies called `name`, in order. Names differ by case (RFC 6265 §5.3).
pub fn values<'a>(fields: &'a Fields, name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    cookies(fields).filter(move |(found, _)| *found == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(cookies: &[&str]) -> Fields {
        let mut fields = Fields::default();
        for value in cookies {
            fields.push(b"cookie", value.as_bytes());
            fields.push(b"x-other", b"a=0");
        }
        fields
    }

    #[test]
    fn cookies_are_found_in_one_field_and_in_many() {
        for (sent, name, expected) in [
            (&["a=1; b=2"][..], "a", &["1"][..]),
            (&["a=1; b=2"], "b", &["2"]),
            (&["a=1;b=2 ;  c=3"], "b", &["2"]),
            (&["a=1;b=2 ;  c=3"], "c", &["3"]),
            (&["a=1", "b=2", "a=3"], "a", &["1", "3"]),
            (&["a=1; a=2"], "a", &["1", "2"]),
            // Of a value, all belongs to it but the white space around.
            (&["a=\"1 2\"; b=2"], "a", &["\"1 2\""]),
            (&["a=x=y=="], "a", &["x=y=="]),
            (&["a=; b=2"], "a", &[""]),
            (&["a = 1"], "a", &["1"]),
            // Another name, and what is no cookie at all.
            (&["A=1; aa=2; ba=3"], "a", &[]),
            (&["a; ; =; ;=1;;b=2"], "a", &[]),
            (&["a; ; =; ;=1;;b=2"], "b", &["2"]),
            (&[""], "a", &[]),
            (&[], "a", &[]),
        ] {
            let fields = fields(sent);
            let found: Vec<&[u8]> = values(&fields, name.as_bytes()).collect();
            let expected: Vec<&[u8]> = expected.iter().map(|value| value.as_bytes()).collect();
            assert_eq!(found, expected, "{name} in {sent:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_garbage_around_it_harms_nobody(
            garbage in "[a-z;= \"\\\\,\t\u{80}-\u{ff}]{0,40}",
            value in "[!-:<-~]{0,20}",
        ) {
            let fields = fields(&[&garbage, &format!("{garbage};ek7={value}; {garbage}")]);
            let found: Vec<&[u8]> = values(&fields, b"ek7").collect();
            prop_assert_eq!(found, [value.as_bytes()]);
        }
    }
}

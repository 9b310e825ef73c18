//! What endpoints are told of the certificate by which a client has proved who it is. Made once for each connection.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::asn1_rs::{Any, Tag, ToDer as _};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::field::starts_with_alias;

/// A client's certificate, which somebody has verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate as RFC 9440 §2.2 writes it.
    encoded: Box<[u8]>,
    subject: Box<str>,
}

impl ClientCertificate {
    /// The one with these bytes, in DER.
    pub fn new(der: &[u8]) -> Self {
        let subject = match X509Certificate::from_der(der) {
            Ok((_, certificate)) => distinguished_name(certificate.subject()),
            Err(_) => String::new(),
        };
        // RFC 8941 §3.3.5: a sequence of bytes between colons.
        let mut encoded = vec![b':'; der.len().div_ceil(3) * 4 + 2];
        let most = encoded.len() - 1;
        // There is as much room as it takes.
        let _ = STANDARD.encode_slice(der, &mut encoded[1..most]);
        Self { encoded: encoded.into(), subject: subject.into() }
    }

    /// The fields of a head that tell of it.
    pub fn fields(&self) -> impl Iterator<Item = (&'static [u8], &[u8])> {
        let subject = self.subject().map(|it| (&b"X-Client-Cert-Subject"[..], it.as_bytes()));
        [(&b"Client-Cert"[..], &*self.encoded)].into_iter().chain(subject)
    }

    /// Whom it is for, as RFC 4514 writes it; `None` if it does not say.
    pub fn subject(&self) -> Option<&str> {
        Some(&*self.subject).filter(|subject| !subject.is_empty())
    }
}

/// Whether a field tells of a client's certificate, as ours do, or in one of the ways that are usual with other proxies.
pub(crate) fn tells_certificate(name: &[u8]) -> bool {
    FAMILIES.iter().any(|family| starts_with_alias(name, family))
}

/// RFC 9440; ours; and those that configurations of nginx, HAProxy and others set.
const FAMILIES: [&[u8]; 4] = [b"client-cert", b"x-client-cert", b"ssl-client-", b"x-ssl-client"];

/// In printable characters of ASCII only: RFC 4514 §2, the last part first.
fn distinguished_name(name: &X509Name<'_>) -> String {
    let parts: Vec<_> = name.iter_rdn().collect();
    let mut text = String::new();
    for (position, part) in parts.into_iter().rev().enumerate() {
        for (nth, attribute) in part.iter().enumerate() {
            text.push_str(match (position, nth) {
                (0, 0) => "",
                (_, 0) => ",",
                _ => "+",
            });
            put_attribute(&mut text, attribute);
        }
    }
    text
}

fn put_attribute(text: &mut String, attribute: &AttributeTypeAndValue<'_>) {
    let id = attribute.attr_type().to_id_string();
    let short = SHORT_NAMES.iter().find(|(known, _)| *known == id).map(|(_, name)| *name);
    text.push_str(short.unwrap_or(&id));
    text.push('=');
    match (short, string(attribute.attr_value())) {
        (Some(_), Some(value)) => put_value(text, value),
        // RFC 4514 §2.4: what nobody knows to be a string is shown as its bytes.
        _ => {
            text.push('#');
            let bytes = attribute.attr_value().to_der_vec().unwrap_or_default();
            bytes.iter().for_each(|byte| put_hex(text, *byte));
        }
    }
}

/// The text in a value of one of the types whose bytes are text.
fn string<'a>(value: &'a Any<'_>) -> Option<&'a str> {
    let is_text = [Tag::Utf8String, Tag::PrintableString, Tag::Ia5String].contains(&value.tag());
    std::str::from_utf8(value.data).ok().filter(|_| is_text)
}

/// RFC 4514 §2.4. Nothing in it ends a line of a head, and nothing looks like the beginning of another part.
fn put_value(text: &mut String, value: &str) {
    let last = value.len().saturating_sub(1);
    for (position, byte) in value.bytes().enumerate() {
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b' ' if position == 0 || position == last => text.push_str("\\ "),
            b'#' if position == 0 => text.push_str("\\#"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                text.push('\\');
                put_hex(text, byte);
            }
        }
    }
}

fn put_hex(text: &mut String, byte: u8) {
    for digit in [byte >> 4, byte & 15] {
        text.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
    }
}

/// RFC 4514 §3, and the one that OpenSSL adds and many certificates have.
const SHORT_NAMES: [(&str, &str); 10] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "street"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn made(parts: &[(DnType, &str)]) -> (Vec<u8>, ClientCertificate) {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in parts {
            params.distinguished_name.push(kind.clone(), *value);
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        (certificate.der().to_vec(), ClientCertificate::new(certificate.der()))
    }

    #[test]
    fn the_whole_certificate_is_told_between_colons_and_its_subject_beside_it() {
        let (der, certificate) = made(&[(DnType::CommonName, "alice")]);
        let fields: Vec<_> = certificate.fields().collect();
        let [(b"Client-Cert", encoded), (b"X-Client-Cert-Subject", b"CN=alice")] = fields[..]
        else {
            panic!("{fields:?}");
        };
        let coded = encoded.strip_prefix(b":").unwrap().strip_suffix(b":").unwrap();
        let mut decoded = vec![0; coded.len()];
        let length = STANDARD.decode_slice(coded, &mut decoded).unwrap();
        assert_eq!(&decoded[..length], der);
        assert_eq!(certificate.subject(), Some("CN=alice"));
    }

    #[test]
    fn a_certificate_for_nobody_by_name_has_no_subject() {
        let (_, nameless) = made(&[]);
        assert_eq!((nameless.fields().count(), nameless.subject()), (1, None));
        let junk = ClientCertificate::new(b"junk");
        assert!(junk.fields().eq([(&b"Client-Cert"[..], &b":anVuaw==:"[..])]));
    }

    /// A name must not be taken for several, nor end the line that it is in.
    #[test]
    fn a_subject_is_written_such_that_nothing_in_it_can_be_taken_for_something_else() {
        for (value, expected) in [
            ("a,CN=admin", "CN=a\\,CN=admin"),
            ("a+b\"c\\d<e>f;g=h", "CN=a\\+b\\\"c\\\\d\\<e\\>f\\;g=h"),
            (" a b ", "CN=\\ a b\\ "),
            (" ", "CN=\\ "),
            ("#1", "CN=\\#1"),
            ("a\r\nX-Admin: 1", "CN=a\\0D\\0AX-Admin: 1"),
            ("\0\u{7f}", "CN=\\00\\7F"),
            ("Zoë", "CN=Zo\\C3\\AB"),
            ("", "CN="),
        ] {
            assert_eq!(
                made(&[(DnType::CommonName, value)]).1.subject(),
                Some(expected),
                "{value:?}"
            );
        }
    }

    #[test]
    fn a_name_that_a_gateway_could_take_for_one_of_ours_is_one() {
        for (name, tells) in [
            ("client-cert", true),
            ("Client_Cert_Chain", true),
            ("CLIENT.CERT", true),
            ("X-Client-Cert-Subject", true),
            ("x_ssl_client_cert", true),
            ("SSL-Client-Verify", true),
            ("Client", false),
            ("X-Client-IP", false),
            ("SSL", false),
        ] {
            assert_eq!(tells_certificate(name.as_bytes()), tells, "{name}");
        }
    }

    #[test]
    fn the_last_part_comes_first_and_unknown_kinds_are_shown_as_bytes() {
        let custom = DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 99999, 1]);
        let parts = [
            (DnType::CountryName, "DE"),
            (DnType::OrganizationName, "Example"),
            (custom, "x"),
            (DnType::CommonName, "alice"),
        ];
        let expected = "CN=alice,1.3.6.1.4.1.99999.1=#0C0178,O=Example,C=DE";
        assert_eq!(made(&parts).1.subject(), Some(expected));
    }
}

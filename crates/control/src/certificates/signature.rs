//! Whether something is signed with a key: certificates and revocation lists both are what is signed, how, and the signature. Asked when
//! files are read.

use rustls::pki_types::SignatureVerificationAlgorithm;
use x509_parser::asn1_rs::{Any, BitString, FromDer as _, Tag};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::terminate::PROVIDER;

/// Whether `signed`, in DER, has a signature of `key` that the TLS library would take.
pub(super) fn is_signed_by(signed: &[u8], key: &SubjectPublicKeyInfo<'_>) -> bool {
    let Some((message, algorithm, signature)) = parts(signed) else { return false };
    let Some(kind) = kind_of(key) else { return false };
    let can_verify = |it: &&&dyn SignatureVerificationAlgorithm| {
        *it.signature_alg_id() == *algorithm && *it.public_key_alg_id() == *kind
    };
    let mut algorithms = PROVIDER.signature_verification_algorithms.all.iter().filter(can_verify);
    algorithms
        .any(|it| it.verify_signature(&key.subject_public_key.data, message, &signature).is_ok())
}

/// What is signed, by what algorithm, and the signature (RFC 5280 §4.1.1, §5.1.1).
fn parts(signed: &[u8]) -> Option<(&[u8], &[u8], Vec<u8>)> {
    let (whole, _) = sequence(signed)?;
    let (_, rest) = sequence(whole)?;
    let message = whole.get(..whole.len() - rest.len())?;
    let (algorithm, rest) = sequence(rest)?;
    let (_, signature) = BitString::from_der(rest).ok()?;
    // Signatures are bytes: a bit that does not count would make two of one.
    (signature.unused_bits == 0).then(|| (message, algorithm, signature.data.to_vec()))
}

/// Of what algorithm a key is, with its parameters.
fn kind_of<'k>(key: &SubjectPublicKeyInfo<'k>) -> Option<&'k [u8]> {
    let (whole, _) = sequence(key.raw)?;
    Some(sequence(whole)?.0)
}

/// What is in the sequence that `bytes` begin with, and what comes after it.
fn sequence(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (rest, first) = Any::from_der(bytes).ok()?;
    (first.tag() == Tag::Sequence).then_some((first.data, rest))
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::super::fixture::{by_openssl, chain, good};
    use super::super::parse::read_certificate;
    use super::*;

    fn der(pem: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
    }

    fn is_signed(signed: &str, by: &str) -> bool {
        let (signed, by) = (der(signed), der(by));
        let (certificate, key) = (&signed, read_certificate(&by).unwrap());
        is_signed_by(certificate, key.public_key())
    }

    #[test]
    fn what_a_key_has_signed_is_known_by_it_and_by_no_other() {
        for kind in ["rsa:2048", "ed25519", "ec -pkeyopt ec_paramgen_curve:P-384"] {
            let made = by_openssl(&format!("-nodes -newkey {kind}")).cert;
            assert!(is_signed(&made, &made), "{kind}");
            assert!(!is_signed(&made, &good("a.test").cert), "{kind}");
        }
        let ([leaf, middle, root], _) = chain("a.test");
        assert!(is_signed(&leaf, &middle) && is_signed(&middle, &root) && is_signed(&root, &root));
        assert!(!is_signed(&leaf, &root) && !is_signed(&leaf, &leaf));
    }

    #[test]
    fn what_was_changed_or_cut_off_anywhere_is_not_signed() {
        let whole = der(&good("a.test").cert);
        let certificate = read_certificate(&whole).unwrap();
        assert!(is_signed_by(&whole, certificate.public_key()));
        for position in 0..whole.len() {
            let mut changed = whole.to_vec();
            changed[position] ^= 1;
            // The length of the whole is no part of what is signed.
            assert!(
                position < 4 || !is_signed_by(&changed, certificate.public_key()),
                "{position}"
            );
            assert!(!is_signed_by(&whole[..position], certificate.public_key()), "{position}");
        }
    }
}

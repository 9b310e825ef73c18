//! The message itself (RFC 8446 §4.1.2): what a choice can rest on, taken out of it.

use super::HelloFault;
use super::cursor::{Cursor, LENGTH_8_MAX, LENGTH_16_MAX};
use super::extension::{self, is_tls};

/// What a client says about itself before it knows whom it talks to. Nothing of it is proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHello {
    /// The version that the first record claims, 0x0300 to 0x03ff: this is TLS, and no more is said by it (RFC 8446 §5.1).
    pub record_version: u16,
    /// The version of the hello itself: 0x0303 for TLS 1.2, and for 1.3 as well (RFC 8446 §4.1.2).
    pub legacy_version: u16,
    /// The highest version of TLS in `supported_versions`, such as 0x0304 for TLS 1.3; `None` without that extension or with
    /// nothing in it that is TLS.
    pub supported_version: Option<u16>,
    /// The name of the host that the client wants, in lower case, without a dot at its end, 253 bytes at most. `None` if it
    /// named none: the extension is missing, has an address, or names of other types only.
    pub server_name: Option<Box<str>>,
    /// Whether a hello is hidden in this one (RFC 9849): then the name is that of whoever can open it, not of the one who is
    /// wanted. Clients also pretend it, and nobody but the server can tell.
    pub has_ech: bool,
    /// As in the extension's list, each behind its length.
    protocols: Box<[u8]>,
}

/// The most extensions that a hello may have. Clients send about twenty, and each is compared with all others.
pub const EXTENSIONS_MAX: usize = 128;

impl ClientHello {
    /// The protocols that the client would speak inside TLS (ALPN, RFC 7301), the one it likes best first: any bytes, 1 to 255
    /// of them each. None without the extension; GREASE is left out (RFC 8701).
    pub fn protocols(&self) -> impl Iterator<Item = &[u8]> {
        extension::protocols(&self.protocols)
    }

    /// The highest version that the client speaks: what it supports, or its own from the time before TLS 1.3.
    pub fn version(&self) -> u16 {
        self.supported_version.unwrap_or(self.legacy_version)
    }

    /// Reads a message without its type and length.
    pub(super) fn parse(record_version: u16, message: &[u8]) -> Result<Self, HelloFault> {
        let mut message = Cursor::new(message);
        let legacy_version = message.number_16()?;
        if !is_tls(legacy_version) {
            return Err(HelloFault::LegacyVersion);
        }
        let mut hello = Self {
            record_version,
            legacy_version,
            supported_version: None,
            server_name: None,
            has_ech: false,
            protocols: Box::default(),
        };
        skip_to_extensions(&mut message)?;
        // Before TLS 1.3 a hello may end here (RFC 5246 §7.4.1.2).
        if !message.is_at_end() {
            hello.note_extensions(message.vector_16(0..=LENGTH_16_MAX)?)?;
            message.end()?;
        }
        Ok(hello)
    }

    fn note_extensions(&mut self, extensions: &[u8]) -> Result<(), HelloFault> {
        let mut extensions = Cursor::new(extensions);
        let mut seen = [0; EXTENSIONS_MAX];
        let mut count = 0;
        while !extensions.is_at_end() {
            let kind = extensions.number_16()?;
            let content = extensions.vector_16(0..=LENGTH_16_MAX)?;
            if seen[..count].contains(&kind) {
                return Err(HelloFault::RepeatedExtension);
            }
            *seen.get_mut(count).ok_or(HelloFault::ManyExtensions)? = kind;
            count += 1;
            self.note_extension(kind, content)?;
        }
        Ok(())
    }

    fn note_extension(&mut self, kind: u16, content: &[u8]) -> Result<(), HelloFault> {
        match kind {
            extension::SERVER_NAME => self.server_name = extension::server_name(content)?,
            extension::PROTOCOLS => self.protocols = extension::protocol_list(content)?.into(),
            extension::SUPPORTED_VERSIONS => {
                self.supported_version = extension::highest_version(content)?;
            }
            extension::ENCRYPTED_CLIENT_HELLO => self.has_ech = true,
            _ => {}
        }
        Ok(())
    }
}

/// Random, session, cipher suites and compression methods: for the endpoint to judge, if only they are where they must be.
fn skip_to_extensions(message: &mut Cursor<'_>) -> Result<(), HelloFault> {
    message.bytes(RANDOM_BYTES)?;
    message.vector_8(0..=32)?;
    let cipher_suites = message.vector_16(2..=LENGTH_16_MAX)?;
    if cipher_suites.len() % 2 != 0 {
        return Err(HelloFault::Length);
    }
    message.vector_8(1..=LENGTH_8_MAX)?;
    Ok(())
}

const RANDOM_BYTES: usize = 32;

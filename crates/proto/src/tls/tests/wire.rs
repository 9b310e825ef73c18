//! Hellos and records as clients write them, in pieces that tests can set wrong.

/// A message whose every field a test can choose.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) version: u16,
    pub(super) session: Vec<u8>,
    pub(super) cipher_suites: Vec<u8>,
    pub(super) compression: Vec<u8>,
    /// `None`: the message ends before them.
    pub(super) extensions: Option<Vec<Extension>>,
    /// What follows the last field.
    pub(super) rest: Vec<u8>,
}

/// An extension's type and content.
pub(super) type Extension = (u16, Vec<u8>);

impl Default for Message {
    fn default() -> Self {
        Self {
            kind: 1,
            version: 0x0303,
            session: vec![7; 32],
            cipher_suites: vec![0x13, 0x01, 0x13, 0x02],
            compression: vec![0],
            extensions: None,
            rest: Vec::new(),
        }
    }
}

impl Message {
    pub(super) fn with(extensions: Vec<Extension>) -> Self {
        Self { extensions: Some(extensions), ..Self::default() }
    }

    /// The message, its header included.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut body = self.version.to_be_bytes().to_vec();
        body.extend([0x5a; 32]);
        body.extend(vector_8(&self.session));
        body.extend(vector_16(&self.cipher_suites));
        body.extend(vector_8(&self.compression));
        if let Some(extensions) = &self.extensions {
            let one = |(kind, content): &Extension| {
                [&kind.to_be_bytes()[..], &vector_16(content)].concat()
            };
            body.extend(vector_16(&extensions.iter().flat_map(one).collect::<Vec<_>>()));
        }
        body.extend(&self.rest);
        let mut message = (body.len() as u32).to_be_bytes().to_vec();
        message[0] = self.kind;
        message.extend(body);
        message
    }

    /// The message in one record.
    pub(super) fn wire(&self) -> Vec<u8> {
        record(&self.bytes())
    }
}

pub(super) fn record(fragment: &[u8]) -> Vec<u8> {
    [&[22, 3, 1][..], &vector_16(fragment)].concat()
}

/// `message` in records of these sizes, taken in turn.
pub(super) fn records(message: &[u8], sizes: &[usize]) -> Vec<u8> {
    let (mut rest, mut wire) = (message, Vec::new());
    for &size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (fragment, after) = rest.split_at(size.min(rest.len()));
        wire.extend(record(fragment));
        rest = after;
    }
    wire
}

pub(super) fn vector_8(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

pub(super) fn vector_16(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// A server name extension with one name.
pub(super) fn server_name(name: &[u8]) -> Extension {
    server_names(&[(0, name)])
}

/// A server name extension with names of these types.
pub(super) fn server_names(names: &[(u8, &[u8])]) -> Extension {
    let one = |&(kind, name): &(u8, &[u8])| [&[kind], &vector_16(name)[..]].concat();
    (0, vector_16(&names.iter().flat_map(one).collect::<Vec<_>>()))
}

/// An ALPN extension.
pub(super) fn protocols(protocols: &[&[u8]]) -> Extension {
    let list: Vec<u8> = protocols.iter().flat_map(|protocol| vector_8(protocol)).collect();
    (16, vector_16(&list))
}

/// An extension that says which versions are supported.
pub(super) fn versions(versions: &[u16]) -> Extension {
    let list: Vec<u8> = versions.iter().flat_map(|version| version.to_be_bytes()).collect();
    (43, vector_8(&list))
}

//! Header fields: the names that a proxy must know, and a list of fields as ranges of one buffer.

/// The field names that mean something to a proxy. All others are carried as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldName {
    /// Any other field.
    Other,
    /// `Accept`
    Accept,
    /// `Connection`
    Connection,
    /// `Content-Length`
    ContentLength,
    /// `Cookie`
    Cookie,
    /// `Date`
    Date,
    /// `Expect`
    Expect,
    /// `Forwarded`
    Forwarded,
    /// `Host`
    Host,
    /// `HTTP2-Settings`
    Http2Settings,
    /// `Keep-Alive`
    KeepAlive,
    /// `Max-Forwards`
    MaxForwards,
    /// `Proxy-Connection`
    ProxyConnection,
    /// `Referer`
    Referer,
    /// `Sec-WebSocket-Accept`
    SecWebSocketAccept,
    /// `Sec-WebSocket-Key`
    SecWebSocketKey,
    /// `Sec-WebSocket-Version`
    SecWebSocketVersion,
    /// `TE`
    Te,
    /// `Trailer`
    Trailer,
    /// `Transfer-Encoding`
    TransferEncoding,
    /// `Upgrade`
    Upgrade,
    /// `User-Agent`
    UserAgent,
    /// `Via`
    Via,
    /// `X-Forwarded-For`
    XForwardedFor,
    /// `X-Forwarded-Host`
    XForwardedHost,
    /// `X-Forwarded-Proto`
    XForwardedProto,
    /// `X-Real-IP`
    XRealIp,
    /// `X-Request-ID`
    XRequestId,
}

impl FieldName {
    /// The field of that name; names are case-insensitive (RFC 9110 §5.1).
    pub fn from_bytes(name: &[u8]) -> Self {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        // By length first: most fields of most requests are dismissed with one comparison.
        match name.len() {
            2 if is("te") => Self::Te,
            3 if is("via") => Self::Via,
            4 if is("host") => Self::Host,
            4 if is("date") => Self::Date,
            6 if is("accept") => Self::Accept,
            6 if is("cookie") => Self::Cookie,
            6 if is("expect") => Self::Expect,
            7 if is("referer") => Self::Referer,
            7 if is("upgrade") => Self::Upgrade,
            7 if is("trailer") => Self::Trailer,
            9 if is("forwarded") => Self::Forwarded,
            9 if is("x-real-ip") => Self::XRealIp,
            10 if is("user-agent") => Self::UserAgent,
            10 if is("connection") => Self::Connection,
            10 if is("keep-alive") => Self::KeepAlive,
            12 if is("x-request-id") => Self::XRequestId,
            12 if is("max-forwards") => Self::MaxForwards,
            14 if is("content-length") => Self::ContentLength,
            14 if is("http2-settings") => Self::Http2Settings,
            15 if is("x-forwarded-for") => Self::XForwardedFor,
            16 if is("x-forwarded-host") => Self::XForwardedHost,
            16 if is("proxy-connection") => Self::ProxyConnection,
            17 if is("x-forwarded-proto") => Self::XForwardedProto,
            17 if is("transfer-encoding") => Self::TransferEncoding,
            17 if is("sec-websocket-key") => Self::SecWebSocketKey,
            20 if is("sec-websocket-accept") => Self::SecWebSocketAccept,
            21 if is("sec-websocket-version") => Self::SecWebSocketVersion,
            _ => Self::Other,
        }
    }
}

/// What becomes of a request's fields whose names have other characters than letters, digits and hyphens. Gateways to older
/// interfaces make `X_Real_IP` and `X-Real-IP` the same, so such a name can stand for one that a proxy vouches for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnusualNames {
    /// The field does not go on, as nginx has it.
    #[default]
    Drop,
    /// The request is answered with 400.
    Refuse,
    /// The field goes on.
    Keep,
}

/// Whether a name has only letters, digits and hyphens.
pub fn is_usual_name(name: &[u8]) -> bool {
    name.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether a field may have that name: a token (RFC 9110 §5.6.2).
pub fn is_token(name: &[u8]) -> bool {
    let is_token_byte =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !name.is_empty() && name.iter().all(is_token_byte)
}

/// Whether `name` is `known`, or would become it in a gateway that makes one thing of `-`, `_` and other punctuation, as CGI
/// does (RFC 3875 §4.1.18). `known` is in small letters, with hyphens.
pub fn is_alias(name: &[u8], known: &[u8]) -> bool {
    name.len() == known.len() && starts_with_alias(name, known)
}

/// Whether `name` begins so, in the sense of [`is_alias`].
pub fn starts_with_alias(name: &[u8], known: &[u8]) -> bool {
    let folded = |&byte: &u8| {
        if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
    };
    name.len() >= known.len() && name.iter().map(folded).zip(known).all(|(a, &b)| a == b)
}

/// Whether `value` may stand in a field: no line break, no other control byte but the tab (RFC 9110 §5.5).
pub fn is_value(value: &[u8]) -> bool {
    value.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

/// A piece of the buffer that a head lives in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The piece from `start` up to `end`. Heads are far smaller than 4 GiB; what lies beyond is cut off.
    pub fn new(start: usize, end: usize) -> Self {
        let clamp = |position| u32::try_from(position).unwrap_or(u32::MAX);
        Self { start: clamp(start), end: clamp(end) }
    }

    /// The bytes of the piece in `buffer`.
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        buffer.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// The same, to be changed.
    pub(crate) fn of_mut(self, buffer: &mut [u8]) -> &mut [u8] {
        buffer.get_mut(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// The first `length` bytes of the piece.
    pub(crate) fn shortened(self, length: usize) -> Self {
        let end = Self::new(0, self.start as usize + length).end;
        Self { end: end.min(self.end), ..self }
    }

    /// The piece with its beginning and end moved to the left by so many bytes.
    pub(crate) fn moved_left(self, start: u32, end: u32) -> Self {
        Self { start: self.start.saturating_sub(start), end: self.end.saturating_sub(end) }
    }
}

/// One field as ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldSpan {
    pub(crate) id: FieldName,
    pub(crate) name: Span,
    pub(crate) value: Span,
}

impl FieldSpan {
    /// The field in `buffer`.
    fn of<'b>(&self, buffer: &'b [u8]) -> Field<'b> {
        Field { id: self.id, name: self.name.of(buffer), value: self.value.of(buffer) }
    }
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Which of the known fields it is.
    pub id: FieldName,
    /// The name as it was sent.
    pub name: &'a [u8],
    /// The value, without white space around it.
    pub value: &'a [u8],
}

/// Fields in the order in which they came, as ranges of one buffer; made to be used again for the next head.
///
/// An HTTP/1 codec reads straight into `buffer` and notes the ranges; HTTP/2 and 3, whose libraries bring maps of their own,
/// append with [`Fields::push`].
#[derive(Debug, Default)]
pub struct Fields {
    /// The bytes that the ranges refer to.
    pub buffer: Vec<u8>,
    pub(crate) list: FieldList,
}

/// The fields as ranges, and which of the known ones are among them: most questions about a head are answered by 'none'.
#[derive(Debug, Default)]
pub(crate) struct FieldList {
    spans: Vec<FieldSpan>,
    /// One bit for each [`FieldName`].
    present: u64,
}

impl FieldList {
    pub(crate) fn clear(&mut self) {
        self.spans.clear();
        self.present = 0;
    }

    pub(crate) fn push(&mut self, field: FieldSpan) {
        self.present |= 1 << field.id as u32;
        self.spans.push(field);
    }

    /// Keeps only those that `keeps` says.
    fn retain(&mut self, keeps: impl FnMut(&FieldSpan) -> bool) {
        self.spans.retain(keeps);
        self.present = self.spans.iter().fold(0, |present, field| present | 1 << field.id as u32);
    }

    fn contains(&self, id: FieldName) -> bool {
        self.present & 1 << id as u32 != 0
    }

    /// Those called `id`, in order.
    fn all(&self, id: FieldName) -> impl Iterator<Item = &FieldSpan> {
        let spans = if self.contains(id) { &self.spans[..] } else { &[] };
        spans.iter().filter(move |field| field.id == id)
    }
}

impl Fields {
    /// Forgets all fields; keeps the memory and the buffer's bytes.
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// Appends a field that is not in the buffer yet.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(name);
        let middle = self.buffer.len();
        self.buffer.extend_from_slice(value);
        let (name_span, value_span) =
            (Span::new(start, middle), Span::new(middle, self.buffer.len()));
        self.list.push(FieldSpan {
            id: FieldName::from_bytes(name),
            name: name_span,
            value: value_span,
        });
    }

    /// Takes those fields out that `is_unwanted` says.
    pub fn remove(&mut self, is_unwanted: impl Fn(&Field<'_>) -> bool) {
        let Self { buffer, list } = self;
        list.retain(|field| !is_unwanted(&field.of(buffer)));
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.list.spans.iter().map(|field| field.of(&self.buffer))
    }

    /// The values of every field called `id`, in order.
    pub fn all(&self, id: FieldName) -> impl Iterator<Item = &[u8]> {
        self.list.all(id).map(|field| field.value.of(&self.buffer))
    }

    /// The value of the first field called `id`.
    pub fn first(&self, id: FieldName) -> Option<&[u8]> {
        self.all(id).next()
    }

    /// Whether there is a field called `id`.
    pub fn contains(&self, id: FieldName) -> bool {
        self.list.contains(id)
    }

    /// How many fields there are.
    pub fn count(&self) -> usize {
        self.list.spans.len()
    }
}

/// The elements of a comma-separated list (RFC 9110 §5.6.1), without empty ones and white space.
pub fn list_elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_found_in_any_case() {
        let names = [
            ("connection", FieldName::Connection),
            ("CONTENT-LENGTH", FieldName::ContentLength),
            ("cooKIE", FieldName::Cookie),
            ("Expect", FieldName::Expect),
            ("forwarded", FieldName::Forwarded),
            ("hOsT", FieldName::Host),
            ("keep-alive", FieldName::KeepAlive),
            ("Proxy-Connection", FieldName::ProxyConnection),
            ("te", FieldName::Te),
            ("Trailer", FieldName::Trailer),
            ("Transfer-Encoding", FieldName::TransferEncoding),
            ("Upgrade", FieldName::Upgrade),
            ("VIA", FieldName::Via),
            ("x-forwarded-for", FieldName::XForwardedFor),
            ("X-Forwarded-Host", FieldName::XForwardedHost),
            ("X-Forwarded-Proto", FieldName::XForwardedProto),
            ("X-Real-Ip", FieldName::XRealIp),
            ("X-Request-Id", FieldName::XRequestId),
            ("accept", FieldName::Accept),
            ("Date", FieldName::Date),
            ("HTTP2-Settings", FieldName::Http2Settings),
            ("Max-Forwards", FieldName::MaxForwards),
            ("Referer", FieldName::Referer),
            ("Sec-WebSocket-Accept", FieldName::SecWebSocketAccept),
            ("sec-websocket-key", FieldName::SecWebSocketKey),
            ("Sec-WebSocket-Version", FieldName::SecWebSocketVersion),
            ("User-Agent", FieldName::UserAgent),
            ("X_Forwarded_For", FieldName::Other),
            ("Accept-Encoding", FieldName::Other),
            ("", FieldName::Other),
        ];
        for (name, id) in names {
            assert_eq!(FieldName::from_bytes(name.as_bytes()), id, "{name}");
        }
    }

    #[test]
    fn an_alias_is_a_name_that_some_gateway_takes_for_another() {
        for alias in ["x-real-ip", "X_Real_IP", "x.real~ip"] {
            assert!(is_alias(alias.as_bytes(), b"x-real-ip"), "{alias}");
        }
        for other in ["xrealip", "x-real-ip2", "x-real-i", ""] {
            assert!(!is_alias(other.as_bytes(), b"x-real-ip"), "{other}");
        }
        assert!(starts_with_alias(b"X_Forwarded_Port", b"x-forwarded-"));
    }

    #[test]
    fn a_name_is_a_token() {
        for (name, expected) in [
            ("x-user-id", true),
            ("__Host-a.b", true),
            ("", false),
            ("a b", false),
            ("a:b", false),
            ("a;b", false),
            ("a=b", false),
            ("ä", false),
        ] {
            assert_eq!(is_token(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn pushed_fields_come_back_in_order() {
        let mut fields = Fields::default();
        fields.push(b"host", b"a");
        fields.push(b"x-a", b"1");
        fields.push(b"X-A", b"");
        assert_eq!(fields.first(FieldName::Host), Some(&b"a"[..]));
        let all: Vec<_> = fields.iter().map(|field| (field.name, field.value)).collect();
        assert_eq!(all, [(&b"host"[..], &b"a"[..]), (b"x-a", b"1"), (b"X-A", b"")]);
        fields.remove(|field| field.name == b"host");
        assert_eq!((fields.count(), fields.contains(FieldName::Host)), (2, false));
        fields.clear();
        assert_eq!(fields.count(), 0);
    }

    #[test]
    fn lists_lose_empty_elements_and_white_space() {
        let elements: Vec<_> = list_elements(b" a ,,\tb,c , ").collect();
        assert_eq!(elements, [b"a", b"b", b"c"]);
    }
}

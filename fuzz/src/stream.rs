//! A strict reader of whole byte streams, for what the proxy has sent: `httparse` for the lines, everything else once more.
//! What it does not take it says why.

use crate::heads::Pairs;

/// A request or an answer in a stream.
#[derive(Debug)]
pub struct Message {
    /// Method and target, or the status twice.
    pub start: [String; 2],
    pub fields: Pairs,
    pub body: Vec<u8>,
    /// Whether all of it is there.
    pub complete: bool,
    /// Where the next one begins.
    pub end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Empty,
    Length(usize),
    Chunked,
    UntilClose,
}

/// All requests of a stream; the last may be cut off.
///
/// # Errors
/// Something that a strict endpoint would refuse.
pub fn requests(stream: &[u8]) -> Result<Vec<Message>, String> {
    let mut found: Vec<Message> = Vec::new();
    let mut start = 0;
    while start < stream.len() {
        let Some(request) = request(&stream[start..])? else { break };
        let complete = request.complete;
        start += request.end;
        found.push(request);
        if !complete {
            break;
        }
    }
    Ok(found)
}

fn request(bytes: &[u8]) -> Result<Option<Message>, String> {
    let mut slots = [httparse::EMPTY_HEADER; 256];
    let mut request = httparse::Request::new(&mut slots);
    let httparse::Status::Complete(length) = request.parse(bytes).map_err(|e| e.to_string())?
    else {
        return Ok(None);
    };
    let start = [request.method, request.path].map(|word| word.unwrap_or_default().to_owned());
    let fields = fields(&bytes[..length], request.headers)?;
    if request.version != Some(1) || values(&fields, "host").count() != 1 {
        return Err("not HTTP/1.1 with one Host".into());
    }
    let framing = framing(&fields)?.unwrap_or(Framing::Empty);
    Ok(Some(with_body(
        Message { start, fields, body: vec![], complete: false, end: length },
        framing,
        bytes,
    )?))
}

/// The answer at the beginning of a stream that has ended, to a request with this method.
///
/// # Errors
/// Something that a strict client would refuse.
pub fn answer(bytes: &[u8], method: &str) -> Result<Option<Message>, String> {
    let mut slots = [httparse::EMPTY_HEADER; 256];
    let mut answer = httparse::Response::new(&mut slots);
    let httparse::Status::Complete(length) = answer.parse(bytes).map_err(|e| e.to_string())? else {
        return Ok(None);
    };
    let status = answer.code.unwrap_or_default();
    let fields = fields(&bytes[..length], answer.headers)?;
    let framed = framing(&fields)?;
    let framing = match status {
        100..=199 | 204 | 304 => Framing::Empty,
        _ if method == "HEAD" => Framing::Empty,
        _ => framed.unwrap_or(Framing::UntilClose),
    };
    let start = [status.to_string(), status.to_string()];
    Ok(Some(with_body(
        Message { start, fields, body: vec![], complete: false, end: length },
        framing,
        bytes,
    )?))
}

fn fields(head: &[u8], headers: &[httparse::Header<'_>]) -> Result<Pairs, String> {
    if head.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r') {
        return Err("a line ends in LF without CR".into());
    }
    let field = |header: &httparse::Header<'_>| (header.name.into(), header.value.to_vec());
    Ok(headers.iter().map(field).collect())
}

/// The values of a field in order.
pub fn values<'a>(fields: &'a Pairs, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let named = move |field: &&(Vec<u8>, _)| field.0.eq_ignore_ascii_case(name.as_bytes());
    fields.iter().filter(named).map(|field| field.1.as_slice())
}

/// Whether an answer to `method` ends before the connection does.
pub fn is_delimited(answer: &Message, method: &str) -> bool {
    method == "HEAD"
        || matches!(answer.start[0].as_str(), "204" | "304")
        || matches!(framing(&answer.fields), Ok(Some(_)))
}

fn framing(fields: &Pairs) -> Result<Option<Framing>, String> {
    let lengths: Vec<_> = values(fields, "content-length").collect();
    let codings: Vec<_> = values(fields, "transfer-encoding").collect();
    match (&lengths[..], &codings[..]) {
        ([], []) => Ok(None),
        ([], [b"chunked"]) => Ok(Some(Framing::Chunked)),
        ([length], []) if length.iter().all(u8::is_ascii_digit) => {
            let length = String::from_utf8_lossy(length);
            Ok(Some(Framing::Length(length.parse().map_err(|_| "a length beyond all")?)))
        }
        _ => Err(format!("no certain end: {lengths:?} {codings:?}")),
    }
}

fn with_body(mut message: Message, framing: Framing, bytes: &[u8]) -> Result<Message, String> {
    let mut rest = &bytes[message.end..];
    match framing {
        Framing::Empty => message.complete = true,
        Framing::UntilClose => (message.body, message.complete, rest) = (rest.to_vec(), true, &[]),
        Framing::Length(length) => {
            let (body, after) = rest.split_at(length.min(rest.len()));
            (message.body, message.complete, rest) = (body.to_vec(), body.len() == length, after);
        }
        Framing::Chunked => {
            message.complete = chunks(&mut rest, &mut message.body)?;
            rest = if message.complete { rest } else { &[] };
        }
    }
    message.end = bytes.len() - rest.len();
    Ok(message)
}

/// Takes chunks away from `rest` as Evenkeel writes them: no extension, no leading zero. Whether the last one was there.
fn chunks(rest: &mut &[u8], body: &mut Vec<u8>) -> Result<bool, String> {
    while let Some(digits) = line(rest)? {
        let size =
            std::str::from_utf8(digits).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let size =
            size.filter(|size| format!("{size:x}").as_bytes() == digits).ok_or("no chunk size")?;
        if size == 0 {
            return trailers(rest);
        }
        if rest.len() < size + 2 {
            return Ok(false);
        }
        body.extend_from_slice(&rest[..size]);
        if &rest[size..size + 2] != b"\r\n" {
            return Err("a chunk without an end".into());
        }
        *rest = &rest[size + 2..];
    }
    Ok(false)
}

fn trailers(rest: &mut &[u8]) -> Result<bool, String> {
    while let Some(trailer) = line(rest)? {
        if trailer.is_empty() {
            return Ok(true);
        }
        if !trailer.contains(&b':') {
            return Err("a trailer without a colon".into());
        }
    }
    Ok(false)
}

/// A line, if it is there as a whole.
fn line<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, String> {
    let Some(end) = rest.iter().position(|&byte| byte == b'\n') else { return Ok(None) };
    let line = rest[..end].strip_suffix(b"\r").ok_or("a line ends in LF without CR")?;
    *rest = &rest[end + 1..];
    Ok(Some(line))
}

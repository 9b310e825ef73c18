"""What the small site of the interop tests answers, without a server: wsgi.py and asgi.py put it on one.

server.mjs says the same in JavaScript. The paths:

    /echo                 what arrived: method, length and digest of the body, and the fields that we add
    /noise?mib=N          N MiB with their digest in X-Sha256; chunked with &chunked=1
    /cookies              two Set-Cookie, one with a comma in it; the body is the Cookie that arrived
    /redirect             302 to /echo;  /redirect-post: 307 to /echo
    /gzip                 a compressed text with an ETag
    /tagged               304 for whoever has it
    /close                closes the connection after the answer
    /refuse               413, without having read the body
    /events?id=X          server-sent events; each is sent when the one before it was posted to /seen?id=X
"""

import gzip
import hashlib
import json

MIB = 1 << 20


def noise(mib):
    """`mib` blocks of 1 MiB, each other than the others."""
    for number in range(mib):
        yield b"%031d\n" % number * (MIB // 32)


def digest_of_noise(mib):
    digest = hashlib.sha256()
    for block in noise(mib):
        digest.update(block)
    return digest.hexdigest()


def echo(method, fields, body_length, body_digest):
    """`fields` have names in lower case."""
    shown = ["content-length", "transfer-encoding", "x-forwarded-for", "host", "content-type"]
    answer = {
        "method": method,
        "length": body_length,
        "sha256": body_digest,
        "fields": {name: fields[name] for name in shown if name in fields},
    }
    return 200, [("Content-Type", "application/json")], json.dumps(answer).encode()


def simple(path, fields):
    """Status, fields and body of what needs no more than a head; `None` for another path."""
    plain = ("Content-Type", "text/plain")
    if path == "/cookies":
        set_cookies = [
            ("Set-Cookie", "first=1; Path=/"),
            ("Set-Cookie", "second=two; Expires=Wed, 21 Oct 2099 07:28:00 GMT; Path=/"),
        ]
        return 200, [plain, *set_cookies], fields.get("cookie", "").encode()
    if path == "/redirect":
        return 302, [plain, ("Location", "/echo")], b"over there"
    if path == "/redirect-post":
        return 307, [plain, ("Location", "/echo")], b"over there"
    if path == "/gzip":
        coding = [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"), ("ETag", '"zipped"')]
        return 200, [plain, *coding], COMPRESSED
    if path == "/tagged":
        if fields.get("if-none-match") == '"this"':
            return 304, [("ETag", '"this"')], b""
        return 200, [plain, ("ETag", '"this"')], b"tagged"
    if path == "/close":
        return 200, [plain, ("Connection", "close")], b"the last on this connection"
    if path == "/refuse":
        return 413, [plain, ("Connection", "close")], b"too large"
    return None


TEXT = b"".join(b"line %d of a text that compresses well\n" % number for number in range(5000))
COMPRESSED = gzip.compress(TEXT, mtime=0)
EVENTS = 5

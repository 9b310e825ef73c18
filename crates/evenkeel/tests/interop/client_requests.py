"""Asks a server through the balancer with the library `requests`: `client_requests.py HOST:PORT CHECK…`.

Each check is a function here; its name is printed when it has passed.
"""

import hashlib
import sys

import requests

import content

LONG = 30
MIB_SENT = 33

base = "http://" + sys.argv[1]
session = requests.Session()
# No proxy of whoever runs the test.
session.trust_env = False


def ask(method, path, **more):
    return session.request(method, base + path, timeout=LONG, **more)


def equal(left, right):
    assert left == right, f"{left!r} is not {right!r}"


def methods():
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]:
        response = ask(method, "/echo", data=None if method == "GET" else b"some bytes")
        equal((response.status_code, response.json()["method"]), (200, method))
    equal(ask("HEAD", "/echo").content, b"")
    form = ask("POST", "/echo", files={"file": b"x" * 1000}, data={"name": "value"}).json()
    assert form["fields"]["content-type"].startswith("multipart/form-data"), form


class Sized:
    """A body of known length that is made while it is sent."""

    def __init__(self, mib):
        self.length, self.blocks = mib * content.MIB, content.noise(mib)

    def __len__(self):
        return self.length

    def __iter__(self):
        return self.blocks


def upload():
    wanted = content.digest_of_noise(MIB_SENT)
    for body, framing in [
        (Sized(MIB_SENT), "content-length"),
        (content.noise(MIB_SENT), "transfer-encoding"),
    ]:
        echoed = ask("POST", "/echo", data=body).json()
        equal((echoed["sha256"], framing in echoed["fields"]), (wanted, True))


def download():
    for path in ["/noise?mib=33", "/noise?mib=33&chunked=1"]:
        response = ask("GET", path, stream=True)
        equal(digest_of(response), response.headers["x-sha256"])


def digest_of(response):
    digest = hashlib.sha256()
    for block in response.iter_content(100_000):
        digest.update(block)
    return digest.hexdigest()


def paused():
    """The body of a client that stops reading arrives whole, and others are served meanwhile."""
    slow = ask("GET", "/noise?mib=33", stream=True)
    for _ in range(50):
        equal(ask("GET", "/tagged").text, "tagged")
    equal(digest_of(slow), slow.headers["x-sha256"])


def cookies():
    ask("GET", "/cookies")
    equal(dict(session.cookies), {"first": "1", "second": "two"})
    equal(set(ask("GET", "/cookies").text.split("; ")), {"first=1", "second=two"})


def redirect():
    response = ask("GET", "/redirect")
    equal((response.url, response.status_code, len(response.history)), (base + "/echo", 200, 1))
    response = ask("PUT", "/redirect-post", data=b"x" * 1000)
    equal((response.json()["method"], response.json()["length"]), ("PUT", 1000))


def compressed():
    response = ask("GET", "/gzip")
    equal((response.headers["content-encoding"], response.headers["etag"]), ("gzip", '"zipped"'))
    equal(response.content, content.TEXT)


def conditional():
    response = ask("GET", "/tagged", headers={"If-None-Match": ask("GET", "/tagged").headers["etag"]})
    equal((response.status_code, response.content), (304, b""))


def events():
    """Each event is here before the server sends the next: it waits until this one was seen."""
    stream = ask("GET", "/events?id=requests", stream=True)
    lines = stream.iter_lines(chunk_size=1)
    for number in range(content.EVENTS):
        equal(next(lines), b"data: %d" % number)
        equal(next(lines), b"")
        ask("POST", "/seen?id=requests")
    equal(list(lines), [])


def refuse():
    """The server refuses before the body is sent, and the client learns why."""
    response = ask("POST", "/refuse", data=Sized(64))
    equal((response.status_code, response.text), (413, "too large"))


def closing():
    for _ in range(5):
        equal(ask("GET", "/close").text, "the last on this connection")


def file():
    equal(digest_of(ask("GET", "/large", stream=True)), content.digest_of_noise(MIB_SENT))
    equal(ask("GET", "/absent").status_code, 404)


def ranges():
    whole = next(content.noise(1))
    response = ask("GET", "/large", headers={"Range": "bytes=1000-1999"})
    equal((response.status_code, response.content), (206, whole[1000:2000]))
    response = ask("GET", "/large", headers={"Range": "bytes=0-9,100-109"})
    assert response.headers["content-type"].startswith("multipart/byteranges"), response.headers
    assert whole[100:110] in response.content, response.content


def unchanged():
    # A compressed text has a tag of its own, which Apache does not recognise when it comes back.
    plain = {"Accept-Encoding": "identity"}
    first = ask("GET", "/text", headers=plain)
    date, tag = first.headers["last-modified"], first.headers["etag"]
    equal(ask("GET", "/text", headers={**plain, "If-Modified-Since": date}).status_code, 304)
    equal(ask("GET", "/text", headers={**plain, "If-None-Match": tag}).status_code, 304)


def zipped():
    plain = ask("GET", "/text", headers={"Accept-Encoding": "identity"})
    response = ask("GET", "/text")
    equal((response.headers["content-encoding"], response.text), ("gzip", plain.text))


def stored():
    """PUT, GET and DELETE of a file (WebDAV)."""
    for body in [Sized(MIB_SENT), content.noise(MIB_SENT)]:
        equal(ask("PUT", "/dav/file", data=body).status_code, 201)
        response = ask("GET", "/dav/file", stream=True)
        equal(digest_of(response), content.digest_of_noise(MIB_SENT))
        equal(ask("DELETE", "/dav/file").status_code, 204)


for name in sys.argv[2:]:
    globals()[name]()
    print(name, flush=True)

"""Asks a server through the balancer with Python's own http.client: `client_http.py HOST:PORT CHECK…`.

Each check is a function here; its name is printed when it has passed.
"""

import gzip
import hashlib
import http.client
import json
import socket
import sys

import content

LONG = 30
MIB_SENT = 33

address = sys.argv[1]
kept = http.client.HTTPConnection(address, timeout=LONG)


def ask(method, path, body=None, fields=None, over=None, **more):
    over = over or kept
    over.request(method, path, body=body, headers=fields or {}, **more)
    response = over.getresponse()
    return response, response.read()


def equal(left, right):
    assert left == right, f"{left!r} is not {right!r}"


def methods():
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]:
        body = None if method == "GET" else b"some bytes"
        response, text = ask(method, "/echo?a=b%20c", body)
        echoed = json.loads(text)
        equal((response.status, echoed["method"], echoed["length"]), (200, method, len(body or b"")))
        equal(echoed["fields"]["x-forwarded-for"], "127.0.0.1")
    response, text = ask("HEAD", "/echo")
    equal((response.status, text), (200, b""))
    assert int(response.getheader("content-length")) > 0


def upload():
    wanted = content.digest_of_noise(MIB_SENT)
    length = str(MIB_SENT * content.MIB)
    for framing in [{"Content-Length": length}, {"Transfer-Encoding": "chunked"}]:
        chunked = "Transfer-Encoding" in framing
        _, text = ask("POST", "/echo", content.noise(MIB_SENT), framing, encode_chunked=chunked)
        echoed = json.loads(text)
        equal((echoed["length"], echoed["sha256"]), (MIB_SENT * content.MIB, wanted))


def download():
    for path in ["/noise?mib=33", "/noise?mib=33&chunked=1"]:
        kept.request("GET", path)
        response = kept.getresponse()
        equal(response.chunked, path.endswith("chunked=1"))
        equal(digest_of(response), response.getheader("x-sha256"))


def digest_of(response):
    digest = hashlib.sha256()
    while block := response.read(100_000):
        digest.update(block)
    return digest.hexdigest()


def paused():
    """The body of a client that stops reading arrives whole, and others are served meanwhile."""
    slow = http.client.HTTPConnection(address, timeout=LONG)
    slow.request("GET", "/noise?mib=33")
    response = slow.getresponse()
    first = response.read(1000)
    for _ in range(50):
        equal(ask("GET", "/tagged")[1], b"tagged")
    digest = hashlib.sha256(first)
    while block := response.read(5000):
        digest.update(block)
    equal(digest.hexdigest(), response.getheader("x-sha256"))
    slow.close()


def cookies():
    response, text = ask("GET", "/cookies", fields={"Cookie": "a=b; c=d"})
    equal(text, b"a=b; c=d")
    values = response.headers.get_all("set-cookie")
    equal([value.split(";")[0] for value in values], ["first=1", "second=two"])
    assert "Wed, 21 Oct 2099" in values[1], values


def redirect():
    response, _ = ask("GET", "/redirect")
    equal((response.status, response.getheader("location")), (302, "/echo"))


def compressed():
    response, body = ask("GET", "/gzip", fields={"Accept-Encoding": "gzip"})
    equal((response.getheader("content-encoding"), response.getheader("etag")), ("gzip", '"zipped"'))
    equal(gzip.decompress(body), content.TEXT)


def conditional():
    equal(ask("GET", "/tagged")[0].status, 200)
    response, body = ask("GET", "/tagged", fields={"If-None-Match": '"this"'})
    equal((response.status, body, response.getheader("etag")), (304, b"", '"this"'))


def events():
    """Each event is here before the server sends the next: it waits until this one was seen."""
    stream = http.client.HTTPConnection(address, timeout=LONG)
    stream.request("GET", "/events?id=http-client")
    response = stream.getresponse()
    for number in range(content.EVENTS):
        equal(response.readline(), b"data: %d\n" % number)
        equal(response.readline(), b"\n")
        ask("POST", "/seen?id=http-client")
    equal(response.read(), b"")
    stream.close()


def expect():
    """The body is sent when the server has asked for it."""
    kept.putrequest("POST", "/echo")
    kept.putheader("Content-Length", "100000")
    kept.putheader("Expect", "100-continue")
    kept.endheaders()
    interim = kept.sock.recv(12, socket.MSG_PEEK | socket.MSG_WAITALL)
    equal(interim, b"HTTP/1.1 100")
    kept.send(b"x" * 100_000)
    response = kept.getresponse()
    equal((response.status, json.loads(response.read())["length"]), (200, 100_000))


def refuse():
    """The server refuses before the body is sent, and the client learns why."""
    sending = http.client.HTTPConnection(address, timeout=LONG)
    sending.putrequest("POST", "/refuse")
    sending.putheader("Content-Length", str(64 * content.MIB))
    sending.endheaders()
    try:
        for block in content.noise(64):
            sending.send(block)
    except (BrokenPipeError, ConnectionResetError):
        pass
    response = sending.getresponse()
    equal((response.status, response.read()), (413, b"too large"))
    sending.close()


def closing():
    for _ in range(5):
        equal(ask("GET", "/close")[1], b"the last on this connection")


def pipelined():
    """Requests that are sent before their answers are answered in order."""
    with socket.create_connection(address.split(":"), timeout=LONG) as sock:
        for number in range(20):
            head = f"POST /echo HTTP/1.1\r\nHost: {address}\r\nContent-Length: {number}\r\n\r\n"
            sock.sendall(head.encode() + b"x" * number)
        answers = sock.makefile("rb")
        for number in range(20):
            equal(answers.readline().split()[1], b"200")
            fields = http.client.parse_headers(answers)
            body = answers.read(int(fields["content-length"]))
            equal(json.loads(body)["length"], number)


def file():
    response, _ = ask("HEAD", "/large")
    length = int(response.getheader("content-length"))
    kept.request("GET", "/large")
    response = kept.getresponse()
    equal(int(response.getheader("content-length")), length)
    equal(digest_of(response), content.digest_of_noise(length // content.MIB))
    equal(ask("GET", "/absent")[0].status, 404)


def ranges():
    whole = next(content.noise(1))
    response, body = ask("GET", "/large", fields={"Range": "bytes=1000-1999"})
    equal((response.status, body), (206, whole[1000:2000]))
    response, body = ask("GET", "/large", fields={"Range": "bytes=0-9,100-109"})
    equal(response.status, 206)
    assert response.getheader("content-type").startswith("multipart/byteranges"), response.headers
    assert whole[:10] in body and whole[100:110] in body, body
    equal(ask("GET", "/large", fields={"Range": "bytes=999999999999-"})[0].status, 416)


def unchanged():
    response, _ = ask("HEAD", "/text")
    date, tag = response.getheader("last-modified"), response.getheader("etag")
    answer, body = ask("GET", "/text", fields={"If-Modified-Since": date})
    equal((answer.status, body), (304, b""))
    if tag:
        equal(ask("GET", "/text", fields={"If-None-Match": tag})[0].status, 304)
        equal(ask("GET", "/text", fields={"If-Match": '"other"'})[0].status, 412)


def zipped():
    plain, text = ask("GET", "/text")
    response, body = ask("GET", "/text", fields={"Accept-Encoding": "gzip"})
    equal((plain.getheader("content-encoding"), response.getheader("content-encoding")), (None, "gzip"))
    equal(gzip.decompress(body), text)


def stored():
    """PUT, GET and DELETE of a file (WebDAV)."""
    wanted = content.digest_of_noise(MIB_SENT)
    for framing in [{"Content-Length": str(MIB_SENT * content.MIB)}, {"Transfer-Encoding": "chunked"}]:
        chunked = "Transfer-Encoding" in framing
        body = content.noise(MIB_SENT)
        equal(ask("PUT", "/dav/file", body, framing, encode_chunked=chunked)[0].status, 201)
        kept.request("GET", "/dav/file")
        equal(digest_of(kept.getresponse()), wanted)
        equal(ask("DELETE", "/dav/file")[0].status, 204)
        equal(ask("GET", "/dav/file")[0].status, 404)


def directory():
    response, _ = ask("GET", "/dav")
    equal(response.status, 301)
    assert response.getheader("location").endswith("/dav/"), response.headers


for name in sys.argv[2:]:
    globals()[name]()
    print(name, flush=True)

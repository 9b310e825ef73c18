"""The small site of content.py on WSGI, for gunicorn with threads."""

import hashlib
import threading
from http import HTTPStatus
from urllib.parse import parse_qs

import content


def application(environ, start_response):
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}

    def answer(status, fields, body):
        sized = [*fields, ("Content-Length", str(len(body)))] if status != 304 else fields
        # gunicorn decides about the connection by itself, and refuses to be told.
        sized = [field for field in sized if field[0] != "Connection"]
        start_response(f"{status} {HTTPStatus(status).phrase}", sized)
        return [] if method == "HEAD" else [body]

    if path == "/noise":
        return send_noise(start_response, query)
    if path == "/events":
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return events(query["id"])
    if path == "/seen":
        count_seen(query["id"])
        return answer(200, [], b"")
    fields = fields_of(environ)
    known = content.simple(path, fields)
    if known:
        return answer(*known)
    return answer(*content.echo(method, fields, *read(environ["wsgi.input"])))


def read(body):
    digest, length = hashlib.sha256(), 0
    while block := body.read(65536):
        digest.update(block)
        length += len(block)
    return length, digest.hexdigest()


def fields_of(environ):
    fields = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    for name in ["CONTENT_LENGTH", "CONTENT_TYPE"]:
        if environ.get(name):
            fields[name.replace("_", "-").lower()] = environ[name]
    return fields


def send_noise(start_response, query):
    mib = int(query["mib"])
    fields = [("X-Sha256", content.digest_of_noise(mib))]
    if "chunked" not in query:
        fields.append(("Content-Length", str(mib * content.MIB)))
    start_response("200 OK", fields)
    return content.noise(mib)


seen = {}
changed = threading.Condition()


def count_seen(stream):
    with changed:
        seen[stream] = seen.get(stream, 0) + 1
        changed.notify_all()


def events(stream):
    for number in range(content.EVENTS):
        with changed:
            changed.wait_for(lambda: seen.get(stream, 0) >= number)
        yield b"data: %d\n\n" % number

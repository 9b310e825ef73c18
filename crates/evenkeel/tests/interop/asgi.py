"""The small site of content.py on ASGI, for uvicorn."""

import asyncio
import hashlib
from urllib.parse import parse_qs

import content


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    path, method = scope["path"], scope["method"]
    query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
    fields = {name.decode(): value.decode() for name, value in scope["headers"]}

    async def answer(status, answered, body):
        sized = [*answered, ("Content-Length", str(len(body)))] if status != 304 else answered
        await start(send, status, sized)
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})

    if path == "/noise":
        return await send_noise(send, query)
    if path == "/events":
        return await send_events(send, query["id"])
    if path == "/seen":
        async with changed:
            seen[query["id"]] = seen.get(query["id"], 0) + 1
            changed.notify_all()
        return await answer(200, [], b"")
    known = content.simple(path, fields)
    await answer(*(known or content.echo(method, fields, *await read(receive))))


async def start(send, status, fields):
    encoded = [(name.lower().encode(), value.encode()) for name, value in fields]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def read(receive):
    digest, length, more = hashlib.sha256(), 0, True
    while more:
        message = await receive()
        digest.update(message.get("body", b""))
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    return length, digest.hexdigest()


async def send_noise(send, query):
    mib = int(query["mib"])
    fields = [("X-Sha256", content.digest_of_noise(mib))]
    if "chunked" not in query:
        fields.append(("Content-Length", str(mib * content.MIB)))
    await start(send, 200, fields)
    for block in content.noise(mib):
        await send({"type": "http.response.body", "body": block, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


seen = {}
changed = asyncio.Condition()


async def send_events(send, stream):
    await start(send, 200, [("Content-Type", "text/event-stream")])
    for number in range(content.EVENTS):
        async with changed:
            await changed.wait_for(lambda: seen.get(stream, 0) >= number)
        body = b"data: %d\n\n" % number
        await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})

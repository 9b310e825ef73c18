"""Talks to ws_server.py through the balancer: `ws_client.py HOST:PORT`. Prints each check that has passed."""

import contextlib
import os
import sys

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

LONG = 30
url = f"ws://{sys.argv[1]}/socket"


def opened(address=url, subprotocols=("chat",), **more):
    waits = {"open_timeout": LONG, "close_timeout": LONG}
    return connect(address, proxy=None, max_size=None, subprotocols=subprotocols, **waits, **more)


def equal(left, right):
    assert left == right, f"{left!r} is not {right!r}"


def messages():
    with opened(subprotocols=["other", "chat"]) as socket:
        equal(socket.subprotocol, "chat")
        for number in range(200):
            socket.send(f"message {number}")
            equal(socket.recv(LONG), f"message {number}")


def large():
    for compression in ["deflate", None]:
        with opened(compression=compression) as socket:
            body = os.urandom(9 << 20)
            socket.send(body)
            assert socket.recv(LONG) == body


def fragments():
    with opened() as socket:
        socket.send(iter(["one ", "two ", "three"]))
        equal(socket.recv(LONG), "one two three")


def pings():
    with opened() as socket:
        assert socket.ping().wait(LONG)


def many():
    """Tunnels side by side, each with its own bytes."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(opened()) for _ in range(20)]
        for number, socket in enumerate(sockets):
            socket.send(str(number))
        for number, socket in enumerate(sockets):
            equal(socket.recv(LONG), str(number))
    equal([socket.close_code for socket in sockets], [1000] * 20)


def closed_by_the_server():
    with opened() as socket:
        socket.send("close")
        try:
            socket.recv(LONG)
            raise AssertionError("it is still open")
        except ConnectionClosed as closed:
            equal((closed.rcvd.code, closed.rcvd.reason), (4001, "as you wish"))


def forbidden():
    try:
        opened(f"ws://{sys.argv[1]}/forbidden")
        raise AssertionError("it was opened")
    except InvalidStatus as refused:
        equal((refused.response.status_code, refused.response.body), (403, b"not for you"))


for check in [messages, large, fragments, pings, many, closed_by_the_server, forbidden]:
    check()
    print(check.__name__, flush=True)

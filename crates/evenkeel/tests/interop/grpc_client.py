"""Calls of all four kinds to `grpc_server.py`: `grpc_client.py ADDRESS CHECK...`. Prints each check that has passed.

Over TLS if `AUTHORITY` names the file of whom to trust.
"""

import os
import pathlib
import sys
import time

import grpc

limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
if "AUTHORITY" in os.environ:
    trusted = grpc.ssl_channel_credentials(pathlib.Path(os.environ["AUTHORITY"]).read_bytes())
    channel = grpc.secure_channel(sys.argv[1], trusted, options=limits)
else:
    channel = grpc.insecure_channel(sys.argv[1], options=limits)
unary = channel.unary_unary("/test.Echo/Unary")
down = channel.unary_stream("/test.Echo/Down")
up = channel.stream_unary("/test.Echo/Up")
both = channel.stream_stream("/test.Echo/Both")


def kinds():
    assert unary(b"x", timeout=30) == b"x"
    assert list(down(b"x", timeout=30)) == [b"x0", b"x1", b"x2", b"x3", b"x4"]
    assert up(iter([b"a", b"b"]), timeout=30) == b"ab"
    assert list(both(iter([b"1", b"2", b"3"]), timeout=30)) == [b"1", b"2", b"3"]


def turns():
    """Each message is there before the next one is sent."""
    said = []

    def say():
        for number in range(5):
            while len(said) < number:
                time.sleep(0.001)
            yield b"%d" % number

    for answer in both(say(), timeout=30):
        said.append(answer)
    assert said == [b"0", b"1", b"2", b"3", b"4"]


def large():
    message = bytes(range(256)) * (4 << 12)
    assert unary(message, timeout=60) == message
    assert list(both(iter([message] * 3), timeout=60)) == [message] * 3


def failure():
    try:
        unary(b"fail", timeout=30)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
        assert error.details() == "no \u00fc", error
        assert ("why", "because") in [tuple(pair) for pair in error.trailing_metadata()], error
    else:
        raise AssertionError("it was to fail")


def deadline():
    left = float(unary(b"left", timeout=20))
    assert 10 < left < 21, left
    try:
        unary(b"slow", timeout=0.5)
    except grpc.RpcError as error:
        # tonic calls its own clock's word CANCELLED.
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED or error.details() == "Timeout expired", error
    else:
        raise AssertionError("it was to take too long")
    assert unary(b"cancelled", timeout=30) == b"yes"


def cancellation():
    call = unary.future(b"slow", timeout=30)
    time.sleep(0.2)
    call.cancel()
    assert unary(b"cancelled", timeout=30) == b"yes"


def unavailable():
    try:
        unary(b"x", timeout=30)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE, error
        assert error.details() == "No endpoint accepted a connection.", error
    else:
        raise AssertionError("nobody was there")


def many():
    """One connection, many calls."""
    calls = [unary.future(b"%d" % number, timeout=60) for number in range(200)]
    assert [call.result() for call in calls] == [b"%d" % number for number in range(200)]


for check in sys.argv[2:]:
    globals()[check]()
    print(check)

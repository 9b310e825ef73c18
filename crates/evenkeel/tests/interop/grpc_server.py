"""A server of gRPC with calls of all four kinds, whose messages are bytes: `grpc_server.py PORT`."""

import sys
import threading
from concurrent import futures

import grpc

cancelled = threading.Semaphore(0)
seen = threading.Semaphore(0)


def unary(request, context):
    if request == b"fail":
        context.set_trailing_metadata((("why", "because"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no \u00fc")
    if request == b"slow":
        over = threading.Event()
        context.add_callback(over.set)
        # It does not end by itself.
        if over.wait(60):
            cancelled.release()
    if request == b"left":
        return b"%f" % context.time_remaining()
    if request == b"cancelled":
        return b"yes" if cancelled.acquire(timeout=10) else b"no"
    return request


def down(request, context):
    for number in range(5):
        yield request + b"%d" % number


def drip(request, context):
    """Values of bytes, each sent when the one before was seen: one that is held back would end the call."""
    for number in range(5):
        yield b"\x0a\x01%d" % number
        if not seen.acquire(timeout=10):
            context.abort(grpc.StatusCode.ABORTED, "nobody has seen it")


def see(request, context):
    seen.release()
    return request


def up(requests, context):
    return b"".join(requests)


def both(requests, context):
    yield from requests


kinds = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Down": grpc.unary_stream_rpc_method_handler(down),
    "Drip": grpc.unary_stream_rpc_method_handler(drip),
    "See": grpc.unary_unary_rpc_method_handler(see),
    "Up": grpc.stream_unary_rpc_method_handler(up),
    "Both": grpc.stream_stream_rpc_method_handler(both),
}
limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
server = grpc.server(futures.ThreadPoolExecutor(32), options=limits)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", kinds),))
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
server.wait_for_termination()

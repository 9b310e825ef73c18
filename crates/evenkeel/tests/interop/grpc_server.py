"""A server of gRPC with calls of all four kinds, whose messages are bytes: `grpc_server.py PORT`."""

import sys
import threading
import time
from concurrent import futures

import grpc

cancelled = threading.Event()


def unary(request, context):
    if request == b"fail":
        context.set_trailing_metadata((("why", "because"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no \u00fc")
    if request == b"slow":
        context.add_callback(cancelled.set)
        time.sleep(5)
    if request == b"left":
        return b"%f" % context.time_remaining()
    if request == b"cancelled":
        return b"yes" if cancelled.wait(10) else b"no"
    return request


def down(request, context):
    for number in range(5):
        yield request + b"%d" % number


def up(requests, context):
    return b"".join(requests)


def both(requests, context):
    yield from requests


kinds = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Down": grpc.unary_stream_rpc_method_handler(down),
    "Up": grpc.stream_unary_rpc_method_handler(up),
    "Both": grpc.stream_stream_rpc_method_handler(both),
}
limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
server = grpc.server(futures.ThreadPoolExecutor(32), options=limits)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", kinds),))
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
server.wait_for_termination()

"""A WebSocket server that says everything back, and has a page that tries it: `ws_server.py PORT`.

The message "close" makes it close with code 4001. What the page found is printed as `verdict: …`.
"""

import http
import pathlib
import sys
from urllib.parse import unquote

from websockets.sync.server import serve

PAGE = pathlib.Path(__file__).with_name("websocket.html").read_text()


def echo(connection):
    for message in connection:
        if message == "close":
            return connection.close(4001, "as you wish")
        connection.send(message)


def answer(connection, request):
    """Answers what is no WebSocket."""
    if request.path == "/page":
        response = connection.respond(http.HTTPStatus.OK, PAGE)
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "text/html"
        return response
    if request.path.startswith("/verdict?"):
        print("verdict:", unquote(request.path.split("?", 1)[1]), flush=True)
        return connection.respond(http.HTTPStatus.OK, "")
    if request.path == "/forbidden":
        return connection.respond(http.HTTPStatus.FORBIDDEN, "not for you")
    return None


with serve(
    echo, "127.0.0.1", int(sys.argv[1]), process_request=answer, subprotocols=["chat"], max_size=None
) as server:
    server.serve_forever()

"""A WebSocket whose other side says everything back, and one that is refused: `ws_echo.py ADDRESS`."""

import sys

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

with connect(f"ws://{sys.argv[1]}/echo", max_size=None) as socket:
    for message in (b"hello", b"x" * (1 << 20), b""):
        socket.send(message)
        assert socket.recv(timeout=30) == message
print("talked")
try:
    connect(f"ws://{sys.argv[1]}/refused")
except InvalidStatus as error:
    print("refused:", error.response.status_code)

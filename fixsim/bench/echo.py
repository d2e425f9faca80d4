"""The floor: a uvloop process that reads messages of one size and answers each with bytes of another.

    python -m fixsim.bench.echo PORT SIZE_IN SIZE_OUT

What it writes ends as a FIX message does, so that the client reads it with the same code. Ended by a signal.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import cast

import uvloop

TRAILER = b"10=000\x01"


class Echo(asyncio.Protocol):
    """One connection: an answer for every `size_in` bytes."""

    def __init__(self, size_in: int, size_out: int) -> None:
        self._size = self._left = size_in
        self._reply = b"D" * (size_out - len(TRAILER)) + TRAILER
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        while self._left <= 0 and self._transport is not None:
            self._left += self._size
            self._transport.write(self._reply)


async def serve(port: int, size_in: int, size_out: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Echo(size_in, size_out), "127.0.0.1", port)
    gc.freeze()
    gc.disable()  # as in the router
    await server.serve_forever()


if __name__ == "__main__":
    port, size_in, size_out = map(int, sys.argv[1:4])
    uvloop.run(serve(port, size_in, size_out))

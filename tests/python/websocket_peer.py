"""A peer that is no aiomsg: the protocol by hand, over the package ``websockets``.

It is written from docs/protocol.md alone: dialect v1, over the stream that the
binary messages of one WebSocket connection carry. JSON commands on stdin, JSON
events on stdout.

Commands:
    {"op": "send", "data": HEX, "id": HEX}   with an "id", it wants an acknowledgement
    {"op": "ack", "id": HEX}
    {"op": "echo", "shape": SHAPE}  from now on, sends each message back
    {"op": "ping"}    a ping of WebSocket, with a payload
    {"op": "close"}   starts the closing handshake

Shapes, for what is sent: "one" WebSocket message for each frame of ours; "small"
messages of some bytes; "fragments" of one message, with pings between them.

Events:
    {"event": "ready", "port": N}   where it binds
    {"event": "up", "identity": HEX, "extensions": TEXT}
    {"event": "recv", "data": HEX, "id": HEX or null, "messages": N}
    {"event": "echoed", "size": N, "messages": N}
    {"event": "ack", "id": HEX}
    {"event": "heartbeat"}
    {"event": "pong"}
    {"event": "down", "sent": CODE, "received": CODE}

"messages" says in how many WebSocket messages it came. A program that binds takes
one connection. It ends with it, or with standard input.
"""

import argparse
import asyncio
import json
import os

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

import harness
import mutual_tls

HELLO, HEARTBEAT, DATA, DATA_REQ, ACK = 1, 2, 3, 4, 5
VERSION = 1
ID_LEN = 16
HEARTBEAT_INTERVAL = 5.0

# Such pieces cut the header of a frame, and its id.
SMALL = 1021
FRAGMENT = 100_003

OPTIONS = {
    # Its own, often. Without an answer for so long, it ends the connection.
    "ping_interval": 0.2,
    "ping_timeout": 20,
    # The test says how long anything may take.
    "close_timeout": None,
}


def parse_args():
    parser = argparse.ArgumentParser(description="A foreign peer by WebSocket.")
    parser.add_argument("--bind", type=harness.address, metavar="HOST:PORT")
    parser.add_argument("--connect", metavar="URL")
    parser.add_argument("--no-heartbeats", action="store_true")
    mutual_tls.add_options(parser)
    args = parser.parse_args()
    if bool(args.bind) == bool(args.connect):
        parser.error("one of --bind and --connect is needed")
    mutual_tls.check_options(parser, args)
    return args


def frame(kind, *parts):
    body = bytes([kind]) + b"".join(parts)
    return len(body).to_bytes(4, "big") + body


def pieces(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


class Peer:
    def __init__(self, connection):
        self.connection = connection
        self.buffer = bytearray()
        # That have come, and are part of what is in the buffer.
        self.messages = 0
        self.echo = None
        self.last_sent = 0.0

    async def meet(self, accepts):
        """The handshake. The accepting end lets the connecting one begin."""
        hello = frame(HELLO, bytes([VERSION]), os.urandom(ID_LEN))
        if accepts:
            await self.fill()
        for piece in pieces(hello, 5):
            await self.connection.send(piece)
        kind, body = await self.frame()
        if kind != HELLO or len(body) != 1 + ID_LEN or body[0] != VERSION:
            raise ValueError(f"not a handshake: {kind} {body.hex()}")
        extensions = [it.name for it in self.connection.protocol.extensions]
        harness.emit(
            event="up", identity=body[1:].hex(), extensions=", ".join(extensions)
        )

    async def fill(self):
        message = await self.connection.recv()
        if isinstance(message, str):
            raise ValueError(f"a text message: {message}")
        self.buffer += message
        self.messages += 1

    async def frame(self):
        """The next frame: its type, and what is behind that."""
        while len(self.buffer) < 4:
            await self.fill()
        end = 4 + int.from_bytes(self.buffer[:4], "big")
        while len(self.buffer) < end:
            await self.fill()
        body = bytes(self.buffer[4:end])
        del self.buffer[:end]
        if not body:
            raise ValueError("an empty frame")
        return body[0], body[1:]

    async def receive(self):
        while True:
            kind, body = await self.frame()
            if kind == HEARTBEAT:
                harness.emit(event="heartbeat")
            elif kind == ACK:
                harness.emit(event="ack", id=body[:ID_LEN].hex())
            elif kind == DATA:
                await self.message(None, body)
            elif kind == DATA_REQ:
                await self.message(body[:ID_LEN], body[ID_LEN:])
            else:
                raise ValueError(f"a frame of type {kind}")
            self.messages = 1 if self.buffer else 0

    async def message(self, id, data):
        if self.echo is None:
            harness.emit(
                event="recv",
                data=data.hex(),
                id=id and id.hex(),
                messages=self.messages,
            )
            return
        harness.emit(event="echoed", size=len(data), messages=self.messages)
        if id is not None:
            await self.send(frame(ACK, id), "one")
        await self.send(frame(DATA, data), self.echo)

    async def send(self, data, shape):
        self.last_sent = asyncio.get_running_loop().time()
        if shape == "one":
            await self.connection.send(data)
        elif shape == "small":
            for piece in pieces(data, SMALL):
                await self.connection.send(piece)
        elif shape == "fragments":
            await self.connection.send(self.fragments(data))
        else:
            raise ValueError(f"unknown shape: {shape}")

    async def fragments(self, data):
        for piece in pieces(data, FRAGMENT):
            yield piece
            await self.connection.ping()
            yield b""

    async def send_heartbeats(self):
        loop = asyncio.get_running_loop()
        while True:
            left = self.last_sent + HEARTBEAT_INTERVAL - loop.time()
            if left <= 0:
                await self.send(frame(HEARTBEAT), "one")
            else:
                await asyncio.sleep(left)

    async def obey(self, lines):
        while line := await lines.readline():
            command = json.loads(line)
            op = command["op"]
            if op == "send":
                data = bytes.fromhex(command["data"])
                if id := command.get("id"):
                    await self.send(frame(DATA_REQ, bytes.fromhex(id), data), "one")
                else:
                    await self.send(frame(DATA, data), "one")
            elif op == "ack":
                await self.send(frame(ACK, bytes.fromhex(command["id"])), "one")
            elif op == "echo":
                self.echo = command["shape"]
            elif op == "ping":
                await (await self.connection.ping(b"are you there?"))
                harness.emit(event="pong")
            elif op == "close":
                await self.connection.close(1000)
            else:
                raise ValueError(f"unknown command: {command}")


async def talk(connection, lines, args):
    """One connection, to its end or to that of standard input."""
    peer = Peer(connection)
    await peer.meet(accepts=bool(args.bind))
    jobs = [peer.obey(lines), peer.receive()]
    if not args.no_heartbeats:
        jobs.append(peer.send_heartbeats())
    tasks = [asyncio.create_task(job) for job in jobs]
    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    try:
        for task in done:
            task.result()
    except ConnectionClosed as end:
        harness.emit(
            event="down",
            sent=end.sent and end.sent.code,
            received=end.rcvd and end.rcvd.code,
        )


async def main(args):
    lines = await harness.standard_input()
    ctx = mutual_tls.context(args)
    if args.connect:
        async with connect(args.connect, ssl=ctx, proxy=None, **OPTIONS) as connection:
            await talk(connection, lines, args)
            harness.exit_soon()
        return
    first = asyncio.get_running_loop().create_future()

    async def accept(connection):
        if first.done():
            return
        talking = asyncio.create_task(talk(connection, lines, args))
        first.set_result(talking)
        await asyncio.wait([talking])

    async with serve(accept, *args.bind, ssl=ctx, **OPTIONS) as server:
        harness.emit(event="ready", port=server.sockets[0].getsockname()[1])
        await (await first)
        harness.exit_soon()


if __name__ == "__main__":
    harness.log_to_stderr()
    asyncio.run(main(parse_args()))

"""A peer that a test drives: JSON commands on stdin, JSON events on stdout.

It uses the public API that aiomsg 2019.12.1 and 2026.7.1 have in common, and
one private attribute, ``_connections``, that both have under the same name.

Commands:
    {"op": "send", "data": HEX, "to": HEX}          "to" is optional
    {"op": "send_many", "count": N, "prefix": TEXT} sends prefix0, prefix1, ...
    {"op": "echo"}    from now on, sends each message back to who sent it
    {"op": "relay"}   from now on, sends each message on by the send mode
    {"op": "count"}   from now on, counts messages in place of telling of each
    {"op": "tell"}    tells how many were counted
    {"op": "stall", "seconds": S}  does nothing for so long, as a program that is busy
    {"op": "close"}   closes the socket and ends the program

Events:
    {"event": "ready", "port": N}
    {"event": "recv", "from": HEX, "data": HEX}
    {"event": "peers", "count": N}
    {"event": "stalled"}  the stall begins
    {"event": "count", "count": N}
    {"event": "closed"}

The end of standard input does the same as "close".
"""

import compat  # noqa: F401  must come before aiomsg

import argparse
import asyncio
import json
import time

from aiomsg import DeliveryGuarantee, SendMode, Søcket

import harness
import mutual_tls

SEND_MODES = {"publish": SendMode.PUBLISH, "roundrobin": SendMode.ROUNDROBIN}
GUARANTEES = {
    "at-most-once": DeliveryGuarantee.AT_MOST_ONCE,
    "at-least-once": DeliveryGuarantee.AT_LEAST_ONCE,
}
PEERS_POLL_INTERVAL = 0.02

# ``Søcket.send()`` never suspends. Without a pause, a long run of sends would
# keep the loop from receiving, acknowledging and sending heartbeats.
SENDS_PER_PAUSE = 256


def parse_args():
    parser = argparse.ArgumentParser(description="A scriptable aiomsg peer.")
    parser.add_argument("--bind", type=harness.address, metavar="HOST:PORT")
    parser.add_argument(
        "--connect", type=harness.address, metavar="HOST:PORT", action="append"
    )
    parser.add_argument("--send-mode", choices=SEND_MODES, default="roundrobin")
    parser.add_argument("--guarantee", choices=GUARANTEES, default="at-most-once")
    parser.add_argument("--identity", type=bytes.fromhex, metavar="HEX")
    mutual_tls.add_options(parser)
    args = parser.parse_args()

    if not (args.bind or args.connect):
        parser.error("--bind or --connect is needed")
    mutual_tls.check_options(parser, args)
    return args


class Peer:
    def __init__(self, sock):
        self.sock = sock
        self.echo = False
        self.relay = False
        self.count = None

    async def obey(self, lines):
        """Carries out commands until "close" or the end of standard input."""
        while line := await lines.readline():
            command = json.loads(line)
            op = command["op"]
            if op == "send":
                to = bytes.fromhex(command["to"]) if command.get("to") else None
                await self.sock.send(bytes.fromhex(command["data"]), identity=to)
            elif op == "send_many":
                await self.send_many(command["count"], command["prefix"])
            elif op == "echo":
                self.echo = True
            elif op == "relay":
                self.relay = True
            elif op == "count":
                self.count = 0
            elif op == "tell":
                harness.emit(event="count", count=self.count)
            elif op == "stall":
                harness.emit(event="stalled")
                time.sleep(command["seconds"])
            elif op == "close":
                return
            else:
                raise ValueError(f"unknown command: {command}")

    async def send_many(self, count, prefix):
        for number in range(count):
            await self.sock.send(f"{prefix}{number}".encode("ascii"))
            if number % SENDS_PER_PAUSE == SENDS_PER_PAUSE - 1:
                await asyncio.sleep(0)

    async def receive(self):
        while True:
            identity, data = await self.sock.recv_identity()
            if self.count is not None:
                self.count += 1
                continue
            harness.emit(event="recv", **{"from": identity.hex()}, data=data.hex())
            if self.echo:
                await self.sock.send(data, identity=identity)
            if self.relay:
                await self.sock.send(data)

    async def watch_peers(self):
        # Neither version tells its user about connections.
        last = 0
        while True:
            count = len(self.sock._connections)
            if count != last:
                harness.emit(event="peers", count=count)
                last = count
            await asyncio.sleep(PEERS_POLL_INTERVAL)


async def main(args):
    sock = Søcket(
        send_mode=SEND_MODES[args.send_mode],
        delivery_guarantee=GUARANTEES[args.guarantee],
        identity=args.identity,
    )
    ctx = mutual_tls.context(args)
    if args.bind:
        host, port = args.bind
        await sock.bind(host, port, ssl_context=ctx)
        port = sock.server.sockets[0].getsockname()[1]
    for host, at in args.connect or []:
        await sock.connect(host, at, ssl_context=ctx)
    if not args.bind:
        port = args.connect[0][1]
    harness.emit(event="ready", port=port)

    peer = Peer(sock)
    lines = await harness.standard_input()
    tasks = [
        asyncio.create_task(peer.obey(lines)),
        asyncio.create_task(peer.receive()),
        asyncio.create_task(peer.watch_peers()),
    ]
    # Only obey() ever returns; the others end the program if they fail, so
    # that a test sees the traceback and not a silence.
    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    harness.exit_soon()
    await sock.close()
    for task in done:
        task.result()
    harness.emit(event="closed")


if __name__ == "__main__":
    harness.log_to_stderr()
    asyncio.run(main(parse_args()))

"""Answers requests: what a Python program needs to be asked by Rust.

A request is an id, a zero byte and a payload, and its answer is the same id, a
zero byte and a payload of its own. The answer here is the payload in capitals.
"""

import compat  # noqa: F401  must come before aiomsg

import argparse
import asyncio

from aiomsg import Søcket

import harness


def parse_args():
    parser = argparse.ArgumentParser(description="Answers requests in capitals.")
    end = parser.add_mutually_exclusive_group(required=True)
    end.add_argument("--bind", type=harness.address, metavar="HOST:PORT")
    end.add_argument("--connect", type=harness.address, metavar="HOST:PORT")
    return parser.parse_args()


async def answer(sock):
    while True:
        identity, message = await sock.recv_identity()
        id, _, payload = message.partition(b"\x00")
        await sock.send(id + b"\x00" + payload.upper(), identity)


async def main(args):
    sock = Søcket()
    if args.bind:
        await sock.bind(*args.bind)
        harness.emit(port=sock.server.sockets[0].getsockname()[1])
    else:
        await sock.connect(*args.connect)
    answering = asyncio.create_task(answer(sock))
    lines = await harness.standard_input()
    ended = asyncio.create_task(lines.read())
    # The first one ends only by failing, which the test is to see.
    done, _ = await asyncio.wait(
        [answering, ended], return_when=asyncio.FIRST_COMPLETED
    )
    harness.exit_soon()
    answering.cancel()
    await sock.close()
    for task in done:
        task.result()


if __name__ == "__main__":
    harness.log_to_stderr()
    asyncio.run(main(parse_args()))

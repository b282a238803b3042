"""Asks: what a Python program needs to be answered by Rust.

A request is an id, a zero byte and a payload, and its answer is the same id, a
zero byte and a payload of its own. All requests are made before the first
answer is looked at, and each answer goes to whoever waits for its id.
"""

import compat  # noqa: F401  must come before aiomsg

import argparse
import asyncio
import uuid

from aiomsg import DeliveryGuarantee, Søcket

import harness


def parse_args():
    parser = argparse.ArgumentParser(description="Asks numbered questions.")
    parser.add_argument("count", type=int)
    end = parser.add_mutually_exclusive_group(required=True)
    end.add_argument("--bind", type=harness.address, metavar="HOST:PORT")
    end.add_argument("--connect", type=harness.address, metavar="HOST:PORT")
    parser.add_argument("--at-least-once", action="store_true")
    return parser.parse_args()


class Asker:
    def __init__(self, sock):
        self.sock = sock
        self.pending = {}

    async def ask(self, payload):
        id = uuid.uuid4().hex.encode()
        self.pending[id] = asyncio.get_running_loop().create_future()
        await self.sock.send(id + b"\x00" + payload)
        return await self.pending[id]

    async def hear(self):
        while True:
            id, _, answer = (await self.sock.recv()).partition(b"\x00")
            # A request that was sent twice is answered twice.
            if waiting := self.pending.pop(id, None):
                waiting.set_result(answer)


async def main(args):
    if args.at_least_once:
        guarantee = DeliveryGuarantee.AT_LEAST_ONCE
    else:
        guarantee = DeliveryGuarantee.AT_MOST_ONCE
    sock = Søcket(delivery_guarantee=guarantee)
    if args.bind:
        await sock.bind(*args.bind)
        harness.emit(port=sock.server.sockets[0].getsockname()[1])
    else:
        await sock.connect(*args.connect)
    asker = Asker(sock)
    hearing = asyncio.create_task(asker.hear())
    questions = [f"question {n}" for n in range(args.count)]
    answers = asyncio.gather(*(asker.ask(q.encode()) for q in questions))
    # The first one ends only by failing, which the test is to see.
    await asyncio.wait([hearing, answers], return_when=asyncio.FIRST_COMPLETED)
    if hearing.done():
        hearing.result()
    for question, answer in zip(questions, await answers):
        harness.emit(question=question, answer=answer.decode())

    # The library drops what it has not sent when the socket closes, and
    # acknowledgements are sent too, so it stays open until the test is done.
    await (await harness.standard_input()).read()
    harness.exit_soon()
    hearing.cancel()
    await sock.close()


if __name__ == "__main__":
    harness.log_to_stderr()
    asyncio.run(main(parse_args()))

"""The cookbook's worker.py as a program.

Its use of aiomsg is the cookbook's: connect to every proxy, receive jobs. The
work it does is to print each one, and the program ends with its standard input
instead of never.
"""

import compat  # noqa: F401  must come before aiomsg

import argparse
import asyncio

from aiomsg import DeliveryGuarantee, Søcket

import harness


def parse_args():
    parser = argparse.ArgumentParser(description="Prints the jobs it is given.")
    parser.add_argument(
        "proxies", type=harness.address, metavar="HOST:PORT", nargs="+"
    )
    # The guarantee is about what a socket sends, and a worker acknowledges
    # either way: the flag is here so that both ends can be set up alike.
    parser.add_argument("--at-least-once", action="store_true")
    return parser.parse_args()


async def work(args):
    if args.at_least_once:
        guarantee = DeliveryGuarantee.AT_LEAST_ONCE
    else:
        guarantee = DeliveryGuarantee.AT_MOST_ONCE

    async with Søcket(delivery_guarantee=guarantee) as sock:
        for host, port in args.proxies:
            await sock.connect(hostname=host, port=port)
        while True:
            job = await sock.recv()
            harness.emit(job=job.decode())


async def main(args):
    working = asyncio.create_task(work(args))
    lines = await harness.standard_input()
    ended = asyncio.create_task(lines.read())
    await asyncio.wait([working, ended], return_when=asyncio.FIRST_COMPLETED)
    harness.exit_soon()
    working.cancel()
    ended.cancel()
    try:
        await working
    except asyncio.CancelledError:
        pass


if __name__ == "__main__":
    harness.log_to_stderr()
    asyncio.run(main(parse_args()))

"""The cookbook's dynamiccreator.py as a program.

Its use of aiomsg is the cookbook's: connect to every proxy, send jobs by
round-robin. Around it: the addresses and the number of jobs come from the
command line, the jobs are numbered, and the program ends with its standard
input instead of never.
"""

import compat  # noqa: F401  must come before aiomsg

import argparse
import asyncio

from aiomsg import DeliveryGuarantee, SendMode, Søcket

import harness


def parse_args():
    parser = argparse.ArgumentParser(description="Sends numbered jobs.")
    parser.add_argument("count", type=int)
    parser.add_argument(
        "proxies", type=harness.address, metavar="HOST:PORT", nargs="+"
    )
    parser.add_argument("--at-least-once", action="store_true")
    parser.add_argument(
        "--interval", type=float, default=0.0, help="seconds between two jobs"
    )
    parser.add_argument("--name", default="job", help="what the jobs are called")
    return parser.parse_args()


async def main(args):
    if args.at_least_once:
        guarantee = DeliveryGuarantee.AT_LEAST_ONCE
    else:
        guarantee = DeliveryGuarantee.AT_MOST_ONCE

    async with Søcket(
        send_mode=SendMode.ROUNDROBIN, delivery_guarantee=guarantee
    ) as sock:
        for host, port in args.proxies:
            await sock.connect(hostname=host, port=port)
        for number in range(args.count):
            await sock.send(f"{args.name}-{number:05}".encode("ascii"))
            await asyncio.sleep(args.interval)
        harness.emit(event="sent", count=args.count)

        # The library sends in the background and drops what is left when the
        # socket closes, so the socket stays open until the test is done.
        await (await harness.standard_input()).read()
        harness.exit_soon()


if __name__ == "__main__":
    harness.log_to_stderr()
    asyncio.run(main(parse_args()))

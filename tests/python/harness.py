"""What the programs in this folder share: addresses, events, standard input."""

import argparse
import asyncio
import json
import logging
import os
import sys
import threading

# Hexadecimal doubles a payload, so a command line can be far longer than
# asyncio's default limit of 64 KiB.
LINE_LIMIT = 1 << 30

# Longer than the 10 s that the library gives its own ``close()``, and shorter
# than what a test waits for the end.
EXIT_DEADLINE = 12.0


def address(text):
    """An ``argparse`` type for HOST:PORT; an IPv6 host stands in brackets."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def emit(**event):
    """Prints one event. Flushed, because the reader waits for each line."""
    print(json.dumps(event), flush=True)


async def standard_input():
    """Standard input as a stream.

    Not a thread: one that is blocked in a read of ``sys.stdin`` while the
    interpreter shuts down can abort the process.
    """
    reader = asyncio.StreamReader(limit=LINE_LIMIT)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


def exit_soon():
    """Makes sure that the process ends, whatever the library does in close().

    Up to Python 3.11, ``asyncio.wait_for`` loses a cancellation that comes
    together with a result. The library cancels its reader to close a
    connection; if a frame arrives at that moment, the reader reads on and
    ``close()`` hangs, at times beyond its own timeout. That is no failure of
    the peer at the other end, so the exit code is 0, and a note tells.
    """

    def give_up():
        print("aiomsg hangs in close(); leaving without it", file=sys.stderr, flush=True)
        os._exit(0)

    timer = threading.Timer(EXIT_DEADLINE, give_up)
    timer.daemon = True
    timer.start()


def log_to_stderr():
    """Standard output carries events, so the library's log must not go there."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )

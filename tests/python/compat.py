"""Lets aiomsg 2019.12.1 connect on a current Python.

Its ``connect()`` passes ``loop=`` to ``asyncio.open_connection``, and Python
3.10 removed that argument. Without this module every attempt fails with a
``TypeError`` that the library catches, logs and retries at once, for ever.

Import this before ``aiomsg``. It drops the one argument and changes nothing
else; aiomsg 2026.7.1 does not pass it and is not affected.
"""

import asyncio
import functools

_open_connection = asyncio.open_connection


@functools.wraps(_open_connection)
async def open_connection(*args, loop=None, **kwargs):
    return await _open_connection(*args, **kwargs)


asyncio.open_connection = open_connection

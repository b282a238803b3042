"""Lets aiomsg 2019.12.1 connect on a current Python, and stay connected.

Its ``connect()`` passes ``loop=`` to ``asyncio.open_connection``, and Python
3.10 removed that argument. Without this module every attempt fails with a
``TypeError`` that the library catches, logs and retries at once, for ever.

And it keeps no reference to the task that connects, nor does asyncio: when the
garbage collector comes by at the wrong moment, the task is gone, with "coroutine
ignored GeneratorExit" in the log, and the socket never connects. That takes a
busy machine and happens about once in a hundred starts.

Import this before ``aiomsg``. It drops the one argument, keeps each task until it
is done, and changes nothing else; aiomsg 2026.7.1 does not pass the argument.
"""

import asyncio
import functools

_open_connection = asyncio.open_connection


@functools.wraps(_open_connection)
async def open_connection(*args, loop=None, **kwargs):
    return await _open_connection(*args, **kwargs)


asyncio.open_connection = open_connection


_tasks = set()
_create_task = asyncio.BaseEventLoop.create_task


@functools.wraps(_create_task)
def create_task(self, *args, **kwargs):
    task = _create_task(self, *args, **kwargs)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


asyncio.BaseEventLoop.create_task = create_task

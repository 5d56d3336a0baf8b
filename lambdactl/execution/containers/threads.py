"""Where the docker SDK is called: it blocks, so in threads, and in few of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

MOST = 8
"""An engine starts one container after the other, more or less: more calls only wait there."""


@cache
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MOST, thread_name_prefix="lambdactl-engine")


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What ``call`` returns."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_executor(), lambda: call(*args, **kwargs))

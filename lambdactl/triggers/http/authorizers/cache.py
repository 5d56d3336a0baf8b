"""What authorizers remember: answers for as long as their TTL says, and keys of issuers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

from lambdactl.execution.clock import Clock
from lambdactl.manifest.apis import Authorizer
from lambdactl.triggers.http.calls import Setting

V = TypeVar("V")

SIZE = 1000
"""Entries of one cache. Whoever sends ever new tokens must not fill the memory."""


class Cache(Generic[V]):
    """Values by key, each for ``ttl_s`` seconds from when it was made.

    Requests that ask for the same value while it is being made wait for that one; the value is
    made to the end even if all of them are cancelled. What raises is not kept.
    """

    def __init__(self, clock: Clock, ttl_s: float) -> None:
        self._clock = clock
        self._ttl_s = ttl_s
        self._kept: dict[Hashable, tuple[float, V]] = {}
        self._making: dict[Hashable, asyncio.Task[V]] = {}

    async def get(
        self, key: Hashable, make: Callable[[], Coroutine[Any, Any, V]]
    ) -> tuple[V, bool]:
        """The value, and whether it was there already."""
        kept = self._kept.get(key)
        if kept is not None:
            if kept[0] > self._clock.monotonic():
                return kept[1], True
            del self._kept[key]
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(make())
            task.add_done_callback(lambda done: self._made(key, done))
        return await asyncio.shield(task), False

    def _made(self, key: Hashable, task: asyncio.Task[V]) -> None:
        # Gone when the cache was cleared meanwhile: then the value is of the past.
        current = self._making.get(key) is task
        if current:
            del self._making[key]
        if not task.cancelled() and task.exception() is None and current:
            if len(self._kept) >= SIZE:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = (self._clock.monotonic() + self._ttl_s, task.result())

    def clear(self) -> None:
        self._kept.clear()
        self._making.clear()


@dataclass(slots=True)
class Memory:
    """What the authorizers of a server share, whichever door they stand at. It outlives the reload
    of a manifest, so that a save does not make every client's next request a slow one; what no
    authorizer of the new doors has a use for goes with the old ones.

    :ivar caches: answers of Lambda authorizers, by kind, name and stage of the API and authorizer.
    :ivar keys: sets of public keys, by where they are from; the developer's AWS credentials.
    """

    caches: WeakValueDictionary[tuple[str, str, str, Authorizer], Cache[Any]] = field(
        default_factory=WeakValueDictionary
    )
    keys: WeakValueDictionary[Hashable, Any] = field(default_factory=WeakValueDictionary)
    told: set[str] = field(default_factory=set)


def memory(setting: Setting) -> Memory:
    found: Memory = setting.kept.setdefault("authorizers", Memory())
    return found


def tell_once(setting: Setting, words: str) -> None:
    """Tell the developer what does not get truer by being said for each request."""
    told = memory(setting).told
    # Words that a client has a say in may be without end.
    if words not in told and len(told) < SIZE:
        told.add(words)
        setting.tell(words)

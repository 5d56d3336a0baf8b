from __future__ import annotations

import asyncio

import pytest

from lambdactl.triggers.http.authorizers.cache import SIZE, Cache
from tests.aio import run, settle
from tests.clock import ManualClock


class Maker:
    def __init__(self) -> None:
        self.made = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> int:
        await self.gate.wait()
        self.made += 1
        return self.made


def test_a_value_lives_as_long_as_its_ttl() -> None:
    async def main() -> None:
        clock, make = ManualClock(), Maker()
        cache: Cache[int] = Cache(clock, 300)
        assert await cache.get("a", make) == (1, False)
        clock.spend(299)
        assert await cache.get("a", make) == (1, True)
        assert await cache.get("b", make) == (2, False)
        clock.spend(2)
        assert await cache.get("a", make) == (3, False)

    run(main())


def test_who_asks_at_once_waits_for_one() -> None:
    async def main() -> None:
        make = Maker()
        make.gate.clear()
        cache: Cache[int] = Cache(ManualClock(), 300)
        asked = [asyncio.create_task(cache.get("a", make)) for _ in range(5)]
        await settle()
        asked[0].cancel()
        await settle()
        make.gate.set()
        assert [await each for each in asked[1:]] == [(1, False)] * 4
        assert await cache.get("a", make) == (1, True)

    run(main())


def test_what_fails_is_not_kept() -> None:
    async def main() -> None:
        async def fail() -> int:
            raise ValueError("no")

        cache: Cache[int] = Cache(ManualClock(), 300)
        with pytest.raises(ValueError, match="no"):
            await cache.get("a", fail)
        assert await cache.get("a", Maker()) == (1, False)

    run(main())


def test_what_was_under_way_when_it_was_cleared_is_of_the_past() -> None:
    async def main() -> None:
        make = Maker()
        make.gate.clear()
        cache: Cache[int] = Cache(ManualClock(), 300)
        old = asyncio.create_task(cache.get("a", make))
        await settle()
        cache.clear()
        new = asyncio.create_task(cache.get("a", make))
        await settle()
        make.gate.set()
        assert {(await old)[0], (await new)[0]} == {1, 2}
        assert await cache.get("a", make) == ((await new)[0], True)

    run(main())


def test_it_does_not_grow_for_ever() -> None:
    async def main() -> None:
        cache: Cache[int] = Cache(ManualClock(), 300)
        make = Maker()
        for number in range(SIZE + 1):
            await cache.get(number, make)
        assert await cache.get(SIZE, make) == (SIZE + 1, True)
        assert (await cache.get(0, make))[1] is False

    run(main())

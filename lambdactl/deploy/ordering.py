"""The order of steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from lambdactl.deploy.plan import Step

_FIRST = ("create", "update", "replace", "delete")


def in_order(steps: Iterable[Step]) -> tuple[Step, ...]:
    """``steps``, each after those that it has to come after; else what is made stands before what
    is deleted, and kinds and names stand together.

    Of two things that use each other one has to go first: where steps wait for each other in a
    circle, the first of them waits no more.
    """
    left = {step.id: step for step in steps}
    waiting = {id_: {one for one in step.after if one in left} for id_, step in left.items()}
    followers: dict[str, list[str]] = {}
    for id_, befores in waiting.items():
        for before in befores:
            followers.setdefault(before, []).append(id_)
    found: list[Step] = []
    ready = sorted((id_ for id_, befores in waiting.items() if not befores), key=_key)
    while left:
        if not ready:
            # A circle: break it at its first step.
            first = min(left, key=_key)
            waiting[first].clear()
            ready = [first]
        following: list[str] = []
        for id_ in ready:
            found.append(left.pop(id_))
            for follower in followers.get(id_, ()):
                if follower in left and id_ in waiting[follower]:
                    waiting[follower].discard(id_)
                    if not waiting[follower]:
                        following.append(follower)
        ready = sorted(following, key=_key)
    place = {step.id: number for number, step in enumerate(found)}
    return tuple(
        dataclasses.replace(
            step, after=tuple(one for one in step.after if place.get(one, number) < number)
        )
        for number, step in enumerate(found)
    )


def _key(id_: str) -> tuple[int, str]:
    action, _, address = id_.partition(" ")
    return _FIRST.index(action), address

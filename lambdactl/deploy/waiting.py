"""Waiting for AWS to come to an end of what it does."""

from __future__ import annotations

from collections.abc import Callable

from lambdactl.deploy.model import Context
from lambdactl.errors import AwsError

FIRST_S, LONGEST_S = 1.0, 5.0


def until(context: Context, done: Callable[[], bool], words: str, longest_s: float) -> None:
    """Look until ``done``, in pauses that grow from one second to five.

    :param words: on what is waited for, as ``the alias to be ready``.
    :raises AwsError: it is not done after ``longest_s``.
    """
    clock = context.account.clock
    begun = clock.now()
    pause = FIRST_S
    while not done():
        if clock.now() - begun >= longest_s:
            raise AwsError(
                f"waited {longest_s:.0f} s for {words}",
                hint="AWS may still come to an end; deploy again to go on from there",
            )
        context.tell(f"waiting for {words}")
        clock.sleep(pause)
        pause = min(2 * pause, LONGEST_S)

"""A process that is killed at a call of AWS."""

from __future__ import annotations

from typing import Any

from lambdactl.deploy.account import Account

_READS = ("Get", "List", "Describe", "Head")


class Killed(BaseException):
    """What no code goes on from."""


class Killing(Account):
    """An account whose process is killed as soon as ``left`` calls that change something are
    answered; None: it lives."""

    left: int | None = None

    def client(self, service: str, in_region: str | None = None) -> Any:
        known = len(self._clients)
        client = super().client(service, in_region)
        if len(self._clients) > known:
            client.meta.events.register("after-call", self._count_down)
        return client

    def _count_down(self, model: Any, **_: Any) -> None:
        if self.left is None or model.name.startswith(_READS):
            return
        self.left -= 1
        if self.left < 0:
            raise Killed

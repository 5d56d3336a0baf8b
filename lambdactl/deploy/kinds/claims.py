"""Claims that nothing came of: a deployment was killed before it made what it claimed, or when it
had. They are told as what is left over, and go (:mod:`lambdactl.deploy.claims`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from lambdactl.deploy import claims
from lambdactl.deploy.model import Context, Live, Resource


class Claim:
    """``claim:bucket:NAME``."""

    name: ClassVar[str] = "claim"
    title: ClassVar[str] = "claim of a deployment that broke off:"
    parent: ClassVar[str | None] = None
    renews: ClassVar[frozenset[str]] = frozenset()
    replaced_by: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        if not claims.claimed(context, name):
            return None
        return Live(self.name, name, {}, owner=context.naming.owner)

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        from lambdactl.deploy.kinds import kinds

        for address in claims.addresses(context):
            kind, _, name = address.partition(":")
            live = kinds()[kind].read(context, name)
            # One that is half made needs its claim, and lets go of it itself.
            if live is None or live.hash is not None or live.owner != context.naming.owner:
                yield address

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        """Nobody wants one: it is what a bucket or a stream does for itself."""
        claims.claim(context, resource.name)
        return {}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        return {}

    def delete(self, context: Context, live: Live) -> None:
        claims.release(context, live.name)


KINDS = (Claim(),)

"""The listening sockets: which port and prefix leads to which front door.

Each :class:`Port` has one socket and one or more doors, told apart by a path prefix. Doors can be
exchanged while requests run: those that have begun end at the door they came to.

Two checks stand before any door. A ``Host`` that is neither this machine, an address nor a name the
user allowed is refused, because a web page may make a name of its own lead to 127.0.0.1 (DNS
rebinding). And a port that is taken is an error that names who has it.
"""

from __future__ import annotations

import asyncio
import errno
import fnmatch
import ipaddress
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from lambdactl.errors import UserError
from lambdactl.manifest.apis import Api
from lambdactl.triggers.http import ports
from lambdactl.triggers.http.doors import Door
from lambdactl.triggers.http.exchange import Request, Response
from lambdactl.triggers.http.limits import Limits
from lambdactl.triggers.http.listener import Listener
from lambdactl.triggers.http.wire import Connection

_BACKLOG = 1024
_SWEEP_S = 1.0


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a front door is found. ``url`` has no slash at its end."""

    api: Api
    url: str
    host: str
    port: int
    prefix: str = ""


class Sending(Protocol):
    """An answer that takes its time."""

    async def send(self, request: Request) -> Response | None: ...


class Hosts:
    """The ``Host`` headers that are answered.

    :param names: host names without a port; ``*`` alone allows all, ``*.example.com`` all below.
    """

    def __init__(self, names: Iterable[str]) -> None:
        names = [name.lower() for name in names]
        self._all = "*" in names
        self._patterns = [name for name in names if "*" in name]
        self._names = {"localhost", *names}
        self._known: set[str] = set()

    def allows(self, host: str) -> bool:
        """Whether ``host``, as a header gives it (perhaps with a port), is answered."""
        if self._all or host in self._known:
            return True
        name = host.lower()
        if name.startswith("["):
            name, _, rest = name[1:].partition("]")
            if rest and not rest.startswith(":"):
                return False
        elif name.count(":") == 1:
            name = name.partition(":")[0]
        name = name.rstrip(".")
        allowed = (
            name in self._names
            or name.endswith(".localhost")
            or _is_address(name)
            or any(fnmatch.fnmatchcase(name, pattern) for pattern in self._patterns)
        )
        if allowed and len(self._known) < 1000:
            self._known.add(host)
        return allowed


class Port:
    """One listening socket and the doors behind it.

    :param on_bug: told of an exception that a door let through, which is a bug of ours.
    :param wrap: puts something around the protocol of each connection (TLS on a plain port).
    :param fallback: asked before a door that does not know a path (static files).
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        hosts: Hosts,
        on_bug: Callable[[Exception], None],
        done: Callable[[Request, int, float], None] | None = None,
        fallback: Callable[[Request], Response | Sending | None] | None = None,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
        wrap: Callable[[Callable[[], asyncio.Protocol]], Callable[[], asyncio.Protocol]]
        | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self._doors: list[tuple[str, Door]] = []
        self.hosts = hosts
        self._on_bug = on_bug
        self._fallback = fallback
        self._tls = tls
        self._wrap = wrap
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self.listener = Listener(
            self._handle,
            refuse=self._refuse,
            done=done,
            limits=limits,
            scheme="https" if tls else "http",
        )

    def set_doors(self, doors: Iterable[tuple[str, Door]]) -> None:
        """Exchange the doors; ``(prefix, door)`` each."""
        self._doors = sorted(doors, key=lambda pair: -len(pair[0]))

    async def open(self) -> None:
        """Listen.

        :raises UserError: the port is in use, or not ours to use.
        """
        loop = asyncio.get_running_loop()

        def factory() -> asyncio.Protocol:
            return Connection(self.listener)

        wrap = self._wrap
        try:
            self._server = await loop.create_server(
                factory if wrap is None else wrap(factory),
                self.host,
                self.port,
                backlog=_BACKLOG,
                ssl=self._tls,
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ports.in_use(self.host, self.port) from error
            raise ports.refused(self.host, self.port, error) from error
        if not self.port:
            self.port = self._server.sockets[0].getsockname()[1]
        self._sweeper = loop.create_task(self._sweep())

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._server is not None:
            self._server.close()
        await self.listener.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.listener.sweep()

    def _refuse(self, request: Request) -> Response | None:
        host = request.header("host")
        if host is None or self.hosts.allows(host):
            return None
        name = host.partition(":")[0]
        return _json(
            403, f"the host {host!r} is not served here; start with --allow-host {name} to allow it"
        )

    async def _handle(self, request: Request) -> Response | None:
        door = self._door_for(request)
        try:
            if self._fallback is not None and (door is None or not door.knows(request)):
                found = self._fallback(request)
                if found is not None:
                    return found if isinstance(found, Response) else await found.send(request)
            if door is not None:
                return await door.handle(request)
        except Exception as error:
            self._on_bug(error)
            return _json(500, "Internal server error")
        return _json(404, "Not Found")

    def _door_for(self, request: Request) -> Door | None:
        """The door that the path leads to; the prefix goes from the path into ``prefix``."""
        path = request.path
        for prefix, door in self._doors:
            if not prefix:
                return door
            if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/"):
                request.prefix = prefix
                request.path = path[len(prefix) :] or "/"
                return door
        return None


def _json(status: int, message: str) -> Response:
    import json

    return Response(
        status, [("Content-Type", "application/json")], json.dumps({"message": message}).encode()
    )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def choose_ports(
    apis: Iterable[Api],
    *,
    port: int,
    ports: dict[str, int],
    prefixes: dict[str, str],
    taken: dict[str, int] | None = None,
) -> list[tuple[Api, int, str]]:
    """Give each API a port and a prefix: its own port if the user named one, the base port for
    those with a prefix and for the first without, and the next ones for the others.

    :param taken: ports given before (a reload keeps them).
    :raises UserError: the user named an API that does not exist, or two doors meet in one place.
    """
    apis = list(apis)
    names = [api.name for api in apis]
    for name in (*ports, *prefixes):
        if name not in names:
            raise UserError(
                f"there is no front door {name!r}",
                hint=f"the manifest has: {', '.join(names) or 'none'}",
            )
    taken = taken or {}
    used = {*ports.values(), *taken.values()}
    chosen: list[tuple[Api, int, str]] = []
    places: dict[tuple[int, str], str] = {}
    following = port
    for api in apis:
        prefix = _prefix(prefixes.get(api.name, ""))
        if api.name in ports:
            at = ports[api.name]
        elif api.name in taken:
            at = taken[api.name]
        elif prefix or not port:
            at = port
        else:
            while following in used:
                following += 1
            at = following
            used.add(at)
        if port or at:
            other = places.setdefault((at, prefix), api.name)
            if other != api.name:
                raise UserError(
                    f"{other} and {api.name} would both be at port {at}",
                    hint=f"give one a prefix: --prefix {api.name}=/{api.name}",
                )
        chosen.append((api, at, prefix))
    return chosen


def _prefix(text: str) -> str:
    text = text.strip("/")
    return f"/{text}" if text else ""

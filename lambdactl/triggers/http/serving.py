"""Everything behind ``lambdactl local start-api``: functions, front doors and their ports.

The manifest may change while it runs. Functions that changed get fresh environments, which are
started before the old ones retire; doors are made anew and exchanged at once. What must outlive
that (the connections of a WebSocket API, what a usage plan has counted) is in ``Setting.kept``.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from lambdactl.errors import UserError, did_you_mean
from lambdactl.execution.clock import Clock, SystemClock
from lambdactl.execution.containers.network import HOST_NAME
from lambdactl.execution.containers.settings import ContainerSettings, Progress
from lambdactl.execution.debugging import Ports
from lambdactl.execution.invoker import ACCOUNT, LocalInvoker
from lambdactl.execution.logs import LogSink
from lambdactl.execution.pool import MAX_ENVIRONMENTS
from lambdactl.execution.tasks import keep
from lambdactl.manifest.apis import Api
from lambdactl.manifest.model import App
from lambdactl.manifest.routes import apis_of
from lambdactl.triggers.http import authorizers
from lambdactl.triggers.http.calls import Setting
from lambdactl.triggers.http.doors import Door, door
from lambdactl.triggers.http.exchange import Request
from lambdactl.triggers.http.limits import Limits
from lambdactl.triggers.http.server import Hosts, Mount, Port, choose_ports
from lambdactl.triggers.http.stats import Row, Stats

PORT = 3000
"""Where ``sam local start-api`` listens, too."""


class Serving:
    """Serves the front doors of ``app`` from :meth:`start` to :meth:`close`.

    :param port: of the first front door; the others get the next ones. 0 takes free ones.
    :param ports: the port of single front doors, by name.
    :param prefixes: path prefixes of single front doors, by name; those share the base port.
    :param allow_hosts: ``Host`` names that are answered beside this machine's own.
    :param tls: serve HTTPS with this context.
    :param static: a folder of files, served where no route takes a path.
    :param jwks: see ``Setting.jwks``.
    :param sink: takes the functions' log lines.
    :param tell: takes sentences for the developer.
    :param on_request: told of each answer: the request, the status, seconds.
    :param on_bug: told of exceptions that are ours.
    :param containers: see :class:`~lambdactl.execution.invoker.LocalInvoker`, as for ``progress``
        and ``debug_port``.
    """

    def __init__(
        self,
        app: App,
        *,
        host: str = "127.0.0.1",
        port: int = PORT,
        ports: Mapping[str, int] | None = None,
        prefixes: Mapping[str, str] | None = None,
        allow_hosts: Iterable[str] = (),
        tls: ssl.SSLContext | None = None,
        static: Path | None = None,
        jwks: Mapping[str, str] | None = None,
        sink: LogSink | None = None,
        tell: Callable[[str], None],
        on_request: Callable[[Request, int, float], None] | None = None,
        on_bug: Callable[[Exception], None] | None = None,
        clock: Clock | None = None,
        limits: Limits | None = None,
        credentials: bool = True,
        strict_runtime: bool = False,
        max_environments: int = MAX_ENVIRONMENTS,
        containers: ContainerSettings | None = None,
        progress: Progress | None = None,
        debug_port: Ports | None = None,
    ) -> None:
        self.app = app
        self.stats = Stats()
        self.mounts: tuple[Mount, ...] = ()
        self._host = host
        self._base = port
        self._ports_wanted = dict(ports or {})
        self._prefixes = dict(prefixes or {})
        self._allow_hosts = tuple(allow_hosts)
        self._tls = tls
        self._jwks = dict(jwks or {})
        self._patient = debug_port is not None
        self._fallback = None
        if static is not None:
            from lambdactl.triggers.http.static import StaticFiles

            self._fallback = StaticFiles(static).find
        self._on_request = on_request
        self._tell = tell
        self._on_bug = on_bug or (lambda error: tell(f"bug in lambdactl: {error!r}"))
        self._limits = limits
        self._clock = clock or SystemClock()
        self._trusts = False
        self._invoker = LocalInvoker(
            app,
            sink=sink,
            warn=tell,
            clock=self._clock,
            use_credentials=credentials,
            strict_runtime=strict_runtime,
            max_environments=max_environments,
            standby=True,
            containers=containers,
            progress=progress,
            debug_port=debug_port,
        )
        self._kept: dict[str, object] = {}
        self._ports: dict[int, Port] = {}
        self._given: dict[str, int] = {}
        """The port that each front door got."""
        self._doors: dict[str, Door] = {}
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> tuple[Mount, ...]:
        """Open every port.

        :returns: where each front door is, in the manifest's order.
        :raises UserError: there is no front door, or a port can't be had.
        """
        apis = _apis_of(self.app)
        try:
            await self._open(apis)
        except BaseException:
            await self.close()
            raise
        keep(self._tasks, self._invoker.stand_by(self._called()))
        return self.mounts

    async def warm(self) -> None:
        """Start an environment of every function that a route leads to."""
        await self._invoker.warm(self._called())

    def _called(self) -> list[str]:
        """The functions that a route leads to."""
        routes = [route for mount in self.mounts for route in mount.api.routes]
        called = {route.integration.function for route in routes}
        called |= {route.authorizer.function for route in routes if route.authorizer}
        return [name for name in self.app.functions if name in called]

    async def reload_functions(self, names: Collection[str]) -> set[str]:
        """Give the named functions fresh environments; returns when those serve. No request fails
        because of it: the old ones serve until then, and end what they have begun.

        :returns: the functions that had an environment; the others start with their next request.
        """
        fresh = await self._invoker.reload(names)
        self._forget(names)
        return fresh

    async def reload_app(self, app: App) -> None:
        """Take over another reading of the manifest: routes at once, and fresh environments for
        the functions that changed.

        :raises UserError: it has no front door, or one whose port can't be had; nothing changed.
        """
        async with self._changing:
            apis = _apis_of(app)
            changed = [
                name
                for name in self.app.functions
                if name not in app.functions or _runs_otherwise(app, self.app, name)
            ]
            before, trusted = self.app, self._trusts
            self.app = app
            try:
                await self._open(apis)
            except BaseException:
                self.app, self._trusts = before, trusted
                raise
            if self._trusts != trusted:
                # All of them have other variables.
                changed = list(before.functions)
        await self._invoker.reload(changed)
        self._forget(changed)

    def rows(self) -> list[Row]:
        """What the status line shows."""
        return self.stats.rows(self._invoker.environments())

    async def close(self) -> None:
        """Stop listening, end every environment, leave nothing behind."""
        await asyncio.gather(*(port.close() for port in self._ports.values()))
        await asyncio.gather(*(one.close() for one in self._doors.values()))
        self._ports.clear()
        self._doors.clear()
        for task in self._tasks:
            task.cancel()
        await self._invoker.close()

    async def _open(self, apis: Collection[Api]) -> None:
        """Make the doors of ``apis`` and let the ports lead to them."""
        names = {api.name for api in apis}
        placed = choose_ports(
            apis,
            port=self._base,
            ports={n: p for n, p in self._ports_wanted.items() if n in names or not self._given},
            prefixes={n: p for n, p in self._prefixes.items() if n in names or not self._given},
            taken={n: p for n, p in self._given.items() if n in names},
        )
        setting = self._setting()
        if not self._given:
            _check_named(self._jwks, apis)
        variables = self._trust(apis)
        doors = {api.name: door(api, setting) for api in apis}
        hosts = Hosts([self._host, HOST_NAME, *self._allow_hosts, *_named_hosts(apis)])
        behind: dict[Port, list[tuple[str, Door]]] = {}
        opened: list[Port] = []
        mounts = []
        try:
            for api, number, prefix in placed:
                port = self._ports.get(number) if number else None
                if port is None:
                    port = self._new_port(number, hosts)
                    await port.open()
                    opened.append(port)
                    self._ports[port.port] = port
                port.hosts = hosts
                behind.setdefault(port, []).append((prefix, doors[api.name]))
                mounts.append(self._mount(api, port, prefix))
        except BaseException:
            for port in opened:
                self._ports.pop(port.port, None)
                await port.close()
            # Health checks of a load balancer have begun.
            await asyncio.gather(*(one.close() for one in doors.values()))
            raise
        # Nothing can fail from here on.
        self._invoker.adopt(self.app, variables)
        for port, behind_it in behind.items():
            port.set_doors(behind_it)
        for number, port in tuple(self._ports.items()):
            if port not in behind:
                del self._ports[number]
                await port.close()
        old, self._doors = self._doors, doors
        self.mounts = tuple(mounts)
        self._given = {mount.api.name: mount.port for mount in mounts}
        await asyncio.gather(*(one.close() for one in old.values()))

    def _setting(self) -> Setting:
        return Setting(
            app=self.app,
            invoker=self._invoker,
            clock=self._clock,
            tell=self._tell,
            region=self._invoker.region,
            account=ACCOUNT,
            kept=self._kept,
            jwks=self._jwks,
            patient=self._patient,
        )

    def _forget(self, names: Collection[str]) -> None:
        """What other code of these functions has said as authorizers counts no longer. Only after
        the new code serves: until then the old one may still answer, and be remembered."""
        setting = self._setting()
        for name in names:
            authorizers.forget(setting, name)

    def _new_port(self, number: int, hosts: Hosts) -> Port:
        return Port(
            self._host,
            number,
            hosts=hosts,
            on_bug=self._on_bug,
            done=self._done,
            fallback=self._fallback,
            limits=self._limits,
            tls=self._tls,
            wrap=self._sniff if self._trusts and self._tls is None else None,
        )

    def _mount(self, api: Api, port: Port, prefix: str) -> Mount:
        kind = "ws" if api.kind == "websocket" else "http"
        scheme = f"{kind}s" if self._tls is not None else kind
        # An address that stands for all of them is none to call.
        shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104
        if ":" in shown:
            shown = f"[{shown}]"
        url = f"{scheme}://{shown}:{port.port}{prefix}"
        return Mount(api=api, url=url, host=self._host, port=port.port, prefix=prefix)

    def _done(self, request: Request, status: int, seconds: float) -> None:
        self.stats.add(request.function, status, seconds)
        if self._on_request is not None:
            self._on_request(request, status, seconds)

    def _trust(self, apis: Iterable[Api]) -> Mapping[str, str]:
        """Variables that let functions call our own HTTPS: the management endpoint of a WebSocket
        API is at ``https://{domainName}/{stage}`` for every sample there is."""
        self._trusts = self._tls is not None or any(api.kind == "websocket" for api in apis)
        if not self._trusts:
            return {}
        from lambdactl.triggers.http import tls

        return tls.trust_variables()

    def _sniff(self, factory: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        from lambdactl.triggers.http import tls

        names = tls.names_for(self._host, self._allow_hosts)
        return tls.sniffing(factory, lambda: tls.local_context(*names))


def _apis_of(app: App) -> tuple[Api, ...]:
    """:raises UserError: there is none."""
    apis = apis_of(app)
    if not apis:
        raise UserError(
            "no function has an HTTP trigger",
            hint="give one a `url:`, or a trigger: `triggers: [{http: {path: /hello}}]`",
        )
    return apis


def _runs_otherwise(new: App, old: App, name: str) -> bool:
    """Whether the environments of a function depend on what is different in another reading."""
    after, before = new.functions[name], old.functions[name]

    def parts(app: App) -> list[object]:
        return [app.layers.get(layer) for layer in app.functions[name].layers]

    return any(
        getattr(after, field) != getattr(before, field) for field in _OF_ENVIRONMENTS
    ) or parts(new) != parts(old)


_OF_ENVIRONMENTS = (
    "runner",
    "code",
    "runtime",
    "handler",
    "architecture",
    "memory_mb",
    "timeout_s",
    "ephemeral_storage_mb",
    "environment",
    "layers",
    "logging",
    "aws_name",
    "concurrency",
    "tenancy",
    "snap_start",
)


def _check_named(jwks: Iterable[str], apis: Iterable[Api]) -> None:
    """:raises UserError: keys are for an authorizer that no route has."""
    routes = [route for api in apis for route in api.routes]
    names = {
        route.authorizer.name
        for route in routes
        if route.authorizer is not None and route.authorizer.kind in ("jwt", "cognito")
    }
    for name in jwks:
        if name and name not in names:
            raise UserError(
                f"--jwks: no route has a JWT or Cognito authorizer `{name}`",
                hint=did_you_mean(name, names) or f"there is: {', '.join(sorted(names)) or 'none'}",
            )
        if not names:
            raise UserError("--jwks: no route has a JWT or Cognito authorizer")


def _named_hosts(apis: Iterable[Api]) -> list[str]:
    """Hosts that rules of load balancers wait for."""
    return [host for api in apis for route in api.routes for host in route.hosts]

"""AWS as the user's session sees it: clients, who we are, and what was asked already.

boto3's session is used as it is, so profiles, Regions, SSO, assumed roles and
``AWS_ENDPOINT_URL`` work as they do for the AWS CLI
(https://docs.aws.amazon.com/boto3/latest/guide/configuration.html).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

if TYPE_CHECKING:
    import boto3

T = TypeVar("T")

CONNECTIONS = 32
"""The most that are open to one service at a time."""
CONNECTING_S = 10
"""How long a connection may take to open."""
ASKING_WHO = 3
"""Attempts to learn who we are. It is the first call: without a network that is said soon."""
INVOCATION_S = 930
"""The longest that one call is waited for: a function runs for 900 seconds at most, after it was
initialised (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""


class Clock(Protocol):
    """Time for whoever waits in a thread, in seconds."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def sleep(self, seconds: float) -> None: ...


class Account:
    """One account in one Region. Safe to use from several threads.

    :ivar region: as ``eu-west-1``.
    :ivar calls: how often each operation was called, by ``service.Operation``, retries included.
    """

    def __init__(
        self,
        session: boto3.Session,
        clock: Clock,
        *,
        attempts: int = 10,
        endpoint_url: str | None = None,
    ) -> None:
        """:param attempts: of one call, where AWS throttles or the network fails.
        :param endpoint_url: where all services are, in place of where the session has them.
        """
        self.session = session
        self.clock = clock
        self.calls: Counter[str] = Counter()
        self.region = cast(str, session.region_name)
        self._attempts = attempts
        self._endpoint_url = endpoint_url
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._known: dict[str, _Once] = {}
        self._lock = threading.Lock()

    @property
    def id(self) -> str:
        """The account's twelve digits."""
        return str(self._identity["Account"])

    @property
    def partition(self) -> str:
        return str(self._identity["Arn"]).split(":")[1]

    @property
    def user(self) -> str:
        """The ARN of whose credentials these are."""
        return str(self._identity["Arn"])

    @property
    def _identity(self) -> dict[str, Any]:
        return self.once("identity", lambda: self.client("sts").get_caller_identity())

    def client(self, service: str, in_region: str | None = None, *, once: bool = False) -> Any:
        """The client of a service. Making one takes tens of milliseconds; it is kept.

        :param once: what it calls is done once and waited for, however long it takes: invocations.
        """
        region = in_region or self.region
        with self._lock:
            # boto3's sessions may not be shared by threads while clients are made.
            found = self._clients.get((service, region, once))
            if found is None:
                from botocore.config import Config

                attempts = min(ASKING_WHO, self._attempts) if service == "sts" else self._attempts
                config = Config(
                    retries={"mode": "standard", "total_max_attempts": attempts},
                    connect_timeout=CONNECTING_S,
                    max_pool_connections=CONNECTIONS,
                    user_agent_extra="lambdactl",
                )
                if once:
                    config = config.merge(
                        Config(
                            retries={"mode": "standard", "total_max_attempts": 1},
                            read_timeout=INVOCATION_S,
                            tcp_keepalive=True,
                        )
                    )
                found = self.session.client(
                    service, region_name=region, config=config, endpoint_url=self._endpoint_url
                )
                found.meta.events.register("before-send", self._count)
                found.meta.events.register("after-call", _name)
                self._clients[service, region, once] = found
        return found

    def once(self, key: str, find: Callable[[], T]) -> T:
        """What ``find`` gives, asked for once, whoever asks: until :meth:`forget`. An error is
        not kept."""
        with self._lock:
            known = self._known.setdefault(key, _Once())
        with known.lock:
            if not known.done:
                known.value = find()
                known.done = True
            return cast(T, known.value)

    def forget(self, *keys: str) -> None:
        """Ask again for what :meth:`once` knows: of all that begins with one of ``keys``, else of
        everything but who we are."""
        with self._lock:
            for key in list(self._known):
                if key.startswith(keys) if keys else key != "identity":
                    del self._known[key]

    def _count(self, request: Any, event_name: str, **_: Any) -> None:
        service, operation = event_name.split(".")[1:]
        with self._lock:
            self.calls[f"{service}.{operation}"] += 1


def _name(parsed: Any, model: Any, **_: Any) -> None:
    """Note in an answer whose it is: botocore's errors hold the answer, and do not say."""
    if isinstance(parsed, dict):
        parsed.setdefault("ResponseMetadata", {})["Service"] = model.service_model.signing_name


class _Once:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.done = False
        self.value: Any = None

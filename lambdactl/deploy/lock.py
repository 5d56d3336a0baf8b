"""One deployment of a service and stage at a time: a lock in the account, with expiry.

The lock is an SSM parameter. ``PutParameter`` without ``Overwrite`` is the condition: of several,
one makes it (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html).
Its owner renews it; one that was not renewed for :data:`LASTS_S` by AWS's own clock belongs to
nobody. Whoever takes such a one writes over it, and then looks at what stood there before
(``GetParameterHistory``): only if that is the one that had expired, and nobody was quicker, is it
theirs. An owner on this very machine whose process is gone is not waited for.

Nobody deletes a lock that may have expired, so what was read can't have been replaced by a new one.
"""

from __future__ import annotations

import contextlib
import email.utils
import functools
import json
import os
import platform
import re
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lambdactl.deploy.explaining import in_words
from lambdactl.deploy.faults import allowed, code
from lambdactl.errors import LockedError

if TYPE_CHECKING:
    from lambdactl.deploy.model import Context

LASTS_S = 120.0
"""How long a lock lasts that nobody renews."""
_MARGIN = 0.25
"""The part of that which an owner doesn't count on: a request may be on its way for a while."""
_RENEWALS = 6
"""How often it is renewed in that time."""
_MOST_RACES = 5
_SAME_S = 2.0
"""Two times of a process's start that are so close are one."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lock, as the parameter's JSON has it.

    :ivar who: the ARN of the credentials.
    :ivar machine: tells machines apart that have the same name.
    :ivar process: of that machine, with the second it was started in.
    :ivar since: seconds since the epoch, by that machine's clock.
    """

    token: str
    doing: str
    who: str
    host: str
    machine: str
    process: int
    started: float
    since: float
    lasts_s: float


class Lock:
    """A lock that is held. Made by :func:`held`."""

    def __init__(self, context: Context, owner: Owner) -> None:
        self._context = context
        self._owner = owner
        self._renewed = time.monotonic()
        self._taken: str | None = None
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lock", daemon=True)
        self._thread.start()

    def lost(self) -> str | None:
        """Why it is not held any more; None: it is."""
        if self._taken is not None:
            return self._taken
        if time.monotonic() - self._renewed > self._owner.lasts_s * (1 - _MARGIN):
            return "the lock could not be renewed in time"
        return None

    def release(self) -> None:
        """Let go. An error of AWS is none: the lock expires by itself."""
        self._released.set()
        self._thread.join()
        if self.lost() is not None:
            return
        with contextlib.suppress(Exception):
            ssm, name = self._context.account.client("ssm"), parameter(self._context)
            if _read(ssm, name).owner.token == self._owner.token:
                ssm.delete_parameter(Name=name)

    def _renew(self) -> None:
        ssm, name = self._context.account.client("ssm"), parameter(self._context)
        while not self._released.wait(self._owner.lasts_s / _RENEWALS):
            if self.lost() is not None:
                return
            begun = time.monotonic()
            try:
                found = _read(ssm, name)
                if found.owner.token != self._owner.token:
                    self._taken = f"the lock was taken by {_called(found.owner)}"
                    return
                _write(ssm, name, self._owner)
            except Exception as error:
                if code(error) == "ParameterNotFound":
                    self._taken = "the lock was deleted"
                    return
                # Another try follows; too many that fail are told by `lost`.
                continue
            self._renewed = begun


@contextlib.contextmanager
def held(
    context: Context, doing: str, *, break_it: bool = False, lasts_s: float | None = None
) -> Iterator[Lock]:
    """Hold the lock of the service and stage.

    :param doing: what for, as others read it: ``deploy``.
    :param break_it: take it from whoever has it.
    :param lasts_s: :data:`LASTS_S` if left out.
    :raises LockedError: somebody else has it.
    :raises AwsError: AWS said no.
    """
    with in_words(
        f"taking the lock of {context.naming.service} (parameter {parameter(context)})",
        context.account,
    ):
        owner = _acquire(context, doing, break_it, LASTS_S if lasts_s is None else lasts_s)
    lock = Lock(context, owner)
    try:
        yield lock
    finally:
        lock.release()


def parameter(context: Context) -> str:
    """The name of the parameter. Of a service's name SSM doesn't take all characters."""
    parts = (context.naming.service, context.naming.stage)
    return "/".join(["", "lambdactl", *(re.sub(r"[^\w.-]", "-", one) for one in parts), "lock"])


# How it is taken


@dataclass(frozen=True, slots=True)
class _Found:
    """A lock as it stands: ``age_s`` and the time ``at`` which it was written are AWS's."""

    owner: Owner
    age_s: float
    at: float

    @property
    def abandoned(self) -> bool:
        return self.age_s > self.owner.lasts_s or _is_dead(self.owner)


def _acquire(context: Context, doing: str, break_it: bool, lasts_s: float) -> Owner:
    ssm, name = context.account.client("ssm"), parameter(context)
    owner = Owner(
        token=uuid.uuid4().hex,
        doing=doing,
        who=context.account.user,
        host=platform.node(),
        machine=_machine(),
        process=os.getpid(),
        started=_started(os.getpid()),
        since=context.account.clock.now(),
        lasts_s=lasts_s,
    )
    for _ in range(_MOST_RACES):
        with allowed("ParameterAlreadyExists"):
            _create(context, name, owner)
            return owner
        try:
            found = _read(ssm, name)
        except Exception as error:
            if code(error) == "ParameterNotFound":
                # It was let go in between.
                continue
            raise
        if found.owner.token == owner.token:
            # The answer to our own request was lost, and botocore asked again.
            return owner
        if not found.abandoned and not break_it:
            raise _locked(context, found)
        _write(ssm, name, owner)
        quicker = _put_after(ssm, name, found.owner.token, owner.token)
        if quicker is None:
            return owner
        # Somebody has it rightly: they find their own again.
        _write(ssm, name, quicker)
    raise _locked(context, _read(ssm, name))


def _create(context: Context, name: str, owner: Owner) -> None:
    tags = [{"Key": key, "Value": value} for key, value in context.naming.tags().items()]
    context.account.client("ssm").put_parameter(
        Name=name,
        Description="A deployment by lambdactl is under way; it expires by itself.",
        Type="String",
        Value=_text(owner),
        Tags=tags,
    )


def _write(ssm: Any, name: str, owner: Owner) -> None:
    ssm.put_parameter(Name=name, Type="String", Value=_text(owner), Overwrite=True)


def _put_after(ssm: Any, name: str, expired: str, own: str) -> Owner | None:
    """Who wrote first after the lock that had ``expired``; None: it was us."""
    values = [
        found
        for page in ssm.get_paginator("get_parameter_history").paginate(Name=name)
        for entry in page["Parameters"]
        if (found := _owner(entry["Value"])) is not None
    ]
    tokens = [one.token for one in values]
    if expired not in tokens:
        # It went and came anew, so whoever made it has it.
        first = values[0] if values else None
    else:
        last = len(tokens) - 1 - tokens[::-1].index(expired)
        first = values[last + 1] if last + 1 < len(values) else None
    return None if first is None or first.token == own else first


def _read(ssm: Any, name: str) -> _Found:
    answer = ssm.get_parameter(Name=name)
    headers = answer["ResponseMetadata"].get("HTTPHeaders", {})
    now = _seconds(headers.get("date"))
    written = answer["Parameter"]["LastModifiedDate"].timestamp()
    # A value that nobody can read is nobody's.
    owner = _owner(answer["Parameter"]["Value"]) or Owner("", "", "", "", "", 0, 0.0, 0.0, 0.0)
    return _Found(owner, now - written, written)


def _text(owner: Owner) -> str:
    return json.dumps(asdict(owner))


def _owner(text: str) -> Owner | None:
    try:
        found: Mapping[str, Any] = json.loads(text)
        return Owner(**{field.name: found[field.name] for field in fields(Owner)})
    except (ValueError, KeyError, TypeError):
        return None


def _seconds(date: str | None) -> float:
    """The time of an HTTP header. AWS's clock wrote the lock, so AWS's clock tells its age."""
    if date is None:
        return time.time()
    return email.utils.parsedate_to_datetime(date).timestamp()


# Whose it is


def _locked(context: Context, found: _Found) -> LockedError:
    owner = found.owner
    until = _time(found.at + owner.lasts_s)
    return LockedError(
        f"another `{owner.doing}` of {context.naming.service}, stage {context.naming.stage}, is "
        f"under way: by {_called(owner)}, since {_time(owner.since)}; its lock lasts until "
        f"{until}, and longer while it goes on",
        hint="wait for it; if you know that it is not running any more, `--break-lock` takes it",
    )


def _called(owner: Owner) -> str:
    return f"{owner.who} on {owner.host} (process {owner.process})"


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds))


def _is_dead(owner: Owner) -> bool:
    """Whether its process ran on this machine, and is gone."""
    if not owner.token:
        return True
    # Linux counts from a boot time that moves when the clock is set.
    return owner.machine == _machine() and abs(_started(owner.process) - owner.started) > _SAME_S


def _started(process: int) -> float:
    """The time a process was started at; 0 where there is none."""
    import psutil

    try:
        return float(psutil.Process(process).create_time())
    except psutil.Error:
        return 0.0


@functools.cache
def _machine() -> str:
    """This machine, as its processes are numbered: a container's numbers are not its host's, and
    after a restart they begin anew."""
    parts = [platform.node(), str(uuid.getnode())]
    for path in ("/proc/sys/kernel/random/boot_id", "/etc/machine-id"):
        with contextlib.suppress(OSError):
            parts.append(Path(path).read_text().strip())
    with contextlib.suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return uuid.uuid5(uuid.NAMESPACE_OID, "\n".join(parts)).hex

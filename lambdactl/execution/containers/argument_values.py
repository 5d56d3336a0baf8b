"""Values of the flags of ``docker run``: text -> what the docker SDK takes.

The forms are those of docker's own command line
(https://docs.docker.com/reference/cli/docker/container/run/), down to units and defaults.
"""

from __future__ import annotations

import csv
import ipaddress
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lambdactl.errors import UserError
from lambdactl.manifest.limits import reserved_variables

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]+)?) ?(?:([kmgtp])i?)?b?", re.IGNORECASE)
_VOLUME_NAME = re.compile("[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_VARIABLE = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")
_DEVICE_MODE = re.compile("[rwm]{1,3}")
_PORTS = re.compile("([0-9]{1,5})(?:-([0-9]{1,5}))?")
_PROTOCOLS = ("tcp", "udp", "sctp")
_LOOPBACK = "127.0.0.1"


class Malformed(ValueError):
    """A value is not of the form that its flag wants; the text says why."""


def host(flag: str, text: str) -> tuple[str, str]:
    """``NAME:ADDRESS``, or with ``=`` between them; ``host-gateway`` is this machine.

    :raises UserError: the address is none.
    """
    name, sign, address = text.partition("=" if "=" in text else ":")
    bare = address.removeprefix("[").removesuffix("]")
    try:
        if bare != "host-gateway":
            ipaddress.ip_address(bare)
    except ValueError:
        sign = ""
    if not name or not sign:
        raise UserError(
            f"{flag} {text!r} is not NAME:ADDRESS",
            hint=f"{flag} db.local:192.168.1.7, or {flag} db.local:host-gateway for this machine",
        )
    return name, bare


def extra_host(text: str) -> str:
    """The same, as the engine takes it."""
    return ":".join(host("--add-host", text))


def size(text: str) -> int:
    """Bytes, as ``64m`` says them: units are powers of 1,024."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise Malformed("a size is a number with b, k, m or g")
    power = "kmgtp".index(match[2].lower()) + 1 if match[2] else 0
    return int(float(match[1]) * 1024**power)


def number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Malformed("it takes a whole number") from None


def cpus(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0
    if not 0.01 <= found < 10_000:
        raise Malformed("it takes a number of CPUs such as 1.5")
    return found


def truth(text: str) -> bool:
    return text in ("true", "1", "t")


def one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise Malformed(f"it takes {' or '.join(words)}")
        return text

    return read


def assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise Malformed("it takes NAME=VALUE")
    return name, value


def variable(text: str, shell: Mapping[str, str]) -> tuple[str, str | None]:
    """An environment variable; a name alone has the shell's value, or none."""
    name, equals, value = text.partition("=")
    if not _VARIABLE.fullmatch(name):
        raise Malformed(f"{name!r} can't be the name of an environment variable")
    if name in reserved_variables():
        raise Malformed(f"{name} is set by Lambda")
    return name, value if equals else shell.get(name)


def lines(path: str) -> list[str]:
    """The lines of an env file or a label file, without comments."""
    stripped = (line.lstrip() for line in _read(path).splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


def _read(path: str) -> str:
    try:
        return Path(_expanded(path)).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise Malformed(f"can't read it: {error}") from None


def _expanded(path: str) -> str:
    # Unlike pathlib's it leaves a user that is not there as it is.
    return os.path.expanduser(path)  # noqa: PTH111


def target(text: str) -> str:
    """A path in the container at which something may be mounted."""
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts:
        raise Malformed(f"{text!r} is no absolute path in the container")
    if path == PurePosixPath("/"):
        raise Malformed("nothing can be mounted over all of the image")
    if path.parts == ("/", "tmp"):
        raise Malformed(f"{path} is the function's own; `ephemeral_storage` says how large it is")
    return str(path)


@dataclass(frozen=True, slots=True)
class Bind:
    """What ``--volume`` says; without a source the engine makes a volume."""

    source: str | None
    target: str
    options: str = ""

    def __str__(self) -> str:
        return ":".join(part for part in (self.source, self.target, self.options) if part)


def volume(text: str) -> Bind:
    """``/here:/there``, ``name:/there`` or ``/there``, with ``:ro`` and the like behind; paths on
    this machine may begin with ``.`` or ``~``."""
    parts = text.split(":")
    if len(parts) > 3 or not all(parts):
        raise Malformed("it takes SOURCE:TARGET or SOURCE:TARGET:ro")
    if len(parts) == 1:
        return Bind(None, target(text))
    return Bind(_source(parts[0]), target(parts[1]), *parts[2:])


def _source(text: str) -> str:
    text = _expanded(text)
    if text.startswith((".", "/")):
        # As docker does: `..` is taken out without a look at links.
        return os.path.abspath(text)  # noqa: PTH100
    if not _VOLUME_NAME.fullmatch(text):
        raise Malformed(f"{text!r} is neither a path nor the name of a volume")
    return text


def mount(text: str) -> dict[str, Any]:
    """``type=bind,source=/here,target=/there,readonly``
    (https://docs.docker.com/engine/storage/bind-mounts/#options-for---mount), as the engine's API
    spells it."""
    found: dict[str, Any] = {"Type": "volume"}
    for key, value in _fields(text):
        _mount_field(found, key.lower(), value)
    if "Target" not in found:
        raise Malformed("it needs target=/PATH")
    kind = found["Type"]
    if kind == "bind":
        if "Source" not in found:
            raise Malformed("a bind needs source=PATH")
        found["Source"] = _source(found["Source"])
        if not found["Source"].startswith("/"):
            raise Malformed("the source of a bind is a path")
    for options in ("BindOptions", "VolumeOptions", "TmpfsOptions"):
        if options in found and options != f"{kind.capitalize()}Options":
            raise Malformed(f"{options[:-7].lower()} options do not go with type={kind}")
    return found


def _mount_field(found: dict[str, Any], key: str, value: str | None) -> None:
    if key in ("readonly", "ro"):
        found["ReadOnly"] = value is None or truth(value)
        return
    if key in ("volume-nocopy", "bind-nonrecursive"):
        options = ("VolumeOptions", "NoCopy") if key[0] == "v" else ("BindOptions", "NonRecursive")
        found.setdefault(options[0], {})[options[1]] = value is None or truth(value)
        return
    if value is None:
        raise Malformed(f"{key} needs a value")
    if key == "type":
        found["Type"] = one_of("bind", "volume", "tmpfs")(value)
    elif key in ("source", "src"):
        found["Source"] = value
    elif key in ("target", "destination", "dst"):
        found["Target"] = target(value)
    elif key == "consistency":
        found["Consistency"] = value
    elif key == "bind-propagation":
        found.setdefault("BindOptions", {})["Propagation"] = value
    elif key == "volume-driver":
        found.setdefault("VolumeOptions", {}).setdefault("DriverConfig", {})["Name"] = value
    elif key in ("volume-opt", "volume-label"):
        inner = found.setdefault("VolumeOptions", {})
        if key == "volume-opt":
            inner = inner.setdefault("DriverConfig", {}).setdefault("Options", {})
        else:
            inner = inner.setdefault("Labels", {})
        name, one = assignment(value)
        inner[name] = one
    elif key == "tmpfs-size":
        found.setdefault("TmpfsOptions", {})["SizeBytes"] = size(value)
    elif key == "tmpfs-mode":
        found.setdefault("TmpfsOptions", {})["Mode"] = _octal(value)
    else:
        raise Malformed(f"a mount has no {key!r}")


def _octal(text: str) -> int:
    try:
        return int(text, 8)
    except ValueError:
        raise Malformed("a mode is written in octal: 1777") from None


def _fields(text: str) -> Iterator[tuple[str, str | None]]:
    """Fields between commas, of which one may be in quotation marks."""
    try:
        items = next(csv.reader([text]), [])
    except csv.Error as error:
        raise Malformed(str(error)) from None
    for item in items:
        key, equals, value = item.strip().partition("=")
        yield key, value if equals else None


def tmpfs(text: str) -> tuple[str, str]:
    path, _, options = text.partition(":")
    return target(path), options


def device(text: str) -> str | dict[str, str]:
    """``/dev/here:/dev/there:rwm``; the middle may be left out."""
    parts = text.split(":")
    if len(parts) > 3 or not all(parts):
        raise Malformed("it takes /dev/HERE:/dev/THERE:rwm")
    if len(parts) == 2 and _DEVICE_MODE.fullmatch(parts[1]):
        parts.insert(1, parts[0])
    return ":".join(parts)


def _of_device(text: str, read: Callable[[str], int], name: str) -> dict[str, Any]:
    path, colon, value = text.rpartition(":")
    if not colon or not path.startswith("/"):
        raise Malformed("it takes /dev/NAME:NUMBER")
    return {"Path": path, name: read(value)}


def weighted_device(text: str) -> dict[str, Any]:
    return _of_device(text, number, "Weight")


def device_bytes(text: str) -> dict[str, Any]:
    return _of_device(text, size, "Rate")


def device_operations(text: str) -> dict[str, Any]:
    return _of_device(text, number, "Rate")


def gpus(text: str) -> dict[str, Any]:
    """``all``, a number, or ``"device=0,2"`` with ``capabilities=utility`` behind
    (https://docs.docker.com/reference/cli/docker/container/run/#gpus)."""
    found: dict[str, Any] = {"count": 1, "capabilities": [["gpu"]]}
    for key, value in _fields(text):
        if value is None or key == "count":
            count = key if value is None else value
            found["count"] = -1 if count == "all" else number(count)
        elif key == "device":
            found["device_ids"] = value.split(",")
            found["count"] = 0
        elif key == "driver":
            found["driver"] = value
        elif key == "capabilities":
            found["capabilities"] = [["gpu", *value.split(",")]]
        elif key == "options":
            found["options"] = dict(assignment(one) for one in value.split(","))
        else:
            raise Malformed(f"there is no {key!r} here")
    return found


def link(text: str) -> tuple[str, str]:
    name, _, alias = text.partition(":")
    return name, alias or name


def ulimit(text: str) -> dict[str, Any]:
    """``nofile=1024:2048``: soft and hard limit; the soft one stands for both."""
    name, values = assignment(text)
    soft, _, hard = values.partition(":")
    found: dict[str, Any] = {
        "Name": name,
        "Soft": number(soft),
        "Hard": number(hard or soft),
    }
    if found["Hard"] != -1 and not -1 < found["Soft"] <= found["Hard"]:
        raise Malformed("the soft limit is above the hard one")
    return found


def security(text: str) -> str:
    """The profile of ``seccomp=FILE`` itself: the engine does not see our files."""
    kind, _, value = text.replace(":", "=", 1).partition("=")
    if kind == "seccomp" and value not in ("unconfined", "builtin"):
        return f"seccomp={_read(value)}"
    if kind == "systempaths":
        raise Malformed("lambdactl does not pass it on")
    return text


def published(text: str) -> Iterator[tuple[int, str, tuple[Any, ...]]]:
    """``[[ADDRESS:]HOST_PORT:]PORT[/udp]``, each of which may be a range: port, protocol, and where
    on this machine it is. Without an address that is 127.0.0.1, not all there are."""
    rest, _, protocol = text.partition("/")
    protocol = _protocol(protocol)
    rest, _, inner = rest.rpartition(":")
    address, _, outer = rest.rpartition(":")
    address = address.removeprefix("[").removesuffix("]") or _LOOPBACK
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise Malformed(f"{address!r} is no address") from None
    ports = _range(inner)
    if not outer:
        for port in ports:
            yield port, protocol, (address,)
        return
    others = _range(outer)
    if len(others) != len(ports):
        raise Malformed("the two ranges differ in length")
    for port, other in zip(ports, others, strict=True):
        yield port, protocol, (address, other)


def exposed(text: str) -> list[tuple[int, str]]:
    ports, _, protocol = text.partition("/")
    return [(port, _protocol(protocol)) for port in _range(ports)]


def _protocol(text: str) -> str:
    return one_of(*_PROTOCOLS)(text.lower() or "tcp")


def _range(text: str) -> range:
    match = _PORTS.fullmatch(text)
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 0 < low <= high <= 65535:
        raise Malformed(f"{text!r} is no port")
    return range(low, high + 1)

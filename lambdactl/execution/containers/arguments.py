"""Words of ``docker run`` -> keyword arguments of the docker SDK.

Flags are read as docker's own command line reads them
(https://docs.docker.com/reference/cli/docker/container/run/#options). What lambdactl sets itself
is refused with the reason, and with the option or field that says it instead.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lambdactl.errors import UserError, did_you_mean
from lambdactl.execution.containers import argument_values as values
from lambdactl.execution.containers.argument_values import host

__all__ = ["Arguments", "host", "parse", "split"]

Values = dict[str, Any]

_CPU_PERIOD_US = 100_000
"""https://docs.docker.com/engine/containers/resource_constraints/#configure-the-default-cfs-scheduler"""


@dataclass(frozen=True, slots=True)
class Arguments:
    """Keyword arguments of ``APIClient.create_container`` and of ``create_host_config``, as plain
    data, so that they can be laid over others."""

    config: Values = field(default_factory=dict)
    host_config: Values = field(default_factory=dict)


def split(given: Iterable[str]) -> tuple[str, ...]:
    """Words from what ``--docker-arg`` was given: a flag with its value may be one text, quoted
    as for a shell (``-v "/a b:/c"``); a text that is no flag is one word as it is.

    :raises UserError: a quotation mark is not closed.
    """
    words: list[str] = []
    for text in given:
        if not text.startswith("-"):
            words.append(text)
            continue
        try:
            words += shlex.split(text)
        except ValueError as error:
            raise UserError(f"--docker-arg {text!r}: {str(error).lower()}") from None
    return tuple(words)


def parse(words: Sequence[str]) -> Arguments:
    """What flags of ``docker run`` say.

    :raises UserError: a flag is unknown, malformed, or says what lambdactl says itself.
    """
    made = Arguments()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word in ("-", "--"):
            raise UserError(
                f"--docker-arg: {word!r} is no flag of `docker run`",
                hint="the image and the command are the function's; "
                "quote values with spaces: --docker-arg '--label \"a=b c\"'",
            )
        for flag, given in _flags(word):
            value = given
            if value is None and flag.switch:
                value = "true"
            if value is None:
                if not rest:
                    raise UserError(f"--docker-arg: --{flag.name} needs a value")
                value = rest.pop(0)
            if flag.switch and value not in ("true", "false", "1", "0", "t", "f"):
                raise UserError(f"--docker-arg: --{flag.name}={value} is neither true nor false")
            try:
                flag.put(made, value)
            except values.Malformed as error:
                raise UserError(f"--docker-arg: --{flag.name} {value!r}: {error}") from None
    return made


def _flags(word: str) -> list[tuple[Flag, str | None]]:
    """The flag that a word is, and its value if that is in it; several switches of one letter may
    stand in one word."""
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        if name not in _BY_NAME:
            hint = did_you_mean(name, _BY_NAME)
            raise UserError(
                f"--docker-arg: `docker run` has no flag --{name}",
                hint=hint.replace("`", "`--", 1) if hint else None,
            )
        return [_checked(_BY_NAME[name], value if equals else None)]
    found: list[tuple[Flag, str | None]] = []
    letters = word[1:]
    while letters:
        flag = _BY_LETTER.get(letters[0])
        if flag is None:
            raise UserError(f"--docker-arg: `docker run` has no flag -{letters[0]}")
        letters = letters[1:]
        if letters and (not flag.switch or letters.startswith("=")):
            found.append(_checked(flag, letters.removeprefix("=")))
            break
        found.append(_checked(flag, None))
    return found


def _checked(flag: Flag, value: str | None) -> tuple[Flag, str | None]:
    if flag.refused is not None:
        reason, hint = flag.refused
        raise UserError(f"--docker-arg: --{flag.name} is not for you: {reason}", hint=hint)
    return flag, value


class Flag(NamedTuple):
    """One flag of ``docker run``. ``put`` writes its value down; ``refused`` has the reason why it
    can't be given, and what to do instead."""

    name: str
    put: Callable[[Arguments, str], None]
    letter: str = ""
    switch: bool = False
    refused: tuple[str, str | None] | None = None


def _text(key: str, read: Callable[[str], Any] = str) -> Callable[[Arguments, str], None]:
    """The last one counts."""

    def put(made: Arguments, value: str) -> None:
        made.host_config[key] = read(value)

    return put


def _list(key: str, read: Callable[[str], Any] = str) -> Callable[[Arguments, str], None]:
    def put(made: Arguments, value: str) -> None:
        made.host_config.setdefault(key, []).append(read(value))

    return put


def _pair(
    key: str, read: Callable[[str], tuple[str, Any]] = values.assignment
) -> Callable[[Arguments, str], None]:
    def put(made: Arguments, value: str) -> None:
        name, one = read(value)
        made.host_config.setdefault(key, {})[name] = one

    return put


def _config(key: str) -> Callable[[Arguments, str], None]:
    def put(made: Arguments, value: str) -> None:
        made.config[key] = value

    return put


def _environment(made: Arguments, value: str) -> None:
    name, one = values.variable(value, os.environ)
    if one is not None:
        made.config.setdefault("environment", {})[name] = one


def _env_file(made: Arguments, value: str) -> None:
    for line in values.lines(value):
        _environment(made, line)


def _label(made: Arguments, value: str) -> None:
    name, _, one = value.partition("=")
    if not name:
        raise values.Malformed("it has no name")
    if name.startswith("lambdactl."):
        raise values.Malformed("lambdactl knows its containers by such labels")
    made.config.setdefault("labels", {})[name] = one


def _label_file(made: Arguments, value: str) -> None:
    for line in values.lines(value):
        _label(made, line)


def _volume(made: Arguments, value: str) -> None:
    bind = values.volume(value)
    if bind.source is None:
        made.config.setdefault("volumes", []).append(bind.target)
    else:
        made.host_config.setdefault("binds", []).append(str(bind))


def _cpus(made: Arguments, value: str) -> None:
    # As the engine does it, but in the words in which lambdactl's own limit is, which it replaces.
    made.host_config["cpu_period"] = _CPU_PERIOD_US
    made.host_config["cpu_quota"] = round(values.cpus(value) * _CPU_PERIOD_US)


def _publish(made: Arguments, value: str) -> None:
    for port, protocol, address in values.published(value):
        made.config.setdefault("ports", []).append((port, protocol))
        bindings = made.host_config.setdefault("port_bindings", {})
        bindings.setdefault(f"{port}/{protocol}", []).append(address)


def _expose(made: Arguments, value: str) -> None:
    made.config.setdefault("ports", []).extend(values.exposed(value))


def _refused(reason: str, *names: str, hint: str | None = None, switch: bool = False) -> list[Flag]:
    """Flags that say what lambdactl says itself; ``user/u`` has a letter."""

    def put(made: Arguments, value: str) -> None:
        raise AssertionError("refused before")

    found = []
    for text in names:
        name, _, letter = text.partition("/")
        found.append(Flag(name, put, letter, switch, (reason, hint)))
    return found


_FLAGS: tuple[Flag, ...] = (
    Flag("add-host", _list("extra_hosts", values.extra_host)),
    Flag("blkio-weight", _text("blkio_weight", values.number)),
    Flag("blkio-weight-device", _list("blkio_weight_device", values.weighted_device)),
    Flag("cap-add", _list("cap_add")),
    Flag("cap-drop", _list("cap_drop")),
    Flag("cgroup-parent", _text("cgroup_parent")),
    Flag("cgroupns", _text("cgroupns", values.one_of("host", "private"))),
    Flag("cpu-period", _text("cpu_period", values.number)),
    Flag("cpu-quota", _text("cpu_quota", values.number)),
    Flag("cpu-rt-period", _text("cpu_rt_period", values.number)),
    Flag("cpu-rt-runtime", _text("cpu_rt_runtime", values.number)),
    Flag("cpu-shares", _text("cpu_shares", values.number), "c"),
    Flag("cpus", _cpus),
    Flag("cpuset-cpus", _text("cpuset_cpus")),
    Flag("cpuset-mems", _text("cpuset_mems")),
    Flag("device", _list("devices", values.device)),
    Flag("device-cgroup-rule", _list("device_cgroup_rules")),
    Flag("device-read-bps", _list("device_read_bps", values.device_bytes)),
    Flag("device-read-iops", _list("device_read_iops", values.device_operations)),
    Flag("device-write-bps", _list("device_write_bps", values.device_bytes)),
    Flag("device-write-iops", _list("device_write_iops", values.device_operations)),
    Flag("dns", _list("dns")),
    Flag("dns-opt", _list("dns_opt")),
    Flag("dns-option", _list("dns_opt")),
    Flag("dns-search", _list("dns_search")),
    Flag("domainname", _config("domainname")),
    Flag("env", _environment, "e"),
    Flag("env-file", _env_file),
    Flag("expose", _expose),
    Flag("gpus", _list("device_requests", values.gpus)),
    Flag("group-add", _list("group_add")),
    Flag("hostname", _config("hostname"), "h"),
    Flag("ipc", _text("ipc_mode")),
    Flag("label", _label, "l"),
    Flag("label-file", _label_file),
    Flag("link", _list("links", values.link)),
    Flag("memory-reservation", _text("mem_reservation", values.size)),
    Flag("memory-swappiness", _text("mem_swappiness", values.number)),
    Flag("mount", _list("mounts", values.mount)),
    Flag("oom-score-adj", _text("oom_score_adj", values.number)),
    Flag("pids-limit", _text("pids_limit", values.number)),
    Flag("privileged", _text("privileged", values.truth), switch=True),
    Flag("publish", _publish, "p"),
    Flag("publish-all", _text("publish_all_ports", values.truth), "P", switch=True),
    Flag("runtime", _text("runtime")),
    Flag("security-opt", _list("security_opt", values.security)),
    Flag("shm-size", _text("shm_size", values.size)),
    Flag("storage-opt", _pair("storage_opt")),
    Flag("sysctl", _pair("sysctls")),
    Flag("tmpfs", _pair("tmpfs", values.tmpfs)),
    Flag("ulimit", _list("ulimits", values.ulimit)),
    Flag("userns", _text("userns_mode", values.one_of("host"))),
    Flag("uts", _text("uts_mode", values.one_of("host"))),
    Flag("volume", _volume, "v"),
    Flag("volume-driver", _text("volume_driver")),
    Flag("volumes-from", _list("volumes_from")),
    *_refused(
        "lambdactl starts, reads and removes its containers itself",
        *("detach/d", "interactive/i", "tty/t", "rm", "sig-proxy", "quiet/q", "help"),
        switch=True,
    ),
    *_refused(
        "lambdactl starts, reads and removes its containers itself",
        *("attach/a", "cidfile", "detach-keys", "restart", "stop-signal", "stop-timeout"),
    ),
    *_refused("lambdactl reads the log itself and keeps no other", "log-driver", "log-opt"),
    *_refused("lambdactl knows whether a function is well", "no-healthcheck", switch=True),
    *_refused(
        "lambdactl knows whether a function is well",
        *("health-cmd", "health-interval", "health-retries", "health-start-period"),
        *("health-start-interval", "health-timeout"),
    ),
    *_refused(
        "a function may have many containers, and this is for one",
        *("name", "ip", "ip6", "link-local-ip", "mac-address", "network-alias", "net-alias"),
    ),
    *_refused(
        "the function's memory says it",
        *("memory/m", "memory-swap", "kernel-memory"),
        hint="`memory` in the manifest",
    ),
    *_refused(
        "a function that takes too much memory is killed, as on Lambda",
        "oom-kill-disable",
        switch=True,
    ),
    *_refused("files are read-only but for /tmp, as on Lambda", "read-only", switch=True),
    *_refused("the first process of the container is lambdactl's own", "init", switch=True),
    # A timeout kills all that the function can see.
    *_refused("the first process of the container is lambdactl's own", "pid"),
    *_refused(
        "the image's own runs, or the manifest's",
        *("entrypoint", "workdir/w"),
        hint="`code: {image: ..., entrypoint: [...], working_directory: ...}` in the manifest",
    ),
    *_refused("functions run as the owner of their code", "user/u"),
    *_refused("lambdactl has an option of its own", "network", "net", hint="--network NAME"),
    *_refused("lambdactl has an option of its own", "pull", hint="--pull always|missing|never"),
    *_refused(
        "the function's architecture says it", "platform", hint="`architecture` in the manifest"
    ),
    *_refused("Linux knows no such thing", "isolation"),
    *_refused("lambdactl does not pass it on", "annotation"),
    *_refused(
        "lambdactl does not pass it on", "disable-content-trust", "use-api-socket", switch=True
    ),
)

_BY_NAME: Mapping[str, Flag] = {flag.name: flag for flag in _FLAGS}
_BY_LETTER: Mapping[str, Flag] = {flag.letter: flag for flag in _FLAGS if flag.letter}

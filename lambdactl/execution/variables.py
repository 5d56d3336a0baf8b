"""The environment variables of an execution environment: what Lambda would give, and no more.

The reserved ones: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
(section "Defined runtime environment variables").
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lambdactl.manifest import limits
from lambdactl.manifest.model import Function

_CREDENTIALS = {
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
}


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie: ``task`` is ``/var/task``, ``runtime`` is ``/var/runtime``, ``opt`` is
    ``/opt`` (None without layers); ``interpreter`` is the folder of the runtime's own binary."""

    task: Path
    runtime: Path
    opt: Path | None = None
    interpreter: Path | None = None


def log_stream(now: float, version: str = "$LATEST") -> str:
    """A log stream's name: ``2026/11/21/[$LATEST]`` and 32 hex digits."""
    return f"{time.strftime('%Y/%m/%d', time.gmtime(now))}/[{version}]{os.urandom(16).hex()}"


def variables(
    function: Function,
    places: Places | None,
    *,
    family: str,
    version: str,
    region: str,
    stream: str,
    credentials: Mapping[str, str],
    function_version: str = "$LATEST",
) -> dict[str, str]:
    """All variables of the environment, but for AWS_LAMBDA_RUNTIME_API.

    :param places: None in a container, whose image says where its things are.
    :param family: python, nodejs, ruby or provided.
    :param version: the interpreter's ``3.13`` or ``22``, empty for provided.
    """
    logging, name = function.logging, function.aws_name or function.name
    reserved = limits.reserved_variables()
    if not credentials:
        # Then the function's own may stand in: keys of a test double, say.
        reserved -= _CREDENTIALS
    values = {
        "TZ": ":UTC",
        **({} if places is None else _paths(function, places, family, version)),
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
        **{key: value for key, value in function.environment.items() if key not in reserved},
        **({} if places is None else _roots(places)),
        **({} if function.handler is None else {"_HANDLER": function.handler}),
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": function_version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": logging.group or f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "JSON" if logging.format == "json" else "Text",
        "_AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129",
        "_AWS_XRAY_DAEMON_PORT": "2000",
        **credentials,
    }
    if function.runtime and family != "provided":
        values["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{function.runtime}"
    if logging.format == "json":
        values["AWS_LAMBDA_LOG_LEVEL"] = logging.application_level.upper()
    return values


def _roots(places: Places) -> dict[str, str]:
    return {
        "_HANDLER": "",
        "LAMBDA_TASK_ROOT": str(places.task),
        "LAMBDA_RUNTIME_DIR": str(places.runtime),
    }


def _paths(function: Function, places: Places, family: str, version: str) -> dict[str, str]:
    return {
        "LANG": "en_US.UTF-8",
        "PATH": _join(
            places.interpreter, "/usr/local/bin", "/usr/bin", "/bin", _under(places.opt, "bin")
        ),
        "LD_LIBRARY_PATH": _join(places.task, places.task / "lib", _under(places.opt, "lib")),
        **_library_paths(function, places, family, version),
    }


def _library_paths(function: Function, places: Places, family: str, version: str) -> dict[str, str]:
    """Where each runtime looks for code in layers
    (https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html)."""
    task, opt = places.task, places.opt
    if family == "python":
        found = _join(
            _under(opt, f"python/lib/python{version}/site-packages"), _under(opt, "python")
        )
        return {"PYTHONPATH": found} if found else {}
    if family == "nodejs":
        return {
            "NODE_PATH": _join(
                _under(opt, f"nodejs/node{version}/node_modules"),
                _under(opt, "nodejs/node_modules"),
                task,
            )
        }
    if family == "ruby":
        # What was built for the function's own version has that in its path.
        runtime = function.runtime or ""
        built_for = [runtime.removeprefix("ruby")] if runtime.startswith("ruby") else []
        versions = dict.fromkeys((version, *built_for))
        return {
            "GEM_PATH": _join(
                *(task / f"vendor/bundle/ruby/{number}.0" for number in versions),
                *(_under(opt, f"ruby/gems/{number}.0") for number in versions),
            ),
            "RUBYLIB": _join(task, _under(opt, "ruby/lib")),
        }
    return {}


def _under(folder: Path | None, name: str) -> Path | None:
    return folder / name if folder else None


def _join(*parts: Path | str | None) -> str:
    return ":".join(str(part) for part in parts if part)

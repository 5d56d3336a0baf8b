"""What the user wrote -> one frozen, typed model (:class:`App`).

``load`` reads ``lambdactl.yaml``; ``check_code`` looks whether the handlers it names are there;
``app_from_handler`` does without a manifest. Every problem has a file, a line and a column, and
all of them are found at once.

The names load when they are used: the model alone, which every room needs, costs no YAML.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lambdactl.manifest.model import App, Code, Function, Layer, Logging, Trigger

if TYPE_CHECKING:
    from lambdactl.manifest import env_file
    from lambdactl.manifest.code_check import check_code, check_releases
    from lambdactl.manifest.limits import reserved_variables
    from lambdactl.manifest.loading import Report, examine, load
    from lambdactl.manifest.rules import check_variable_names
    from lambdactl.manifest.single import app_from_handler
    from lambdactl.manifest.source import find

_LAZY = {
    "Report": "loading",
    "app_from_handler": "single",
    "check_code": "code_check",
    "check_releases": "code_check",
    "check_variable_names": "rules",
    "reserved_variables": "limits",
    "env_file": "",
    "examine": "loading",
    "find": "source",
    "load": "loading",
}

__all__ = [
    "App",
    "Code",
    "Function",
    "Layer",
    "Logging",
    "Report",
    "Trigger",
    "app_from_handler",
    "check_code",
    "check_releases",
    "check_variable_names",
    "env_file",
    "examine",
    "find",
    "load",
    "reserved_variables",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_LAZY[name] or name}")
    return getattr(module, name) if _LAZY[name] else module

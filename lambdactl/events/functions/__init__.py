"""The functions a placeholder can call. Each takes the scope it is called in, then its arguments.

:data:`FUNCTIONS` maps the name used in a catalog file to the function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lambdactl.events.functions import aws, data, http, identifiers, shapes, streams, times, values

FUNCTIONS: dict[str, Callable[..., Any]] = {
    **values.FUNCTIONS,
    **identifiers.FUNCTIONS,
    **times.FUNCTIONS,
    **data.FUNCTIONS,
    **aws.FUNCTIONS,
    **http.FUNCTIONS,
    **shapes.FUNCTIONS,
    **streams.FUNCTIONS,
}

__all__ = ["FUNCTIONS"]

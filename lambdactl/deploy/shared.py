"""What several functions have in one document of AWS: notifications of a bucket, triggers of a user
pool or a repository.

Such a document is one resource, with the part of each function. Where everything is deployed, all
parts are held against all that there are (``functions``). Where only some functions are deployed,
only their parts are (``function NAME``), and those of others stay as they are.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.model import Resource

ALL = "functions"
_ONE = "function "

_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
_making = threading.Lock()


@contextlib.contextmanager
def alone(document: str) -> Iterator[None]:
    """Read, change and write ``document`` while no other thread does. AWS has no condition for
    such writes."""
    with _making:
        lock = _locks[document]
    with lock:
        yield


def shares(wanted: Wanted, resource: Resource, functions: Collection[str]) -> Resource:
    """``resource``, whose properties are parts by the functions' names in AWS, as it is compared.

    :param functions: of the manifest, that it serves.
    """
    parts = resource.properties
    if wanted.names:
        properties: dict[str, Any] = {f"{_ONE}{name}": part for name, part in parts.items()}
    else:
        properties = {ALL: parts}
    chosen = sorted(set(functions))
    # With names, resources are chosen by the function they serve: any of them will do.
    function = chosen[0] if len(chosen) == 1 or wanted.names else None
    return dataclasses.replace(resource, properties=properties, function=function)


def compared(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Live parts in both shapes."""
    return {ALL: dict(parts), **{f"{_ONE}{name}": part for name, part in parts.items()}}


def merged(resource: Resource, live: Mapping[str, Any]) -> dict[str, Any]:
    """The parts as they shall be.

    :param live: the parts that there are.
    """
    if ALL in resource.properties:
        return dict(resource.properties[ALL])
    given = {name.removeprefix(_ONE): part for name, part in resource.properties.items()}
    return {**live, **given}

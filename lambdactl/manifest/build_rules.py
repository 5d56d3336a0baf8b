"""Rules of builds: what goes together, and what is for which functions.

What a function itself asks for must be possible; what all are asked for in ``defaults`` holds for
those that can be it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lambdactl.manifest.document import Node, Problems
from lambdactl.manifest.subject import Subject

_WAYS = ("command", "container", "bundle")
_BOTH = "there are both a command in `build` and `bundle`"


def build(s: Subject) -> None:
    fields = s.data.get("build")
    node = s.node.get("build")
    if node is None or not isinstance(fields, Mapping):
        return
    asked = [name for name in _WAYS if name in node.value]
    if not asked and fields.keys() >= node.value.keys():  # A misspelt one is a problem of its own.
        s.problems.add(
            "missing-field",
            "`build` needs `command`, `container` or `bundle`",
            s.key("build"),
            node=node,
        )
    if "command" in asked and "bundle" in asked:
        s.problems.add(
            "conflict",
            "`build` has both `command` and `bundle`",
            node.keys["bundle"],
            "keep one of them",
            node=node.get("bundle"),
        )


def bundle(s: Subject) -> None:
    inside = s.own.get("build", "bundle")
    own = s.own.get("bundle") or inside
    if own is None:
        return
    if s.own.get("bundle") is not None and (
        inside is not None or isinstance(s.data.get("build"), str) or s.node.get("build", "command")
    ):
        what = "`bundle` stands beside and inside of `build`" if inside else _BOTH
        s.problems.add("conflict", what, s.own.keys["bundle"], "keep one of them", node=own)
    runtime = s.data.get("runtime")
    if not s.is_image and runtime is not None and not runtime.startswith("nodejs"):
        s.problems.add(
            "conflict",
            f"esbuild makes bundles of Node.js, and `{s.name}` is in {runtime}",
            own,
            "remove the line",
        )


def image(s: Subject) -> None:
    """The Dockerfile says how an image is made."""
    if not s.is_image:
        return
    for path in (("bundle",), ("dependencies",), ("build", "container"), ("build", "bundle")):
        node = s.own.get(*path)
        if node is None:
            continue
        parent = s.own.get(*path[:-1]) or s.own
        s.problems.add(
            "conflict",
            f"a function from an image takes no `{path[-1]}`",
            parent.keys[path[-1]],
            "remove the line: its Dockerfile says how it is made",
            node=node,
        )


def check_layers(document: Node, values: Mapping[str, Any], problems: Problems) -> None:
    """A layer that is built says for what."""
    nodes = document.get("layers")
    for name, layer in values.get("layers", {}).items():
        fields = layer.get("build")
        node = nodes.get(name, "build") if nodes is not None else None
        if node is None or not isinstance(fields, Mapping) or fields.get("command"):
            continue
        if "runtime" not in fields and not layer.get("runtimes") and "runtime" not in node.value:
            problems.add(
                "missing-field",
                f"the build of the layer `{name}` needs `runtime` or `command`",
                node,
                "for example build: {runtime: python3.13}",
            )


RULES: tuple[Callable[[Subject], None], ...] = (build, bundle, image)

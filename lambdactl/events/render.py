"""Filling in a template: scopes, names and placeholders.

A name stands for a parameter, a named value (``let``) or one of the built-in names. A named value
is worked out once a scope, when it is first used, so whatever refers to it agrees with it: the
digest of a body is the digest of the body that is in the event.

Random values come from the seed and the place they stand in, so one more ``--bucket`` on the
command line does not change the identifiers around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from random import Random
from typing import Any

from lambdactl.events import expressions
from lambdactl.events.expressions import Call, Literal, Member, Name, Part
from lambdactl.events.functions import FUNCTIONS
from lambdactl.events.functions.values import OMIT

_UNFINISHED = object()


class TemplateError(ValueError):
    """A template can't be filled in: a mistake in the catalog, not of the user."""


class Scope:
    """The names a template can use: its own, then those of the scope around it.

    :param label: what sets this scope's random values apart from those of other scopes.
    :param templates: named values, worked out when used.
    :param values: names that have their value already; they win over ``templates``.
    """

    def __init__(
        self,
        label: str,
        templates: Mapping[str, Any],
        values: Mapping[str, Any],
        around: Scope | None = None,
    ) -> None:
        self.label = label
        self.templates = templates
        self.values = dict(values)
        self.around = around
        self._place = ""
        self._draws: dict[str, int] = {}

    def value(self, name: str) -> Any:
        """What ``name`` stands for.

        :raises TemplateError: nothing is called that, or its value needs itself.
        """
        if name in self.values:
            value = self.values[name]
            if value is _UNFINISHED:
                raise TemplateError(f"the value of {name!r} needs itself")
            return value
        if name in self.templates:
            self.values[name] = _UNFINISHED
            with self._at(f"let {name}"):
                self.values[name] = self.render(self.templates[name])
            return self.values[name]
        if self.around is not None:
            return self.around.value(name)
        raise TemplateError(f"nothing is called {name!r}")

    def random(self) -> Random:
        """A source of random values for the place that is being filled in."""
        draw = self._draws.get(self._place, 0)
        self._draws[self._place] = draw + 1
        return Random(f"{self.label}|{self._place}|{draw}")  # noqa: S311 - samples, not secrets

    def render(self, template: Any) -> Any:
        """``template`` with every placeholder filled in; :data:`OMIT` for one to leave out.

        :raises TemplateError: a placeholder can't be filled in.
        """
        if isinstance(template, str):
            return self._text(template)
        if isinstance(template, dict):
            result: dict[str, Any] = {}
            for key, item in template.items():
                with self._at(key):
                    value = self.render(item)
                    if value is not OMIT:
                        result[self._text(key) if "${" in key else key] = value
            return result
        if isinstance(template, list):
            items = []
            for index, item in enumerate(template):
                with self._at(str(index)):
                    items.append(self.render(item))
            return [item for item in items if item is not OMIT]
        return template

    @contextmanager
    def _at(self, step: str) -> Iterator[None]:
        place = self._place
        self._place = step if step.startswith("let ") else f"{place}/{step}"
        try:
            yield
        finally:
            self._place = place

    def _text(self, template: str) -> Any:
        if "${" not in template:
            return template
        parts = expressions.parse(template)
        if len(parts) == 1:
            return self._evaluate(parts[0])
        values = [part if isinstance(part, str) else self._evaluate(part) for part in parts]
        return "".join(_as_text(value, template) for value in values)

    def _evaluate(self, part: Part) -> Any:
        match part:
            case Literal(value):
                return value
            case Name(name):
                return self.value(name)
            case Member(owner, key):
                value = self._evaluate(owner)
                if not isinstance(value, dict) or key not in value:
                    raise TemplateError(f"there is no {key!r} in {owner}")
                return value[key]
            case Call(function, arguments):
                return self._call(function, [self._evaluate(argument) for argument in arguments])
        return part

    def _call(self, function: str, arguments: list[Any]) -> Any:
        if function not in FUNCTIONS:
            raise TemplateError(f"there is no function {function!r}")
        return FUNCTIONS[function](self, *arguments)


def _as_text(value: Any, template: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, datetime):
        raise TemplateError(f"a time needs a format in {template!r}")
    raise TemplateError(f"{type(value).__name__} is no text in {template!r}")

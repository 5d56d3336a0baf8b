"""The parameters of a template: defaults, ``--parameter-overrides``, and their rules.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from lambdactl.errors import UserError, did_you_mean
from lambdactl.manifest import scalars
from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.faults import stand_in
from lambdactl.manifest.sam.values import Value, made, moved, text_of

if TYPE_CHECKING:
    from lambdactl.manifest.sam.template import Template

_LONG = r"""(?x)ParameterKey=(?P<key>"(?:\\.|[^"\\])*"|[^,\s]+),
        ParameterValue=(?P<value>"(?:\\.|[^"\\])*"|(?:\\.|[^\s\\])*)"""
_SHORT = r"""(?xs)(?P<key>"(?:\\.|[^"\\])*"|[A-Za-z0-9]+)
        =(?P<value>"(?:\\.|[^"\\])*"|(?:\\.|(?!\s+[A-Za-z0-9]+=).)*)"""
_SSM = "AWS::SSM::Parameter::Value<"


def parse_overrides(words: Iterable[str]) -> dict[str, str]:
    """Parameters in either of SAM's two spellings, one or several a word: ``Key=Value`` and
    ``ParameterKey=Key,ParameterValue=Value``; text in double quotes may hold spaces.
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-cli-command-reference-sam-local-invoke.html

    :raises UserError: a word is of neither form.
    """
    found: dict[str, str] = {}
    for word in words:
        text = word.strip()
        pattern = _LONG if text.startswith("ParameterKey=") else _SHORT
        end = 0
        for match in re.finditer(pattern, text):
            if text[end : match.start()].strip():
                break
            found[_unquoted(match["key"])] = _unquoted(match["value"])
            end = match.end()
        if text[end:].strip():
            raise UserError(
                f"{text[end:].strip()!r} is not a parameter",
                hint="write Key=Value, or ParameterKey=Key,ParameterValue=Value",
            )
    return found


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return re.sub(r"\\(.)", r"\1", text) if "\\" in text else text


def check_names(scope: Template, overrides: Mapping[str, Node | str]) -> None:
    """That each name is one of a parameter, or of a resource whose ``Ref`` it is to be, as SAM has
    it (a table or a user pool that is deployed); a function's name here is its logical id.

    :raises UserError: the template has neither.
    """
    declared = scope.section("Parameters")
    known = declared.value if declared is not None and declared.is_mapping else {}
    for name in overrides:
        resource = None if name in known else scope.resources.get(name)
        if name not in known and (resource is None or resource.is_function):
            listed = ", ".join(known)
            raise UserError(
                f"the template has no parameter {name!r}",
                hint=did_you_mean(name, known)
                or (f"it has: {listed}" if listed else "it has no parameters"),
            )


def check(scope: Template) -> None:
    """Report values that break the rules of their parameter, used or not."""
    declared = scope.section("Parameters")
    for name, node in declared.items() if declared is not None else ():
        _known(scope, name, node)


def value(scope: Template, name: str, declared: Node, at: Node) -> Node:
    """What ``Ref`` gives for a parameter, standing at ``at``."""
    node = _known(scope, name, declared)
    if node is None:
        if name in scope.missing:
            return made(name, at, stand_in=True)
        scope.missing.add(name)
        hint = f"--parameter-overrides {name}=... gives it one"
        return stand_in(scope, at, f"the value of the parameter `{name}`", name, hint)
    kind = text_of(declared.get("Type")) or "String"
    if kind.startswith(_SSM) and node.text:
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
        what = f"what Parameter Store has under `{node.text}`"
        return stand_in(scope, at, what, node.text)
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        node = _listed(node)
    return moved(node, at)


def _known(scope: Template, name: str, declared: Node) -> Node | None:
    """The value that was given, or the default; None for neither."""
    if name not in scope.parameters:
        given, default = scope.overrides.get(name), declared.get("Default")
        node = made(given, declared) if isinstance(given, str) else given
        if node is None and default is not None and default.value is not None:
            node = default
        scope.parameters[name] = node
        if node is not None:
            _check(scope, name, declared, node, text_of(declared.get("Type")) or "String")
    return scope.parameters[name]


def _listed(node: Node) -> Node:
    if isinstance(node.value, list):
        return node
    pieces = [made(piece.strip(), node, stand_in=node.unknown) for piece in node.text.split(",")]
    return Value(pieces if node.text else [], *node.at, size=1 + len(pieces))


def _check(scope: Template, name: str, declared: Node, node: Node, kind: str) -> None:
    """A parameter's own rules. A value that may not be seen (``NoEcho``) is not shown."""
    text = text_of(node)
    if text is None or node.unknown:
        return
    hidden = (text_of(declared.get("NoEcho")) or "").lower() == "true"
    shown = "its value" if hidden else f"`{text}`"
    hint = text_of(declared.get("ConstraintDescription"))
    allowed = declared.get("AllowedValues")
    at: Node = declared if scope.overrides.get(name) is not None else node

    def fault(code: str, message: str, fallback: str | None = None) -> None:
        scope.problems.add(code, message, at.at, hint or fallback)

    if allowed is not None and isinstance(allowed.value, list):
        texts = [member.text for member in allowed.value]
        words = text.split(",") if kind == "CommaDelimitedList" else [text]
        if any(word.strip() not in texts for word in words):
            listed = f"one of: {', '.join(texts)}"
            fault("invalid-value", f"the parameter `{name}` can't be {shown}", listed)
    pattern = text_of(declared.get("AllowedPattern"))
    if pattern is not None:
        try:
            good = re.fullmatch(pattern, text) is not None
        except re.error:
            good = True  # Java's patterns have more than Python's.
        if not good:
            fault("malformed", f"the parameter `{name}`: {shown} is malformed", f"it is {pattern}")
    number = scalars.resolve(text)
    if kind == "Number":
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            fault("wrong-type", f"the parameter `{name}` must be a number, not {shown}")
        else:
            _range(declared, "Value", number, fault, name)
    else:
        _range(declared, "Length", len(text), fault, name)


def _range(
    declared: Node, what: str, measure: float, fault: Callable[[str, str], None], name: str
) -> None:
    unit = " characters" if what == "Length" else ""
    low, high = _limit(declared, f"Min{what}"), _limit(declared, f"Max{what}")
    verb = "must have" if unit else "must be"
    if low is not None and measure < low:
        fault("out-of-range", f"the parameter `{name}` {verb} at least {low:g}{unit}")
    if high is not None and measure > high:
        fault("out-of-range", f"the parameter `{name}` {verb} at most {high:g}{unit}")


def _limit(declared: Node, word: str) -> float | None:
    node = declared.get(word)
    value = scalars.resolve(node.text) if node is not None and node.text else None
    return value if isinstance(value, (int, float)) else None

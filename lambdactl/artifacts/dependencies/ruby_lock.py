"""Reads a Gemfile.lock (https://bundler.io/guides/rationale.html): sections that begin at the
margin, gems by four spaces, what they need by six."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_SPEC = re.compile(r"    (\S+)(?: \(([^)]*)\))?!?")
_NEED = re.compile(r"      (\S+?)!?(?: \(.*\))?")
_DIRECT = re.compile(r"  (\S+?)!?(?: \(.*\))?")
_REMOTE = re.compile(r"  remote: (.+)")
_PLATFORM = re.compile(r"-(?:x86|x64|arm|aarch|universal|java|jruby|mingw|ruby|ppc|s390|riscv).*$")


@dataclass(frozen=True, slots=True)
class Spec:
    """One gem; ``version`` is without the platform."""

    version: str
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lock:
    """What a lock file says.

    :ivar specs: gems by name; of several for different platforms, what all of them need.
    :ivar direct: the gems that the Gemfile names.
    :ivar git: names of those from git.
    :ivar paths: folders that gems are used from, relative to the lock file.
    """

    specs: dict[str, Spec] = field(default_factory=dict)
    direct: frozenset[str] = frozenset()
    git: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()


def parse(text: str) -> Lock:
    """The content of a lock file; what it does not understand it leaves out."""
    section, last = "", ""
    specs: dict[str, Spec] = {}
    direct: list[str] = []
    git: list[str] = []
    paths: list[str] = []
    for line in text.splitlines():
        if line and not line.startswith(" "):
            section = line.strip()
        elif section == "DEPENDENCIES" and (found := _DIRECT.fullmatch(line)):
            direct.append(found[1])
        elif section not in ("GEM", "GIT", "PATH", "PLUGIN SOURCE"):
            continue
        elif section == "PATH" and (found := _REMOTE.fullmatch(line)):
            paths.append(found[1].strip())
        elif found := _NEED.fullmatch(line):
            if last in specs:
                before = specs[last]
                specs[last] = Spec(before.version, (*before.requires, found[1]))
        elif found := _SPEC.fullmatch(line):
            last = found[1]
            before = specs.get(last, Spec(_PLATFORM.sub("", found[2] or "")))
            specs[last] = before
            if section == "GIT":
                git.append(last)
    return Lock(specs, frozenset(direct), frozenset(git), tuple(paths))

"""A manifest file -> an :class:`App`, or all that is wrong with it.

Text -> tree -> stage laid over -> variables replaced -> defaults laid under each function ->
schema -> rules -> model. Every step goes on where the one before found faults.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from lambdactl.errors import ManifestError, Problem, UserError, did_you_mean
from lambdactl.manifest import build, build_rules, env_file, source
from lambdactl.manifest.api_rules import check_apis
from lambdactl.manifest.checker import Checker, schema
from lambdactl.manifest.composer import YamlError, compose
from lambdactl.manifest.document import Node, Problems
from lambdactl.manifest.model import App
from lambdactl.manifest.overlay import merged
from lambdactl.manifest.owned_rules import check_resources
from lambdactl.manifest.repair import mend
from lambdactl.manifest.rules import check_function, check_together
from lambdactl.manifest.subject import Subject
from lambdactl.manifest.variables import Context, resolve

_SHARED = frozenset({"dependencies", "runner"})
"""Fields of every function that may stand at the top of a manifest too."""
_GAPS = frozenset({"missing-field", "wrong-type", "too-few", "indentation"})
"""Problems that a line left out would make."""


class Report(NamedTuple):
    """What reading a manifest gave. ``app`` holds what could be read; it is whole only where
    ``problems`` has no error. ``sound`` are the functions whose code, runtime and handler can be
    looked for on disk."""

    app: App | None
    problems: tuple[Problem, ...]
    sound: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        return not any(problem.severity == "error" for problem in self.problems)


def load(
    path: Path | None = None,
    *,
    stage: str | None = None,
    env: Mapping[str, str] | None = None,
    env_files: Sequence[Path] = (),
    start: Path | None = None,
    parameters: Mapping[str, str] | None = None,
) -> App:
    """Read a manifest. Nothing of the functions' code is looked at: see ``check_code``.

    :param path: the manifest or SAM template, or a folder that holds one; without it, the nearest
        ``lambdactl.yaml`` or ``template.yaml`` in ``start`` (the current folder) and the folders
        above.
    :param stage: the overlay of ``stages`` to lay over it.
    :param env: what ``${env:...}`` sees; ``os.environ`` if left out. It wins over ``env_files``.
    :param parameters: values of a template's parameters, in place of their defaults.
    :raises ManifestError: with all problems.
    """
    report = examine(
        path, stage=stage, env=env, env_files=env_files, start=start, parameters=parameters
    )
    if not report.valid or report.app is None:
        raise ManifestError(report.problems)
    return replace(report.app, warnings=report.problems)


def examine(
    path: Path | None = None,
    *,
    stage: str | None = None,
    env: Mapping[str, str] | None = None,
    env_files: Sequence[Path] = (),
    start: Path | None = None,
    parameters: Mapping[str, str] | None = None,
) -> Report:
    """Read a manifest as :func:`load` does, and give problems and what could be read together.

    :raises ManifestError: there is no manifest, or it is not readable as text.
    :raises UserError: an env file is missing or malformed.
    """
    found = source.require(path, start)
    variables = env_file.environment(os.environ if env is None else env, env_files)
    text = source.read(found)
    root = found.absolute().parent
    if source.is_template(text):
        from lambdactl.manifest.sam.reading import TemplateReader

        return TemplateReader(found, variables, stage=stage, overrides=parameters).read(text)
    if parameters:
        raise UserError(
            f"{source.shown(found)} takes no parameters", hint="they are for SAM templates"
        )
    return Reader(found, root, stage, variables).read(text)


class Reader:
    """Reads one manifest. What is peculiar to ``lambdactl.yaml`` is in ``compose``, ``prepared``
    and ``checker``."""

    of_triggers = "error"
    """The severity of triggers that AWS would refuse, and that run on this machine."""

    def __init__(self, file: Path, root: Path, stage: str | None, env: Mapping[str, str]) -> None:
        self.file = file
        self.shown = source.shown(file)
        self.root = root
        self.stage = stage
        self.context = Context(root, env, stage)

    def read(self, text: str) -> Report:
        """The report of a text, of which some lines may not be YAML."""
        forbidden = Problems(self.shown, text)
        text = source.report_forbidden(text, forbidden)
        try:
            report = self.report(text, {}, text)
        except YamlError:
            tabs = source.tab_lines(text)
            report = self.without_tabs(text, tabs) if tabs else self.repaired(text, {}, text)
        return report._replace(problems=_ordered((*report.problems, *forbidden.all())))

    def repaired(self, text: str, shifts: Mapping[int, int], original: str) -> Report:
        """The report of a text that is not YAML: what is wrong with that, and with the rest where
        the rest can be read."""
        repair = mend(text)
        syntax = Problems(self.shown, original)
        syntax.shifts = shifts
        for error in repair.errors:
            syntax.add(error.code, error.message, error.at, error.hint)
        for line, word in repair.words:
            syntax.add(
                "unquoted-braces",
                "braces inside of `{}` or `[]` are read here, and by no other YAML tool",
                (line, word.column),
                f'put the text in quotes: "{word.text}"',
                severity="warning",
            )
        if repair.text is None:
            return Report(None, syntax.all())
        report = self.report(repair.text, shifts, original)
        rest = [p for p in report.problems if not (repair.lines_left_out and p.code in _GAPS)]
        return report._replace(problems=_ordered((*rest, *syntax.all())))

    def without_tabs(self, text: str, lines: Sequence[int]) -> Report:
        """The report of a text with tabs in its indentation: each such line is a problem, and the
        guess of what the tabs stand for that leaves the fewest others is read on. A guess that
        makes YAML comes first: what was left out for it to be YAML has no problems either."""
        reports = [self.repaired(guess.text, guess.shifts, text) for guess in source.untabbed(text)]
        best = min(reports, key=_badness)
        tabs = Problems(self.shown, text)
        for line in lines:
            tabs.add(
                "tab-indentation",
                "YAML is indented with spaces, and this is a tab",
                (line, tabs.lines[line - 1].index("\t") + 1),
                "replace the tab with spaces",
            )
        others = [problem for problem in best.problems if problem.where.line not in lines]
        rest = others if best.app is None else best.problems
        return best._replace(problems=_ordered((*rest, *tabs.all())))

    def report(self, text: str, shifts: Mapping[int, int], original: str) -> Report:
        """:raises YamlError: the text is not YAML."""
        problems = Problems(self.shown, original)
        problems.shifts = shifts
        document = self.compose(text, problems)
        if document is None or document.value is None:
            problems.add(
                "empty-manifest",
                "the manifest is empty",
                (1, 1),
                "`lambdactl init` makes one to start from",
            )
            return Report(None, problems.all())
        if not document.is_mapping:
            problems.add(
                "not-a-mapping",
                "a manifest is a mapping: `functions:` and what belongs to it",
                document,
                "start with `functions:`",
            )
            return Report(None, problems.all())
        return self.checked(document, problems)

    def compose(self, text: str, problems: Problems) -> Node | None:
        """:raises YamlError: the text is not YAML."""
        return compose(text, problems)

    def prepared(self, document: Node, problems: Problems) -> tuple[Node, Node]:
        """What there is to check, without what functions share and with it."""
        document = self.staged(document, problems)
        skip = {key for key in document.value if key == "stages" or key.startswith("x-")}
        document = resolve(document, self.context, problems, skip)
        return document, _with_defaults(document)

    def checker(self, problems: Problems) -> Checker:
        return Checker(schema(), problems)

    def checked(self, document: Node, problems: Problems) -> Report:
        written, document = self.prepared(document, problems)
        own = written.get("functions")
        checker = self.checker(problems)
        values = checker.check(document, checker.root, "")
        functions, defaults = document.get("functions"), document.get("defaults")
        sound: list[str] = []
        if functions is not None and own is not None:
            for name, node in functions.items():
                data = checker.values.get(id(node))
                if data is None or not node.is_mapping:
                    continue
                subject = Subject(
                    name=name,
                    node=node,
                    own=own.value[name],
                    data=data,
                    app=values,
                    values=checker.values,
                    layers=document.get("layers"),
                    misspelt=frozenset(
                        field
                        for mapping, field in checker.misspelt
                        if mapping in (id(node), id(defaults))
                    ),
                    problems=problems,
                )
                check_function(subject, functions.keys.get(name, node.at))
                if node.get("code") is None or "code" in data:
                    sound.append(name)
            check_together(functions, problems)
            check_apis(document, values, problems)
        build_rules.check_layers(document, values, problems)
        check_resources(document, values, problems, self.stage, self.of_triggers)
        app = build.app(
            values,
            document,
            problems.location,
            self.root,
            source=self.file.absolute(),
            stage=self.stage,
        )
        return Report(app, problems.all(), tuple(sound))

    def staged(self, document: Node, problems: Problems) -> Node:
        if self.stage is None:
            return document
        stages = document.get("stages")
        names: Mapping[str, Any] = stages.value if stages is not None and stages.is_mapping else {}
        if self.stage in names:
            overlay = names[self.stage]
            if not overlay.is_mapping:
                return document
            known = schema()["$defs"]["stage"]["properties"]
            value = {name: child for name, child in overlay.items() if name in known}
            return merged(document, replace(overlay, value=value))
        if stages is None or stages.is_mapping:
            listed = ", ".join(names)
            problems.add(
                "unknown-stage",
                f"there is no stage `{self.stage}`",
                document.keys.get("stages"),
                did_you_mean(self.stage, names)
                or (f"there is: {listed}" if names else "the manifest has no `stages`"),
            )
        return document


def _with_defaults(document: Node) -> Node:
    """Every function with the defaults laid under it, and what stands at the manifest's top under
    those."""
    defaults, functions = document.get("defaults"), document.get("functions")
    if defaults is not None and (not defaults.is_mapping or defaults.unknown):
        defaults = None
    if not _SHARED.isdisjoint(document.value):
        shared = {name: child for name, child in document.items() if name in _SHARED}
        keys = {name: document.keys[name] for name in shared}
        below = replace(document, value=shared, keys=keys)
        defaults = below if defaults is None else merged(below, defaults)
    if defaults is None or functions is None or not functions.is_mapping:
        return document
    known = schema()["$defs"]["defaults"]["properties"]
    together = {name: merged(defaults, node, known) for name, node in functions.items()}
    value = {**document.value, "functions": replace(functions, value=together)}
    return replace(document, value=value)


def _badness(report: Report) -> tuple[bool, int, int]:
    syntax = sum(problem.code == "yaml-syntax" for problem in report.problems)
    return report.app is None, syntax, len(report.problems)


def _ordered(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda p: (p.where.line or 0, p.where.column or 0)))

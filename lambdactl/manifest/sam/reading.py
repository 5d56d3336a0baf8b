"""A SAM or CloudFormation template -> a :class:`~lambdactl.manifest.loading.Report`.

Text -> tree -> laid out as a manifest, with its functions replaced -> the schema and the rules of
``lambdactl.yaml`` -> model. Messages speak of the template's own words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lambdactl.errors import Problem
from lambdactl.manifest import source
from lambdactl.manifest.checker import schema
from lambdactl.manifest.composer import compose
from lambdactl.manifest.document import Node, Problems
from lambdactl.manifest.loading import Reader, Report
from lambdactl.manifest.model import App
from lambdactl.manifest.sam import callers, code, events, functions
from lambdactl.manifest.sam import globals as shared
from lambdactl.manifest.sam.draft import Draft, Fields, Place, Trigger, sequence
from lambdactl.manifest.sam.intrinsics import TAGS
from lambdactl.manifest.sam.kinds import misspelled
from lambdactl.manifest.sam.template import FUNCTION_TYPES, Resource, Template
from lambdactl.manifest.sam.values import made, text_of

_LAYERS = ("AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion")
_STACKS = ("AWS::Serverless::Application", "AWS::CloudFormation::Stack")
_MACROS = frozenset({"AWS::Serverless-2016-10-31", "AWS::LanguageExtensions"})
_LINKS = (
    "AWS::ApiGateway",
    "AWS::CodeCommit",
    "AWS::Cognito",
    "AWS::ElasticLoadBalancingV2",
    "AWS::Events",
    "AWS::IoT",
    "AWS::Lambda",
    "AWS::Logs",
    "AWS::S3",
    "AWS::SNS",
    "AWS::Scheduler",
    "AWS::Serverless::WebSocketApi",
)
"""Services whose resources may name a function that they call."""
_GATEWAYS = (
    "AWS::ApiGateway",
    "AWS::Serverless::Api",
    "AWS::Serverless::HttpApi",
    "AWS::Serverless::StateMachine",
)
_OWNED = (
    "AWS::DynamoDB::Table",
    "AWS::Kinesis::Stream",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::Serverless::SimpleTable",
)
_FIELD = "`([a-z_.]+)`"
_DEPTH = 10


class TemplateReader(Reader):
    """Reads one template. ``into`` is the folder that paths of the manifest are relative to;
    ``document`` is the manifest that the template amounts to, once it is read."""

    of_triggers = "warning"

    def __init__(
        self,
        file: Path,
        env: Mapping[str, str],
        *,
        stage: str | None = None,
        overrides: Mapping[str, Node | str] | None = None,
        into: Path | None = None,
        prefix: str = "",
        above: tuple[Path, ...] = (),
        thorough: bool = False,
    ) -> None:
        super().__init__(file, into or file.absolute().parent, stage, env)
        self.env = env
        self.overrides = overrides or {}
        self.prefix = prefix
        self.above = (*above, file.resolve())
        self.thorough = thorough
        self.document: Node | None = None
        self.draft: Draft | None = None
        self.stacks: dict[str, TemplateReader] = {}
        self.reports: list[Report] = []

    def read(self, text: str) -> Report:
        return super().read(_json_as_yaml(text) if text.lstrip().startswith("{") else text)

    def compose(self, text: str, problems: Problems) -> Node | None:
        return compose(text, problems, TAGS)

    def prepared(self, document: Node, problems: Problems) -> tuple[Node, Node]:
        if self.stage is not None:
            message = "a template has no stages"
            hint = "parameters make a template differ: --parameter-overrides Stage=..."
            problems.add("unknown-stage", message, None, hint)
        template = Template(
            document,
            problems,
            folder=self.file.absolute().parent,
            overrides=self.overrides,
            env=self.env,
            prefix=self.prefix,
            stack=self.template_of,
        )
        if self.overrides or document.get("Parameters") is not None:
            from lambdactl.manifest.sam import parameters

            if not self.prefix:
                parameters.check_names(template, self.overrides)
            parameters.check(template)
        self.draft = draft = Draft(template, self.root, thorough=self.thorough)
        _check_sections(draft)
        for resource in template.of_type(*_STACKS):
            self.stack(resource)
        manifest = _manifest(draft)
        self.document = manifest
        return manifest, manifest

    def checked(self, document: Node, problems: Problems) -> Report:
        report = super().checked(document, problems)
        draft = self.draft
        if draft is None:
            return report
        problems_ = tuple(_reworded(problem, draft.words) for problem in report.problems)
        # SAM reads on where a key is given twice, and so do public templates.
        problems_ = tuple(
            replace(problem, severity="warning") if problem.code == "duplicate-key" else problem
            for problem in problems_
        )
        if draft.owned:
            from lambdactl.manifest.sam.owned import places

            # What is wrong with a queue is AWS's to refuse: the functions run without it.
            of_resources = places(self.document)
            problems_ = tuple(
                replace(problem, severity="warning")
                if (problem.where.line, problem.where.column) in of_resources
                else problem
                for problem in problems_
            )
        sound = tuple(name for name in report.sound if name not in draft.unbuilt)
        app = report.app
        for nested in self.reports:
            problems_ += nested.problems
            sound += nested.sound
            if app is not None and nested.app is not None:
                app = _joined(app, nested.app)
        return Report(app, problems_, sound)

    # Nested stacks

    def template_of(self, resource: Resource) -> Template | None:
        """The template of a nested stack."""
        reader = self.stack(resource)
        return reader.draft.template if reader is not None and reader.draft is not None else None

    def stack(self, resource: Resource) -> TemplateReader | None:
        """Read a nested stack, where its template is a file.
        https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-application.html
        """
        if resource.name in self.stacks:
            return self.stacks[resource.name]
        word = "Location" if resource.type == _STACKS[0] else "TemplateURL"
        location = resource.get(word)
        text = text_of(location)
        draft = self.draft
        assert draft is not None
        file = draft.template.folder / (text or "")
        at = location or resource.at
        if text is None or location is None or location.unknown or "://" in text:
            message = (
                f"the template of `{resource.name}` is not a file, so its functions are missing"
            )
            draft.warn("not-supported", message, at)
            return None
        if file.is_dir():
            file = source.find(file, names=source.TEMPLATES) or file / source.TEMPLATES[0]
        if not file.is_file():
            message = f"there is no template {text}"
            draft.problems.add("file-not-found", message, at)
            return None
        if file.resolve() in self.above or len(self.above) > _DEPTH:
            draft.problems.add("circular", f"`{resource.name}` contains itself", at)
            return None
        given = resource.get("Parameters")
        reader = type(self)(
            file,
            self.env,
            overrides=given.value if given is not None and given.is_mapping else {},
            into=self.root,
            prefix=f"{self.prefix}{resource.name}-",
            above=self.above,
            thorough=self.thorough,
        )
        self.stacks[resource.name] = reader
        self.reports.append(reader.read(source.read(file)))
        return reader


def _json_as_yaml(text: str) -> str:
    """JSON is YAML but for tabs between its words, and for characters written as two escapes."""
    if "\t" in text:
        text = text.replace("\t", " ")
    if "\\ud" not in text.lower():
        return text
    pair = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    return re.sub(pair, lambda match: str(json.loads(f'"{match.group()}"')), text)


def _check_sections(draft: Draft) -> None:
    template = draft.template
    document = template.document
    if document.get("Resources") is None:
        message = "the template has no `Resources`"
        draft.problems.add("missing-field", message, (1, 1))
    globals_ = template.section("Globals")
    if globals_ is not None:
        shared.check(globals_, draft.problems)
    transform = document.get("Transform")
    macros = [] if transform is None else [transform]
    if transform is not None and isinstance(transform.value, list):
        macros = transform.value
    for macro in macros:
        name = text_of(macro) or text_of(macro.get("Name")) or ""
        if name not in _MACROS:
            message = f"the macro `{name}` runs in AWS only: what it would change is not changed"
            draft.warn("not-supported", message, macro)


def _manifest(draft: Draft) -> Node:
    """The template as a manifest."""
    template = draft.template
    place = _place(template.document, "Resources")
    owners = {r.key: r for r in template.of_type(*FUNCTION_TYPES)}
    fields = {key: functions.function(draft, owner) for key, owner in owners.items()}
    triggers: list[Trigger] = []
    for key, owner in owners.items():
        if owner.type == functions.SERVERLESS:
            versions = fields[key].value.get("aliases")
            alias = None
            if versions is not None:
                name = next(iter(versions.value))
                alias = made(name, versions)
            triggers += events.of_function(draft, owner, alias)
    if any(resource.type.startswith(_LINKS) for resource in template.resources.values()):
        from lambdactl.manifest.sam import links

        triggers += links.follow(draft, fields)
    apis = _apis(draft, triggers)
    triggers, fronts = apis if apis is not None else (triggers, None)
    result = draft.fields(place)
    listed = draft.fields(place)
    for key, owner in owners.items():
        own = [t.node() for t in triggers if t.function == key and _is_whole(draft, t)]
        if own:
            fields[key].put("triggers", sequence(own, own[0].at))
        listed.put(key, fields[key].node())
        listed.keys[key] = owner.at
    result.put("functions", listed.node())
    layers = draft.fields(place)
    for resource in template.of_type(*_LAYERS):
        layer = code.layer(draft, resource)
        if layer is not None:
            layers.put(resource.key, layer.node())
            layers.keys[resource.key] = resource.at
    result.nest("layers", layers)
    if fronts is not None:
        result.nest("apis", fronts)
    if draft.owned or any(r.type.startswith(_OWNED) for r in template.resources.values()):
        from lambdactl.manifest.sam import owned

        result.nest("resources", owned.section(draft, fields))
    _others(draft, result)
    return result.node()


def _apis(draft: Draft, triggers: list[Trigger]) -> tuple[list[Trigger], Fields] | None:
    """All triggers, and the ``apis`` section; None where nothing speaks HTTP."""
    template = draft.template
    if not draft.fronts and not any(
        resource.type.startswith(_GATEWAYS) for resource in template.resources.values()
    ):
        return None
    from lambdactl.manifest.sam import definitions, fronts, gateway_parts, routes

    triggers = definitions.with_definitions(draft, triggers)
    routes.of_state_machines(draft)
    gateway_parts.usage_plans(draft)
    return triggers, fronts.section(draft, triggers)


def _is_whole(draft: Draft, trigger: Trigger) -> bool:
    """Whether all that a trigger needs is known; what is not was named, and so is this."""
    part = schema()["$defs"][trigger.kind]
    needed = part.get("required") or next(
        (form["required"] for form in part.get("anyOf", ()) if "required" in form), ()
    )
    given = trigger.settings.value
    for field in needed:
        if field in given and given[field].unknown:
            word = draft.words.get(trigger.at, {}).get(field, field)
            message = f"this trigger is left out, because its `{word}` is not known"
            draft.warn("unresolved", message, trigger.at)
            return False
    return True


def _others(draft: Draft, result: Fields) -> None:
    """Keep or name what does not run here."""
    state_machines = draft.fields(result.at)
    for resource in draft.template.resources.values():
        if resource.type == "AWS::Serverless::Connector":
            message = f"the connector `{resource.name}` gives permissions only: nothing to run"
            draft.lose(message, resource.at)
            continue
        hint = misspelled(resource.type)
        if hint is not None:
            message = f"`{resource.name}` has a type that is not known: `{resource.type}`"
            draft.warn("unknown-type", message, resource.at, hint)
        elif resource.type.endswith("::StateMachine"):
            from lambdactl.manifest.sam import machines

            fields = machines.machine(draft, resource)
            if fields is not None:
                state_machines.put(resource.key, fields.node())
                state_machines.keys[resource.key] = resource.at
        else:
            callers.warn_of(draft, resource)
    result.nest("state_machines", state_machines)


def _place(document: Node, key: str) -> Place:
    return document.keys.get(key, document.at)


def _reworded(problem: Problem, words: Mapping[Place, Mapping[str, str]]) -> Problem:
    """The message with the template's words for the fields of the manifest."""
    where = problem.where
    known = words.get((where.line or 0, where.column or 0))
    if not known:
        return problem

    def spelled(match: re.Match[str]) -> str:
        return f"`{known.get(match[1], match[1])}`"

    message = re.sub(_FIELD, spelled, problem.message)
    hint = problem.hint and re.sub(_FIELD, spelled, problem.hint).replace("`defaults`", "`Globals`")
    return replace(problem, message=message, hint=hint)


def _joined(app: App, nested: App) -> App:
    owned = app.owned or nested.owned
    if app.owned is not None and nested.owned is not None:
        from lambdactl.manifest.build_owned import joined

        owned = joined(app.owned, nested.owned)
    return replace(
        app,
        owned=owned,
        functions={**app.functions, **nested.functions},
        layers={**app.layers, **nested.layers},
        apis={**app.apis, **nested.apis},
        state_machines={**app.state_machines, **nested.state_machines},
    )

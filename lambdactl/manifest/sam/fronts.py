"""The ``apis`` section that a template amounts to: what belongs to whole APIs, and the routes that
are no function's trigger.
"""

from __future__ import annotations

import re

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.draft import Draft, Fields, Place, Trigger, sequence
from lambdactl.manifest.sam.globals import with_globals
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, resource_of, text_of

SERVERLESS = {"AWS::Serverless::Api": "rest", "AWS::Serverless::HttpApi": "http"}
_IMPLICIT = {"rest": "ServerlessRestApi", "http": "ServerlessHttpApi"}
"""What SAM calls the API that it makes for events without one:
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html"""
_TYPES = {"rest": "AWS::Serverless::Api", "http": "AWS::Serverless::HttpApi"}


class Preflight:
    """SAM's ``Cors`` of a REST API where preflights need what other requests need. ``cors`` is as
    written; ``authorizer`` and ``api_key`` say whether the API's own hold for preflights."""

    def __init__(self, cors: Node, *, authorizer: bool, api_key: bool) -> None:
        self.cors = cors
        self.authorizer = authorizer
        self.api_key = api_key


class Front:
    """One API as the section will say it. ``fields`` are its own, ``groups`` those that have
    names (authorizers, models ...)."""

    def __init__(self, draft: Draft, key: str, kind: str, at: Place) -> None:
        self.draft = draft
        self.key = key
        self.kind = kind
        self.at = at
        self.fields = draft.fields(at)
        self.groups: dict[str, Fields] = {}
        self.routes: list[Node] = []
        self.preflight: Preflight | None = None

    def add(self, group: str, name: str, node: Node, at: Place | None = None) -> None:
        """Put one more entry into a mapping of names."""
        fields = self.groups.setdefault(group, self.draft.fields(at or node.at))
        fields.put(name, node)
        fields.keys[name] = at or node.at

    def names(self, group: str) -> dict[str, Node]:
        return self.groups[group].value if group in self.groups else {}

    def route(self, fields: Fields) -> None:
        """One more route of the section."""
        self.routes.append(fields.node())

    @property
    def says_something(self) -> bool:
        return bool(self.fields or self.groups or self.routes)

    def node(self) -> Node:
        for group, fields in self.groups.items():
            self.fields.nest(group, fields)
        if self.routes:
            self.fields.put("routes", sequence(self.routes, self.routes[0].at))
        outer = self.draft.fields(self.at)
        outer.put(self.kind, self.fields.node())
        outer.keys[self.kind] = self.at
        return outer.node()


class Api:
    """An API that something belongs to: a resource of the template, the one that SAM makes for
    events without, or one of another template. ``given`` is what names it."""

    def __init__(self, draft: Draft, given: Node | None, kind: str) -> None:
        self.draft = draft
        self.kind = kind
        self.resource = resource_of(given)
        text = text_of(given)
        if self.resource is None and text is not None:
            self.resource = draft.template.resources.get(text)
        self.implicit = self.resource is None and (given is None or text == _IMPLICIT.get(kind))
        self._shared: Node | None = None
        if self.resource is not None:
            self.key = self.resource.key
        elif self.implicit:
            self.key = f"{draft.template.prefix}{_IMPLICIT[kind]}"
        else:
            self.key = re.sub("[^A-Za-z0-9_-]+", "-", text or "").strip("-")[:128] or "api"
        self.name = made(self.key, given or Node(None, *_start(draft)))

    @property
    def at(self) -> Place:
        return self.resource.at if self.resource is not None else _start(self.draft)

    @property
    def serverless(self) -> bool:
        """Whether it is SAM's, so that ``get`` has what is said of it."""
        if self.resource is None:
            return self.implicit
        return self.resource.type == _TYPES.get(self.kind)

    @property
    def elsewhere(self) -> bool:
        """Whether another template has it."""
        return self.resource is None and not self.implicit

    def get(self, *path: str | int) -> Node | None:
        """A property of SAM's resource; what ``Globals`` says for the one that SAM makes."""
        if not self.serverless:
            return None
        if self.resource is not None:
            return self.resource.get(*path)
        if self._shared is None:
            template = self.draft.template
            empty = Node({}, *_start(self.draft))
            merged = with_globals(template.section("Globals"), _TYPES[self.kind], empty)
            self._shared = template.resolve(merged)
        return self._shared.get(*path)


def _start(draft: Draft) -> Place:
    document = draft.template.document
    return document.keys.get("Globals") or document.keys.get("Resources") or document.at


def front_of(draft: Draft, api: Api) -> Front:
    """What the section says of an API; read when it is first asked for."""
    known: Front | None = draft.fronts.get(api.key)
    if known is not None:
        return known
    front = draft.fronts[api.key] = Front(draft, api.key, api.kind, api.at)
    if api.serverless:
        from lambdactl.manifest.sam import serverless_apis

        serverless_apis.fill(draft, front, api)
    elif api.resource is not None:
        from lambdactl.manifest.sam import gateway_parts

        gateway_parts.fill(draft, front, api.resource)
    return front


def api_named(draft: Draft, resource: Resource, kind: str) -> Api:
    """The API that is a resource of the template."""
    return Api(draft, made(resource.name, resource.body, resource=resource), kind)


def section(draft: Draft, triggers: list[Trigger]) -> Fields:
    """The whole section, once everything has been read. APIs without a route are left out."""
    own: dict[str, list[Node]] = {}
    for trigger in triggers:
        key = text_of(trigger.settings.value.get("api"))
        if key is not None:
            own.setdefault(key, []).append(trigger.settings.node())
    result = draft.fields(_start(draft))
    for front in draft.fronts.values():
        if front.preflight is not None:
            from lambdactl.manifest.sam import preflights

            preflights.add(front, front.preflight, [*own.get(front.key, ()), *front.routes])
    served = [front for front in draft.fronts.values() if front.routes or front.key in own]
    for front in served:
        alone = _is_alone(draft, front, served)
        if alone:
            _unnamed(front, triggers)
        if front.says_something or not alone:
            result.put(front.key, front.node())
            result.keys[front.key] = front.at
    return result


def _is_alone(draft: Draft, front: Front, served: list[Front]) -> bool:
    """Whether it is what SAM makes for events that name no API, and the only one of its kind."""
    template = draft.template
    stacks = ("AWS::Serverless::Application", "AWS::CloudFormation::Stack")
    if front.key != _IMPLICIT.get(front.kind) or template.nested or template.of_type(*stacks):
        return False
    return not any(other.kind == front.kind for other in served if other is not front)


def _unnamed(front: Front, triggers: list[Trigger]) -> None:
    """Routes of the only API of its kind need not name that, where SAM has named it."""
    for trigger in triggers:
        if trigger.kind == front.kind:
            trigger.settings.value.pop("api", None)
            trigger.settings.keys.pop("api", None)

"""One template: its sections, its resources, and the names that its functions can refer to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from lambdactl.errors import did_you_mean
from lambdactl.manifest.document import Node, Problems
from lambdactl.manifest.sam import intrinsics
from lambdactl.manifest.sam.faults import stand_in, unknown
from lambdactl.manifest.sam.globals import with_globals
from lambdactl.manifest.sam.values import NO_VALUE, made, moved, text_of

FUNCTION_TYPES = ("AWS::Serverless::Function", "AWS::Lambda::Function")


class Resource:
    """One resource; ``body`` is all that stands under its logical id, ``properties`` are as
    written, for a serverless resource with ``Globals`` laid under."""

    __slots__ = ("at", "body", "name", "properties", "template", "type")

    def __init__(
        self,
        template: Template,
        name: str,
        type_: str,
        at: tuple[int, int],
        body: Node,
        properties: Node,
    ) -> None:
        self.template = template
        self.name = name
        self.type = type_
        self.at = at
        self.body = body
        self.properties = properties

    def get(self, *path: str | int) -> Node | None:
        """A property with its functions replaced."""
        first = self.properties.get(path[0]) if path else self.properties
        if first is None:
            return None
        node: Node | None = self.template.resolve(first)
        if node is NO_VALUE:
            return None
        return node.get(*path[1:]) if node is not None and len(path) > 1 else node

    def text(self, *path: str | int) -> str | None:
        """A property that is a text; None where it is something else, or not there."""
        return text_of(self.get(*path))

    @property
    def is_function(self) -> bool:
        return self.type in FUNCTION_TYPES

    @property
    def key(self) -> str:
        """Its name in the manifest: the logical id, after those of the nested stacks around."""
        return f"{self.template.prefix}{self.name}"

    @property
    def physical_name(self) -> str:
        """What it is called in AWS: as ``--parameter-overrides`` says, by its own name property,
        else after its logical id."""
        from lambdactl.manifest.sam.attributes import filled, table

        said = self.template.overrides.get(self.name)
        if isinstance(said, str) and not self.is_function:
            return said
        known = table().get(self.type, {})
        given = self.text(known["name"]) if "name" in known else None
        if given is not None:
            return given
        name = self.key.lower() if known.get("lower") else self.key
        if len(name) < known.get("least", 1):
            name = f"local-{name}"
        if (self.text("FifoQueue") or self.text("FifoTopic") or "").lower() == "true":
            name = f"{name}.fifo"
        return filled(known["default"], self._values(name)) if "default" in known else name

    def reference(self) -> str:
        """What ``Ref`` gives."""
        from lambdactl.manifest.sam.attributes import filled, table

        name = self.physical_name
        known = table().get(self.type, {})
        return filled(known.get("ref", "${name}"), self._values(name))

    def attribute(self, attribute: str) -> str | None:
        """What ``GetAtt`` gives; None where that is not known."""
        from lambdactl.manifest.sam.attributes import filled, table

        known = table().get(self.type, {}).get("attributes", {})
        if attribute not in known:
            return None
        return filled(known[attribute], self._values(self.physical_name))

    def _values(self, name: str) -> Mapping[str, str]:
        pseudo = self.template.pseudo
        return {
            "name": name,
            "id": re.sub("[^a-z0-9]", "", self.key.lower()),
            "region": pseudo("AWS::Region"),
            "account": pseudo("AWS::AccountId"),
            "partition": pseudo("AWS::Partition"),
            "suffix": pseudo("AWS::URLSuffix"),
        }


class Template:
    """A template that is being read. ``overrides`` are values of its parameters; ``env`` is the
    user's environment, whose Region is the template's; ``prefix`` comes before the names of a
    nested one's resources; ``stack`` makes the template of a nested stack from its resource (None
    where that can't be read)."""

    def __init__(
        self,
        document: Node,
        problems: Problems,
        *,
        folder: Path,
        overrides: Mapping[str, Node | str],
        env: Mapping[str, str],
        prefix: str = "",
        stack: Callable[[Resource], Template | None] = lambda _: None,
    ) -> None:
        self.document = document
        self.problems = problems
        self.folder = folder
        self.overrides = overrides
        self.env = env
        self.prefix = prefix
        self.stack = stack
        self.parameters: dict[str, Node | None] = {}
        self.missing: set[str] = set()
        """Parameters without a value; each is named once."""
        self.resolved: dict[int, tuple[Node, Node]] = {}
        """Results of functions by the id of their node, which is kept so that the id stays."""
        self.calls: list[Node] = []
        """Functions being computed."""
        self._conditions: dict[str, bool] = {}

    @property
    def nested(self) -> bool:
        return bool(self.prefix)

    def section(self, name: str) -> Node | None:
        """A section of the template, where it is a mapping."""
        node = self.document.get(name)
        if node is not None and not node.is_mapping and not node.unknown:
            if node.value is not None:
                self.problems.add("wrong-type", f"`{name}` must be a mapping", node)
            return None
        return node

    def resolve(self, node: Node) -> Node:
        """``node`` with all functions replaced."""
        return intrinsics.resolve(self, node)

    def entries(self, node: Node) -> Iterator[tuple[str, Node, tuple[int, int]]]:
        """The entries of a mapping, each with its place; those of ``Fn::ForEach`` are unrolled."""
        for key, child in node.items():
            at = node.keys.get(key, child.at)
            if key.startswith(intrinsics.LOOP):
                from lambdactl.manifest.sam.loops import unrolled

                yield from unrolled(self, key, child, at)
            elif key == "Fn::Transform":
                intrinsics.transform(self, child, child)
            else:
                yield key, child, at

    def include(self, location: Node, at: Node) -> Node | None:
        """What a file beside the template says, standing at ``at``; None where that is no file,
        or is not YAML."""
        from lambdactl.errors import ManifestError
        from lambdactl.manifest import source
        from lambdactl.manifest.composer import YamlError, compose

        text = text_of(location)
        if text is None or location.unknown or "://" in text:
            return None
        file = self.folder / text
        if not file.is_file() or len(self.calls) > 10:
            return None
        try:
            content = source.read(file)
            node = compose(content, Problems(source.shown(file), content), intrinsics.TAGS)
        except (ManifestError, YamlError):
            return None
        return None if node is None else moved(self.resolve(node), at)

    @cached_property
    def resources(self) -> dict[str, Resource]:
        """The resources whose condition holds, by logical id."""
        return {name: found for name, found in self.declared.items() if self.exists(found)}

    def _resources(self) -> Iterator[tuple[str, Resource]]:
        section, shared = self.section("Resources"), self.section("Globals")
        if section is None:
            return
        for name, body, at in self.entries(section):
            if body.unknown:
                continue
            kind = text_of(body.get("Type"))
            if not body.is_mapping or kind is None:
                message = f"the resource `{name}` needs `Type`"
                self.problems.add("missing-field", message, at)
                continue
            properties = body.get("Properties")
            if properties is None or not properties.is_mapping:
                properties = Node({}, *at)
            properties = with_globals(shared, kind, properties)
            yield name, Resource(self, name, kind, at, body, properties)

    def exists(self, resource: Resource) -> bool:
        """Whether the resource's condition holds."""
        condition = resource.body.get("Condition")
        name = text_of(condition)
        return name is None or condition is None or self.condition(name, condition)

    def of_type(self, *types: str) -> list[Resource]:
        """The resources of some types, in the order of the file."""
        return [resource for resource in self.resources.values() if resource.type in types]

    # Names

    @cached_property
    def region(self) -> str:
        """What ``AWS::Region`` is."""
        from lambdactl.manifest.profile import region

        return region(self.env)

    @cached_property
    def account(self) -> str:
        """What ``AWS::AccountId`` is."""
        from lambdactl.manifest.profile import account

        return account(self.env)

    def pseudo(self, name: str) -> str:
        """The value of a pseudo parameter that is a text. The stack's name is that which SAM's
        own tests are given.
        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
        """
        from lambdactl.manifest.profile import partition

        china = self.region.startswith("cn-")
        stack = self.env.get("AWS_SAM_STACK_NAME") or "local"
        return {
            "AWS::AccountId": self.account,
            "AWS::Partition": partition(self.region),
            "AWS::Region": self.region,
            "AWS::StackId": f"arn:aws:cloudformation:{self.region}:{self.account}:stack/{stack}/"
            "51af3dc0-da77-11e4-872e-1234567db123",
            "AWS::StackName": stack,
            "AWS::URLSuffix": "amazonaws.com.cn" if china else "amazonaws.com",
        }[name]

    def knows(self, name: str) -> bool:
        """Whether a parameter or a resource has this name."""
        declared = self.document.get("Parameters", name)
        return declared is not None or name in self.declared

    @cached_property
    def declared(self) -> dict[str, Resource]:
        """All resources, those whose condition does not hold too."""
        return dict(self._resources())

    def reference(self, name: str, at: Node) -> Node:
        """What ``Ref`` gives for a name."""
        if name == "AWS::NoValue":
            return NO_VALUE
        if name == "AWS::NotificationARNs":
            return made([], at)
        if name.startswith("AWS::"):
            try:
                return made(self.pseudo(name), at)
            except KeyError:
                return self._not_there(name, at)
        declared = self.document.get("Parameters", name)
        if declared is not None:
            from lambdactl.manifest.sam import parameters

            return parameters.value(self, name, declared, at)
        resource = self.declared.get(name)
        if resource is not None:
            self._warn_if_absent(resource, at)
            return made(resource.reference(), at, resource=resource)
        return self._generated(name, at)

    def attribute(self, name: str, attribute: str, at: Node) -> Node:
        """What ``GetAtt`` gives."""
        resource = self.declared.get(name)
        if resource is None:
            return self._generated_attribute(name, attribute, at)
        self._warn_if_absent(resource, at)
        if attribute.startswith("Outputs."):
            return self._output(resource, attribute.removeprefix("Outputs."), at)
        text = resource.attribute(attribute)
        if text is None:
            what = f"the attribute `{attribute}` of `{name}` ({resource.type})"
            return stand_in(self, at, what, f"{name}.{attribute}")
        return made(text, at, resource=resource)

    def _warn_if_absent(self, resource: Resource, at: Node) -> None:
        """CloudFormation refuses a template that names what a condition leaves out."""
        if not self.exists(resource):
            condition = text_of(resource.body.get("Condition"))
            self.problems.add(
                "unknown-reference",
                f"`{resource.name}` is not made, because its condition `{condition}` is false",
                at,
                "AWS refuses to deploy this; `!If` can leave it out too",
                severity="warning",
            )

    def _output(self, resource: Resource, name: str, at: Node) -> Node:
        template = self.stack(resource)
        output = template.document.get("Outputs", name, "Value") if template is not None else None
        if template is None or output is None:
            what = f"the output `{name}` of `{resource.name}`"
            return stand_in(self, at, what, f"{resource.name}.{name}")
        found = template.resolve(output)
        return moved(found, at) if found is not NO_VALUE else found

    def _generated(self, name: str, at: Node) -> Node:
        """A resource that SAM makes: ``ServerlessRestApi``, ``HelloRole``, ``Hello.Alias``.
        https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html
        """
        owner, _, part = name.partition(".")
        resource = self.declared.get(owner)
        if part in ("Alias", "Version", "Stage") and resource is not None:
            alias = resource.text("AutoPublishAlias") if part == "Alias" else None
            if resource.is_function:
                text = f"{resource.attribute('Arn')}:{alias or 1}"
                return made(text, at, resource=resource)
            return made(resource.text("StageName") or "$default", at)
        if self._is_generated(name):
            return made(name, at)
        return self._not_there(name, at)

    def _is_generated(self, name: str) -> bool:
        return name.startswith("Serverless") or any(
            name.startswith(known) for known in self.declared if name != known
        )

    def _generated_attribute(self, name: str, attribute: str, at: Node) -> Node:
        owner = next((n for n in self.declared if name == f"{n}Role"), None)
        if owner is not None and attribute == "Arn":
            partition, account = self.pseudo("AWS::Partition"), self.pseudo("AWS::AccountId")
            return made(f"arn:{partition}:iam::{account}:role/{self.prefix}{name}", at)
        if not self._is_generated(name):
            return self._not_there(name, at)
        what = f"the attribute `{attribute}` of `{name}`"
        return stand_in(self, at, what, f"{name}.{attribute}")

    def _not_there(self, name: str, at: Node) -> Node:
        declared = self.document.get("Parameters")
        known = [*(declared.value if declared is not None and declared.is_mapping else ())]
        self.problems.add(
            "unknown-reference",
            f"there is no parameter or resource `{name}`",
            at,
            did_you_mean(name, [*known, *self.declared]),
        )
        return unknown(at)

    def condition(self, name: str, at: Node) -> bool:
        """Whether the condition ``name`` holds."""
        known = self._conditions.get(name)
        if known is not None:
            return known
        conditions = self.section("Conditions")
        found = {}
        if conditions is not None:
            found = {key: node for key, node, _ in self.entries(conditions)}
        if name not in found:
            message = f"there is no condition `{name}`"
            self.problems.add("unknown-condition", message, at, did_you_mean(name, found))
            self._conditions[name] = True
            return True
        from lambdactl.manifest.sam.conditions import truth

        holds = truth(self, found[name])
        self._conditions[name] = holds
        return holds

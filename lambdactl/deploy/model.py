"""What a deployment is made of: what there should be, and what there is.

Every resource has an *address*, ``kind:name``, which is the same before and after it exists. What
there should be is a :class:`Resource`, what there is a :class:`Live`; both hold their properties
in the same shape, so that a plan is a comparison and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from lambdactl.errors import Location

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambdactl.artifacts.model import Artifact
    from lambdactl.deploy.account import Account
    from lambdactl.deploy.naming import Naming

SERVICE, STAGE, HASH = "lambdactl:service", "lambdactl:stage", "lambdactl:hash"
"""The tags of everything that lambdactl owns."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A value that another resource has once it exists: an id, the number of a version.

    :ivar address: of that resource.
    :ivar output: which of its outputs.
    :ivar text: what is made of it; ``{}`` stands for the output.
    """

    address: str
    output: str = "arn"
    text: str = "{}"


@dataclass(frozen=True, slots=True)
class Resource:
    """What there should be.

    :ivar kind: the word of its :class:`Kind`, as ``function``.
    :ivar name: unique among its kind: the name in AWS, or ``parent/child``.
    :ivar properties: everything of it that lambdactl manages, with AWS's defaults written out, so
        that a setting that leaves the manifest goes back to its default. Plain JSON, with
        :class:`Ref` anywhere in it; mappings for what has no order.
    :ivar needs: addresses of what has to be there before, beyond what ``properties`` refer to.
    :ivar function: the function of the manifest that it serves; None where it serves several.
    :ivar secrets: paths of properties that are never shown (``environment.TOKEN``).
    :ivar artifact: what is uploaded. It is no property: its hash is.
    """

    kind: str
    name: str
    properties: Mapping[str, Any]
    needs: tuple[str, ...] = ()
    function: str | None = None
    secrets: frozenset[str] = frozenset()
    artifact: Artifact | None = None
    where: Location | None = None

    @property
    def address(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def digest(self) -> str:
        """Of all that is managed of it: the value of its tag ``lambdactl:hash``. Whoever creates
        or updates it gets it with values in place of each :class:`Ref`."""
        return digest(self.properties)

    @property
    def requires(self) -> frozenset[str]:
        """Addresses of all that has to be there before."""
        return frozenset(self.needs) | {ref.address for ref in refs(self.properties)}


@dataclass(frozen=True, slots=True)
class Live:
    """What there is.

    :ivar properties: in the shape of :attr:`Resource.properties`; may hold more.
    :ivar outputs: what others refer to: ``arn``, ``id``, ``url``, ``version``.
    :ivar owner: its service and stage, where it is marked as lambdactl's; None: somebody else's.
    :ivar hash: the digest of what it was last deployed as, if it is known.
    :ivar needs: addresses of resources that it uses now, and that can't go before it lets go.
    :ivar presumed: names of properties that AWS does not tell, so that ``properties`` has a guess:
        they are as they were deployed while ``hash`` is what it was then.
    """

    kind: str
    name: str
    properties: Mapping[str, Any]
    outputs: Mapping[str, str] = field(default_factory=dict)
    owner: tuple[str, str] | None = None
    hash: str | None = None
    needs: tuple[str, ...] = ()
    presumed: frozenset[str] = frozenset()

    @property
    def address(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Context:
    """What a kind works with.

    :ivar tell: takes words on what goes on (``waiting for the function to be active``). Called in
        any thread.
    :ivar stopped: whether to come to an end soon: Ctrl-C, or the lock is lost. For what takes
        minutes by itself.
    """

    account: Account
    naming: Naming
    tell: Any = lambda words: None
    stopped: Any = lambda: False


class Kind(Protocol):
    """How one kind of resource is read and changed. Blocking; called in threads, several at once.

    Errors of AWS go through as botocore raises them: whoever calls puts them into words, with the
    resource's name. Nothing may be half-owned: a resource is created with its tags in one call
    where AWS can, and every step can be taken again after it broke off anywhere.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    """For people: ``execution role``."""
    parent: ClassVar[str | None] = None
    """The kind whose end is its end too: it is deleted with its parent, without a step."""
    renews: ClassVar[frozenset[str]] = frozenset()
    """Outputs that an update changes, as the ARN of a layer version: who refers to them changes
    too. A kind where only some updates do has ``renewed_by``, the properties whose change does."""
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    """Properties that can't be changed in place: it is deleted and created anew."""

    def read(self, context: Context, name: str) -> Live | None:
        """What there is of that name, whoever owns it; None: nothing."""
        ...

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        """Names of all that the service and stage of ``context.naming`` own, in the manifest or
        not. ``functions`` are names in AWS of all functions that are owned, or are to be."""
        ...

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        """Make it (its :class:`Ref` are values now) and wait until it can be used.

        :return: its outputs.
        """
        ...

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        """Change the properties named in ``changed``, and the tag with the hash.

        :return: its outputs.
        """
        ...

    def delete(self, context: Context, live: Live) -> None:
        """Take it away; what is gone already is no error."""
        ...


def refs(value: Any) -> Iterator[Ref]:
    """All :class:`Ref` in properties."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from refs(child)
    elif isinstance(value, (list, tuple)):
        for child in value:
            yield from refs(child)


def resolve(value: Any, known: Mapping[str, Mapping[str, str]]) -> Any:
    """``value`` with each :class:`Ref` replaced by what it refers to, where ``known``, outputs by
    address, has it."""
    if isinstance(value, Ref):
        found = known.get(value.address, {}).get(value.output)
        return value if found is None else value.text.replace("{}", found)
    if isinstance(value, Mapping):
        return {key: resolve(child, known) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolve(child, known) for child in value]
    return value


def digest(properties: Mapping[str, Any]) -> str:
    """Sixteen hexadecimal digits that are the same for equal properties."""
    text = json.dumps(plain(properties), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plain(value: Any) -> Any:
    """``value`` as JSON has it: a :class:`Ref` becomes words, tuples become lists."""
    if isinstance(value, Ref):
        return value.text.replace("{}", f"{value.address}.{value.output}")
    if isinstance(value, Mapping):
        return {str(key): plain(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(child) for child in value]
    return value

"""What there should be, held against what there is.

Reading is all that happens here. A field that the wanted resource does not have is none of our
business; a field that somebody else has changed is a change like any other, and marked.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar

from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.model import Context, Kind, Live, Ref, Resource, digest, plain, refs, resolve
from lambdactl.deploy.ordering import in_order
from lambdactl.deploy.plan import Action, Change, Plan, Step
from lambdactl.errors import DeniedError, LambdactlError, TakenError, UserError

JOBS = 16
"""How many calls of AWS are under way at a time."""

T = TypeVar("T")
U = TypeVar("U")

Outputs = dict[str, Mapping[str, str]]


def plan(
    context: Context,
    resources: Collection[Resource],
    names: Collection[str] = (),
    *,
    jobs: int = JOBS,
) -> Plan:
    """The steps that lead to ``resources``.

    :param resources: everything that there should be.
    :param names: of the manifest's functions, where ``resources`` are only theirs: nothing of
        other functions is deleted then.
    :raises TakenError: something is there already and isn't ours.
    :raises LambdactlError: what AWS said instead of an answer.
    """
    context.account.forget()
    wanted = {one.address: one for one in resources}
    lives = _read(context, list(wanted), jobs)
    for address, live in lives.items():
        _check_owner(context, wanted[address], live)
    unwanted, unseen = _unwanted(context, wanted, names, jobs)
    steps, outputs = _compare(wanted, lives)
    if names:
        # Of other functions that these refer to it is enough that they are there.
        steps = [one for one in steps if one.action == "create" or one.function in {None, *names}]
    steps += _deletions(unwanted, {step.address: step for step in steps}, lives)
    changing = {step.address for step in steps}
    unchanged = [
        address
        for address, one in wanted.items()
        if address not in changing and (not names or one.function in {None, *names})
    ]
    return _made(context, steps, outputs, unchanged, unseen)


def destruction(context: Context, *, jobs: int = JOBS) -> Plan:
    """The steps after which nothing is left of the service and stage of ``context.naming``.

    :raises LambdactlError: what AWS said instead of an answer.
    """
    context.account.forget()
    lives, unseen = _unwanted(context, {}, (), jobs)
    return _made(context, _deletions(lives, {}, {}), {}, [], unseen)


def _made(
    context: Context,
    steps: Iterable[Step],
    outputs: Outputs,
    unchanged: Iterable[str],
    unseen: Iterable[str],
) -> Plan:
    """:param unseen: what could not be looked for, and why, a line each."""
    naming = context.naming
    machines = naming.app.state_machines
    warnings = [
        f"the state machine {name} is not deployed: lambdactl does not deploy state machines yet"
        for name in machines
    ]
    warnings += unseen
    return Plan(
        service=naming.service,
        stage=naming.stage,
        account=naming.account,
        region=naming.region,
        steps=in_order(steps),
        unchanged=tuple(unchanged),
        outputs=outputs,
        warnings=tuple(warnings),
    )


def _read(context: Context, addresses: Collection[str], jobs: int) -> dict[str, Live]:
    def read(address: str) -> Live | None:
        kind, _, name = address.partition(":")
        try:
            return kinds()[kind].read(context, name)
        except LambdactlError:
            raise
        except Exception as error:
            raise _explained(error, f"reading {titled(address)}", address, context) from error

    found = _together(read, addresses, jobs)
    return {name: live for name, live in zip(addresses, found, strict=True) if live is not None}


def _together(work: Any, items: Collection[T], jobs: int) -> list[Any]:
    """``work`` of each, several at a time; the first error ends it."""
    with concurrent.futures.ThreadPoolExecutor(jobs, "plan") as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _explained(error: Exception, doing: str, resource: str, context: Context) -> LambdactlError:
    from lambdactl.deploy.explaining import explained

    return explained(error, doing=doing, resource=resource, account=context.account)


def titled(address: str) -> str:
    """An address for people: ``the execution role hello-eu-west-1``."""
    kind, _, name = address.partition(":")
    return f"the {kinds()[kind].title} {name}" if kind in kinds() else address


def _check_owner(context: Context, resource: Resource, live: Live) -> None:
    if live.owner == context.naming.owner:
        return
    what = titled(resource.address)
    if live.owner is None:
        raise TakenError(
            f"{what} is there already, and lambdactl has not made it",
            where=resource.where,
            hint="give yours another `name:`, or delete that one; lambdactl never changes what "
            "isn't its own",
        )
    service, stage = live.owner
    raise TakenError(
        f"{what} belongs to the service {service}, stage {stage}",
        where=resource.where,
        hint=f"this is {context.naming.service}, stage {context.naming.stage}: give yours another "
        "`name:`, or deploy with another `--stage`",
    )


def _unwanted(
    context: Context, wanted: Mapping[str, Resource], names: Collection[str], jobs: int
) -> tuple[dict[str, Live], list[str]]:
    """What is ours and not in ``wanted``, and what could not be looked for. With ``names`` only
    what hangs on these functions.

    Who may not list what nobody wants is told so: to deploy a function and its queue takes no right
    to read APIs.
    """
    functions = {one.name for one in wanted.values() if one.kind == "function"}
    used = {one.kind for one in wanted.values()}
    known = kinds()
    unseen: dict[str, str] = {}

    def owned(kind: Kind) -> list[str]:
        doing = f"looking for each {kind.title} of {context.naming.service}"
        try:
            return [f"{kind.name}:{name}" for name in kind.owned(context, sorted(functions))]
        except LambdactlError as error:
            explained = error
        except Exception as error:
            explained = _explained(error, doing, kind.name, context)
        if not isinstance(explained, DeniedError) or kind.name in used | {"function"}:
            raise explained
        unseen[kind.name] = f"{explained.message}; what there may be of them stays"
        return []

    found: set[str] = set()
    if not names:
        # The others are asked what hangs on these.
        found.update(owned(known["function"]))
        functions |= {address.partition(":")[2] for address in found}
    asked = [
        kind for kind in known.values() if kind.name != "function" and (not names or _hangs(kind))
    ]
    found.update(address for some in _together(owned, asked, jobs) for address in some)
    if names:
        found = {one for one in found if _parent(one) in functions}
    lives = _read(context, sorted(found - set(wanted)), jobs)
    ours = {name: live for name, live in lives.items() if live.owner == context.naming.owner}
    return ours, [unseen[name] for name in sorted(unseen)]


def _hangs(kind: Kind) -> bool:
    """Whether resources of this kind are named after a function."""
    return kind.parent == "function" or kind.name == "event_source"


def _parent(address: str) -> str:
    """The name of the parent: ``permission:hello:live/sid`` hangs on ``hello``."""
    return address.partition(":")[2].partition("/")[0].partition(":")[0]


def _compare(
    wanted: Mapping[str, Resource], lives: Mapping[str, Live]
) -> tuple[list[Step], Outputs]:
    """Steps that create, update and replace, and the outputs of what is there and stays."""
    outputs: Outputs = {}
    steps: dict[str, Step] = {}
    for resource in _by_need(wanted):
        address = resource.address
        live = lives.get(address)
        kind = kinds()[resource.kind]
        parent = f"{kind.parent}:{_parent(address)}" if kind.parent else None
        if parent in steps and steps[parent].action == "replace":
            # It goes with its parent.
            live = None
        known = dataclasses.replace(resource, properties=resolve(resource.properties, outputs))
        after = tuple(steps[need].id for need in sorted(resource.requires) if need in steps)
        if live is None:
            steps[address] = Step("create", _all(known), after, resource)
            continue
        changes = differences(known, live)
        if not changes:
            outputs[address] = live.outputs
            continue
        action: Action = "update"
        if {one.path.partition(".")[0] for one in changes} & kind.replaced_by:
            action = "replace"
        else:
            renewed = _renewed(kind, changes)
            outputs[address] = {
                name: value for name, value in live.outputs.items() if name not in renewed
            }
        steps[address] = Step(action, changes, after, resource, live)
    return list(steps.values()), outputs


def _renewed(kind: Kind, changes: Iterable[Change]) -> frozenset[str]:
    """The outputs that ``changes`` change."""
    by: frozenset[str] | None = getattr(kind, "renewed_by", None)
    changed = {one.path.partition(".")[0] for one in changes}
    return kind.renews if by is None or changed & by else frozenset()


def _by_need(wanted: Mapping[str, Resource]) -> list[Resource]:
    """``wanted``, each after all that it needs.

    :raises UserError: some need each other.
    """
    done: dict[str, Resource] = {}
    for start in wanted:
        stack = [(start, iter(sorted(wanted[start].requires)))]
        open_ = {start}
        while stack:
            address, needs = stack[-1]
            need = next((one for one in needs if one in wanted and one not in done), None)
            if address in done or need is None:
                done.setdefault(address, wanted[address])
                stack.pop()
                open_.discard(address)
            elif need in open_:
                raise UserError(
                    f"{titled(address)} and {titled(need)} need each other",
                    where=wanted[address].where,
                    hint="name one of them by its ARN",
                )
            else:
                open_.add(need)
                stack.append((need, iter(sorted(wanted[need].requires))))
    return list(done.values())


def _all(resource: Resource) -> tuple[Change, ...]:
    """All that something new will be."""
    return tuple(
        _change(resource, path, None, value)
        for name, value in resource.properties.items()
        for path, value in _leaves(name, value)
        if value not in (None, "", [], {})
    )


def differences(resource: Resource, live: Live) -> tuple[Change, ...]:
    """What of ``live`` is not as ``resource`` has it. A :class:`Ref` that is left in it stands
    for a value that is not known yet, and so is not as it is."""
    found = []
    same = not any(refs(resource.properties)) and live.hash == digest(resource.properties)
    for name, value in resource.properties.items():
        if not same or name not in live.presumed:
            found += _differences(resource, name, live.properties.get(name), value)
    return tuple(dataclasses.replace(one, drift=True) for one in found) if same else tuple(found)


def _differences(resource: Resource, path: str, before: Any, after: Any) -> list[Change]:
    if isinstance(after, Mapping) and isinstance(before, Mapping):
        found = []
        for key in [*after, *(key for key in before if key not in after)]:
            found += _differences(resource, f"{path}.{key}", before.get(key), after.get(key))
        return found
    if plain(before) == plain(after) and not any(refs(after)):
        return []
    return [_change(resource, path, before, after)]


def _change(resource: Resource, path: str, before: Any, after: Any) -> Change:
    secret = any(path == one or path.startswith(f"{one}.") for one in resource.secrets)
    unknown = any(refs(after))
    return Change(path, before, plain(after), secret=secret, unknown=unknown)


def _leaves(path: str, value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping) and value and not isinstance(value, Ref):
        for key, child in value.items():
            yield from _leaves(f"{path}.{key}", child)
    else:
        yield path, value


def _deletions(
    unwanted: Mapping[str, Live], steps: Mapping[str, Step], lives: Mapping[str, Live]
) -> list[Step]:
    """Steps that delete, each after all that uses what it deletes has let go of it."""
    going = {
        address: live
        for address, live in unwanted.items()
        if not _goes_with_parent(address, live, unwanted)
    }
    users: dict[str, list[str]] = {}
    for live in going.values():
        for need in live.needs:
            users.setdefault(need, []).append(f"delete {live.address}")
    for address, live in lives.items():
        step = steps.get(address)
        if step is not None and step.action in ("update", "replace"):
            for need in live.needs:
                users.setdefault(need, []).append(step.id)
    return [
        Step("delete", after=tuple(sorted(users.get(address, ()))), live=live)
        for address, live in going.items()
    ]


def _goes_with_parent(address: str, live: Live, unwanted: Mapping[str, Live]) -> bool:
    parent = kinds()[live.kind].parent
    return parent is not None and f"{parent}:{_parent(address)}" in unwanted

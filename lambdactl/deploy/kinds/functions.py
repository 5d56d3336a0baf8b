"""Functions: created, changed and deleted, and waited for.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html and the calls beside it. One
call reads a function, ``GetFunction``; what that does not tell is asked for only where a tag of the
function says that it is not at its default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.artifacts.model import Artifact
from lambdactl.deploy import code_upload, tagging
from lambdactl.deploy.faults import allowed, code, message
from lambdactl.deploy.kinds import function_imitation as imitation
from lambdactl.deploy.kinds import function_shape as shape
from lambdactl.deploy.kinds import versions
from lambdactl.deploy.kinds.function_extras import EXTRAS
from lambdactl.deploy.marks import state
from lambdactl.deploy.model import Context, Live, Resource
from lambdactl.errors import AwsError, DeniedError

NOT_FOUND = "ResourceNotFoundException"
CONFLICT = "ResourceConflictException"

WAIT_S, WAITS = 1.0, 300
"""As botocore's waiters ``function_active_v2`` and ``function_updated_v2``."""

_CODE = frozenset({"code_sha256", "s3", "image", "architecture", "source_kms_key"})
_ALSO, _TOLD, _FORGETS, _SHA256 = "tagged_also", "tagged_told", "imitation", "sha256_of_code"
"""What a live function's properties hold beyond those of a wanted one."""
_UNFINISHED = "unfinished"
"""In place of a hash, until all that belongs to a function is done."""


class Functions:
    name: ClassVar[str] = "function"
    title: ClassVar[str] = "function"
    parent: ClassVar[str | None] = None
    renews: ClassVar[frozenset[str]] = frozenset()
    replaced_by: ClassVar[frozenset[str]] = frozenset(
        {
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html
            "package",
            "tenancy",
            # https://docs.aws.amazon.com/lambda/latest/dg/durable-configuration.html
            "durable",
            # https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-capacityproviderconfig.html
            "managed_instances",
            # https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
            "creation_failed",
        }
    )

    def read(self, context: Context, name: str) -> Live | None:
        answer = state(context, name)
        return None if answer is None else _live(context, name, answer)

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        found = {arn.split(":")[6] for arn in tagging.arns(context, "lambda")}
        # The listing of tags lags behind what was made a moment ago.
        naming = context.naming
        expected = {*functions, *(naming.function(name) for name in naming.app.functions)}
        for name in sorted(expected - found):
            answer = state(context, name)
            if answer is not None and tagging.owner(answer.get("Tags") or {}) == naming.owner:
                found.add(name)
        return found

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        from botocore.exceptions import ClientError

        wanted = resource.properties
        extras = _extras(wanted)
        later = bool(extras - {"code_signing"}) or _says_source(wanted)
        later = later or wanted["reserved_concurrency"] is not None
        tags = {
            **wanted["tags"],
            **context.naming.tags(_UNFINISHED if later else resource.digest),
            **({shape.ALSO: " ".join(sorted(extras))} if extras else {}),
        }
        try:
            answer = context.account.client("lambda").create_function(
                FunctionName=resource.name,
                Code=_code(context, resource),
                Tags=tags,
                **shape.creation(wanted),
            )
        except ClientError as error:
            if code(error) != CONFLICT:
                raise
            return self._go_on(context, resource, error)
        finally:
            context.account.forget(_key(resource.name))
        arn = str(answer["FunctionArn"])
        settled = _settle(context, resource.name, answer, of="State")
        if later or (imitation.is_one(settled) and imitation.reminder(wanted, _default(resource))):
            changed = extras - {"code_signing"}
            if wanted["reserved_concurrency"] is not None:
                changed.add("reserved_concurrency")
            self._beside(context, resource, arn, frozenset(changed), {}, settled)
        return _outputs(arn, resource.name)

    def _go_on(self, context: Context, resource: Resource, error: Exception) -> Mapping[str, str]:
        """A creation that broke off has left the function."""
        context.account.forget(_key(resource.name))
        answer = state(context, resource.name)
        if answer is None:
            raise error
        live = _live(context, resource.name, answer)
        if live.owner != context.naming.owner:
            raise error
        wanted = resource.properties
        changed = frozenset(
            name for name, value in wanted.items() if live.properties.get(name) != value
        )
        if changed & self.replaced_by:
            raise AwsError(
                f"the function {resource.name} is there already, and is another one: "
                f"{message(error)}",
                hint="deploy again: it is replaced then",
            )
        return self.update(context, resource, live, changed)

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        wanted, before = resource.properties, live.properties
        arn = live.outputs["arn"]
        client = context.account.client("lambda")
        answer: Mapping[str, Any] = {}
        try:
            pending = before["update_pending"]
            if pending == shape.IN_PROGRESS:
                answer = _settle(context, resource.name, None, of="LastUpdateStatus", strict=False)
                failed = answer.get("LastUpdateStatus") == "Failed"
            else:
                failed = pending is not None
            if failed:
                # What was asked for is not what is running: all of it is asked for again.
                changed |= {name for name in wanted if name in _CODE | shape.CONFIGURED}
            configuration = shape.configuration(wanted, changed)
            if configuration:
                answer = client.update_function_configuration(
                    FunctionName=resource.name, **configuration
                )
                answer = _settle(context, resource.name, answer, of="LastUpdateStatus")
            if changed & _CODE:
                answer = client.update_function_code(
                    FunctionName=resource.name,
                    Architectures=[wanted["architecture"]],
                    **_code(context, resource),
                )
                answer = _settle(context, resource.name, answer, of="LastUpdateStatus")
            self._beside(context, resource, arn, changed, before, answer)
        finally:
            context.account.forget(_key(resource.name))
        return _outputs(arn, resource.name)

    def _beside(
        self,
        context: Context,
        resource: Resource,
        arn: str,
        changed: frozenset[str],
        before: Mapping[str, Any],
        answer: Mapping[str, Any],
    ) -> None:
        """What is set by calls of its own, and at last the tags: they say that all is done.

        :param before: the function's properties; empty where it is new.
        :param answer: what Lambda said of it at last, where anything was asked for before.
        """
        wanted = resource.properties
        client = context.account.client("lambda")
        if "reserved_concurrency" in changed:
            reserved = wanted["reserved_concurrency"]
            if reserved is None:
                client.delete_function_concurrency(FunctionName=resource.name)
            else:
                client.put_function_concurrency(
                    FunctionName=resource.name, ReservedConcurrentExecutions=reserved
                )
        extras = _extras(wanted)
        due = [name for name in EXTRAS if name in changed and name in wanted]
        if any(name in extras for name in due):
            # Before it is set, so that what is not at its default is never taken to be.
            marked = " ".join(sorted(extras | set(due)))
            client.tag_resource(Resource=arn, Tags={shape.ALSO: marked})
        for name in due:
            EXTRAS[name].put(client, resource.name, wanted[name])
        tags = {**wanted["tags"], **context.naming.tags(resource.digest)}
        if extras:
            tags[shape.ALSO] = " ".join(sorted(extras))
        if _says_source(wanted):
            source = wanted.get("s3") or wanted.get("image")
            tags[shape.CODE] = f"{source} {answer.get('CodeSha256') or before[_SHA256]}"
        gone = set(before.get("tags", ())) - set(wanted["tags"])
        if not extras and (due or before.get(_ALSO)):
            gone.add(shape.ALSO)
        if before.get(_FORGETS) or (answer and imitation.is_one(answer)):
            told = imitation.reminder(wanted, _default(resource))
            tags |= told
            gone |= set(before.get(_TOLD, ())) - set(told)
        client.tag_resource(Resource=arn, Tags=tags)
        if gone:
            client.untag_resource(Resource=arn, TagKeys=sorted(gone))

    def delete(self, context: Context, live: Live) -> None:
        client = context.account.client("lambda")
        try:
            with allowed(NOT_FOUND):
                if live.properties.get(_FORGETS):
                    # moto 5 fails where versions were pruned before: it gives numbers twice.
                    versions.delete_all(context, live.name)
                client.delete_function(FunctionName=live.name)
                for _ in range(WAITS):
                    client.get_function(FunctionName=live.name)
                    context.tell("waiting for the function to be gone")
                    context.account.clock.sleep(WAIT_S)
        finally:
            context.account.forget(_key(live.name))


def is_new(live: Live, artifact: Artifact) -> bool:
    """Whether the function runs other code than this."""
    if artifact.kind == "image":
        return live.properties.get("image") != artifact.sha256
    return live.properties.get("code_sha256") != artifact.sha256


def upload(context: Context, live: Live, function: str, artifact: Artifact) -> None:
    """Give a function other code, and wait until it has it. Nothing else of it changes.

    :param function: its name in the manifest.
    """
    app = context.naming.app
    client = context.account.client("lambda")
    try:
        if live.properties["update_pending"] == shape.IN_PROGRESS:
            _settle(context, live.name, None, of="LastUpdateStatus", strict=False)
        given = code_upload.arguments(context, app, function, artifact)
        answer = client.update_function_code(FunctionName=live.name, **given)
        answer = _settle(context, live.name, answer, of="LastUpdateStatus")
        if artifact.kind == "image":
            source = f"{artifact.sha256} {answer['CodeSha256']}"
            client.tag_resource(Resource=live.outputs["arn"], Tags={shape.CODE: source})
    finally:
        context.account.forget(_key(live.name))


def _default(resource: Resource) -> dict[str, Any]:
    """The function as it is where nobody has set anything."""
    found = shape.properties({"Configuration": {"FunctionName": resource.name}})
    return {**found, **{name: how.default for name, how in EXTRAS.items()}}


def _key(name: str) -> str:
    return f"function:{name}/"


def _live(context: Context, name: str, answer: Mapping[str, Any]) -> Live:
    if "TagsError" in answer:
        # https://docs.aws.amazon.com/lambda/latest/api/API_TagsError.html: without its tags nobody
        # knows whose it is.
        raise DeniedError(
            f"the tags of the function {name} can't be read: {answer['TagsError']['Message']}",
            hint="the credentials need lambda:ListTags beside lambda:GetFunction",
        )
    tags = answer.get("Tags") or {}
    forgets = imitation.is_one(answer["Configuration"])
    properties = shape.properties(imitation.trusted(answer) if forgets else answer)
    if forgets:
        properties.update(imitation.remembered(tags))
    also = frozenset(tags.get(shape.ALSO, "").split())
    owner = tagging.owner(tags)
    client = context.account.client("lambda")
    for extra, how in EXTRAS.items():
        asked = extra in also and owner == context.naming.owner
        properties[extra] = how.get(client, name) if asked else how.default
    properties[_ALSO] = sorted(also)
    properties[_TOLD] = sorted(key for key in tags if key.startswith(imitation.TOLD))
    properties[_FORGETS] = forgets
    properties[_SHA256] = answer["Configuration"].get("CodeSha256")
    found = answer["Configuration"]
    arn = str(found["FunctionArn"])
    return Live(
        kind="function",
        name=name,
        properties=properties,
        outputs=_outputs(arn, name),
        owner=owner,
        hash=tagging.deployed(tags),
        needs=_uses(context, properties),
    )


def _uses(context: Context, properties: Mapping[str, Any]) -> tuple[str, ...]:
    """Addresses of what it uses now."""
    account = context.naming.account
    found = [f"role:{str(properties['role']).rpartition('/')[2]}"]
    found.append(f"log_group:{properties['logging']['group']}")
    for arn in properties["layers"]:
        parts = arn.split(":")
        if parts[4] == account:
            found.append(f"layer:{parts[6]}")
    dead_letter = properties["dead_letter"]
    if dead_letter:
        service, name = dead_letter.split(":")[2], dead_letter.rpartition(":")[2]
        found.append(f"{'queue' if service == 'sqs' else 'topic'}:{name}")
    return tuple(found)


def _outputs(arn: str, name: str) -> dict[str, str]:
    return {"arn": arn, "name": name, "version": "$LATEST"}


def _extras(wanted: Mapping[str, Any]) -> set[str]:
    """Names of what is not at its default, and not told by ``GetFunction``."""
    return {name for name, how in EXTRAS.items() if wanted.get(name, how.default) != how.default}


def _says_source(wanted: Mapping[str, Any]) -> bool:
    return bool(wanted.get("s3") or wanted.get("image"))


def _code(context: Context, resource: Resource) -> dict[str, Any]:
    assert resource.function is not None
    app = context.naming.app
    return code_upload.arguments(context, app, resource.function, resource.artifact)


def _settle(
    context: Context,
    name: str,
    answer: Mapping[str, Any] | None,
    *,
    of: str,
    strict: bool = True,
) -> Mapping[str, Any]:
    """Wait until a creation or an update has come to its end.

    :param answer: what Lambda said of the function at last; None: it is asked.
    :param of: ``State`` after a creation, ``LastUpdateStatus`` after an update.
    :param strict: False takes a failure as an end.
    :return: the function's configuration then.
    :raises AwsError: it failed, or takes too long.
    """
    client = context.account.client("lambda")
    for _ in range(WAITS):
        if answer is not None:
            pending = answer.get("State") == "Pending"
            if not pending and answer.get("LastUpdateStatus") != "InProgress":
                break
            context.tell(
                "waiting for the function to be active"
                if pending
                else "waiting for the function to be updated"
            )
            context.account.clock.sleep(WAIT_S)
        answer = client.get_function(FunctionName=name)["Configuration"]
    else:
        raise AwsError(
            f"the function {name} is still not ready after {WAITS * WAIT_S:.0f} s",
            hint="deploy again to go on from there",
        )
    if strict and answer.get(of) == "Failed":
        raise AwsError(
            f"Lambda could not {'create' if of == 'State' else 'update'} the function {name}: "
            f"{shape.reason(answer, of)}",
            hint="change what it names, and deploy again",
        )
    return answer


KINDS = (Functions(),)

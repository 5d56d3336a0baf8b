"""Repositories for functions' images, one a function.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html. Lambda itself
writes into a repository's policy that it may read it
(https://docs.aws.amazon.com/lambda/latest/dg/images-create.html, "Amazon ECR permissions").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import code_upload, tagging
from lambdactl.deploy.faults import allowed
from lambdactl.deploy.model import Context, Live, Resource

_NOT_FOUND = "RepositoryNotFoundException"
_EXISTS = "RepositoryAlreadyExistsException"


class Repositories:
    name: ClassVar[str] = "repository"
    title: ClassVar[str] = "image repository"
    parent: ClassVar[str | None] = None
    renews: ClassVar[frozenset[str]] = frozenset()
    replaced_by: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        client = context.account.client("ecr")
        with allowed(_NOT_FOUND):
            found = client.describe_repositories(repositoryNames=[name])["repositories"][0]
            arn = found["repositoryArn"]
            tags = tagging.mapping(client.list_tags_for_resource(resourceArn=arn).get("tags", ()))
            return Live(
                kind="repository",
                name=name,
                properties={
                    "scan_on_push": bool(
                        (found.get("imageScanningConfiguration") or {}).get("scanOnPush")
                    ),
                    "immutable_tags": found.get("imageTagMutability") == "IMMUTABLE",
                },
                outputs=_outputs(found),
                owner=tagging.owner(tags),
                hash=tagging.deployed(tags),
            )
        return None

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        found = {arn.partition(":repository/")[2] for arn in tagging.arns(context, "ecr")}
        # The listing of tags lags behind what was made a moment ago.
        naming = context.naming
        for function in naming.app.functions.values():
            name = code_upload.repository(naming, function.name)
            if function.code.kind in ("image", "dockerfile") and name not in found:
                live = self.read(context, name)
                if live is not None and live.owner == naming.owner:
                    found.add(name)
        return found

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        tags = context.naming.tags(resource.digest)
        client = context.account.client("ecr")
        context.account.forget("tagged")
        with allowed(_EXISTS):
            answer = client.create_repository(
                repositoryName=resource.name,
                tags=tagging.pairs(tags),
                imageTagMutability=_mutability(resource),
                imageScanningConfiguration={"scanOnPush": resource.properties["scan_on_push"]},
            )
            return _outputs(answer["repository"])
        live = self.read(context, resource.name)
        if live is None or live.owner != context.naming.owner:
            # Somebody was faster: what AWS says of it is what the user has to hear.
            client.create_repository(repositoryName=resource.name)
        assert live is not None
        return self.update(context, resource, live, frozenset(resource.properties))

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        client = context.account.client("ecr")
        if "scan_on_push" in changed:
            client.put_image_scanning_configuration(
                repositoryName=resource.name,
                imageScanningConfiguration={"scanOnPush": resource.properties["scan_on_push"]},
            )
        if "immutable_tags" in changed:
            client.put_image_tag_mutability(
                repositoryName=resource.name, imageTagMutability=_mutability(resource)
            )
        tags = context.naming.tags(resource.digest)
        client.tag_resource(
            resourceArn=live.outputs["arn"],
            tags=tagging.pairs(tags),
        )
        return live.outputs

    def delete(self, context: Context, live: Live) -> None:
        context.account.forget("tagged")
        with allowed(_NOT_FOUND):
            # All images in it are ours, and nothing else has pushed any.
            context.account.client("ecr").delete_repository(repositoryName=live.name, force=True)


def _mutability(resource: Resource) -> str:
    return "IMMUTABLE" if resource.properties["immutable_tags"] else "MUTABLE"


def _outputs(found: Mapping[str, Any]) -> dict[str, str]:
    return {"arn": str(found["repositoryArn"]), "uri": str(found["repositoryUri"])}


KINDS = (Repositories(),)

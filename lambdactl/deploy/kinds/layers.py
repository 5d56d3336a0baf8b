"""Layers: a version is published when the content has changed, and older ones go.

A layer has no tags, and its versions can't be changed: whose one is stands at the end of its
description. A version that is deleted stays with the functions that have it
(https://docs.aws.amazon.com/lambda/latest/api/API_DeleteLayerVersion.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import quote, unquote

from lambdactl.deploy import code_upload
from lambdactl.deploy.faults import allowed
from lambdactl.deploy.model import Context, Live, Resource
from lambdactl.deploy.naming import Naming

_LONGEST = 256
"""Of a description."""
_MARK = re.compile(r" ?\[lambdactl ([^\s\]]*) ([^\s\]]*) ([0-9a-f]{16})\]$")
_NOT_FOUND = "ResourceNotFoundException"
_LISTED = "layers:"


class Layers:
    name: ClassVar[str] = "layer"
    title: ClassVar[str] = "layer"
    parent: ClassVar[str | None] = None
    renews: ClassVar[frozenset[str]] = frozenset({"arn", "version"})
    replaced_by: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        newest = _all(context).get(name)
        if newest is None:
            return None
        if _owner(newest) != context.naming.owner:
            # Somebody else may have published one after ours, and ours is in use all the same.
            newest = next(iter(_ours(context, name)), newest)
        owner = _owner(newest)
        if owner != context.naming.owner:
            return Live("layer", name, {}, _outputs(newest), owner)
        client = context.account.client("lambda")
        found = client.get_layer_version(LayerName=name, VersionNumber=newest["Version"])
        text, mark = _told(found)
        return Live(
            kind="layer",
            name=name,
            properties={
                "code_sha256": found["Content"].get("CodeSha256"),
                "runtimes": sorted(found.get("CompatibleRuntimes") or ()),
                "architectures": sorted(found.get("CompatibleArchitectures") or ()),
                "description": text,
                "license": found.get("LicenseInfo") or "",
            },
            outputs=_outputs(found),
            owner=owner,
            hash=mark,
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        mine = context.naming.owner
        return [name for name, newest in _all(context).items() if _owner(newest) == mine]

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        context.account.forget(_LISTED)
        for version in _ours(context, resource.name):
            if _told(version)[1] == resource.digest:
                # A creation that broke off had come to its end: another one would be the same.
                self._prune(context, resource.name, version["Version"])
                return _outputs(version)
        wanted = resource.properties
        assert resource.artifact is not None
        arguments: dict[str, Any] = {
            "LayerName": resource.name,
            "Description": _marked(context.naming, wanted["description"], resource.digest),
            "Content": dict(code_upload.archive(context, resource.artifact)),
        }
        for argument, name in (
            ("CompatibleRuntimes", "runtimes"),
            ("CompatibleArchitectures", "architectures"),
            ("LicenseInfo", "license"),
        ):
            if wanted[name]:
                arguments[argument] = wanted[name]
        try:
            answer = context.account.client("lambda").publish_layer_version(**arguments)
            self._prune(context, resource.name, answer["Version"])
        finally:
            context.account.forget(_LISTED)
        return _outputs(answer)

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        return self.create(context, resource)

    def delete(self, context: Context, live: Live) -> None:
        self._prune(context, live.name, None)

    def _prune(self, context: Context, name: str, kept: int | None) -> None:
        """Delete our versions, all but ``kept``."""
        client = context.account.client("lambda")
        try:
            for version in _ours(context, name):
                if version["Version"] != kept:
                    with allowed(_NOT_FOUND):
                        client.delete_layer_version(
                            LayerName=name, VersionNumber=version["Version"]
                        )
        finally:
            context.account.forget(_LISTED)


def _all(context: Context) -> Mapping[str, Mapping[str, Any]]:
    """The newest version of each layer of the account, by name."""
    account = context.account

    def find() -> dict[str, Mapping[str, Any]]:
        pages = account.client("lambda").get_paginator("list_layers").paginate()
        return {
            layer["LayerName"]: layer["LatestMatchingVersion"]
            for page in pages
            for layer in page.get("Layers", ())
        }

    return account.once(_LISTED, find)


def _ours(context: Context, name: str) -> list[Mapping[str, Any]]:
    """Versions of a layer that the service and stage have published, the newest first."""
    pages = context.account.client("lambda").get_paginator("list_layer_versions")
    with allowed(_NOT_FOUND):
        found = [
            version
            for page in pages.paginate(LayerName=name)
            for version in page.get("LayerVersions", ())
            if _owner(version) == context.naming.owner
        ]
        return sorted(found, key=lambda version: -int(version["Version"]))
    return []


def _marked(naming: Naming, text: str, digest: str) -> str:
    """A description with whose it is at its end."""
    service, stage = (quote(word, safe="") for word in naming.owner)
    mark = f"[lambdactl {service} {stage} {digest}]"
    return f"{text[: _LONGEST - len(mark) - 1]} {mark}" if text else mark


def fitting(naming: Naming, text: str) -> str:
    """As much of a description as there is room for beside whose it is."""
    return _MARK.sub("", _marked(naming, text, "0" * 16))


def _told(version: Mapping[str, Any]) -> tuple[str, str | None]:
    """The description of a version without whose it is, and its digest."""
    description = version.get("Description") or ""
    mark = _MARK.search(description)
    return (description[: mark.start()], mark[3]) if mark else (description, None)


def _owner(version: Mapping[str, Any]) -> tuple[str, str] | None:
    mark = _MARK.search(version.get("Description") or "")
    return (unquote(mark[1]), unquote(mark[2])) if mark else None


def _outputs(version: Mapping[str, Any]) -> dict[str, str]:
    return {"arn": str(version["LayerVersionArn"]), "version": str(version["Version"])}


KINDS = (Layers(),)

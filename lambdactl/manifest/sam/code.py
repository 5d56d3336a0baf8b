"""Where the code of a function and the content of a layer are."""

from __future__ import annotations

import re

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam import builds
from lambdactl.manifest.sam.draft import Draft, Fields
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, text_of

_S3 = r"s3://(?P<bucket>[^/]+)/(?P<key>[^?]+)(?:\?versionId=(?P<version>.+))?"
_COMPILED = ("dotnet", "esbuild", "go", "java", "makefile", "rust", "provided")
"""Starts of build methods after which the handler is not where the source is.
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-using-build.html
"""
_BUILD = "run it with `--built`"


def put(draft: Draft, resource: Resource, fields: Fields, image: bool) -> None:
    """Set ``code`` of a function."""
    serverless = resource.type == "AWS::Serverless::Function"
    uri = resource.get("CodeUri") if serverless else resource.get("Code")
    asset = text_of(resource.body.get("Metadata", "aws:asset:path"))
    word = "CodeUri" if serverless else "Code"
    draft.says(resource.at, "code", word)
    if image or (uri is not None and uri.get("ImageUri") is not None):
        _image(draft, resource, fields, uri)
        return
    inline = resource.get("InlineCode") if serverless else resource.get("Code", "ZipFile")
    if asset is not None and (inline is None or not serverless):
        # What the CDK leaves beside its templates, before it is uploaded.
        fields.put("code", made(draft.path(asset), uri or resource.body), word)
    elif inline is not None:
        from lambdactl.manifest.sam import inline as inline_code

        inline_code.put(draft, resource, fields, inline)
    elif uri is None:
        fields.put("code", made(draft.path("."), Node(None, *resource.at)), word)
    else:
        _located(draft, resource, fields, uri, word)
    _built(draft, resource, fields)


def _located(draft: Draft, resource: Resource, fields: Fields, uri: Node, word: str) -> None:
    if uri.is_mapping:
        fields.put("code", _in_s3(draft, uri), word)
        return
    text = text_of(uri)
    if text is None or uri.unknown:
        fields.put("code", uri, word)
        return
    stored = re.fullmatch(_S3, text) if "://" in text else None
    if stored is not None:
        found = {key: value for key, value in stored.groupdict().items() if value}
        fields.put("code", made(found, uri), word)
        return
    file = draft.template.folder / text
    if file.is_file() and file.suffix not in (".zip", ".jar"):
        text = str(file.parent)  # SAM packs a single file; its folder is as good.
    path = made(draft.path(text), uri)
    kms_key = resource.get("SourceKMSKeyArn")
    if kms_key is None:
        fields.put("code", path, word)
        return
    inner = draft.fields(uri.at)
    inner.put("path", path, word)
    inner.put("kms_key", kms_key, "SourceKMSKeyArn")
    fields.nest("code", inner, word)


def _in_s3(draft: Draft, uri: Node) -> Node:
    inner = draft.fields(uri.at)
    for field, words in (
        ("bucket", ("Bucket", "S3Bucket")),
        ("key", ("Key", "S3Key")),
        ("version", ("Version", "S3ObjectVersion")),
        ("storage", ("StorageMode", "S3ObjectStorageMode")),
        ("kms_key", ("SourceKMSKeyArn",)),
    ):
        for word in words:
            node = uri.get(word)
            if field == "storage" and node is not None:
                node = made(node.text.lower(), node)
            elif node is not None and node.unknown and field in ("bucket", "key"):
                # Without them the manifest would not say that the code is in S3.
                text = re.sub("[^a-z0-9.-]", "-", node.text.lower())[:63]
                node = made(f"{text:x<3}" if field == "bucket" else node.text, node)
            inner.put(field, node, word)
    return inner.node()


def _image(draft: Draft, resource: Resource, fields: Fields, uri: Node | None) -> None:
    """An image: a reference, or a Dockerfile of ``Metadata``.
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-using-build.html#build-container-image
    """
    reference = resource.get("ImageUri") or (uri.get("ImageUri") if uri is not None else None)
    metadata = resource.body.get("Metadata")
    if metadata is not None:
        metadata = resource.template.resolve(metadata)
    inner = draft.fields(metadata.at if metadata is not None else resource.at)
    dockerfile = metadata.get("Dockerfile") if metadata is not None else None
    if reference is not None and not (dockerfile is not None and _is_folder(draft, reference)):
        # A stand-in too: what is an image needs no runtime and no handler.
        image = made(reference.text, reference) if reference.unknown else reference
        inner.put("image", image, "ImageUri")
    elif dockerfile is not None and metadata is not None:
        context = metadata.get("DockerContext")
        folder = text_of(context) or "."
        file = draft.path(f"{folder}/{dockerfile.text}")
        inner.put("dockerfile", made(file, dockerfile), "Dockerfile")
        inner.put("context", made(draft.path(folder), context or dockerfile), "DockerContext")
        inner.put("target", metadata.get("DockerBuildTarget"), "DockerBuildTarget")
        inner.put("args", metadata.get("DockerBuildArgs"), "DockerBuildArgs")
    else:
        message = f"`{resource.name}` needs `ImageUri`, or `Metadata` with a `Dockerfile`"
        draft.problems.add("missing-field", message, resource.at)
        fields.put("code", Node(None, *resource.at, unknown=True))
        return
    config = resource.get("ImageConfig")
    if config is not None and config.is_mapping:
        inner.put("command", config.get("Command"), "Command")
        inner.put("entrypoint", config.get("EntryPoint"), "EntryPoint")
        inner.put("working_directory", config.get("WorkingDirectory"), "WorkingDirectory")
    fields.nest("code", inner, "ImageUri")


def _is_folder(draft: Draft, node: Node) -> bool:
    return not node.unknown and (draft.template.folder / node.text).is_dir()


def _built(draft: Draft, resource: Resource, fields: Fields) -> None:
    """Have code that has to be built be built, or say so."""
    method = text_of(resource.body.get("Metadata", "BuildMethod")) or ""
    built = method.lower().startswith(_COMPILED) and "SamResourceId" not in _metadata(resource)
    if not built:
        return
    uri = resource.get("CodeUri") or resource.get("Code")
    known = uri is None or (text_of(uri) is not None and not uri.unknown)
    if known and builds.put(draft, resource, fields, text_of(uri) or "."):
        return
    draft.unbuilt.add(resource.key)
    if known and (resource.text("Runtime") or "").startswith(("java", "dotnet")):
        return  # What it is compiled from is found in its folder.
    node = resource.body.get("Metadata", "BuildMethod")
    message = f"`{resource.name}` is built before it runs (`BuildMethod: {method}`)"
    draft.warn("not-built", message, node, _BUILD)


def _metadata(resource: Resource) -> dict[str, Node]:
    """``sam build`` leaves ``SamResourceId`` in what it has built."""
    metadata = resource.body.get("Metadata")
    return metadata.value if metadata is not None and metadata.is_mapping else {}


def layer(draft: Draft, resource: Resource) -> Fields | None:
    """A layer of the manifest; None where its content is not on this machine."""
    path = layer_path(draft, resource)
    if path is None:
        return None
    fields = draft.fields(resource.at)
    fields.put("path", path, "ContentUri")
    if "SamResourceId" not in _metadata(resource):
        builds.put_layer(draft, resource, fields)
    fields.put("runtimes", resource.get("CompatibleRuntimes"), "CompatibleRuntimes")
    fields.put("architectures", resource.get("CompatibleArchitectures"), "CompatibleArchitectures")
    fields.put("description", resource.get("Description"), "Description")
    fields.put("license", resource.get("LicenseInfo"), "LicenseInfo")
    name = resource.get("LayerName")
    if name is not None and text_of(name) != resource.key:
        draft.lose(f"the layer's name `{name.text}` in AWS has no place in the manifest", name)
    return fields


def layer_path(draft: Draft, resource: Resource) -> Node | None:
    """Where the content of a layer is, in the layout of /opt."""
    uri = resource.get("ContentUri") or resource.get("Content")
    asset = resource.body.get("Metadata", "aws:asset:path")
    if asset is not None and text_of(asset) is not None:
        return made(draft.path(asset.text), asset)
    text = text_of(uri)
    if uri is None or text is None or uri.unknown or text.startswith("s3://"):
        return None
    return made(draft.path(text), uri)

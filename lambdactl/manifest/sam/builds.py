"""``Metadata: BuildMethod`` -> the ``build`` of a function, where a command of this machine does
what ``sam build`` would.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-using-build-typescript.html
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-custom-runtimes.html
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-rust.html
"""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from pathlib import Path, PurePosixPath

from lambdactl.manifest import layouts
from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.draft import Draft, Fields, truth
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, members, text_of

_GO = (
    "CGO_ENABLED=0 GOOS=${LAMBDACTL_ARCHITECTURE:+linux} "
    "GOARCH=$(echo $LAMBDACTL_ARCHITECTURE | sed s/x86_64/amd64/)"
)
"""For this machine, which is what an empty word means, or for Lambda's (artifacts/recipes.py)."""
OUTPUT = ".lambdactl/made"
"""Where built code goes, beside the template; artifacts are made of it."""


def put(draft: Draft, resource: Resource, fields: Fields, folder: str) -> bool:
    """Set ``bundle``, or ``build`` and ``code`` to what it makes; False where nothing here does it
    by itself.

    :param folder: the sources, as the template has them.
    """
    metadata = resource.template.resolve(resource.body.get("Metadata") or Node({}, *resource.at))
    method = metadata.get("BuildMethod")
    name = (text_of(method) or "").lower()
    sources = draft.template.folder / folder
    if method is None or not sources.is_dir():
        return False
    output = draft.template.folder / OUTPUT / resource.key
    inside = os.path.relpath(output, sources).replace(os.sep, "/")
    properties = metadata.get("BuildProperties") or Node({}, *metadata.at)
    if name == "esbuild":
        fields.nest("bundle", _esbuild(draft, resource, properties, method), "BuildMethod")
        return True
    if name == "makefile":
        commands = [_makefile(resource, sources, output)]
    elif name.startswith("go"):
        binary = "bootstrap"
        if (resource.text("Runtime") or "").startswith("go"):
            binary = resource.text("Handler") or binary
        commands = [f"{_GO} go build -o {shlex.quote(f'{inside}/{binary}')} ."]
    elif name == "rust-cargolambda":
        commands = _rust(properties, sources, inside)
    else:
        return False
    build = draft.fields(method.at)
    found = commands[0] if len(commands) == 1 else commands
    build.put("command", made(found, method), "BuildMethod")
    build.put("folder", made(draft.path(folder), method), "CodeUri")
    fields.nest("build", build, "BuildMethod")
    fields.put("code", made(draft.path(f"{OUTPUT}/{resource.key}"), method), "CodeUri")
    return True


def put_layer(draft: Draft, resource: Resource, fields: Fields) -> None:
    """Set ``build`` of a layer, and for a makefile ``path`` to what it makes.

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-layers.html
    """
    metadata = resource.template.resolve(resource.body.get("Metadata") or Node({}, *resource.at))
    method = metadata.get("BuildMethod")
    name = text_of(method) or ""
    uri = resource.get("ContentUri") or resource.get("Content")
    folder = text_of(uri)
    if method is None or method.unknown or uri is None or folder is None or not name:
        return
    sources = draft.template.folder / folder
    build = draft.fields(method.at)
    if name.lower() == "makefile":
        command = _makefile(resource, sources, draft.template.folder / OUTPUT / resource.key)
        build.put("command", made(command, method), "BuildMethod")
        build.put("folder", made(draft.path(folder), method), "ContentUri")
        fields.put("path", made(draft.path(f"{OUTPUT}/{resource.key}"), method), "ContentUri")
    else:
        inside = layouts.top(name)
        if inside is None or (sources / inside.partition("/")[0]).exists():
            return
        build.put("runtime", method, "BuildMethod")
        build.put("architecture", metadata.get("BuildArchitecture"), "BuildArchitecture")
    fields.nest("build", build, "BuildMethod")


def _makefile(resource: Resource, sources: Path, output: Path) -> str:
    inside = os.path.relpath(output, sources).replace(os.sep, "/")
    target = f'export ARTIFACTS_DIR="$PWD/"{shlex.quote(inside)}; mkdir -p "$ARTIFACTS_DIR"'
    return f"{target} && make {shlex.quote(f'build-{resource.name}')}"


def _esbuild(draft: Draft, resource: Resource, properties: Node, method: Node) -> Fields:
    """``bundle``, for what ``sam build`` would have esbuild make."""
    bundle = draft.fields(method.at)
    bundle.put("tool", made("esbuild", method), "BuildMethod")
    others = []
    for name, given in properties.items():
        flag = re.sub("(?<=[a-z])(?=[A-Z])", "-", name).lower()
        texts = [member.text for member in members(given)]
        if name == "EntryPoints":
            entry = _entry(resource, texts)
            bundle.put("entry", made([entry], given) if entry else None, name)
        elif name in ("Minify", "Sourcemap"):
            wanted = truth(given)
            bundle.put(flag, given if wanted is None else made(wanted, given), name)
        elif name in ("Target", "Format"):
            bundle.put(flag, given, name)
        elif name == "External":
            bundle.put(flag, made(texts, given), name)
        elif name == "Loader":
            pairs = (text.partition("=") for text in texts)
            bundle.put(flag, made({ending: how for ending, _, how in pairs}, given), name)
        elif name != "OutExtension":  # The runtime takes what there is.
            others += _words(flag, given, texts)
    if others:
        bundle.put("arguments", made(others, properties), "BuildProperties")
    return bundle


def _entry(resource: Resource, entries: list[str]) -> str | None:
    """The entry that the handler is in; esbuild leaves the folder out that all of them share."""
    if len(entries) < 2:
        return next(iter(entries), None)
    stem = (resource.text("Handler") or "index.handler").rpartition(".")[0]
    paths = [PurePosixPath(entry) for entry in entries]
    shared = os.path.commonpath([path.parent for path in paths])
    inside = (str(path.relative_to(shared).with_suffix("")) for path in paths)
    return next((entry for entry, name in zip(entries, inside, strict=True) if name == stem), None)


def _words(flag: str, given: Node, texts: list[str]) -> list[str]:
    if given.is_mapping:
        return [f"--{flag}:{key}={value.text}" for key, value in given.items()]
    wanted = truth(given)
    if wanted is not None:
        return [f"--{flag}"] if wanted else [f"--{flag}=false"]
    return [f"--{flag}={','.join(texts)}"] if texts else []


def _rust(properties: Node, sources: Path, output: str) -> list[str]:
    binary = text_of(properties.get("Binary"))
    flag = f" --bin {shlex.quote(binary)}" if binary else ""
    name = shlex.quote(binary or _package(sources))
    into = shlex.quote(output)
    built = f'"${{CARGO_TARGET_DIR:-target}}"/release/{name}'
    return [
        f"cargo build --release{flag}",
        f"mkdir -p {into} && cp {built} {into}/bootstrap",
    ]


def _package(sources: Path) -> str:
    try:
        document = tomllib.loads((sources / "Cargo.toml").read_text(encoding="utf-8"))
        return str(document["package"]["name"])
    except (OSError, ValueError, KeyError):
        return "bootstrap"

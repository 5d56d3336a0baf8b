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
from pathlib import Path

from lambdactl.manifest import layouts
from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.draft import Draft, Fields, truth
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, members, text_of

OUTPUT = ".lambdactl/build"
"""Where built code goes, beside the template."""
_LISTS = {"External": "external", "Loader": "loader", "OutExtension": "out-extension"}
"""Properties whose members are flags of their own: ``--loader:.json=copy``."""
_SOURCES = (".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".jsx")
_TARGET = "es2020"


def put(draft: Draft, resource: Resource, fields: Fields, folder: str) -> bool:
    """Set ``build``, and ``code`` to what it makes; False where no command does it.

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
        commands = _esbuild(resource, properties, sources, inside)
    elif name == "makefile":
        commands = [_makefile(resource, sources, output)]
    elif name.startswith("go"):
        binary = "bootstrap"
        if (resource.text("Runtime") or "").startswith("go"):
            binary = resource.text("Handler") or binary
        commands = [f"CGO_ENABLED=0 go build -o {shlex.quote(f'{inside}/{binary}')} ."]
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


def _esbuild(resource: Resource, properties: Node, sources: Path, output: str) -> list[str]:
    entries = [member.text for member in members(properties.get("EntryPoints"))]
    words = ["npx", "--no-install", "esbuild", *(entries or [_entry(resource, sources)])]
    words += ["--bundle", "--platform=node", f"--outdir={output}", "--log-level=warning"]
    words.append(f"--target={text_of(properties.get('Target')) or _TARGET}")
    for name, given in properties.items():
        flag = re.sub("(?<=[a-z])(?=[A-Z])", "-", name).lower()
        if name in _LISTS:
            words += [f"--{_LISTS[name]}:{member.text}" for member in members(given)]
        elif given.is_mapping:
            words += [f"--{flag}:{key}={value.text}" for key, value in given.items()]
        elif truth(given) is not None:
            words += [f"--{flag}"] if truth(given) else []
        elif name not in ("EntryPoints", "Target") and members(given):
            words.append(f"--{flag}={','.join(member.text for member in members(given))}")
    command = " ".join(shlex.quote(word) for word in words)
    if (sources / "package.json").is_file():
        return ["[ -d node_modules ] || npm install --no-audit --no-fund", command]
    return [command]


def _entry(resource: Resource, sources: Path) -> str:
    """The file of the handler, which SAM takes where no entry points are named."""
    module = (resource.text("Handler") or "index.handler").rpartition(".")[0]
    found = (
        f"{module}{ending}" for ending in _SOURCES if (sources / f"{module}{ending}").is_file()
    )
    return next(found, f"{module}.ts")


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

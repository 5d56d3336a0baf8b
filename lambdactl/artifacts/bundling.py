"""A Node.js function as one file with all that it imports, through the project's own esbuild.

The sources are read where they lie, with the packages that are installed there, as `esbuild` on a
terminal does; only the output goes elsewhere. https://esbuild.github.io/api/
"""

from __future__ import annotations

import base64
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from lambdactl.artifacts.dependencies import node, node_project, tools
from lambdactl.artifacts.dependencies.node_tree import MODULES
from lambdactl.artifacts.model import Package, Target, Work
from lambdactl.errors import BuildError, EnvironmentStartError, UserError, did_you_mean
from lambdactl.manifest.features import Bundle
from lambdactl.manifest.runtimes import guess

ENDINGS = (".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".jsx")
"""Of the handler's file, in the order in which one of several is taken: ``app.js`` beside
``app.ts`` is what a compiler has made of it."""

_SOURCES = frozenset((*ENDINGS, ".json", ".css", ".txt"))
_REQUIRE = (
    "import { createRequire as lambdactlRequire } from 'node:module';"
    "const require = lambdactlRequire(import.meta.url);"
)
"""What CommonJS packages need inside an ES module to load parts of Node.js
(https://github.com/evanw/esbuild/issues/1921)."""
_INLINE = re.compile(
    rb"(//# sourceMappingURL=data:application/json(?:;charset=[\w-]+)?;base64,)([\w+/=]+)"
)
_MAPS = "--enable-source-maps"
_ERROR = re.compile(r"^\s*(?:✘ )?\[?ERROR\]?:?\s*(.+)$", re.MULTILINE)
_PLACE = re.compile(r"^\s*(\S.*?:\d+:\d+):\s*$", re.MULTILINE)
_UNRESOLVED = re.compile(r'Could not resolve "([^"]+)"')


@dataclass(frozen=True, slots=True)
class Bundled:
    """A bundle.

    :ivar folder: what goes into the artifact: the handler's file under its own name, source maps,
        and ``node_modules`` with the packages that stay outside.
    :ivar packages: what is in it of other packages: what esbuild has put in, what lies beside.
    :ivar notes: what the user should know, a sentence each.
    :ivar inputs: the files of the project that it was made from; no packages.
    """

    folder: Path
    packages: tuple[Package, ...]
    notes: tuple[str, ...] = ()
    inputs: tuple[Path, ...] = ()


def decisive(source: Path, root: Path, bundle: Bundle) -> tuple[Path, ...]:
    """The files that decide a bundle, sorted: every source that lies where imports of ``source``
    may lead to, the settings of TypeScript, and what says which packages are installed.

    :param root: the manifest's folder. Sources outside ``source`` are found up to there.
    """
    found = set(_sources(root, _SOURCES | set(bundle.loader)))
    for folder in (source, *source.parents):
        for name in ("tsconfig.json", "package.json", *node_project.LOCKS):
            if (folder / name).is_file():
                found.add(folder / name)
        # Notes of npm, pnpm and Yarn on what is installed now, and the bundler itself.
        for name in (
            ".package-lock.json",
            ".modules.yaml",
            ".yarn-integrity",
            ".yarn-state.yml",
            "esbuild/package.json",
        ):
            if (folder / MODULES / name).is_file():
                found.add(folder / MODULES / name)
    return tuple(sorted(found))


def _sources(root: Path, endings: frozenset[str] | set[str]) -> Iterator[Path]:
    for current, folders, files in os.walk(root):
        aside = (".", "__pycache__")
        folders[:] = [name for name in folders if name != MODULES and not name.startswith(aside)]
        for name in files:
            if Path(name).suffix in endings:
                yield Path(current) / name


def bundle(
    source: Path,
    handler: str,
    bundle: Bundle,
    target: Target,
    into: Path,
    work: Work,
    *,
    root: Path,
    environment: Mapping[str, str] | None = None,
) -> Bundled:
    """Bundle the code of a function. Blocking. The handler stays what it is: ``src/app.handler``
    is in ``src/app.js`` (``.mjs`` for an ES module).

    :param source: the code's folder.
    :param into: an empty folder for the output.
    :param root: the manifest's folder: packages are asked for up to there.
    :param environment: the function's variables, for a hint on source maps.
    :raises UserError: there is no file for the handler.
    :raises BuildError: esbuild refuses, or a package that stays outside can't be installed.
    :raises EnvironmentStartError: there is no esbuild.
    """
    stem = _stem(handler)
    entries = _entries(source, stem, bundle)
    first = entries[0]
    module = _is_module(source / first)
    format_ = bundle.format or ("esm" if module else "cjs")
    into.mkdir(parents=True, exist_ok=True)
    outside = _outside(bundle, target)
    with tempfile.TemporaryDirectory(dir=work.scratch, prefix="esbuild-") as made:
        record = Path(made) / "meta.json"
        words = [_program(source, work), *_words(bundle, target, format_, outside)]
        words += [f"--metafile={record}", *_output(entries, stem, format_, into)]
        ended = tools.run(words, source, work, environment={"NO_COLOR": "1"})
        if ended.code != 0:
            raise _explained(source, first, ended)
        meta = json.loads(record.read_bytes())
    _settle_maps(into, source)
    if format_ == "cjs" and module:
        # It may run from inside of the project (`invoke --built`), whose package.json says module.
        (into / "package.json").write_text('{"type":"commonjs"}\n')
    packages = _inside(meta, source)
    packages += _beside(source, root, bundle, target, into, work)
    notes = _notes(bundle, environment or {})
    inputs = (Path(os.path.normpath(source / name)) for name in meta.get("inputs", {}))
    own = tuple(sorted(path for path in inputs if MODULES not in path.parts and path.is_file()))
    return Bundled(into, packages, notes, own)


def _stem(handler: str) -> str:
    """``src/app`` of ``src/app.handler`` (https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html)."""
    folder, slash, last = handler.rpartition("/")
    return f"{folder}{slash}{last.partition('.')[0]}".removeprefix("./")


def _entries(source: Path, stem: str, bundle: Bundle) -> tuple[str, ...]:
    """The files to begin with, relative to ``source``, the handler's first."""
    if not bundle.entry:
        for ending in ENDINGS:
            if (source / f"{stem}{ending}").is_file():
                return (f"{stem}{ending}",)
        folder = (source / stem).parent
        names = (
            [file.stem for file in folder.iterdir() if file.suffix in ENDINGS]
            if folder.is_dir()
            else []
        )
        raise UserError(
            f"there is no file to bundle for the handler: {source / stem} with one of "
            f"{', '.join(ENDINGS)}",
            hint=did_you_mean(Path(stem).name, names) or "name it with `bundle: {entry: ...}`",
        )
    entries = [os.path.normpath(name).replace(os.sep, "/") for name in bundle.entry]
    for name in entries:
        if not (source / name).is_file():
            raise UserError(f"there is no file to bundle: {source / name}")
    handlers = [name for name in entries if name.removesuffix(Path(name).suffix) == stem]
    if len(entries) > 1 and not handlers:
        raise UserError(
            f"none of the bundle's entries is the handler's file {stem}",
            hint=f"have one of: {', '.join(entries)}",
        )
    return tuple(dict.fromkeys((*handlers, *entries)))


def _is_module(entry: Path) -> bool:
    """Whether Node.js reads a file as an ES module (https://nodejs.org/api/packages.html)."""
    if entry.suffix in (".mjs", ".mts", ".cjs", ".cts"):
        return entry.suffix[1] == "m"
    for folder in entry.parents:
        manifest = folder / "package.json"
        if manifest.is_file():
            return node_project.read_manifest(manifest).get("type") == "module"
    return False


def _outside(bundle: Bundle, target: Target) -> tuple[str, ...]:
    """Packages that stay outside: the bundle's own, and the AWS SDK that the runtime brings:
    version 3 from Node.js 18 on, version 2 before
    (https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html). ``!@aws-sdk/*`` takes it in.
    """
    version = guess(target.runtime).version
    major = int(version) if version.isdigit() else 18
    brought = ("@aws-sdk/*", "@smithy/*") if major >= 18 else ("aws-sdk",)
    taken_in = {name[1:] for name in bundle.external if name.startswith("!")}
    if "@aws-sdk/*" in taken_in:
        taken_in.add("@smithy/*")
    asked = [name for name in bundle.external if not name.startswith("!")]
    return tuple(dict.fromkeys(name for name in (*brought, *asked) if name not in taken_in))


def _words(bundle: Bundle, target: Target, format_: str, outside: tuple[str, ...]) -> list[str]:
    version = guess(target.runtime).version
    words = ["--bundle", "--platform=node", f"--format={format_}", "--log-level=warning"]
    words.append(f"--target={bundle.target or f'node{version or 20}'}")
    if format_ == "esm":
        words += ["--main-fields=module,main", "--out-extension:.js=.mjs"]
        if not any(word.startswith("--banner:js=") for word in bundle.arguments):
            words.append(f"--banner:js={_REQUIRE}")
    if bundle.minify:
        words.append("--minify")
    if bundle.sourcemap is not None:
        words.append(f"--sourcemap={bundle.sourcemap}")
    words += [f"--external:{name}" for name in outside]
    words += [f"--loader:{ending}={how}" for ending, how in sorted(bundle.loader.items())]
    words += [f"--define:{name}={value}" for name, value in sorted(bundle.define.items())]
    return [*words, *bundle.arguments]


def _output(entries: tuple[str, ...], stem: str, format_: str, into: Path) -> list[str]:
    if len(entries) == 1:
        ending = ".mjs" if format_ == "esm" else ".js"
        return [f"./{entries[0]}", f"--outfile={into / (stem + ending)}"]
    return [*(f"./{name}" for name in entries), "--outbase=.", f"--outdir={into}"]


def _program(source: Path, work: Work) -> str:
    """The esbuild that is installed nearest to the code, as Node.js would find it; else one on
    the ``PATH``."""
    listed: Path | None = None
    for folder in (source, *source.parents):
        program = folder / MODULES / ".bin" / "esbuild"
        if program.is_file():
            return str(program)
        manifest = folder / "package.json"
        if listed is None and manifest.is_file():
            listed = manifest
    if path := tools.find("esbuild", work):
        return path
    if listed is None:
        raise EnvironmentStartError(
            f"esbuild is not installed for {source}", hint="npm install --save-dev esbuild"
        )
    project = node_project.read(listed)
    manager = "yarn" if project.manager == "berry" else project.manager
    wanted = project.manifest.get("devDependencies")
    there = {*(wanted if isinstance(wanted, dict) else ()), *project.direct}
    how = {"npm": "npm install --save-dev", "pnpm": "pnpm add -D", "yarn": "yarn add -D"}[manager]
    again = "npm ci" if project.lock and manager == "npm" else f"{manager} install"
    raise EnvironmentStartError(
        f"esbuild is not installed for {source}",
        hint=f"in {listed.parent}: {again if 'esbuild' in there else f'{how} esbuild'}",
    )


def _explained(source: Path, entry: str, ended: tools.Ended) -> BuildError:
    output = ended.output.decode("utf-8", "replace")
    said, place = _ERROR.search(output), _PLACE.search(output)
    reason = said[1].strip() if said else f"it ended with {ended.code}"
    where = f" ({place[1]})" if place else ""
    hint = None
    if unresolved := _UNRESOLVED.search(output):
        name = unresolved[1]
        hint = (
            None
            if name.startswith((".", "/"))
            else f"install {name}, or name it under `external` where a layer or the runtime has it"
        )
    return BuildError(
        f"esbuild can't bundle {source / entry}: {reason}{where}", ended.output, hint=hint
    )


def _settle_maps(into: Path, source: Path) -> None:
    """Let source maps say where sources are as seen from the code's folder, which the bundle
    stands for, and not from the folder of one build."""
    for file in sorted(into.rglob("*")):
        if file.suffix == ".map":
            file.write_bytes(_settled(file.read_bytes(), file.parent, into, source))
        elif file.suffix in (".js", ".mjs"):
            content = file.read_bytes()
            parent = file.parent

            def inline(found: re.Match[bytes], parent: Path = parent) -> bytes:
                data = _settled(base64.b64decode(found[2]), parent, into, source)
                return found[1] + base64.b64encode(data)

            settled = _INLINE.sub(inline, content)
            if settled != content:
                file.write_bytes(settled)


def _settled(data: bytes, folder: Path, into: Path, source: Path) -> bytes:
    described = json.loads(data)
    if not isinstance(described, dict) or not isinstance(described.get("sources"), list):
        return data
    real, standing = os.path.realpath(folder), os.path.realpath(source / folder.relative_to(into))
    described["sources"] = [
        name if ":" in name else os.path.relpath(os.path.normpath(f"{real}/{name}"), standing)
        for name in described["sources"]
    ]
    return json.dumps(described, separators=(",", ":"), ensure_ascii=False).encode()


def _inside(meta: Mapping[str, Any], source: Path) -> tuple[Package, ...]:
    """The packages in the bundle, with what each has added to it."""
    sizes: dict[Path, int] = {}
    for output in meta.get("outputs", {}).values():
        for name, part in output.get("inputs", {}).items():
            if (package := _package(source, name)) is not None and part.get("bytesInOutput"):
                sizes[package] = sizes.get(package, 0) + part["bytesInOutput"]
    pulled: dict[Path, set[str]] = {package: set() for package in sizes}
    direct: set[Path] = set()
    for name, described in meta.get("inputs", {}).items():
        package = _package(source, name)
        for imported in described.get("imports", ()):
            other = _package(source, imported.get("path", ""))
            if other is None or other not in sizes or other == package:
                continue
            if package is None:
                direct.add(other)
            elif package in pulled:
                pulled[package].add(_name(other))
    found = (
        Package(
            _name(package),
            str(node_project.read_manifest(package / "package.json").get("version", ""))
            if (package / "package.json").is_file()
            else "",
            size,
            tuple(sorted(pulled[package])),
            package in direct,
        )
        for package, size in sizes.items()
    )
    return tuple(sorted(found, key=lambda package: (package.name, package.version)))


def _package(source: Path, name: str) -> Path | None:
    """The folder of the installed package that an input of esbuild's belongs to."""
    parts = Path(os.path.normpath(source / name)).parts
    if MODULES not in parts:
        return None
    at = len(parts) - 1 - parts[::-1].index(MODULES)
    end = at + (3 if len(parts) > at + 1 and parts[at + 1].startswith("@") else 2)
    return Path(*parts[:end]) if len(parts) > end else None


def _name(package: Path) -> str:
    return (
        f"{package.parent.name}/{package.name}"
        if package.parent.name.startswith("@")
        else package.name
    )


def _beside(
    source: Path, root: Path, bundle: Bundle, target: Target, into: Path, work: Work
) -> tuple[Package, ...]:
    """Install what stays outside, and only that. What the project does not ask for comes from
    somewhere else: a layer, or the runtime."""
    found = node.find(source, root)
    asked = [name for name in bundle.external if not name.startswith(("!", ".", "/"))]
    if found is None or not asked:
        return ()
    direct = node_project.needed(node_project.read_manifest(found))
    wanted = frozenset(
        name
        for name in direct
        for pattern in asked
        if fnmatchcase(name, pattern) or pattern.startswith(f"{name}/")
    )
    if not wanted:
        return ()
    return node.install(found, target, into, work, only=wanted).packages


def _notes(bundle: Bundle, environment: Mapping[str, str]) -> tuple[str, ...]:
    """https://docs.aws.amazon.com/lambda/latest/dg/typescript-package.html"""
    if bundle.sourcemap in (None, "external"):
        return ()
    if _MAPS in environment.get("NODE_OPTIONS", ""):
        return ()
    return (f"Node.js reads the source map only with NODE_OPTIONS={_MAPS} in `environment`",)

"""npm, pnpm and Yarn: the command that installs what a lock file says, for another machine.

None of them runs a package's install scripts, and none sees the user's own folder: they work on a
copy of what they need (:func:`lambdactl.artifacts.dependencies.node_project.files`).

https://docs.npmjs.com/cli/commands/npm-ci, https://pnpm.io/cli/install,
https://classic.yarnpkg.com/lang/en/docs/cli/install, https://yarnpkg.com/cli/install
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from lambdactl.artifacts.dependencies import tools
from lambdactl.artifacts.dependencies.node_project import Project
from lambdactl.artifacts.model import Target, Work
from lambdactl.errors import BuildError, EnvironmentStartError

CPU: Mapping[str, str] = {"x86_64": "x64", "arm64": "arm64"}
"""Node.js's word (``process.arch``) for Lambda's."""


class Command(NamedTuple):
    words: tuple[str, ...]
    environment: Mapping[str, str] = {}


def install(project: Project, stage: Path, target: Target, work: Work) -> None:
    """Install the production dependencies of ``project`` in ``stage``, the copy of its root.

    :raises BuildError: the package manager says no.
    :raises EnvironmentStartError: it isn't there, or is too old.
    """
    member = project.folder.relative_to(project.root).as_posix()
    command = _COMMANDS[project.manager](project, stage, member, target, work)
    quiet = {"CI": "1", "NO_COLOR": "1", "FORCE_COLOR": "0", "COREPACK_ENABLE_DOWNLOAD_PROMPT": "0"}
    ended = tools.run(command.words, stage, work, environment={**quiet, **command.environment})
    if ended.code != 0:
        raise _explained(project, ended)


def _npm(project: Project, stage: Path, member: str, target: Target, work: Work) -> Command:
    words = [_program("npm", "install Node.js, which brings it", work)]
    words.append("ci" if project.lock else "install")
    if member != ".":
        words.append(f"--workspace={member}")
    words += ["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--no-bin-links"]
    words += ["--no-update-notifier", "--no-progress", "--loglevel=error", "--no-dry-run"]
    words += ["--no-global", "--install-strategy=hoisted", "--no-package-lock-only"]
    words += ["--prefer-offline"] if project.lock else ["--no-package-lock"]
    words += ["--os=linux", f"--cpu={CPU[target.architecture]}", "--libc=glibc"]
    return Command(tuple(words))


def _pnpm(project: Project, stage: Path, member: str, target: Target, work: Work) -> Command:
    words = [*_through_corepack("pnpm", work)]
    if member != ".":
        # With the members that it depends on.
        words.append(f"--filter={{./{member}}}...")
    words += ["install", "--prod", "--ignore-scripts", "--reporter=append-only"]
    words += ["--frozen-lockfile", "--prefer-offline"] if project.lock else ["--no-lockfile"]
    # Copies: what is linked into the store must not be changed. The global store of newer versions
    # would leave links to the user's home.
    words += ["--config.package-import-method=copy", "--config.node-linker=isolated"]
    words += ["--config.enable-global-virtual-store=false", "--config.side-effects-cache=false"]
    words += ["--config.confirm-modules-purge=false", "--config.virtual-store-dir=.pnpm"]
    _support(stage, target)
    return Command(tuple(words))


def _support(stage: Path, target: Target) -> None:
    """Say which optional packages are wanted, where both old and new versions of pnpm read it
    (https://pnpm.io/settings#supportedarchitectures)."""
    import yaml

    wanted = _wanted(target)
    manifest = stage / "package.json"
    described = json.loads(manifest.read_text("utf-8-sig")) if manifest.is_file() else {}
    described["pnpm"] = {**(described.get("pnpm") or {}), "supportedArchitectures": wanted}
    manifest.write_text(json.dumps(described), "utf-8")
    # Where newer versions read it; up to 9 they refuse one that names no packages.
    workspace = stage / "pnpm-workspace.yaml"
    settings = (yaml.safe_load(workspace.read_text("utf-8")) if workspace.is_file() else None) or {}
    settings.setdefault("packages", ["."])
    settings["supportedArchitectures"] = wanted
    workspace.write_text(yaml.safe_dump(settings), "utf-8")


def _wanted(target: Target) -> dict[str, list[str]]:
    return {"os": ["linux"], "cpu": [CPU[target.architecture]], "libc": ["glibc"]}


def _yarn(project: Project, stage: Path, member: str, target: Target, work: Work) -> Command:
    words = [*_through_corepack("yarn", work), "install", "--production", "--ignore-scripts"]
    # It takes optional packages of this machine or of all; those of others are removed later.
    words += ["--ignore-platform", "--ignore-engines", "--non-interactive", "--no-progress"]
    words += ["--no-bin-links", "--prefer-offline"]
    words += ["--frozen-lockfile"] if project.lock else ["--no-lockfile"]
    # Its cache is not safe for two at once (https://classic.yarnpkg.com/lang/en/docs/cli/#toc-concurrency-and-mutex).
    work.cache.mkdir(parents=True, exist_ok=True)
    words += ["--mutex", f"file:{work.cache / 'yarn.mutex'}"]
    return Command(tuple(words), {"YARN_IGNORE_PATH": "0"})


def _berry(project: Project, stage: Path, member: str, target: Target, work: Work) -> Command:
    import yaml

    path = stage / ".yarnrc.yml"
    settings = (yaml.safe_load(path.read_text("utf-8")) if path.is_file() else None) or {}
    program = settings.get("yarnPath")
    if isinstance(program, str) and (stage / program).is_file():
        node = _program("node", "install Node.js", work)
        words = [node, str(stage / program)]
    else:
        words = [*_through_corepack("yarn", work)]
        if tools.run([*words, "--version"], stage, work).output.startswith((b"0.", b"1.")):
            raise EnvironmentStartError(
                f"{project.lock or project.folder / 'package.json'} is of Yarn 2 or later, and "
                "`yarn` is Yarn 1 here",
                hint="corepack enable, or `yarn set version stable` in the project",
            )
    settings.update(
        nodeLinker="node-modules",
        nmHoistingLimits="none",
        nmMode="classic",
        enableScripts=False,
        enableTelemetry=False,
        supportedArchitectures=_wanted(target),
    )
    path.write_text(yaml.safe_dump(settings), "utf-8")
    return Command((*words, "install", *(["--immutable"] if project.lock else [])))


_COMMANDS = {"npm": _npm, "pnpm": _pnpm, "yarn": _yarn, "berry": _berry}


def _program(name: str, hint: str, work: Work) -> str:
    path = tools.find(name, work)
    if path is None:
        raise EnvironmentStartError(f"`{name}` is not installed", hint=hint)
    return path


def _through_corepack(name: str, work: Work) -> tuple[str, ...]:
    """The package manager, or Node.js's own way to it
    (https://nodejs.org/api/corepack.html)."""
    if path := tools.find(name, work):
        return (path,)
    if corepack := tools.find("corepack", work):
        return (corepack, name)
    raise EnvironmentStartError(f"`{name}` is not installed", hint=f"npm install --global {name}")


_WORDS = (
    (
        # It ends with its own stack; a release of it from before the registry's newest keys can
        # verify nothing (https://github.com/nodejs/corepack/issues/612).
        r"Corepack cannot download|corepack\.cjs:\d+\n",
        "Corepack can't download {manager}",
        "npm install --global {manager}, or a newer Corepack: npm install --global corepack@latest",
    ),
    (
        r"can only install packages when your package\.json and|ERR_PNPM_OUTDATED_LOCKFILE"
        r"|lockfile needs to be updated|YN0028",
        "the lock file does not fit package.json",
        "install once with {manager}, so that it writes the lock file anew",
    ),
    (
        r"E40[13]\b|ERR_PNPM_FETCH_40[13]|Unauthorized|YN0041",
        "the registry refuses these credentials",
        "check the token in .npmrc",
    ),
    (
        r"EINTEGRITY|ERR_PNPM_TARBALL_INTEGRITY|Integrity check failed|YN0018",
        "a package is not what the lock file says it is",
        "clean the cache of {manager}; if that does not help, somebody has changed the package",
    ),
    (
        r"ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|ECONNRESET|ENETUNREACH",
        "the registry can't be reached",
        "check the network, the proxy settings and `registry` in .npmrc",
    ),
    (r"ENOSPC", "there is no space left on the disk", None),
)
_LACKING = re.compile(r"npm error Missing: (\S+) from lock file")
_MISSING = re.compile(
    r"'(?P<npm>@?[^'@\s]+)(?:@[^'\s]*)?'\s+(?:npm error 404\s+)?"
    r"(?:is not in this registry|could not be found)"
    r"|https?://[^/\s]+(?:/[^/\s]+)*?/(?P<other>(?:@[^/\s]+(?:/|%2[fF]))?[^/\s:\"]+)"
    r"(?:/-/\S+)?[\"']?(?::| -)[^\n]*(?:404|Not [Ff]ound)"
)


def _explained(project: Project, ended: tools.Ended) -> BuildError:
    output = ended.output.decode("utf-8", "replace")
    name = "yarn" if project.manager == "berry" else project.manager
    where = project.lock or project.folder / "package.json"
    if found := _MISSING.search(output):
        package = found["npm"] or found["other"]
        return BuildError(f"{where}: the registry has no package {unquote(package)}", ended.output)
    for pattern, words, hint in _WORDS:
        if re.search(pattern, output):
            words = words.format(manager=name)
            hint = hint.format(manager=name) if hint else None
            if missing := _LACKING.search(output):
                words = f"{words}: it lacks {missing[1]}"
            return BuildError(f"{where}: {words}", ended.output, hint=hint)
    reason = next(
        (
            said.strip()
            for said in re.findall(
                r"(?im)^\s*(?:npm error|npm ERR!|error|ERR_PNPM_\w+|➤ YN\d+:)\s+(?!code )(.+)$",
                output,
            )
        ),
        f"it ended with {ended.code}",
    )
    return BuildError(f"{where}: {name} could not install: {reason}", ended.output)

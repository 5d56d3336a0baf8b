"""How each runtime family is started as a process: its command, its folders, its variables."""

from __future__ import annotations

import functools
import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Literal

from lambdactl.errors import EnvironmentStartError
from lambdactl.execution import debugging, interpreters, isolation, node_flags
from lambdactl.execution.failures import Exit
from lambdactl.execution.process import ProcessSandbox, ProcessSpec
from lambdactl.execution.variables import Places, log_stream, variables
from lambdactl.manifest.model import Function

_BOOTSTRAPS = Path(__file__).parent / "bootstraps"
_COMMANDS = {
    "python": "python/bootstrap.py",
    "nodejs": "node/bootstrap.cjs",
    "ruby": "ruby/bootstrap.rb",
}

_SWAYING = frozenset(
    {
        "AWS_LAMBDA_EXEC_WRAPPER",
        "NODE_OPTIONS",
        "RUBYOPT",
        "PYTHONUSERBASE",
        "LD_PRELOAD",
    }
)
_FIRST_FILES = ("sitecustomize.py", "usercustomize.py")
"""What of a function's own settings and files has a say in how an interpreter starts."""

_GIVEN_BY_LAMBDA = ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six")
"""What the Python runtimes bring along, in /var/runtime
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html#python-sdk-included)."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A function made ready to run on this machine, whatever the number of environments."""

    function: Function
    family: str
    command: tuple[str, ...]
    version: str
    runtime_version: str
    task: Path
    runtime: Path
    opt: Path | None
    interpreter: Path | None
    work: Path
    keep: tuple[Path, ...]
    warning: str | None = None
    debugger: Mapping[str, str] | None = None
    """Variables with which it waits for a debugger; None if it doesn't."""

    def spec(
        self,
        *,
        region: str,
        credentials: Mapping[str, str],
        now: float,
        standby: bool = False,
    ) -> ProcessSpec:
        """What one new environment needs; each has a log stream of its own.

        :param standby: the runtime asks for the word before it reads the function's code.
        """
        fence = isolation.available()
        shown_as_opt = isolation.opt_is_private(fence, self.opt, self.keep)
        places = Places(
            task=self.task,
            runtime=self.runtime,
            opt=isolation.OPT if shown_as_opt else self.opt,
            interpreter=self.interpreter,
        )
        return ProcessSpec(
            command=self._wrapped(places.opt),
            folder=self.task,
            variables={
                **variables(
                    self.function,
                    places,
                    family=self.family,
                    version=self.version,
                    region=region,
                    stream=log_stream(now),
                    credentials=credentials,
                ),
                **({"_LAMBDACTL_STANDBY": "1"} if standby else {}),
                **self._alone(),
                **(self.debugger or {}),
            },
            work=self.work,
            memory_mb=self.function.memory_mb
            + (debugging.MEMORY_MB if self.debugger is not None else 0),
            ephemeral_storage_mb=self.function.ephemeral_storage_mb,
            runtime_version=self.runtime_version,
            layers=self.opt,
            keep=self.keep,
            telemetry=self.family != "provided",
        )

    @property
    def can_stand_by(self) -> bool:
        return (
            self.family != "provided"
            and self.debugger is None
            and self.opt is None
            and not _SWAYING.intersection(self.function.environment)
            and not any((self.task / name).exists() for name in _FIRST_FILES)
        )

    def silence(self, how: Exit | None) -> str | None:
        """A process that ends before it calls has said why."""
        return None

    def sandbox(
        self,
        *,
        region: str,
        credentials: Mapping[str, str],
        now: float,
        standby: bool = False,
    ) -> ProcessSandbox:
        """See :class:`~lambdactl.execution.sandbox.Launch`."""
        return ProcessSandbox(
            self.spec(region=region, credentials=credentials, now=now, standby=standby)
        )

    def _alone(self) -> dict[str, str]:
        """What keeps this machine's own packages from an artifact: AWS would not have them."""
        built = self.family == "python" and self.function.code.built
        return {"_LAMBDACTL_BUILT": "1"} if built else {}

    def _wrapped(self, opt: Path | None) -> tuple[str, ...]:
        """The command behind the function's wrapper script, if it has one (managed runtimes only:
        https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper)."""
        wrapper = self.function.environment.get("AWS_LAMBDA_EXEC_WRAPPER")
        if not wrapper or self.family == "provided":
            return self.command
        if opt is not None:
            wrapper = wrapper.replace(f"{isolation.OPT}/", f"{opt}/", 1)
        return (wrapper, *self.command)


_KINDS = {
    "image": "a container image",
    "dockerfile": "an image to build from a Dockerfile",
}


def contained(function: Function) -> bool:
    """Whether ``function`` runs in a container: when it is asked to, and when it can't run
    otherwise and is not asked to."""
    return function.runs_as == "container"


def unable(function: Function) -> EnvironmentStartError | None:
    """Why ``function`` can't run where it is to run, whatever is installed; None if it can."""
    if function.code.kind == "s3":
        return EnvironmentStartError(
            f"{function.name} is an archive in S3, which does not run on this machine",
            where=function.where,
            hint="name a copy of it in `code`",
        )
    if contained(function):
        return None
    if function.code.kind in _KINDS:
        return EnvironmentStartError(
            f"{function.name} is {_KINDS[function.code.kind]}, which does not run as a process",
            where=function.where,
            hint="it runs with --container, which needs a container engine",
        )
    return interpreters.container_needed(function.runtime or "")


def prepare(
    function: Function,
    *,
    task: Path,
    opt: Path | None,
    root: Path,
    work: Path,
    shell: Mapping[str, str],
    strict: bool,
    debug_port: int | None = None,
) -> Launch:
    """Find out how ``function`` is started here.

    :param task: the folder with its code, unpacked.
    :param opt: its merged layers.
    :param root: the manifest's folder, where a project's own ``.venv`` may be.
    :param work: a folder of ours that lives as long as the environments.
    :param debug_port: it waits for a debugger there.
    :raises EnvironmentStartError: its runtime isn't there, or can't run as a process.
    :raises UserError: there is no debugger for its runtime.
    """
    runtime = function.runtime or ""
    if debug_port is not None:
        debugging.check(function)
    keep = {task, root, *([opt] if opt else [])}
    if runtime.startswith("provided"):
        return Launch(
            function=function,
            family="provided",
            command=(str(_find_bootstrap(function, task, opt)),),
            version="",
            runtime_version=runtime,
            task=task,
            runtime=task,
            opt=opt,
            interpreter=None,
            work=work,
            keep=tuple(sorted(keep)),
        )
    project = task if task.is_relative_to(root) else root
    found = interpreters.find(runtime, project=project, env=shell, strict=strict)
    assert found is not None, "only provided runtimes have no interpreter"
    family = next(name for name in _COMMANDS if runtime.startswith(name))
    binary = Path(found.path)
    bootstrap = _BOOTSTRAPS / _COMMANDS[family]
    given, warning = bootstrap.parent, found.warning
    keep |= {_BOOTSTRAPS, binary.parent.parent, binary.resolve().parent.parent}
    if family == "python":
        sdk, without = _sdk_for(found)
        given, warning = _given_by_lambda(work, sdk), warning or without
        keep |= {path.parent for path in sdk}
    keep.add(given)
    version = ".".join(str(part) for part in found.version[: 1 if family == "nodejs" else 2])
    shown = ".".join(str(part) for part in found.version)
    flags = node_flags.flags(found.version, function.environment) if family == "nodejs" else ()
    command: tuple[str, ...] = (str(binary), *flags, str(bootstrap))
    debugger: dict[str, str] | None = None
    if debug_port is not None:
        if family == "python":
            debugging.require_debugpy(function, binary, task, opt)
        command, debugger, seen = debugging.in_process(family, found.version, debug_port, command)
        keep.update(seen)
    return Launch(
        function=function,
        family=family,
        command=command,
        version=version,
        runtime_version=f"{runtime} ({found.path}, version {shown})",
        task=task,
        runtime=given,
        opt=opt,
        interpreter=binary.parent,
        work=work,
        keep=tuple(sorted(path for path in keep if path != Path("/"))),
        warning=warning,
        debugger=debugger,
    )


def _find_bootstrap(function: Function, task: Path, opt: Path | None) -> Path:
    candidates = [task / "bootstrap", *([opt / "bootstrap"] if opt else [])]
    for candidate in candidates:
        if candidate.is_file():
            if os.access(candidate, os.X_OK):
                _check_entry_point(candidate)
                return candidate
            raise EnvironmentStartError(
                f"Runtime.InvalidEntrypoint: {candidate} is not executable",
                hint=f"chmod +x {candidate}",
            )
    raise EnvironmentStartError(
        f"Runtime.InvalidEntrypoint: {function.name} has no executable `bootstrap`",
        hint=f"looked for {' and '.join(str(path) for path in candidates)}",
    )


def _check_entry_point(path: Path) -> None:
    """Refuse what the kernel would: a script whose interpreter is not there, a program for
    another CPU. (A shell takes the latter for a script, and its words about that help nobody.)

    :raises EnvironmentStartError: it can't be started on this machine.
    """
    with path.open("rb") as file:
        head = file.read(256)
    if head.startswith(b"#!"):
        # To the kernel a carriage return belongs to the name.
        program = os.fsdecode(head[2:].split(b"\n")[0].strip(b" \t").split(b" ")[0])
        if program and not Path(program).exists():
            crlf = program.endswith("\r")
            raise EnvironmentStartError(
                f"Runtime.InvalidEntrypoint: {path} starts with #! and a program "
                f"that is not there: {program!r}",
                hint="save it with Unix line ends" if crlf else "correct its first line",
            )
    if head.startswith(b"\x7fELF") and len(head) >= _ELF_MACHINE.stop:
        order: Literal["little", "big"] = "little" if head[5] == 1 else "big"
        made_for = _ELF_MACHINES.get(int.from_bytes(head[_ELF_MACHINE], order))
        here = {"amd64": "x86_64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        if made_for is not None and made_for != here and not _emulated(made_for):
            raise EnvironmentStartError(
                f"Runtime.InvalidEntrypoint: {path} is a program for {made_for}, "
                f"and this machine is {here}",
                hint=f"build it for {here} to run it here",
            )


_ELF_MACHINE = slice(18, 20)
_ELF_MACHINES = {62: "x86_64", 183: "arm64"}
"""``e_machine`` of the two architectures of Lambda (elf.h)."""


def _emulated(architecture: str) -> bool:
    """Whether the kernel hands programs for ``architecture`` to an emulator."""
    name = {"arm64": "aarch64"}.get(architecture, architecture)
    return Path(f"/proc/sys/fs/binfmt_misc/qemu-{name}").exists()


@functools.cache
def _sdk() -> tuple[Path, ...]:
    found = []
    for name in _GIVEN_BY_LAMBDA:
        spec = PathFinder.find_spec(name)
        if spec is not None and spec.origin:
            origin = Path(spec.origin)
            found.append(origin.parent if origin.name == "__init__.py" else origin)
    return tuple(found)


def _sdk_for(found: interpreters.Interpreter) -> tuple[tuple[Path, ...], str | None]:
    """The SDK that an interpreter is given, and what the user must know where it gets none:
    lambdactl's own copy is made for the interpreter that runs lambdactl, and newer ones."""
    version = found.version[:2]
    if version >= sys.version_info[:2]:
        return _sdk(), None
    oldest = _oldest_python_of_sdk()
    if version >= oldest:
        return _sdk(), None
    shown, needed = (".".join(map(str, numbers)) for numbers in (version, oldest))
    return (), (
        f"python{shown} comes without boto3 here: lambdactl's own copy needs Python {needed}; "
        f"for functions that import it: {found.path} -m pip install boto3"
    )


@functools.cache
def _oldest_python_of_sdk() -> tuple[int, ...]:
    # 13 ms, and hardly ever needed.
    from importlib.metadata import PackageNotFoundError, metadata

    oldest = (3, 0)
    for name in ("boto3", "botocore", "s3transfer", "urllib3"):
        try:
            asked = metadata(name)["Requires-Python"]
        except (PackageNotFoundError, KeyError):
            continue
        for major, minor in re.findall(r">=\s*(\d+)\.(\d+)", asked or ""):
            oldest = max(oldest, (int(major), int(minor)))
    return oldest


def _given_by_lambda(work: Path, sdk: tuple[Path, ...]) -> Path:
    """A folder that stands for /var/runtime: the SDK that Lambda's Python runtimes bring along,
    found by a function that doesn't bring another."""
    folder = work / ("runtime" if sdk else "runtime-without-sdk")
    if not folder.is_dir():
        folder.mkdir()
        for path in sdk:
            (folder / path.name).symlink_to(path)
    return folder

"""Options that several commands share, and what they mean."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from lambdactl import errors

if TYPE_CHECKING:
    from lambdactl.execution.containers.settings import ContainerSettings, Pull
    from lambdactl.manifest.model import App, Function

F = TypeVar("F", bound=Callable[..., Any])

LOCK = "lambdactl-images.lock"
"""Beside the manifest: the digests that ``--lock-images`` keeps."""


class _Words(click.Option):
    """An option that takes all words of the form KEY=VALUE that follow it, as SAM's does."""

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        super().add_to_parser(parser, ctx)
        for name in self.opts:
            option = parser._long_opt[name]
            option.process = self._greedy(option.process)

    def _greedy(self, process: Callable[[str, Any], None]) -> Callable[[str, Any], None]:
        def take(value: str, state: Any) -> None:
            process(value, state)
            while state.rargs and "=" in state.rargs[0] and not state.rargs[0].startswith("-"):
                process(state.rargs.pop(0), state)

        return take


def _overrides(
    _context: click.Context, _parameter: click.Parameter, words: tuple[str, ...]
) -> dict[str, str]:
    if not words:
        return {}
    from lambdactl.manifest.sam.parameters import parse_overrides

    return parse_overrides(words)


def parameter_overrides(command: F) -> F:
    """``--parameter-overrides``: values of a SAM template's parameters."""
    return click.option(
        "--parameter-overrides",
        "parameters",
        metavar="KEY=VALUE ...",
        multiple=True,
        cls=_Words,
        callback=_overrides,
        help="Parameters of a SAM template.",
    )(command)


def manifest_options(command: F) -> F:
    """``-f/--manifest``, ``--stage``, ``--env-file`` and ``--parameter-overrides``: which manifest,
    and how it is read."""
    command = parameter_overrides(command)
    command = click.option(
        "--env-file",
        "env_files",
        metavar="FILE",
        multiple=True,
        type=click.Path(path_type=Path),
        help="Variables, as KEY=value lines.",
    )(command)
    command = click.option("--stage", metavar="NAME", help="The manifest's stage.")(command)
    return click.option(
        "-f",
        "--manifest",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="The manifest [lambdactl.yaml or template.yaml here or in a folder above].",
    )(command)


@dataclass(frozen=True, slots=True)
class ContainerOptions:
    """What the user asked of containers."""

    container: bool | None = None
    pull: str | None = None
    lock_images: bool = False
    network: str | None = None
    add_host: tuple[str, ...] = ()
    docker_arg: tuple[str, ...] = ()
    container_host: str | None = None

    @property
    def runner(self) -> Literal["process", "container"] | None:
        """Where all functions are to run; None leaves it to the manifest."""
        if self.container is None:
            return None
        return "container" if self.container else "process"

    @property
    def given(self) -> list[str]:
        """The options that say how containers are made."""
        named = {
            "--pull": self.pull,
            "--lock-images": self.lock_images,
            "--network": self.network,
            "--add-host": self.add_host,
            "--docker-arg": self.docker_arg,
            "--container-host": self.container_host,
        }
        return [name for name, value in named.items() if value]


def container_options(command: F) -> F:
    """``--container`` and how containers are made; the command gets all of it as ``containers``."""

    @functools.wraps(command)
    def bundled(*arguments: Any, **rest: Any) -> Any:
        own = {name: rest.pop(name) for name in ContainerOptions.__dataclass_fields__}
        return command(*arguments, containers=ContainerOptions(**own), **rest)

    for option in (
        click.option(
            "--container-host",
            metavar="ADDRESS",
            help="Where containers reach this machine [found out].",
        ),
        click.option(
            "--docker-arg",
            metavar="WORDS",
            multiple=True,
            help='Of `docker run`, too: --docker-arg "-v /a:/b".',
        ),
        click.option(
            "--add-host", metavar="NAME:ADDRESS", multiple=True, help="A name containers know."
        ),
        click.option(
            "--network", "--docker-network", metavar="NAME", help="The network containers join."
        ),
        click.option(
            "--lock-images", is_flag=True, help=f"Use images by the digests in {LOCK}; make it."
        ),
        click.option(
            "--pull",
            type=click.Choice(["always", "missing", "never"]),
            help="When to ask registries for images [missing].",
        ),
        click.option(
            "--container/--no-container",
            default=None,
            help="Run functions in AWS's images, on a container engine, or not.",
        ),
    ):
        bundled = option(bundled)
    return cast(F, bundled)


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What the user asked of a build."""

    cache: bool = True
    container: bool = False
    jobs: int | None = None
    pull: str | None = None

    def settings(self, root: Path) -> ContainerSettings:
        """How images are had, where something is built in one."""
        return containers(ContainerOptions(pull=self.pull), root)


def build_options(command: F) -> F:
    """``--no-cache``, ``--container``, ``--jobs`` and ``--pull``; the command gets all of it as
    ``options``."""

    @functools.wraps(command)
    def bundled(*arguments: Any, **rest: Any) -> Any:
        own = {name: rest.pop(name) for name in BuildOptions.__dataclass_fields__}
        return command(*arguments, options=BuildOptions(**own), **rest)

    for option in (
        click.option(
            "--pull",
            type=click.Choice(["always", "missing", "never"]),
            help="When to ask registries for images [missing].",
        ),
        click.option(
            "-j",
            "--jobs",
            metavar="N",
            type=click.IntRange(min=1),
            help="How many are built at a time [one a processor].",
        ),
        click.option(
            "--container",
            is_flag=True,
            help="Build inside AWS's images, on a container engine.",
        ),
        click.option(
            "--cache/--no-cache", default=True, help="--no-cache builds what has not changed, too."
        ),
    ):
        bundled = option(bundled)
    return cast(F, bundled)


def containers(asked: ContainerOptions, root: Path) -> ContainerSettings:
    """How containers are made.

    :param root: the manifest's folder.
    :raises UserError: an option is malformed.
    """
    from lambdactl.execution.containers.settings import ContainerSettings

    hosts: list[tuple[str, str]] = []
    words: tuple[str, ...] = ()
    if asked.add_host or asked.docker_arg:
        from lambdactl.execution.containers import arguments

        hosts = [arguments.host("--add-host", text) for text in asked.add_host]
        words = arguments.split(asked.docker_arg)
        # What is wrong with them is better said now than with the first call.
        arguments.parse(words)
    for name, value in (("--network", asked.network), ("--container-host", asked.container_host)):
        if value is not None and not value.strip():
            raise errors.UserError(f"{name} is empty", hint="leave it out, or give it a value")
    return ContainerSettings(
        pull=cast("Pull", asked.pull or "missing"),
        lock=root / LOCK if asked.lock_images else None,
        network=asked.network,
        add_hosts=tuple(hosts),
        docker_args=words,
        host=asked.container_host,
    )


def check_containers(
    asked: ContainerOptions, functions: Iterable[Function], tell: Callable[[str], None]
) -> None:
    """Say so where options are for containers and none of ``functions`` runs in one."""
    if asked.given:
        from lambdactl.execution.runtimes import contained

        if not any(contained(function) for function in functions):
            verb = "is" if len(asked.given) == 1 else "are"
            listed = ", ".join(asked.given)
            tell(f"{listed} {verb} for containers, and nothing runs in one without --container")


def complete_function(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The names of the manifest's functions, for the shell; none when it can't be read."""
    return _completed(context, incomplete, lambda app: app.functions)


def complete_artifact(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The names of the manifest's functions and layers, for the shell."""
    return _completed(context, incomplete, lambda app: [*app.functions, *app.layers])


def _completed(
    context: click.Context, incomplete: str, names: Callable[[App], Iterable[str]]
) -> list[CompletionItem]:
    from lambdactl import manifest

    try:
        app = manifest.load(context.params.get("manifest"), stage=context.params.get("stage"))
    except errors.LambdactlError:
        return []
    return [CompletionItem(name) for name in names(app) if name.startswith(incomplete)]


def warn(message: str) -> None:
    """Tell the user on stderr."""
    click.echo(click.style("warning: ", fg="yellow", bold=True) + message, err=True)

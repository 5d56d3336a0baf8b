"""``lambdactl build`` against ``sam build``: the same projects, in turn, with empty caches, with
warm ones, and when nothing has changed; and the memory that a large tree takes.

SAM's build copies a tree and installs what it needs; it is ``sam package`` that makes the zip. So
each project also has SAM's time with that zip, made by SAM's own function, beside the one without.

::

    python tests/bench/build.py --sam /path/to/sam      # a quarter of an hour; --rounds 1 is quick
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from common import ENVIRONMENT, Command, machine, once, script, table

RUNTIME = f"python3.{sys.version_info.minor}"
HANDLER = "def handler(event, context):\n    return {'hello': event}\n"
MB = 1024 * 1024

OURS, SAMS, CACHED, ZIPPED = "lambdactl", "sam", "sam --cached", "sam, zipped"
EMPTY, WARM, SAME = "empty caches", "warm download cache", "unchanged"
AIMS = {EMPTY: 3, WARM: 10, SAME: 20}

ZIP = """
from pathlib import Path
from samcli.lib.package.utils import make_zip_with_lambda_permissions, zip_folder
for folder in sorted(Path(".aws-sam/build").iterdir()):
    if folder.is_dir():
        with zip_folder(str(folder), make_zip_with_lambda_permissions):
            pass
"""
"""What ``sam package`` does with each built folder before it uploads it."""


@dataclass(frozen=True)
class Project:
    """Functions by name, each with what stands in its requirements.txt."""

    name: str
    functions: Mapping[str, str]
    megabytes: int = 0


@dataclass
class Figures:
    """Milliseconds of each run, and the largest resident set of any, in KB."""

    times: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)

    def median(self, state: str, tool: str) -> float:
        return statistics.median(self.times[state, tool])


PROJECTS = (
    Project("no dependencies", {"hello": ""}),
    Project("`requests`", {"hello": "requests==2.32.3\n"}),
    Project("`pydantic` and `boto3`", {"hello": "pydantic==2.11.7\nboto3==1.40.0\n"}),
    Project(
        "20 functions, every second with `requests`",
        {f"function{n}": "requests==2.32.3\n" if n % 2 else "" for n in range(20)},
    ),
    Project("a tree of 200 MB", {"hello": ""}, megabytes=200),
)


def write(project: Project, folder: Path) -> None:
    """The project, as both read it."""
    folder.mkdir()
    ours, sams = ["functions:"], ["Transform: AWS::Serverless-2016-10-31", "Resources:"]
    for name, requirements in project.functions.items():
        source = folder / name
        source.mkdir()
        (source / "app.py").write_text(HANDLER)
        (source / "requirements.txt").write_text(requirements)
        about = f"code: {name}, handler: app.handler, runtime: {RUNTIME}"
        ours.append(f"  {name}: {{{about}}}")
        about = f"CodeUri: {name}, Handler: app.handler, Runtime: {RUNTIME}"
        sams.append(f"  {name}: {{Type: AWS::Serverless::Function, Properties: {{{about}}}}}")
    (folder / "lambdactl.yaml").write_text("\n".join(ours) + "\n")
    (folder / "template.yaml").write_text("\n".join(sams) + "\n")
    if project.megabytes:
        _tree(folder / "hello" / "data", project.megabytes)


def _tree(folder: Path, megabytes: int) -> None:
    """A quarter is one file that does not compress (a model), a quarter one that does (a table of
    text), the rest are files of 50 KB of words."""
    chance = random.Random(1)
    words = [f"word{number}" for number in range(5000)]
    text = " ".join(chance.choices(words, k=400_000)).encode()
    folder.mkdir()
    quarter = megabytes // 4 * MB
    (folder / "model.bin").write_bytes(chance.randbytes(quarter))
    with (folder / "table.txt").open("wb") as table_:
        for _ in range(quarter // MB):
            start = chance.randrange(len(text) - MB)
            table_.write(text[start : start + MB])
    for number in range(2 * quarter // 50_000):
        place = folder / f"part{number % 40}"
        place.mkdir(exist_ok=True)
        start = chance.randrange(len(text) - 50_000)
        (place / f"{number}.txt").write_bytes(text[start : start + 50_000])


def commands(project: Path, sam: str, caches: Path) -> dict[str, Command]:
    """What is timed. Each tool has download caches of its own, and SAM the Python it builds for."""
    env = {
        "UV_CACHE_DIR": str(caches / "uv"),
        "XDG_CACHE_HOME": str(caches / "xdg"),
        "PIP_CACHE_DIR": str(caches / "pip"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "SAM_CLI_TELEMETRY": "0",
        "PATH": f"{Path(sam).parent}{os.pathsep}{ENVIRONMENT['PATH']}",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    python = str(Path(sam).parent / "python")
    return {
        OURS: Command([script("lambdactl"), "build"], check=".zip", cwd=project, env=env),
        SAMS: Command([sam, "build", "--parallel"], check="Succeeded", cwd=project, env=env),
        CACHED: Command(
            [sam, "build", "--parallel", "--cached"], check="Succeeded", cwd=project, env=env
        ),
        ZIPPED: Command([python, "-c", ZIP], cwd=project, env=env),
    }


def measure(project: Project, sam: str, rounds: int) -> Figures:
    """Rounds of: both from nothing, both with what they have downloaded, both again."""
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="bench-build-") as made:
        folder, caches = Path(made, "project"), Path(made, "caches")
        write(project, folder)
        timed = commands(folder, sam, caches)
        once(timed[OURS]), once(timed[SAMS])  # Both programs are in memory, with their byte code.
        for _ in range(rounds):
            for state, tool in _plan():
                if state == EMPTY:
                    shutil.rmtree(caches, ignore_errors=True)
                if state != SAME:
                    shutil.rmtree(folder / (".lambdactl" if tool == OURS else ".aws-sam"), True)
                elapsed = _timed(timed[tool], figures, tool)
                figures.times.setdefault((state, tool), []).append(elapsed)
                if state != SAME and tool == SAMS:
                    zipped = elapsed + _timed(timed[ZIPPED], figures, ZIPPED)
                    figures.times.setdefault((state, ZIPPED), []).append(zipped)
    return figures


def _plan() -> Iterator[tuple[str, str]]:
    yield EMPTY, OURS
    yield EMPTY, SAMS
    yield WARM, OURS
    yield WARM, SAMS
    yield SAME, OURS
    yield SAME, SAMS
    yield WARM, CACHED  # Fills SAM's cache of builds.
    for _ in range(2):
        yield SAME, OURS
        yield SAME, CACHED


def _timed(command: Command, figures: Figures, tool: str) -> float:
    elapsed, peak = once_with_peak(command)
    figures.peaks[tool] = max(figures.peaks.get(tool, 0), peak)
    return elapsed


def once_with_peak(command: Command) -> tuple[float, int]:
    """As :func:`common.once`, in a child of ours, whose children's largest is what is asked for."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, repr(once(command)).encode())
        except RuntimeError as error:
            os.write(writing, str(error)[-2000:].encode())
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as answer:
        told = answer.read()
    _, _, usage = os.wait4(child, 0)
    try:
        return float(told), usage.ru_maxrss
    except ValueError:
        raise RuntimeError(told) from None


def rows(project: Project, figures: Figures) -> Iterator[tuple[str, ...]]:
    for state, aim in AIMS.items():
        ours = figures.median(state, OURS)
        cells = [f"{project.name}, {state}", f"{ours:,.0f}"]
        for tool in (SAMS, ZIPPED, CACHED):
            known = (state, tool) in figures.times and (tool != CACHED or state == SAME)
            theirs = figures.median(state, tool) if known else None
            cells.append("" if theirs is None else f"{theirs:,.0f}")
        cells += [f"{figures.median(state, SAMS) / ours:.1f}", str(aim)]
        yield tuple(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sam", default=shutil.which("sam"), help="SAM's program [on PATH]")
    parser.add_argument("--only", default="", help="projects whose names have this in them")
    options = parser.parse_args()
    if not options.sam:
        parser.error("there is no sam on PATH: give --sam")
    print(machine(), end="\n\n")
    head = ("project", "lambdactl ms", "`sam build` ms", "and its zips ms", "`--cached` ms")
    lines, peaks = [], []
    for project in PROJECTS:
        if options.only not in project.name:
            continue
        figures = measure(project, options.sam, options.rounds)
        lines += rows(project, figures)
        found = (f"{figures.peaks[tool] / 1024:.0f}" for tool in (OURS, SAMS, ZIPPED))
        peaks.append((project.name, *found))
        print(project.name, file=sys.stderr)
    print(table((*head, "sam build / lambdactl", "aim"), lines), end="\n\n")
    print(table(("peak memory, MB", "lambdactl", "`sam build`", "its zip"), peaks))


if __name__ == "__main__":
    main()

"""Two clones of one project, on what are two machines as far as a program can see, give the same
bytes: other folders, users, umasks, clocks, time zones and locales, other modes and times of files,
another order of the file system, another number of jobs."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.artifacts.dependencies.npm_registry import Registry
from tests.artifacts.dependencies.wheels import wheel
from tests.parts import need

PYTHON = """
functions:
  plain: {code: plain, handler: app.handler}
  beside: {code: beside, handler: app.handler}
  apart: {code: apart, handler: app.handler, dependencies: layer}
layers:
  libs: {path: libs, build: {runtime: python3.12}}
  tools: {path: tools}
defaults: {runtime: python3.12}
"""
REQUIREMENTS = "large[fast]==1.0\n"
PYTHON_FILES = {
    "lambdactl.yaml": PYTHON,
    "plain/app.py": "def handler(event, context): return 1\n",
    "plain/run.sh": "#!/bin/sh\n",
    "plain/größe/é.txt": "é\n" * 4000,
    "plain/Z.py": "",
    "plain/a/deep/er.py": "x = 1\n",
    "plain/a.py": "y = 2\n",
    "beside/app.py": "import large\n",
    "beside/requirements.txt": REQUIREMENTS,
    "apart/app.py": "import large\n",
    "apart/requirements.txt": REQUIREMENTS,
    "libs/util.py": "NAME = 1\n",
    "libs/requirements.txt": "small==1.0\n",
    "tools/bin/tool": "#!/bin/sh\n",
    "tools/lib/x.so": "\x7fELF\n",
}
NODE = """
functions:
  beside: {code: beside, handler: app.handler}
  apart: {code: apart, handler: app.handler, dependencies: layer}
defaults: {runtime: nodejs20.x, architecture: arm64}
"""
EXECUTABLE = {"plain/run.sh", "tools/bin/tool"}

# Another order of the file system: that of creation shows on few of them.
SHUFFLED = """
import os, random, sys
chance = random.Random(int(sys.argv.pop(1)))
list_, scan = os.listdir, os.scandir
class Scan:
    def __init__(self, path="."):
        with scan(path) as found:
            entries = list(found)
        chance.shuffle(entries)
        self._entries = iter(entries)
    def __iter__(self): return self
    def __next__(self): return next(self._entries)
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def close(self): pass
def shuffled(path="."):
    names = list_(path)
    chance.shuffle(names)
    return names
os.listdir, os.scandir = shuffled, Scan
from lambdactl.cli import main
main(sys.argv[1:])
"""


@dataclass(frozen=True)
class Machine:
    """What differs from one to the other."""

    folder: str
    umask: int
    variables: Mapping[str, str]
    clock: str | None = None
    user: int | None = None
    seed: int = 0


HERE = Machine("here", 0o022, {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "1"})
ELSEWHERE = Machine(
    "else where/in a/folder of its own",
    0o077,
    {"TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "2", "PYTHONUTF8": "1"},
    clock="2031-07-08 23:59:58",
    user=65534,
    seed=7,
)


@pytest.fixture
def machines() -> Iterator[Path]:
    """A folder that other users can get into, as those of pytest are not."""
    folder = Path(tempfile.mkdtemp(prefix="reproducible-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def clone(files: Mapping[str, str], machine: Machine, folder: Path) -> Path:
    chance = random.Random(machine.seed)
    root = folder / machine.folder
    names = [*files]
    chance.shuffle(names)
    before = os.umask(machine.umask)
    try:
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[name], encoding="utf-8")
            mode = 0o777 if name in EXECUTABLE else 0o666
            path.chmod(mode & ~machine.umask)
            moment = chance.randrange(1_000_000_000)
            os.utime(path, (moment, moment))
        if machine.user is not None:
            # What has been run there leaves something behind.
            (root / "plain/__pycache__").mkdir(parents=True)
            (root / "plain/__pycache__/app.cpython-311.pyc").write_bytes(b"code")
            (root / ".git").mkdir()
            (root / ".git/HEAD").write_text("ref: refs/heads/main\n")
    finally:
        os.umask(before)
    return root


def build(root: Path, machine: Machine, variables: Mapping[str, str]) -> dict[str, Any]:
    """The bill of a build in ``root``, and beside each entry the zip's own bytes."""
    home = root.parent / f"{root.name}-home"
    home.mkdir()
    argv = [sys.executable, "-c", SHUFFLED, str(machine.seed)]
    argv += ["package", "--output", "json", "--jobs", str(1 + machine.seed)]
    if machine.clock is not None:
        argv = [need("faketime"), machine.clock, *argv]
    if machine.user is not None and os.geteuid() == 0:
        # Another user, who can read the interpreter of this one's home.
        needed = "+dac_override,+dac_read_search"
        user = [f"--reuid={machine.user}", f"--regid={machine.user}", "--clear-groups"]
        argv = [need("setpriv"), *user, f"--inh-caps={needed}", f"--ambient-caps={needed}", *argv]
        for path in (root, home, *root.rglob("*")):
            os.chown(path, machine.user, machine.user)
    done = subprocess.run(
        argv,
        cwd=root,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "npm_config_cache": str(home / "npm"),
            "UV_CACHE_DIR": str(home / "uv"),
            "PIP_CONFIG_FILE": os.devnull,
            **variables,
            **machine.variables,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        umask=machine.umask,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # Where the zips are is the one thing that may differ.
    bill: dict[str, Any] = json.loads(done.stdout.replace(str(root), "."))
    zips = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in (root / ".lambdactl/build").rglob("*.zip")
    }
    assert zips
    return {"bill": bill, "zips": zips}


def inside(root: Path, machine_bill: dict[str, Any]) -> dict[str, set[str]]:
    """Names in each zip; every one of them is of the fixed time and mode."""
    found = {}
    for name in machine_bill["zips"]:
        with zipfile.ZipFile(root / name) as archive:
            entries = archive.infolist()
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.external_attr >> 16 for entry in entries} <= {0o100644, 0o100755}
        found[Path(name).stem.rpartition("-")[0] or Path(name).stem] = {
            entry.filename for entry in entries
        }
    return found


@pytest.mark.slow
def test_two_clones_of_a_python_project_are_the_same_bytes(machines: Path) -> None:
    wheels = machines / "wheels"
    wheel(
        wheels,
        "large",
        requires=["small", "other; extra == 'fast'"],
        extras=["fast"],
        entry_points="[console_scripts]\nlarge = large:main\n",
    )
    wheel(wheels, "small")
    wheel(wheels, "other")
    made = {}
    for machine in (HERE, ELSEWHERE):
        root = clone(PYTHON_FILES, machine, machines)
        variables = {"UV_FIND_LINKS": str(wheels), "UV_OFFLINE": "1", "UV_PYTHON": sys.executable}
        made[machine.folder] = build(root, machine, variables)
    first, second = made.values()
    assert first["zips"] == second["zips"]
    assert first["bill"] == second["bill"]
    names = inside(machines / HERE.folder, first)
    assert names.keys() == {"plain", "beside", "apart", "libs", "tools", "python-dependencies"}
    assert {"large/__init__.py", "small/__init__.py", "other/__init__.py"} <= names["beside"]
    assert names["apart"] == {"app.py", "requirements.txt"}
    assert "python/large/__init__.py" in names["python-dependencies"]
    assert {"python/util.py", "python/small/__init__.py"} <= names["libs"]
    assert names["tools"] == {"bin/tool", "lib/x.so"}


@pytest.mark.slow
@pytest.mark.npm
def test_two_clones_of_a_node_project_are_the_same_bytes(machines: Path) -> None:
    with Registry() as registry:
        registry.add("small")
        registry.add("large", dependencies={"small": "^1.0.0"}, bin={"large": "index.js"})
        for cpu in ("x64", "arm64"):
            registry.add(f"native-linux-{cpu}", os=["linux"], cpu=[cpu], libc=["glibc"])
        manifest = {"name": "shop", "version": "1.0.0", "dependencies": {"large": "*"}}
        lock = registry.lock(manifest, "large@1.0.0", "small@1.0.0")
        files = {"lambdactl.yaml": NODE}
        for name in ("beside", "apart"):
            files[f"{name}/app.mjs"] = "export const handler = async () => 1\n"
            files[f"{name}/package.json"] = json.dumps(manifest)
            files[f"{name}/package-lock.json"] = lock
        made = {}
        for machine in (HERE, ELSEWHERE):
            root = clone(files, machine, machines)
            variables = {"npm_config_registry": registry.url, "npm_config_fetch_retries": "0"}
            made[machine.folder] = build(root, machine, variables)
    first, second = made.values()
    assert first["zips"] == second["zips"]
    assert first["bill"] == second["bill"]
    names = inside(machines / HERE.folder, first)
    assert names.keys() == {"beside", "apart", "nodejs-dependencies"}
    assert "node_modules/small/package.json" in names["beside"]
    assert "nodejs/node_modules/large/index.js" in names["nodejs-dependencies"]
    assert not any("node_modules" in name for name in names["apart"])

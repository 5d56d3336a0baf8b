"""`lambdactl build`, `package` and `invoke --built` as processes."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

MANIFEST = f"""
defaults: {{runtime: python3.{sys.version_info.minor}, code: src}}
functions:
  orders: {{handler: app.handler, layers: [libs]}}
  page: {{handler: app.handler, code: page}}
layers:
  libs: {{path: shared, build: {{runtime: python3.{sys.version_info.minor}}}}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "src/app.py": "import util\ndef handler(event, context):\n"
        "    return [util.NAME, util.__file__, __file__]\n",
        "src/.env": "PASSWORD=secret\n",
        "src/tests/test_app.py": "",
        "page/app.py": "def handler(event, context):\n    return 'page'\n",
        "shared/util.py": "NAME = 'util'\n",
        "lambdactl.yaml": MANIFEST,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def run(project: Path) -> Run:
    def start(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lambdactl", *arguments],
            cwd=project,
            env={**os.environ, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return start


def test_a_build_and_the_same_again(run: Run, project: Path) -> None:
    first = run("build")
    assert first.returncode == 0, first.stderr
    rows = [line.split() for line in first.stdout.splitlines()]
    assert [row[0] for row in rows] == ["orders", "page", "libs"]
    assert rows[0][-1] == ".lambdactl/build/functions/orders.zip"
    assert "orders: left out .env (an .env file), tests/ (tests)" in first.stderr
    with zipfile.ZipFile(project / rows[0][-1]) as archive:
        assert archive.namelist() == ["app.py"]
    with zipfile.ZipFile(project / rows[2][-1]) as archive:
        assert archive.namelist() == ["python/util.py"]
    assert (project / ".lambdactl/.gitignore").read_text().splitlines()[-1] == "*"
    again = run("build", "orders")
    assert [line.split()[0] for line in again.stdout.splitlines()] == ["orders", "libs"]
    assert all("unchanged" in line for line in again.stdout.splitlines())
    assert ".env" in again.stderr, "a secret is told of each time"
    assert "tests/" not in again.stderr
    anew = json.loads(run("build", "page", "--no-cache", "--jobs", "1", "--output", "json").stdout)
    assert anew["functions"]["page"]["cached"] is False


def test_the_bill(run: Run, project: Path) -> None:
    done = run("package")
    assert "the bill is .lambdactl/build/bill.json" in done.stderr
    document = json.loads((project / ".lambdactl/build/bill.json").read_text())
    entry = document["functions"]["orders"]
    data = (project / entry["file"]).read_bytes()
    assert entry["size"] == len(data)
    assert entry["sha256"] == base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert entry["runtime"] == f"python3.{sys.version_info.minor}"
    assert entry["architecture"] == "x86_64"
    assert entry["layers"] == ["libs"]
    assert json.loads(run("package", "--output", "json").stdout) == document
    why = run("package", "page", "--why")
    assert why.stdout.splitlines()[1].startswith("└── (the code itself)")
    explained = json.loads(run("package", "page", "--why", "--output", "json").stdout)
    assert explained["functions"]["page"]["why"]["packages"] == []


def test_what_is_built_runs(run: Run, project: Path) -> None:
    done = run("invoke", "orders", "--built", "--no-logs", "--event-json", "{}")
    assert done.returncode == 0, done.stderr
    name, util, app = json.loads(done.stdout)
    assert name == "util"
    assert not Path(util).is_relative_to(project)
    assert not Path(app).is_relative_to(project)
    plain = run("invoke", "orders", "--no-logs", "--event-json", "{}")
    assert json.loads(plain.stdout)[2] == str(project / "src/app.py")


def test_all_that_fails_is_told(run: Run, project: Path) -> None:
    for folder in ("src", "page"):
        (project / folder / "link.py").symlink_to("/etc/passwd")
    failed = run("build")
    assert failed.returncode == 2
    errors = [line for line in failed.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert "Traceback" not in failed.stderr
    assert run("invoke", "page", "--built").returncode == 2


def test_what_was_made_beside_a_failure_is_told(run: Run, project: Path) -> None:
    (project / "src/link.py").symlink_to("/etc/passwd")
    failed = run("build")
    assert failed.returncode == 2
    assert [line.split()[0] for line in failed.stdout.splitlines()] == ["page", "libs"]
    assert run("build", "--output", "json").stdout == ""
    assert run("package", "--output", "json").stdout == ""


def test_sizes_are_told_in_the_units_of_lambdas_limits(run: Run, project: Path) -> None:
    (project / "page/zeros").write_bytes(bytes(2_100_000))
    assert "(2.1 MB unzipped)" in run("build", "page").stdout
    (project / "page/zeros").write_bytes(bytes(2 * 1024 * 1024))
    (project / "page/app.py").unlink()
    assert "(2 MB unzipped)" in run("build", "page").stdout


def test_a_folder_that_can_not_be_written(run: Run, project: Path) -> None:
    (project / ".lambdactl").write_text("in the way")
    failed = run("build")
    assert failed.returncode == 2
    assert failed.stderr.startswith(f"error: can't write {project / '.lambdactl'}: ")
    assert failed.stderr.count("\n") == 1


def test_a_name_that_is_none(run: Run) -> None:
    failed = run("build", "ordres")
    assert failed.returncode == 2
    assert "did you mean `orders`?" in failed.stderr


def test_a_command_is_told_what_it_builds_for(run: Run, project: Path) -> None:
    command = "mkdir -p dist && echo $LAMBDACTL_ARCHITECTURE > dist/app.py"
    (project / "lambdactl.yaml").write_text(
        "functions:\n  f: {runtime: python3.13, handler: app.handler, code: dist, "
        f"architecture: arm64, build: '{command}'}}\n"
    )
    assert run("build").returncode == 0
    with zipfile.ZipFile(project / ".lambdactl/build/functions/f.zip") as archive:
        assert archive.read("app.py") == b"arm64\n"
    assert "unchanged" in run("build").stdout


def test_commands_of_a_layer_run_before_the_function(run: Run, project: Path) -> None:
    text = MANIFEST.split("layers:\n  libs:")[0]
    build = "mkdir -p dist/python && cp shared/util.py dist/python/"
    (project / "lambdactl.yaml").write_text(
        f"{text}layers:\n  libs: {{path: dist, build: '{build}'}}\n"
    )
    done = run("invoke", "orders", "--no-logs", "--event-json", "{}")
    assert json.loads(done.stdout)[0] == "util", done.stderr
    (project / "shared/util.py").write_text("NAME = 'other'\n")
    done = run("invoke", "orders", "--built", "--no-logs", "--event-json", "{}")
    assert json.loads(done.stdout)[0] == "other", done.stderr


def test_what_goes_through_s3_is_told(run: Run, project: Path) -> None:
    with zipfile.ZipFile(project / "page.zip", "w") as archive:
        archive.writestr("app.py", bytes(51 * 1024 * 1024))
    (project / "lambdactl.yaml").write_text(MANIFEST.replace("code: page}", "code: page.zip}"))
    done = run("build", "page")
    assert done.returncode == 0, done.stderr
    assert "warning: page is 51.1 MB zipped" in done.stderr
    assert "it goes through S3" in done.stderr

"""Each template as a newcomer meets it: `init`, then its own tests, which must pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lambdactl import scaffold

pytestmark = pytest.mark.slow

NEEDS = {"python": [], "nodejs": [pytest.mark.node], "provided": [pytest.mark.curl]}


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(template, id=template.name, marks=NEEDS[template.family])
        for template in scaffold.templates()
    ],
)
def test_the_tests_of_a_new_project_pass(template: scaffold.Template, tmp_path: Path) -> None:
    created = scaffold.create(tmp_path / "hello", template)
    # lambdactl and pytest of this venv, as in a shell where it is active.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.run(
        template.test,
        shell=True,
        cwd=created.directory,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert process.returncode == 0, process.stdout
    assert "3 passed" in process.stdout or process.stdout.count("ok ") >= 3


@pytest.mark.parametrize("template", scaffold.templates(), ids=lambda template: template.name)
def test_the_readme_gives_the_command_that_runs_the_tests(template: scaffold.Template) -> None:
    readme = (template.path / "README.md").read_text()
    assert template.test in readme
    if template.test_needs:
        assert template.test_needs in readme

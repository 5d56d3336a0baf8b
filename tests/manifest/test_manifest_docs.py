"""The reference says what the schema says, and its example and its codes are real."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import lambdactl
from lambdactl.manifest import checker, reference
from tests.manifest.conftest import Project

ROOT = Path(lambdactl.__file__).parent
DOCS = (ROOT.parent / "docs/manifest.md").read_text(encoding="utf-8")
CODES = re.compile(r'(?:\.add\(\s*|code=|_Fault\(\s*|= )"([a-z0-9]+(?:-[a-z0-9]+)+|malformed)"')


def test_the_reference_is_the_schema() -> None:
    assert DOCS.endswith(reference.render(checker.schema()))


def test_links_lead_to_sections() -> None:
    sections = set(re.findall(r"^### `([a-z_0-9]+)`$", DOCS, re.MULTILINE))
    links = set(re.findall(r"\]\(#([a-z_0-9]+)\)", DOCS))
    assert links
    assert links <= sections


def test_the_example_is_sound(project: Project) -> None:
    example = re.search(r"```yaml\n(.*?)```", DOCS, re.DOTALL)
    assert example is not None
    text = example[1].replace("functions/resize", "src")
    assert project.check(text, stage="prod") == ()


def test_the_other_examples_are_sound(project: Project) -> None:
    section = DOCS.split("## APIs\n")[1].split("## Variables\n")[0]
    apis, build, runners, owned = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    (project.root / "templates").mkdir()
    (project.root / "templates/order.vtl").write_text("{}")
    assert project.check(apis) == ()
    (project.root / "layers/shared").mkdir()
    assert project.check(build) == ()
    for name, file in (("resize", "app.py"), ("hello", "app.py"), ("thumbnail", "Dockerfile")):
        (project.root / "functions" / name).mkdir(parents=True)
        (project.root / "functions" / name / file).write_text("def handler(event, context): ...")
    assert project.check(runners) == ()
    (project.root / "src").mkdir(exist_ok=True)
    (project.root / "src/app.py").write_text("def pack(e, c): ...\ndef archive(e, c): ...\n")
    (project.root / "events").mkdir()
    (project.root / "events/order.json").write_text("{}")
    assert project.check(owned) == project.check(owned, stage="prod") == ()


def test_the_project_of_deploy_is_sound(project: Project) -> None:
    text = (Path(__file__).parents[2] / "docs/deploy.md").read_text(encoding="utf-8")
    (project.root / "src/app.py").write_text("def orders(e, c): ...\ndef pack(e, c): ...\n")
    (project.root / "events").mkdir()
    (project.root / "events/order.json").write_text("{}")
    whole, release = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert project.check(whole) == ()
    assert project.load(whole).functions["orders"].release is not None
    head = "functions:\n  a:\n    runtime: python3.13\n    handler: app.orders\n    code: src\n"
    assert project.check(head + textwrap.indent(release, "    ")) == ()


def test_every_code_is_in_the_table() -> None:
    used = set()
    for path in (ROOT / "manifest").glob("*.py"):
        used |= set(CODES.findall(path.read_text(encoding="utf-8")))
    documented = set(
        re.findall(
            r"`([a-z0-9]+(?:-[a-z0-9]+)*)`", DOCS.split("## Problems")[1].split("# Reference")[0]
        )
    )
    assert used - documented == set()
    assert documented - used - {"conflict", "indentation", "unreadable", "malformed-name"} == set()

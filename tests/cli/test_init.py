"""`lambdactl init`, through the command line."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lambdactl import scaffold
from lambdactl.cli import main

NAMES = [template.name for template in scaffold.templates()]


def lambdactl(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    out, err = capfd.readouterr()
    return int(end.value.code or 0), out, err


@pytest.mark.parametrize("name", NAMES)
def test_a_project_has_all_that_a_newcomer_needs(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "deep" / "My Photos"
    code, out, err = lambdactl(capfd, "init", str(folder), "--template", name)
    assert (code, err) == (0, "")
    manifest = (folder / "lambdactl.yaml").read_text()
    assert manifest.startswith("# yaml-language-server: $schema=https://")
    content = yaml.safe_load(manifest)
    assert content["service"] == "my-photos"
    assert [json.loads(path.read_text()) for path in (folder / "events").iterdir()]
    assert list((folder / "tests").iterdir())
    assert f"cd '{folder}'" in out
    for command in scaffold.find(name).first_steps:
        assert f"  {command}\n" in out
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert len(written) >= 6
    for path in written:
        content = path.read_bytes()
        assert not re.search(rb"__(service|runtime|schema)__", content), path
        executable = bool(path.stat().st_mode & stat.S_IXUSR)
        assert executable == content.startswith(b"#!"), path


def test_the_default_python_runtime_is_one_that_is_here(tmp_path: Path) -> None:
    created = scaffold.create(tmp_path / "hello", scaffold.find("python-hello"))
    assert created.runtime == f"python3.{sys.version_info.minor}"


@pytest.mark.parametrize(
    ("script", "runtime"),
    [
        ("echo v22.11.0", "nodejs22.x"),
        ("echo v23.1.0", "nodejs24.x"),  # no runtime of Lambda's
        ("echo v14.21.3", "nodejs24.x"),  # Lambda takes no new functions on it
        ("exit 3", "nodejs24.x"),
        ("echo what", "nodejs24.x"),
    ],
)
def test_the_default_node_runtime_is_the_installed_one_if_lambda_has_it(
    script: str, runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\n{script}\n")
    node.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert scaffold.default_runtime("nodejs") == runtime


def test_json_output_tells_the_same(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "hello"
    code, out, _ = lambdactl(
        capfd, "init", str(folder), "-t", "node-hello", "--name", "greeter", "--output", "json"
    )
    answer = json.loads(out)
    assert code == 0
    assert answer["directory"] == str(folder)
    assert answer["service"] == "greeter"
    assert sorted(answer["files"]) == answer["files"]
    assert all((folder / name).is_file() for name in answer["files"])
    assert answer["next"][0] == f"cd {folder}"


def test_here_needs_no_cd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / ".git").mkdir()
    monkeypatch.chdir(folder)
    code, out, _ = lambdactl(capfd, "init", ".", "-t", "python-hello", "--output", "json")
    answer = json.loads(out)
    assert code == 0
    assert answer["service"] == "here"
    assert not any(step.startswith("cd ") for step in answer["next"])


def test_a_folder_that_yaml_would_take_for_a_boolean(tmp_path: Path) -> None:
    created = scaffold.create(tmp_path / "Yes", scaffold.find("python-hello"))
    manifest = yaml.safe_load((created.directory / "lambdactl.yaml").read_text())
    assert manifest["service"] == "yes"


def test_files_are_not_overwritten_unasked(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "lambdactl.yaml"
    mine.write_text("mine")
    other = tmp_path / "notes.txt"
    other.write_text("keep")
    code, out, err = lambdactl(capfd, "init", str(tmp_path), "-t", "python-hello")
    assert (code, out) == (2, "")
    assert "is not empty" in err
    assert "--force" in err
    assert mine.read_text() == "mine"
    code, _, _ = lambdactl(capfd, "init", str(tmp_path), "-t", "python-hello", "--force")
    assert code == 0
    assert mine.read_text() != "mine"
    assert other.read_text() == "keep"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x", "-t", "python-helo"], "did you mean `python-hello`?"),
        (["x", "-t", "cobol"], f"one of: {', '.join(NAMES)}"),
        (["x"], "--template with one of: python-hello"),
        ([], "which folder?"),
        (["a-file", "-t", "node-hello"], "is in the way"),
        (["a-file/below", "-t", "node-hello"], "is in the way"),
        (["x", "-t", "node-hello", "--runtime", "python3.13"], "can't run on python3.13"),
        (["x", "-t", "node-hello", "--name", "my app!"], "such as my-app"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").write_text("")
    code, out, err = lambdactl(capfd, "init", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "x").exists()


def test_what_can_not_be_written_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "src").write_text("a file where the template has a folder")
    code, _, err = lambdactl(capfd, "init", str(tmp_path), "-t", "node-hello", "--force")
    assert code == 2
    assert f"can't write {tmp_path / 'src'}: " in err
    code, _, err = lambdactl(capfd, "init", str(tmp_path / ("x" * 300)), "-t", "node-hello")
    assert code == 2
    assert "File name too long" in err


def test_list_names_every_template(capfd: pytest.CaptureFixture[str]) -> None:
    _, text, _ = lambdactl(capfd, "init", "--list")
    _, answer, _ = lambdactl(capfd, "init", "--list", "--output", "json")
    rows = json.loads(answer)
    assert [row["name"] for row in rows] == NAMES
    assert rows[0]["test"] == "python3 -m pytest"
    assert [line.split()[0] for line in text.splitlines()] == NAMES


def test_on_a_terminal_the_template_is_asked_for(tmp_path: Path) -> None:
    import pty

    main_end, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "lambdactl", "init", "hello", "--output", "json"],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        text=True,
    )
    os.write(main_end, b"2\n")
    out, err = process.communicate(timeout=20)
    os.close(main_end)
    os.close(terminal)
    assert process.returncode == 0, err
    assert json.loads(out)["template"] == NAMES[1]
    assert "Template" in err


@given(st.text())
def test_any_folder_name_gives_a_service_name(text: str) -> None:
    name = scaffold.service_name(text)
    assert 1 <= len(name) <= 64
    assert name[0].isascii()
    assert name[0].isalpha()
    assert name[-1] != "-"
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert scaffold.service_name(name) == name

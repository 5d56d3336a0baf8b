"""Which interpreter a runtime gets, on machines made up in a temporary folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lambdactl.errors import EXIT_ENVIRONMENT, EnvironmentStartError, UserError
from lambdactl.execution.interpreters import Interpreter, find
from tests.parts import other_pythons

OURS = sys.version_info[:2]


class Machine:
    """A home folder with interpreters that must not be started: each would leave a file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.project = root / "project"
        self.project.mkdir()
        (self.project / "lambdactl.yaml").touch()
        self.env = {"PATH": "", "HOME": str(self.home)}
        self.alarm = root / "started"

    def program(self, path: str, script: str | None = None) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script or f'touch {self.alarm}'}\n")
        file.chmod(0o755)
        return file

    def link(self, path: str, to: Path) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(to)
        return file

    def on_path(self, *folders: str) -> None:
        self.env["PATH"] = ":".join(str(self.root / folder) for folder in folders)

    def venv(self, name: str, version: str, key: str = "version") -> Path:
        folder = self.project / name
        self.program(f"project/{name}/bin/python")
        (folder / "pyvenv.cfg").write_text(f"home = /usr/bin\n{key} = {version}\n")
        return folder / "bin/python"

    def find(
        self, runtime: str, *, strict: bool = False, project: Path | None = None
    ) -> Interpreter:
        found = find(runtime, project=project or self.project, env=self.env, strict=strict)
        assert found is not None
        return found


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    # lambdactl's own interpreter is the last resort; most machines here are without.
    monkeypatch.setattr(sys, "executable", "")
    return Machine(tmp_path)


@pytest.fixture(autouse=True)
def _nothing_is_started(request: pytest.FixtureRequest) -> None:
    machine: Machine | None = (
        request.getfixturevalue("machine") if "machine" in request.fixturenames else None
    )
    yield
    assert machine is None or not machine.alarm.exists()


# Python


def test_a_program_on_path(machine: Machine) -> None:
    python = machine.program("bin/python3.13")
    machine.program("other/python3.13")
    machine.on_path("none", "bin", "other")
    assert machine.find("python3.13") == Interpreter(python, (3, 13), "PATH")


def test_folders_that_may_not_be_looked_into_are_passed_over(machine: Machine) -> None:
    """After ``su`` PATH has root's folders; the tests run as root, so a name that is too long
    stands for them: both are errors that ``Path.is_file`` raises."""
    python = machine.program("bin/python3.13")
    machine.on_path("x" * 300, "bin")
    assert machine.find("python3.13") == Interpreter(python, (3, 13), "PATH")
    machine.env |= {"PYENV_ROOT": "y" * 300, "PATH": "x" * 300}
    with pytest.raises(EnvironmentStartError, match=r"there is no Python 3\.13"):
        machine.find("python3.13")


def test_python3_on_path_tells_its_version_by_what_it_is_a_link_to(machine: Machine) -> None:
    real = machine.program("usr/bin/python3.12")
    python = machine.link("bin/python3", real)
    machine.on_path("bin")
    assert machine.find("python3.12") == Interpreter(python, (3, 12), "PATH")


def test_python3_on_path_tells_its_version_by_its_library(machine: Machine) -> None:
    python = machine.program("prefix/bin/python3")
    library = machine.root / "prefix/lib/python3.12"
    library.mkdir(parents=True)
    (library / "os.py").touch()
    machine.on_path("prefix/bin")
    assert machine.find("python3.12") == Interpreter(python, (3, 12), "PATH")


def test_an_activated_virtual_environment_tells_its_version(machine: Machine) -> None:
    python = machine.venv("elsewhere", "3.12.4")
    machine.on_path("project/elsewhere/bin")
    assert machine.find("python3.12") == Interpreter(python, (3, 12, 4), "PATH")


def test_a_program_that_does_not_tell_is_asked(machine: Machine) -> None:
    python = machine.program("bin/python3", "echo 3.12.7")
    machine.on_path("bin")
    assert machine.find("python3.12") == Interpreter(python, (3, 12, 7), "PATH")
    assert not (machine.home / ".cache").exists()


@pytest.mark.parametrize("script", ["echo hello", "exit 1", "kill -9 $$", "echo 'Python 3.12'"])
def test_a_program_that_does_not_answer_is_passed_over(machine: Machine, script: str) -> None:
    machine.program("bin/python3", script)
    python = machine.program("home/.pyenv/versions/3.12.1/bin/python3")
    machine.on_path("bin")
    assert machine.find("python3.12").path == python


def test_shims_are_not_used_but_what_is_behind_them(machine: Machine) -> None:
    machine.program("home/.pyenv/shims/python3.13")
    machine.program("home/.pyenv/shims/python3")
    python = machine.program("home/.pyenv/versions/3.13.1/bin/python3")
    machine.on_path("home/.pyenv/shims")
    assert machine.find("python3.13") == Interpreter(python, (3, 13, 1), "pyenv")


def test_a_link_to_a_version_manager_is_not_an_interpreter(machine: Machine) -> None:
    mise = machine.program("bin/mise")
    machine.link("links/python3", mise)
    machine.link("links/node", mise)
    python = machine.program("home/.local/share/mise/installs/python/3.13.2/bin/python3")
    machine.on_path("links")
    assert machine.find("python3.13") == Interpreter(python, (3, 13, 2), "mise")
    with pytest.raises(EnvironmentStartError):
        machine.find("nodejs22.x")


STORES = {
    "pyenv": "home/.pyenv/versions/3.13.1/bin/python3",
    "uv": "home/.local/share/uv/python/cpython-3.13.1-linux-x86_64-gnu/bin/python3",
    "mise": "home/.local/share/mise/installs/python/3.13.1/bin/python3",
    "asdf": "home/.asdf/installs/python/3.13.1/bin/python3",
}


@pytest.mark.parametrize("store", STORES)
def test_version_managers(machine: Machine, store: str) -> None:
    python = machine.program(STORES[store])
    machine.program(STORES[store].replace("3.13.1", "3.12.9"))
    assert machine.find("python3.13") == Interpreter(python, (3, 13, 1), store)


@pytest.mark.parametrize(
    ("variable", "folder", "path", "source"),
    [
        ("PYENV_ROOT", "my", "my/versions/3.13.1/bin/python3", "pyenv"),
        ("UV_PYTHON_INSTALL_DIR", "my", "my/cpython-3.13.1-macos-aarch64-none/bin/python3", "uv"),
        ("MISE_DATA_DIR", "my", "my/installs/python/3.13.1/bin/python3", "mise"),
        ("XDG_DATA_HOME", "my", "my/mise/installs/python/3.13.1/bin/python3", "mise"),
        ("HOMEBREW_PREFIX", "my", "my/opt/python@3.13/libexec/bin/python3", "homebrew"),
    ],
)
def test_folders_of_version_managers_can_be_elsewhere(
    machine: Machine, variable: str, folder: str, path: str, source: str
) -> None:
    python = machine.program(path)
    machine.env[variable] = str(machine.root / folder)
    found = machine.find("python3.13")
    assert (found.path, found.source, found.version[:2]) == (python, source, (3, 13))


def test_the_newest_patch_of_a_version_and_no_odd_builds(machine: Machine) -> None:
    for name in ("3.13.9", "3.13.10", "3.13.2", "3.13.11t", "3.13-dev", "pypy3.13-7", "3.14.0"):
        machine.program(f"home/.pyenv/versions/{name}/bin/python3")
    (machine.home / ".pyenv/versions/3.13.12").mkdir()
    assert machine.find("python3.13").version == (3, 13, 10)


@pytest.mark.parametrize("name", [".venv", "venv"])
@pytest.mark.parametrize("key", ["version", "version_info"])
def test_the_projects_own_environment_comes_first(machine: Machine, name: str, key: str) -> None:
    machine.program("bin/python3.13")
    machine.on_path("bin")
    python = machine.venv(name, "3.13.1", key)
    assert machine.find("python3.13") == Interpreter(python, (3, 13, 1), name)


def test_the_environment_may_be_beside_the_manifest(machine: Machine) -> None:
    python = machine.venv(".venv", "3.13.1")
    code = machine.project / "functions/resize"
    code.mkdir(parents=True)
    assert machine.find("python3.13", project=code).path == python
    # ... but not above it.
    (code / "pyproject.toml").touch()
    machine.program("bin/python3.13")
    machine.on_path("bin")
    assert machine.find("python3.13", project=code).source == "PATH"


def test_an_environment_of_another_version_gives_way_to_the_right_one(machine: Machine) -> None:
    machine.venv(".venv", "3.12.1")
    python = machine.program("home/.pyenv/versions/3.13.1/bin/python3")
    found = machine.find("python3.13")
    assert (found.path, found.version, found.source) == (python, (3, 13, 1), "pyenv")
    assert found.warning is not None
    assert found.warning.endswith(
        f"/.venv is of python3.12, so {python} runs the function without the packages in it"
    )


def test_without_the_right_one_the_environment_is_used_with_a_warning(machine: Machine) -> None:
    python = machine.venv(".venv", "3.11.1")
    machine.program("home/.pyenv/versions/3.12.1/bin/python3")
    found = machine.find("python3.13")
    assert (found.path, found.source) == (python, ".venv")
    assert found.warning == (
        f"function asks for python3.13, running on python3.11 ({python}): "
        "install it with `pyenv install 3.13`"
    )


def test_an_environment_whose_python_is_gone_is_passed_over(machine: Machine) -> None:
    python = machine.venv(".venv", "3.13.1")
    python.unlink()
    python.symlink_to("/no/such/python3.13")
    machine.on_path("bin")
    right = machine.program("bin/python3.13")
    assert machine.find("python3.13").path == right


@pytest.mark.parametrize(
    ("runtime", "versions", "chosen"),
    [
        ("python3.13", ["3.9.1", "3.12.1", "3.11.1"], "3.12.1"),
        ("python3.12", ["3.11.1", "3.13.1"], "3.13.1"),
        ("python3.9", ["3.8.20", "3.14.1", "3.13.1"], "3.13.1"),
        ("python3.8", ["3.8.20", "3.10.1"], "3.10.1"),
        # Old samples count on boto3, and ours is not made for such an old one.
        ("python3.8", ["3.9.1", f"3.{sys.version_info.minor}.1"], f"3.{sys.version_info.minor}.1"),
    ],
)
def test_the_nearest_version_is_taken(
    machine: Machine, runtime: str, versions: list[str], chosen: str
) -> None:
    for version in versions:
        machine.program(f"home/.pyenv/versions/{version}/bin/python3")
    found = machine.find(runtime)
    assert ".".join(map(str, found.version)) == chosen
    assert found.warning is not None
    assert runtime in found.warning


def test_a_version_too_old_for_us_is_not_advised(machine: Machine) -> None:
    machine.program("home/.pyenv/versions/3.8.20/bin/python3")
    machine.program("home/.pyenv/versions/3.9.20/bin/python3")
    warning = machine.find("python3.8").warning
    assert warning is not None
    assert warning.endswith("lambdactl runs Python 3.9 and newer")


def test_lambdactls_own_interpreter_is_the_last_resort(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = machine.program("own/python")
    monkeypatch.setattr(sys, "executable", str(own))
    runtime = f"python{OURS[0]}.{OURS[1]}"
    found = machine.find(runtime)
    assert (found.path, found.source, found.warning) == (own, "lambdactl", None)
    assert machine.find("python3.99").path == own
    python = machine.program(f"bin/{runtime}")
    machine.on_path("bin")
    assert machine.find(runtime).path == python


# the variable


def test_the_variable_wins(machine: Machine) -> None:
    machine.venv(".venv", "3.13.1")
    python = machine.program("my/python3.13")
    machine.env["LAMBDACTL_PYTHON"] = str(python)
    assert machine.find("python3.13") == Interpreter(python, (3, 13), "LAMBDACTL_PYTHON")


@pytest.mark.parametrize("text", ["python3.13", "~/my/python3.13"])
def test_the_variable_may_be_a_name_or_begin_with_home(machine: Machine, text: str) -> None:
    python = machine.program("home/my/python3.13")
    machine.on_path("home/my")
    machine.env["LAMBDACTL_PYTHON"] = text
    assert machine.find("python3.13").path == python


def test_the_variable_may_name_another_version(machine: Machine) -> None:
    machine.program("bin/python3.13")
    machine.on_path("bin")
    machine.env["LAMBDACTL_PYTHON"] = str(machine.program("my/python3.11"))
    found = machine.find("python3.13")
    assert found.version == (3, 11)
    assert found.warning is not None
    with pytest.raises(EnvironmentStartError, match=r"only 3\.11"):
        machine.find("python3.13", strict=True)


@pytest.mark.parametrize(
    ("text", "script", "says"),
    [
        ("/no/such/python", None, "LAMBDACTL_PYTHON is '/no/such/python', and there is no such"),
        ("no-such-python", None, "there is no such program"),
        ("{root}/my/strange", "echo hello", "doesn't tell its version"),
        ("{root}/my/strange", "echo 2.7.18", "which is Python 2.7.18"),
    ],
)
def test_a_wrong_variable_is_an_error(
    machine: Machine, text: str, script: str | None, says: str
) -> None:
    if script:
        machine.program("my/strange", script)
    machine.env["LAMBDACTL_PYTHON"] = text.format(root=machine.root)
    with pytest.raises(EnvironmentStartError, match=says) as caught:
        machine.find("python3.13")
    assert caught.value.hint
    assert caught.value.exit_code == EXIT_ENVIRONMENT


# Node.js and Ruby


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("nvm", "home/.nvm/versions/node/v22.11.0/bin/node"),
        ("fnm", "home/.local/share/fnm/node-versions/v22.11.0/installation/bin/node"),
        ("volta", "home/.volta/tools/image/node/22.11.0/bin/node"),
        ("mise", "home/.local/share/mise/installs/node/22.11.0/bin/node"),
        ("asdf", "home/.asdf/installs/nodejs/22.11.0/bin/node"),
    ],
)
def test_node_of_version_managers(machine: Machine, source: str, path: str) -> None:
    node = machine.program(path)
    assert machine.find("nodejs22.x") == Interpreter(node, (22, 11, 0), source)
    machine.env["PATH"] = str(node.parent)
    assert machine.find("nodejs22.x") == Interpreter(node, (22, 11, 0), "PATH")


def test_node_tells_its_version_by_its_header(machine: Machine) -> None:
    node = machine.program("usr/bin/node")
    header = machine.root / "usr/include/node/node_version.h"
    header.parent.mkdir(parents=True)
    header.write_text(
        "#define NODE_MAJOR_VERSION 22\n#define NODE_MINOR_VERSION 4\n"
        "#define NODE_PATCH_VERSION 1\n#define NODE_MODULE_VERSION 127\n"
    )
    machine.on_path("usr/bin")
    assert machine.find("nodejs22.x") == Interpreter(node, (22, 4, 1), "PATH")


def test_a_node_that_must_be_asked_is_asked_once(machine: Machine) -> None:
    counter = machine.root / "count"
    node = machine.program("bin/node", f"echo x >> {counter}; echo v22.4.1")
    machine.on_path("bin")
    for _ in range(3):
        assert machine.find("nodejs22.x") == Interpreter(node, (22, 4, 1), "PATH")
    assert counter.read_text() == "x\n"
    # Another program at the same place is asked again.
    machine.program("bin/node", f"echo x >> {counter}; echo v24.0.0 # another size")
    assert machine.find("nodejs24.x").version == (24, 0, 0)
    assert counter.read_text() == "x\nx\n"


@pytest.mark.parametrize("content", ["not json", "[]", '{"%s": 5}', '{"%s": [1, 2, "x"]}'])
def test_a_damaged_cache_does_no_harm(machine: Machine, content: str) -> None:
    node = machine.program("bin/node", "echo v22.4.1")
    machine.on_path("bin")
    cache = machine.home / ".cache/lambdactl/interpreters.json"
    cache.parent.mkdir(parents=True)
    cache.write_text(content.replace("%s", str(node)))
    assert machine.find("nodejs22.x").version == (22, 4, 1)


def test_a_home_that_cannot_be_written_does_no_harm(machine: Machine) -> None:
    machine.program("bin/node", "echo v22.4.1")
    machine.on_path("bin")
    machine.home.write_text("a file")
    assert machine.find("nodejs22.x").version == (22, 4, 1)


def test_another_node_is_taken_with_a_warning(machine: Machine) -> None:
    machine.program("home/.nvm/versions/node/v18.0.0/bin/node")
    machine.program("home/.nvm/versions/node/v20.0.0/bin/node")
    found = machine.find("nodejs22.x")
    assert found.version == (20, 0, 0)
    assert found.warning == (
        f"function asks for nodejs22.x, running on nodejs20.x ({found.path}): "
        "install it with `nvm install 22`"
    )


def test_ruby(machine: Machine) -> None:
    rbenv = machine.program("home/.rbenv/versions/3.3.6/bin/ruby")
    assert machine.find("ruby3.3") == Interpreter(rbenv, (3, 3, 6), "rbenv")
    ruby = machine.link("bin/ruby", machine.program("usr/bin/ruby3.3"))
    machine.on_path("bin")
    assert machine.find("ruby3.3") == Interpreter(ruby, (3, 3), "PATH")
    machine.env["LAMBDACTL_RUBY"] = str(rbenv)
    assert machine.find("ruby3.3").source == "LAMBDACTL_RUBY"


def test_a_ruby_that_must_be_asked(machine: Machine) -> None:
    ruby = machine.program("bin/ruby", "printf 3.4.1")
    machine.on_path("bin")
    assert machine.find("ruby3.4") == Interpreter(ruby, (3, 4, 1), "PATH")


# none


@pytest.mark.parametrize("runtime", ["provided", "provided.al2", "provided.al2023"])
def test_provided_runtimes_have_no_interpreter(runtime: str) -> None:
    assert find(runtime, project=Path("/"), env={}) is None


@pytest.mark.parametrize("runtime", ["nodejs8.10", "nodejs4.3-edge", "nodejs"])
def test_the_first_runtimes_of_node_run_on_what_is_there(machine: Machine, runtime: str) -> None:
    """Public templates still name them."""
    machine.program("home/.nvm/versions/node/v20.0.0/bin/node")
    found = machine.find(runtime)
    assert found.version == (20, 0, 0)
    assert found.warning is not None
    assert found.warning.startswith(f"function asks for {runtime}, running on nodejs20.x")


@pytest.mark.parametrize("runtime", ["java21", "java8.al2", "dotnet8", "dotnet10"])
def test_java_and_dotnet_need_a_container(runtime: str) -> None:
    with pytest.raises(EnvironmentStartError, match=f"{runtime} needs --container") as caught:
        find(runtime, project=Path("/"), env={})
    assert caught.value.hint is not None
    assert "containers" in caught.value.hint


@pytest.mark.parametrize("runtime", ["go1.x", "python3", "python3.13.1", "nodejs22", "", "perl5.1"])
def test_unknown_runtimes(runtime: str) -> None:
    with pytest.raises(UserError):
        find(runtime, project=Path("/"), env={})


@pytest.mark.parametrize(
    ("runtime", "variable"),
    [
        ("python3.13", "LAMBDACTL_PYTHON"),
        ("nodejs22.x", "LAMBDACTL_NODE"),
        ("ruby3.3", "LAMBDACTL_RUBY"),
    ],
)
def test_nothing_at_all(machine: Machine, runtime: str, variable: str) -> None:
    (machine.home / ".asdf/installs/python").mkdir(parents=True)
    machine.on_path("bin")
    with pytest.raises(EnvironmentStartError) as caught:
        machine.find(runtime)
    assert runtime in caught.value.message
    assert f"looked in {variable}, " in caught.value.message
    assert "PATH" in caught.value.message
    assert caught.value.hint is not None
    assert variable in caught.value.hint
    assert caught.value.exit_code == EXIT_ENVIRONMENT
    if variable == "LAMBDACTL_PYTHON":
        assert f"asdf ({machine.home}/.asdf/installs/python)" in caught.value.message


def test_strict_takes_no_other_version(machine: Machine) -> None:
    machine.venv(".venv", "3.12.1")
    machine.program("bin/python3.11")
    machine.program("bin/python3")
    machine.program("bin/uv")
    machine.on_path("bin")
    (machine.root / "bin/python3").unlink()
    machine.link("bin/python3", machine.root / "bin/python3.11")
    with pytest.raises(EnvironmentStartError) as caught:
        machine.find("python3.13", strict=True)
    message = str(caught.value)
    assert "there is no Python 3.13 for the runtime python3.13, only 3.12, 3.11" in message
    assert "`uv python install 3.13`" in message


# this machine


def test_this_machines_own_python() -> None:
    found = find(f"python{OURS[0]}.{OURS[1]}", project=Path("/"), env=os.environ)
    assert found is not None
    assert found.version[:2] == OURS
    assert found.warning is None


@pytest.mark.pythons
def test_this_machines_other_pythons() -> None:
    for minor in other_pythons():
        found = find(f"python{minor}", project=Path("/"), env=os.environ, strict=True)
        assert found is not None
        answer = subprocess.run([found.path, "--version"], capture_output=True, text=True)
        assert answer.stdout.startswith(f"Python {minor}.")


def test_it_is_quick(machine: Machine) -> None:
    """Less than 2 ms, with a usual PATH and some versions installed."""
    for minor in range(9, 15):
        machine.program(f"home/.pyenv/versions/3.{minor}.1/bin/python3")
    machine.venv(".venv", "3.12.1")
    machine.on_path(*(f"bin{number}" for number in range(12)))

    def quickest(call: Callable[[], object]) -> float:
        moments = []
        for _ in range(20):
            begun = time.perf_counter()
            call()
            moments.append(time.perf_counter() - begun)
        return min(moments)

    assert quickest(lambda: machine.find("python3.13")) < 0.002
    assert quickest(lambda: machine.find("python3.99")) < 0.004

"""Ruby dependencies, installed by Bundler from gems that the test has made."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.artifacts.dependencies import ruby, ruby_lock
from lambdactl.artifacts.model import Installed, Target, Work
from lambdactl.errors import BuildError, EnvironmentStartError
from tests.parts import need

ARM64 = Target("ruby3.4", "arm64")
X86_64 = Target("ruby3.4", "x86_64")


@pytest.fixture(scope="module")
def gems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gems")
    maker = Path(__file__).with_name("gems.rb")
    subprocess.run([need("ruby"), maker, folder], check=True, capture_output=True)
    return folder


def _project(folder: Path, gems: Path, *names: str, lock: str, platforms: str = "both") -> Path:
    """A Gemfile and its lock; ``lock`` is the gems' section."""
    folder.mkdir(exist_ok=True)
    wanted = "".join(f'gem "{name}"\n' for name in names)
    (folder / "Gemfile").write_text(
        f'source "file://{gems}"\n{wanted}group :test do\n  gem "tool"\nend\n'
    )
    both = ("aarch64-linux", "x86_64-linux") if platforms == "both" else (platforms,)
    (folder / "Gemfile.lock").write_text(
        f"GEM\n  remote: file://{gems}/\n  specs:\n{lock}    tool (1.0.0)\n\nPLATFORMS\n"
        + "".join(f"  {one}\n" for one in both)
        + "\nDEPENDENCIES\n"
        + "".join(f"  {name}\n" for name in sorted((*names, "tool")))
    )
    return folder


HELLO = "    greet (1.0.0)\n    hello (1.2.0)\n      greet (>= 1)\n"
PLAT = "    plat (2.0.0-aarch64-linux)\n    plat (2.0.0-x86_64-linux)\n"


def _work(tmp_path: Path) -> Work:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    shell = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
    return Work(tmp_path / "cache", scratch, shell)


def _install(folder: Path, tmp_path: Path, target: Target = ARM64) -> Installed:
    found = ruby.find(folder, tmp_path)
    assert found is not None
    into = tmp_path / f"into-{len(list(tmp_path.glob('into-*')))}"
    into.mkdir()
    return ruby.install(found, target, into, _work(tmp_path))


@pytest.mark.slow
@pytest.mark.ruby
def test_gems_are_those_of_the_target_and_the_same_each_time(tmp_path: Path, gems: Path) -> None:
    project = _project(tmp_path / "project", gems, "hello", "plat", lock=HELLO + PLAT)
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    installed = _install(project, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before
    home = installed.folder / "vendor" / "bundle" / "ruby" / "3.4.0"
    assert sorted(path.name for path in (home / "gems").iterdir()) == [
        "greet-1.0.0",
        "hello-1.2.0",
        "plat-2.0.0-aarch64-linux",
    ]
    greet, hello, plat = installed.packages
    assert (hello.requires, hello.direct, greet.direct, plat.direct) == (
        ("greet",),
        True,
        False,
        True,
    )
    assert greet.size == (home / "gems" / "greet-1.0.0" / "lib" / "greet.rb").stat().st_size
    again = _install(project, tmp_path)
    files = {
        path.relative_to(installed.folder): path.read_bytes()
        for path in installed.folder.rglob("*")
        if path.is_file()
    }
    assert files == {
        path.relative_to(again.folder): path.read_bytes()
        for path in again.folder.rglob("*")
        if path.is_file()
    }
    assert not [name for name, content in files.items() if str(tmp_path).encode() in content]
    # As Lambda does: nothing but GEM_PATH.
    answer = subprocess.run(
        [need("ruby"), "-e", 'require "hello"; require "greet"; puts HELLO, GREET'],
        env={**os.environ, "GEM_PATH": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == "1.2.0 ruby\n1.0.0 ruby\n"
    other = _install(project, tmp_path, X86_64)
    assert (other.folder / "vendor/bundle/ruby/3.4.0/gems/plat-2.0.0-x86_64-linux").is_dir()


@pytest.mark.slow
@pytest.mark.ruby
def test_a_gem_that_is_compiled(tmp_path: Path, gems: Path) -> None:
    need("gcc")
    project = _project(tmp_path / "project", gems, "native", lock="    native (1.0.0)\n")
    with pytest.raises(
        BuildError, match=r"^native-1\.0\.0 is compiled .*this machine has Ruby"
    ) as e:
        _install(project, tmp_path, Target("ruby9.9", "x86_64"))
    assert e.value.hint is not None
    assert "container: true" in e.value.hint
    version = subprocess.run(
        [need("ruby"), "-e", "print RbConfig::CONFIG['ruby_version'][/^\\d+\\.\\d+/]"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    own, foreign = "x86_64", "arm64"
    if platform.machine() != "x86_64":
        own, foreign = foreign, own
    with pytest.raises(BuildError, match=f"this machine is not {foreign}"):
        _install(project, tmp_path, Target(f"ruby{version}", foreign))
    installed = _install(project, tmp_path, Target(f"ruby{version}", own))
    names = {path.name for path in installed.folder.rglob("*") if path.is_file()}
    assert {"native.so", "gem.build_complete"} <= names
    assert not names & {"Makefile", "gem_make.out", "mkmf.log"}


@pytest.mark.slow
@pytest.mark.ruby
def test_a_lock_file_that_does_not_fit(tmp_path: Path, gems: Path) -> None:
    project = _project(
        tmp_path / "one", gems, "hello", "plat", lock=HELLO + PLAT, platforms="x86_64-linux"
    )
    with pytest.raises(BuildError, match="not for Lambda's platform") as caught:
        _install(project, tmp_path)
    assert caught.value.hint == "bundle lock --add-platform aarch64-linux"
    project = _project(tmp_path / "two", gems, "hello", lock=HELLO)
    with (project / "Gemfile").open("a") as gemfile:
        gemfile.write('gem "plat"\n')
    with pytest.raises(BuildError, match="the lock file does not fit the Gemfile"):
        _install(project, tmp_path)


@pytest.mark.slow
@pytest.mark.ruby
def test_a_gem_that_is_nowhere(tmp_path: Path, gems: Path) -> None:
    (tmp_path / "Gemfile").write_text(f'source "file://{gems}"\ngem "nowhere"\n')
    with pytest.raises(BuildError, match="there is no gem nowhere"):
        _install(tmp_path, tmp_path)


def test_without_ruby(tmp_path: Path) -> None:
    (tmp_path / "Gemfile").write_text("")
    work = Work(tmp_path, tmp_path, {"PATH": str(tmp_path)})
    with pytest.raises(EnvironmentStartError, match="`ruby` is not installed"):
        ruby.install(tmp_path / "Gemfile", ARM64, tmp_path / "into", work)


def test_what_decides(tmp_path: Path) -> None:
    (tmp_path / "Gemfile").write_text('gem "a", path: "lib/a"\n')
    (tmp_path / "Gemfile.lock").write_text("PATH\n  remote: lib/a\n  specs:\n    a (1.0)\n")
    (tmp_path / "lib" / "a").mkdir(parents=True)
    keys = {ruby.key(tmp_path / "Gemfile")}
    (tmp_path / "lib" / "a" / "a.gemspec").write_text("")
    keys.add(ruby.key(tmp_path / "Gemfile"))
    (tmp_path / ".bundle").mkdir()
    (tmp_path / ".bundle" / "config").write_text('---\nBUNDLE_WITHOUT: "docs"\n')
    keys.add(ruby.key(tmp_path / "Gemfile"))
    (tmp_path / ".bundle" / "config").write_text('---\nBUNDLE_WITHOUT: "docs"\nBUNDLE_PATH: "x"\n')
    keys.add(ruby.key(tmp_path / "Gemfile"))
    assert len(keys) == 3


def test_a_lock_file() -> None:
    lock = ruby_lock.parse(
        "GIT\n  remote: https://example.com/git\n  revision: 1234\n  specs:\n    from-git (0.1)\n\n"
        "PATH\n  remote: ../own\n  specs:\n    own (1.0)\n      json\n\n"
        "GEM\n  remote: https://rubygems.org/\n  specs:\n    nokogiri (1.16.0-aarch64-linux)\n"
        "      racc (~> 1.4)\n    racc (1.7.3)\n\n"
        "PLATFORMS\n  aarch64-linux\n\nDEPENDENCIES\n  from-git!\n  nokogiri (~> 1.16)\n\n"
        "BUNDLED WITH\n   2.3.7\n"
    )
    assert lock.specs["nokogiri"] == ruby_lock.Spec("1.16.0", ("racc",))
    assert lock.specs["racc"] == ruby_lock.Spec("1.7.3")
    assert lock.direct == {"from-git", "nokogiri"}
    assert lock.git == {"from-git"}
    assert lock.paths == ("../own",)


@given(st.text(alphabet="GEMPATHspecs: ()-1.\n!", max_size=200))
def test_any_text_is_read(text: str) -> None:
    ruby_lock.parse(text)

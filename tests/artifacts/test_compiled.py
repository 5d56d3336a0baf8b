"""Go for real; for the others a stand-in of their tool, called as aws-lambda-builders calls it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from lambdactl.artifacts import compiled
from lambdactl.artifacts.children import GivenUp
from lambdactl.artifacts.model import Target, Work
from lambdactl.errors import BuildError, EnvironmentStartError, UserError
from tests.execution.containers.running import DEADLINE_S, soon
from tests.parts import need

MAIN = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("made by Go") }\n'
X86, ARM = Target("provided.al2023", "x86_64"), Target("provided.al2023", "arm64")
_MACHINES = {X86: b"\x3e\x00", ARM: b"\xb7\x00"}
"""e_machine of ELF (https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html)."""

Shell = dict[str, str]


@pytest.fixture
def work(tmp_path: Path) -> Work:
    scratch = tmp_path / "work" / "scratch"
    scratch.mkdir(parents=True)
    return Work(tmp_path / "work" / "cache", scratch, dict(os.environ))


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


@pytest.fixture
def tool(tmp_path: Path) -> Callable[[str, str], Path]:
    """Makes a program of a name and a shell script; all of them are in one folder."""
    programs = tmp_path / "programs"
    programs.mkdir()

    def make(name: str, script: str = "") -> Path:
        path = programs / name
        path.write_text(f"#!/bin/sh\nset -e\n{script}\n")
        path.chmod(0o755)
        return path

    return make


def with_path(work: Work, *folders: Path, **variables: str) -> Work:
    """The work of a user who has only these programs, and those of the system."""
    path = os.pathsep.join([*map(str, folders), "/usr/bin", "/bin"])
    return Work(
        work.cache, work.scratch, {"PATH": path, "HOME": "/nowhere", **variables}, work.tell
    )


def module(folder: Path, main: str = MAIN, name: str = "main.go") -> Path:
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module example.com/hello\n\ngo 1.18\n")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(main)
    return folder


def built(source: Path, target: Target, into: Path, work: Work, **options: object) -> list[str]:
    """The names of what a build made."""
    project = compiled.find(source, target.runtime)
    assert project is not None
    compiled.build(project, target, into, work, name="hello", **options)  # type: ignore[arg-type]
    return sorted(path.relative_to(into).as_posix() for path in into.rglob("*") if path.is_file())


@pytest.mark.slow
def test_go(tmp_path: Path, work: Work) -> None:
    need("go")
    folders = [module(tmp_path / name / "hello") for name in ("one", "another/place")]
    made: dict[Target, list[bytes]] = {X86: [], ARM: []}
    for target, programs in made.items():
        for number, folder in enumerate(folders):
            into = tmp_path / f"{target.architecture}-{number}"
            into.mkdir()
            assert built(folder, target, into, work) == ["bootstrap"]
            programs.append((into / "bootstrap").read_bytes())
            assert (into / "bootstrap").stat().st_mode & stat.S_IXUSR
        assert programs[0] == programs[1], "where the source lies must not be in the program"
        assert programs[0][18:20] == _MACHINES[target]
        assert os.fsencode(tmp_path) not in programs[0]
    if os.uname().machine == "x86_64":
        program = tmp_path / "x86_64-0" / "bootstrap"
        assert subprocess.check_output([program]) == b"made by Go\n"


def test_go_in_a_git_repository_is_the_same_without_it(
    tmp_path: Path, into: Path, work: Work, tool: Callable[[str, str], Path]
) -> None:
    source = module(tmp_path / "hello")
    # The library asks for the version, and builds in the folder itself.
    script = """
    case $1 in
      version) echo go version go1.22 linux/amd64;;
      *) printf "\\177ELF" > "$4"; echo "$GOFLAGS/$CGO_ENABLED/$GOOS/$GOARCH/$PWD/$*";;
    esac"""
    program = tool("go", script)
    lines: list[str] = []
    shell = {"GOFLAGS": "-mod=mod"}
    user = Work(
        work.cache, work.scratch, with_path(work, program.parent, **shell).shell, lines.append
    )
    assert built(source, ARM, into, user) == ["bootstrap"]
    flags, cgo, system, processor, _ = lines[0].split("/", 4)
    assert (flags, cgo, system, processor) == ("-mod=mod -buildvcs=false", "0", "linux", "arm64")
    assert " -trimpath " in lines[0]
    assert str(source) in lines[0]


def test_what_go_says_of_a_mistake(tmp_path: Path, into: Path, work: Work) -> None:
    need("go")
    source = module(tmp_path / "hello", "package main\n\nfunc main() { undefined() }\n")
    with pytest.raises(
        BuildError, match=r"hello can't be built: Go in .* does not compile"
    ) as error:
        built(source, X86, into, work)
    output = error.value.output.decode()
    assert "main.go:3:15: undefined: undefined" in output
    assert "directory not found" not in output


def test_a_module_without_a_program_is_named(tmp_path: Path, into: Path, work: Work) -> None:
    need("go")
    source = module(tmp_path / "hello", name="cmd/main.go")
    with pytest.raises(BuildError) as error:
        built(source, X86, into, work)
    assert error.value.hint == "let `code` name the folder with `package main`"
    library = module(tmp_path / "library", "package library\n")
    with pytest.raises(UserError, match="is compiled to a library"):
        built(library, X86, into, work)


def test_a_missing_tool_says_how_to_get_it(
    tmp_path: Path, into: Path, work: Work, tool: Callable[[str, str], Path]
) -> None:
    user = Work(work.cache, work.scratch, {"PATH": str(tool("other", "").parent)})
    for file, runtime, program, hint in (
        ("go.mod", "provided.al2023", "go", "go.dev/dl"),
        ("Cargo.toml", "provided.al2023", "cargo", "rustup.rs"),
        ("pom.xml", "java21", "mvn", "apt install maven"),
        ("build.gradle.kts", "java21", "gradle", "gradlew"),
        ("hello.csproj", "dotnet8", "dotnet", "dotnet.microsoft.com"),
    ):
        source = tmp_path / program
        source.mkdir()
        (source / file).touch()
        with pytest.raises(
            EnvironmentStartError, match=f"there is no `{program}` on PATH"
        ) as error:
            built(source, Target(runtime, "x86_64"), into, user)
        assert hint in str(error.value.hint)


def test_rust_for_each_architecture_in_a_folder_of_its_own(
    tmp_path: Path, into: Path, work: Work, tool: Callable[[str, str], Path]
) -> None:
    source = tmp_path / "hello"
    source.mkdir()
    (source / "Cargo.toml").write_text('[package]\nname = "hello"\nversion = "1.0.0"\n')
    package = f'"manifest_path": "{source}/Cargo.toml", "name": "hello"'
    package += ', "targets": [{"name": "hello", "kind": ["bin"]}]'
    metadata = f"""{{"target_directory": "'$CARGO_TARGET_DIR'", "packages": [{{{package}}}]}}"""
    script = f"""
    if [ "$1" = metadata ]; then printf '%s' '{metadata}'; exit; fi
    echo "called with $*" >&2
    mkdir -p "$CARGO_TARGET_DIR/lambda/hello"
    printf '\\177ELF%s' "$*" > "$CARGO_TARGET_DIR/lambda/hello/bootstrap"
    """
    programs = tool("cargo", script).parent
    tool("cargo-lambda", "")
    user = with_path(work, programs)
    assert built(source, ARM, into, user) == ["bootstrap"]
    assert b"lambda build --release --arm64" in (into / "bootstrap").read_bytes()
    old = tmp_path / "old"
    old.mkdir()
    built(source, Target("provided.al2", "x86_64"), old, user)
    # Amazon Linux 2 has an older C library than what is linked with else.
    assert b"--target x86_64-unknown-linux-gnu.2.26" in (old / "bootstrap").read_bytes()
    assert not (source / "target").exists()


def test_maven_and_what_it_says_on_stdout(
    tmp_path: Path, into: Path, work: Work, tool: Callable[[str, str], Path]
) -> None:
    source = tmp_path / "hello"
    (source / "src").mkdir(parents=True)
    (source / "pom.xml").write_text("<project/>")
    script = """
    case "$1" in
      -version) echo "Java version: 21.0.1";;
      clean) mkdir -p target/classes/example; echo class > target/classes/example/Hello.class;;
      dependency:*) mkdir -p target/dependency; echo jar > target/dependency/a.jar;;
    esac"""
    programs = tool("mvn", script).parent
    tool("javac", "")
    user = with_path(work, programs)
    java = Target("java21", "x86_64")
    assert built(source, java, into, user) == ["example/Hello.class", "lib/a.jar"]
    assert [path.name for path in source.iterdir()] != ["target"], (
        "the user's folder is not touched"
    )
    assert not (source / "target").exists()
    tool("mvn", 'echo "[ERROR] Hello.java:[3,5] cannot find symbol"; exit 1')
    with pytest.raises(BuildError, match="Java, for Maven") as error:
        built(source, java, into, user)
    assert b"cannot find symbol" in error.value.output


def test_the_project_of_a_build_is_not_copied_into_itself(
    tmp_path: Path, into: Path, tool: Callable[[str, str], Path]
) -> None:
    (tmp_path / "pom.xml").write_text("<project/>")
    scratch = tmp_path / ".lambdactl" / "scratch"
    scratch.mkdir(parents=True)
    script = '[ "$1" = clean ] || exit 0; find . -name ".lambdactl" >&2; '
    script += "mkdir -p target/classes; touch target/classes/A.class"
    programs = tool("mvn", script).parent
    tool("javac", "")
    lines: list[str] = []
    shell = {"PATH": f"{programs}:/usr/bin:/bin"}
    user = Work(tmp_path / ".lambdactl" / "cache", scratch, shell, lines.append)
    assert built(tmp_path, Target("java21", "x86_64"), into, user) == ["A.class"]
    assert not any(".lambdactl" in line for line in lines)


def test_gradle_is_the_projects_own_first(tmp_path: Path, into: Path, work: Work) -> None:
    source = tmp_path / "shop" / "orders"
    source.mkdir(parents=True)
    (source / "build.gradle").touch()
    (tmp_path / "shop" / "settings.gradle").touch()
    wrapper = tmp_path / "shop" / "gradlew"
    wrapper.write_text(
        """#!/bin/sh
        [ "$1" = -version ] && { echo "JVM:          17.0.1"; exit; }
        for word; do case $word in -Dsoftware*) scratch=${word#*=};; esac; done
        folder=$(printf %s "$PWD" | sha1sum | cut -d' ' -f1)
        out=$scratch/$folder/build/distributions/lambda-build
        mkdir -p "$out/lib"; touch "$out/Hello.class" "$out/lib/b.jar"
        """
    )
    wrapper.chmod(0o755)
    if shutil.which("java") is None:
        java = tmp_path / "java"
        java.mkdir()
        (java / "java").write_text("#!/bin/sh\n")
        (java / "java").chmod(0o755)
        work = with_path(work, java)
    project = compiled.find(source, "java17", root=tmp_path)
    assert project is not None
    assert project.base == tmp_path / "shop"
    compiled.build(project, Target("java17", "arm64"), into, work, name="orders")
    names = sorted(path.relative_to(into).as_posix() for path in into.rglob("*.*"))
    assert names == ["Hello.class", "lib/b.jar"]


def test_dotnet(tmp_path: Path, into: Path, work: Work, tool: Callable[[str, str], Path]) -> None:
    source = tmp_path / "Hello"
    source.mkdir()
    (source / "Hello.csproj").write_text("<Project/>")
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as archive:
        archive.writestr("Hello.dll", "assembly")
        archive.writestr("Hello.runtimeconfig.json", "{}")
    script = f"""
    echo "$ContinuousIntegrationBuild: $*"
    [ "$1 $2" = "lambda package" ] && cp {tmp_path}/made.zip "$4"
    exit 0"""
    lines: list[str] = []
    shell = with_path(work, tool("dotnet", script).parent).shell
    user = Work(work.cache, work.scratch, shell, lines.append)
    names = built(source, Target("dotnet8", "arm64"), into, user)
    assert names == ["Hello.dll", "Hello.runtimeconfig.json"]
    assert any("true: lambda package" in line and "linux-arm64" in line for line in lines)


def test_a_runtime_that_is_newer_than_the_library(
    tmp_path: Path, into: Path, work: Work, tool: Callable[[str, str], Path]
) -> None:
    source = tmp_path / "hello"
    source.mkdir()
    (source / "pom.xml").write_text("<project/>")
    script = '[ "$1" = clean ] || exit 0; mkdir -p target/classes; touch target/classes/A.class'
    programs = tool("mvn", script).parent
    tool("javac", "")
    target = Target("java41.al2023", "x86_64")
    assert built(source, target, into, with_path(work, programs)) == ["A.class"]


@pytest.mark.parametrize(
    ("files", "runtime", "kind"),
    [
        (("main.go", "go.mod"), "provided.al2023", "go"),
        (("main.go", "../go.mod"), "provided.al2", "go"),
        (("main.go", "go.mod"), "go1.x", "go"),
        (("Cargo.toml",), "provided.al2023", "rust"),
        (("pom.xml", "build.gradle"), "java17", "maven"),
        (("build.gradle.kts",), "java8.al2", "gradle"),
        (("a.csproj",), "dotnet8", "dotnet"),
        (("a.fsproj",), "provided.al2023", "dotnet"),
        (("main.go",), "provided.al2023", None),
        (("bootstrap", "go.mod"), "provided.al2023", None),
        (("bootstrap",), "provided.al2023", None),
        (("pom.xml", "go.mod", "main.go"), "python3.13", None),
        (("Hello.class",), "java21", None),
        (("go.mod", "main.go"), None, None),
    ],
)
def test_what_is_compiled(
    tmp_path: Path, files: tuple[str, ...], runtime: str | None, kind: str | None
) -> None:
    source = tmp_path / "app"
    source.mkdir()
    for name in files:
        (source / name).touch()
    found = compiled.find(source, runtime, root=tmp_path)
    assert (found.kind if found else None) == kind
    # Above the manifest's folder nothing is looked for.
    if files[-1].startswith("../"):
        assert compiled.find(source, runtime, root=source) is None


def test_what_decides_is_the_whole_workspace_without_what_tools_write(tmp_path: Path) -> None:
    for name in ("Cargo.toml", "Cargo.lock", "one/Cargo.toml", "one/src/main.rs", "two/src/lib.rs"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("[workspace]" if name == "Cargo.toml" else "")
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "much").touch()
    (tmp_path / "two" / "nothing").symlink_to("gone")
    project = compiled.find(tmp_path / "one", "provided.al2023", root=tmp_path)
    assert project is not None
    names = [entry.name for entry in compiled.sources(project).entries]
    assert names == [
        "Cargo.lock",
        "Cargo.toml",
        "one/Cargo.toml",
        "one/src/main.rs",
        "two/src/lib.rs",
    ]


def test_another_compiler_is_another_key(
    tmp_path: Path, work: Work, tool: Callable[[str, str], Path]
) -> None:
    source = module(tmp_path / "hello")
    project = compiled.find(source, "provided.al2023")
    assert project is not None
    go = tool("go", "")
    shell = with_path(work, go.parent).shell
    before = compiled.parts(project, X86, shell=shell)
    assert compiled.parts(project, X86, shell=shell) == before
    assert compiled.parts(project, ARM, shell=shell) != before
    assert compiled.parts(project, X86, shell={**shell, "GOAMD64": "v3"}) != before
    assert compiled.parts(project, X86, shell={**shell, "EDITOR": "vi"}) == before
    tool("go", "echo newer")
    assert compiled.parts(project, X86, shell=shell) != before


SLOW = '[ "$1" = version ] && { echo go version go1.22 linux/amd64; exit; }; echo begun; sleep 61'


def test_a_build_that_is_given_up_ends_with_all_its_tools(
    tmp_path: Path, into: Path, work: Work, tool: Callable[[str, str], Path]
) -> None:
    source = module(tmp_path / "hello")
    begun = threading.Event()
    shell = with_path(work, tool("go", SLOW).parent).shell
    user = Work(work.cache, work.scratch, shell, lambda line: begun.set())
    errors: list[BaseException] = []

    def build() -> None:
        try:
            built(source, X86, into, user)
        except GivenUp as error:
            errors.append(error)

    thread = threading.Thread(target=build)
    thread.start()
    assert begun.wait(DEADLINE_S)
    user.children.end()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    assert len(errors) == 1


def test_a_build_ends_with_the_lambdactl_that_has_started_it(
    tmp_path: Path, into: Path, tool: Callable[[str, str], Path]
) -> None:
    source = module(tmp_path / "hello")
    shell = {**os.environ, "PATH": f"{tool('go', SLOW).parent}:/usr/bin:/bin"}
    script = """
import sys
from pathlib import Path
from lambdactl.artifacts import compiled
from lambdactl.artifacts.model import Target, Work
source, into = Path(sys.argv[1]), Path(sys.argv[2])
project = compiled.find(source, "provided.al2023")
work = Work(into, into, dict(__import__("os").environ), lambda line: print(line, flush=True))
compiled.build(project, Target("provided.al2023", "x86_64"), into / "x", work, name="hello")
"""
    words = [sys.executable, "-c", script, str(source), str(into)]
    with subprocess.Popen(words, env=shell, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        parent = psutil.Process(process.pid)

        def started() -> list[psutil.Process]:
            found = parent.children(recursive=True)
            return found if any(one.name() == "sleep" for one in found) else []

        tools = soon(started)
        process.kill()
    _, alive = psutil.wait_procs(tools, timeout=DEADLINE_S)
    assert alive == []

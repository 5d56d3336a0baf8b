"""Node.js dependencies, installed from a registry of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdactl.artifacts.dependencies import node
from lambdactl.artifacts.model import Installed, Target, Work
from lambdactl.errors import BuildError, EnvironmentStartError, UserError
from tests.artifacts.dependencies.npm_registry import LINUX_ARM64, Registry, put
from tests.parts import need

ARM64 = Target("nodejs20.x", "arm64")
X86_64 = Target("nodejs20.x", "x86_64")


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with Registry() as registry:
        registry.add("small")
        registry.add("small", "2.0.0")
        registry.add("large", dependencies={"small": "^1.0.0"}, bin={"large": "index.js"})
        registry.add("tests")
        for cpu in ("x64", "arm64"):
            registry.add(f"native-linux-{cpu}", os=["linux"], cpu=[cpu], libc=["glibc"])
            registry.add(f"native-darwin-{cpu}", os=["darwin"], cpu=[cpu])
        names = [name for name in registry.packages if name.startswith("native-")]
        registry.add("native", optionalDependencies=dict.fromkeys(names, "1.0.0"))
        registry.add("compiled", scripts={"install": "node-gyp rebuild"})
        registry.add(
            "prebuilt",
            scripts={"install": "node-gyp-build"},
            files={"prebuilds/linux-arm64/node.napi.node": LINUX_ARM64},
        )
        registry.add("chatty", scripts={"postinstall": "node -e 'process.exit(1)'"})
        registry.add("old", _where="/home/somebody/project", _resolved="https://example.com/")
        yield registry


@pytest.fixture
def project(tmp_path: Path, registry: Registry) -> Path:
    return put(tmp_path / "project", {".npmrc": f"registry={registry.url}\nfetch-retries=0\n"})


def _work(tmp_path: Path, told: list[str] | None = None, **shell: str) -> Work:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    tools = Path(__file__).parent.parent / "tools" / "node_modules"
    variables = {
        # The other Yarn has a program of the same name in .bin.
        "PATH": os.pathsep.join((f"{tools}/yarn/bin", f"{tools}/.bin", os.environ["PATH"])),
        "HOME": str(tmp_path / "home"),
        "npm_config_cache": str(tmp_path / "npm"),
        **shell,
    }
    tell = told.append if told is not None else lambda line: None
    return Work(tmp_path / "cache", scratch, variables, tell)


def _install(
    folder: Path, tmp_path: Path, target: Target = ARM64, told: list[str] | None = None
) -> Installed:
    found = node.find(folder, tmp_path)
    assert found is not None
    into = tmp_path / f"into-{len(list(tmp_path.glob('into-*')))}"
    return node.install(found, target, into, _work(tmp_path, told))


def _files(installed: Installed) -> dict[str, tuple[int, bytes]]:
    return {
        file.relative_to(installed.folder).as_posix(): (
            file.stat().st_mode & 0o100,
            file.read_bytes(),
        )
        for file in installed.folder.rglob("*")
        if not file.is_dir()
    }


def _npm(registry: Registry, project: Path, dependencies: list[str], *places: str) -> Path:
    manifest = {
        "name": "shop",
        "version": "1.0.0",
        "dependencies": dict.fromkeys(dependencies, "*"),
    }
    return put(
        project,
        {"package.json": manifest, "package-lock.json": registry.lock(manifest, *places)},
    )


@pytest.mark.npm
def test_production_packages_are_there_and_the_users_folder_is_as_it_was(
    tmp_path: Path, project: Path, registry: Registry
) -> None:
    manifest = {"name": "shop", "dependencies": {"large": "*"}, "devDependencies": {"tests": "*"}}
    lock = registry.lock(manifest, "large@1.0.0", "small@1.0.0", dev=("tests@1.0.0",))
    put(project, {"package.json": manifest, "package-lock.json": lock, "src/app.js": ""})
    before = sorted(project.rglob("*"))
    installed = _install(project / "src", tmp_path)
    assert sorted(project.rglob("*")) == before
    assert sorted(path.name for path in (installed.folder / "node_modules").iterdir()) == [
        "large",
        "small",
    ]
    large, small = installed.packages
    assert (large.name, large.version, large.requires, large.direct) == (
        "large",
        "1.0.0",
        ("small",),
        True,
    )
    assert (small.name, small.requires, small.direct) == ("small", (), False)
    files = _files(installed)
    assert large.size + small.size == sum(len(content) for _, content in files.values())
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.npm
def test_native_packages_are_those_of_the_target(
    tmp_path: Path, project: Path, registry: Registry
) -> None:
    platforms = [f"{name}@1.0.0" for name in registry.packages if name.startswith("native")]
    _npm(registry, project, ["native"], *platforms)
    for target, name in ((ARM64, "native-linux-arm64"), (X86_64, "native-linux-x64")):
        installed = _install(project, tmp_path, target)
        assert [package.name for package in installed.packages] == ["native", name]


@pytest.mark.npm
def test_paths_that_old_packages_carry_are_left_out(
    tmp_path: Path, project: Path, registry: Registry
) -> None:
    _npm(registry, project, ["old"], "old@1.0.0")
    (_, content) = _files(_install(project, tmp_path))["node_modules/old/package.json"]
    assert sorted(json.loads(content)) == ["main", "name", "version"]


@pytest.mark.npm
def test_what_must_be_compiled_for_another_machine_is_refused(
    tmp_path: Path, project: Path, registry: Registry
) -> None:
    _npm(registry, project, ["compiled", "prebuilt"], "compiled@1.0.0", "prebuilt@1.0.0")
    other = Target("nodejs99.x", "arm64")
    with pytest.raises(BuildError, match=r"^compiled needs native code .*container: true"):
        _install(project, tmp_path, other)
    with pytest.raises(BuildError, match=r"^compiled, prebuilt need native code"):
        _install(project, tmp_path, Target("nodejs99.x", "x86_64"))


@pytest.mark.npm
def test_install_scripts_that_compile_nothing_do_not_run(
    tmp_path: Path, project: Path, registry: Registry
) -> None:
    _npm(registry, project, ["chatty", "prebuilt"], "chatty@1.0.0", "prebuilt@1.0.0")
    told: list[str] = []
    assert len(_install(project, tmp_path, told=told).packages) == 2
    assert "install scripts that did not run: chatty" in told


@pytest.mark.npm
def test_an_optional_package_that_can_not_be_compiled_is_left_out(
    tmp_path: Path, project: Path, registry: Registry
) -> None:
    manifest = {"optionalDependencies": {"compiled": "*"}, "dependencies": {"small": "1.0.0"}}
    lock = registry.lock(manifest, "small@1.0.0", "compiled@1.0.0")
    put(project, {"package.json": manifest, "package-lock.json": lock})
    assert [package.name for package in _install(project, tmp_path).packages] == ["small"]


@pytest.mark.npm
def test_a_lock_file_that_does_not_fit(tmp_path: Path, project: Path, registry: Registry) -> None:
    _npm(registry, project, ["small"], "small@1.0.0")
    put(project, {"package.json": {"dependencies": {"small": "2.0.0"}}})
    with pytest.raises(BuildError, match=r"package-lock\.json: the lock file does not fit") as told:
        _install(project, tmp_path)
    assert told.value.hint is not None
    assert b"small" in told.value.output


@pytest.mark.parametrize("manager", ["pnpm", "yarn"])
def test_corepack_that_can_not_download_the_package_manager(
    tmp_path: Path, project: Path, manager: str
) -> None:
    path = tmp_path / "path"
    path.mkdir()
    (path / manager).write_text(
        "#!/bin/sh\necho /usr/lib/node_modules/corepack/dist/lib/corepack.cjs:22036\n"
        'echo "Error: Corepack cannot download the latest stable version"\nexit 1\n'
    )
    (path / manager).chmod(0o755)
    lock = "pnpm-lock.yaml" if manager == "pnpm" else "yarn.lock"
    put(project, {"package.json": {"dependencies": {"small": "1.0.0"}}, lock: "# none\n"})
    with pytest.raises(BuildError, match=f"Corepack can't download {manager}") as told:
        node.install(
            project / "package.json",
            ARM64,
            tmp_path / "into",
            _work(tmp_path, PATH=f"{path}:/usr/bin:/bin"),
        )
    assert told.value.hint is not None
    assert f"npm install --global {manager}," in told.value.hint


@pytest.mark.npm
def test_a_package_that_is_not_what_the_lock_file_says(
    tmp_path: Path, project: Path, registry: Registry
) -> None:
    _npm(registry, project, ["small"], "small@1.0.0")
    lock = (project / "package-lock.json").read_text()
    other = registry.packages["large"]["1.0.0"]["dist"]["integrity"]
    own = registry.packages["small"]["1.0.0"]["dist"]["integrity"]
    (project / "package-lock.json").write_text(lock.replace(own, other))
    with pytest.raises(BuildError, match="a package is not what the lock file says it is"):
        _install(project, tmp_path)


@pytest.mark.npm
def test_without_a_lock_file_it_installs_and_warns(tmp_path: Path, project: Path) -> None:
    put(project, {"package.json": {"dependencies": {"small": "*"}}})
    told: list[str] = []
    assert _install(project, tmp_path, told=told).packages[0].version == "2.0.0"
    assert told[0].endswith("has no lock file: its versions may change from day to day")
    put(project, {"package.json": {"dependencies": {"nowhere": "*"}}})
    with pytest.raises(BuildError, match="the registry has no package nowhere"):
        _install(project, tmp_path)


def test_a_registry_that_is_not_there(tmp_path: Path, project: Path) -> None:
    need("npm")
    put(project, {".npmrc": "registry=http://127.0.0.1:9/\nfetch-retries=0\n"})
    put(project, {"package.json": {"dependencies": {"small": "*"}}})
    with pytest.raises(BuildError, match="the registry can't be reached"):
        _install(project, tmp_path)


def _workspace(folder: Path, *, own: str, manager: str = "") -> Path:
    return put(
        folder,
        {
            "package.json": {"private": True, "workspaces": ["packages/*"]}
            | ({"packageManager": manager} if manager else {}),
            "packages/fn/package.json": {
                "name": "fn",
                "version": "1.0.0",
                "dependencies": {"@my/shared": own, "small": "2.0.0"},
                "devDependencies": {"tests": "*"},
            },
            "packages/fn/app.js": "console.log(require('@my/shared'), require('small'))",
            "packages/shared/package.json": {
                "name": "@my/shared",
                "version": "1.0.0",
                "dependencies": {"large": "1.0.0", "small": "1.0.0"},
            },
            "packages/shared/index.js": "module.exports = [require('large'), require('small')]",
            "packages/shared/.env": "PASSWORD=secret",
            "packages/other/package.json": {
                "name": "other",
                "version": "1.0.0",
                "dependencies": {"chatty": "*"},
            },
        },
    )


def _locked(project: Path, tmp_path: Path, *words: str, **shell: str) -> None:
    work = _work(tmp_path, **shell)
    ended = subprocess.run(words, cwd=project, env=dict(work.shell), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for folder in project.rglob("node_modules"):
        if folder.is_dir():
            shutil.rmtree(folder)


def _check_workspace(project: Path, tmp_path: Path) -> Installed:
    """Each package finds the version that it asks for, in one tree without links."""
    installed = _install(project / "packages" / "fn", tmp_path)
    assert not [path for path in installed.folder.rglob("*") if path.is_symlink()]
    found = {(package.name, package.version): package for package in installed.packages}
    assert sorted(found) == [
        ("@my/shared", "1.0.0"),
        ("large", "1.0.0"),
        ("small", "1.0.0"),
        ("small", "2.0.0"),
    ]
    assert found["@my/shared", "1.0.0"].direct
    assert not found["small", "1.0.0"].direct
    assert not list(installed.folder.rglob(".env"))
    shutil.copy(project / "packages" / "fn" / "app.js", installed.folder)
    answer = subprocess.run(
        [need("node"), "app.js"], cwd=installed.folder, capture_output=True, text=True, check=True
    )
    assert answer.stdout == "[ 'large@1.0.0', 'small@1.0.0' ] small@2.0.0\n"
    (installed.folder / "app.js").unlink()
    return installed


@pytest.mark.slow
@pytest.mark.npm_tools
def test_a_workspace_is_the_same_from_every_package_manager(
    tmp_path: Path, project: Path, registry: Registry
) -> None:
    tools = Path(need("npm_tools"))
    projects = {}
    for name, own in {"npm": "*", "pnpm": "workspace:*", "yarn": "1.0.0", "berry": "*"}.items():
        projects[name] = _workspace(tmp_path / name, own=own)
        shutil.copy(project / ".npmrc", projects[name])
    _locked(projects["npm"], tmp_path, "npm", "install", "--package-lock-only")
    put(projects["pnpm"], {"pnpm-workspace.yaml": "packages: [packages/*]\n"})
    _locked(projects["pnpm"], tmp_path, "pnpm", "install", "--lockfile-only")
    _locked(projects["yarn"], tmp_path, "yarn", "install", "--ignore-scripts")
    yarn = projects["berry"] / ".yarn" / "releases" / "yarn.cjs"
    yarn.parent.mkdir(parents=True)
    shutil.copy(tools / "@yarnpkg" / "cli-dist" / "bin" / "yarn.js", yarn)
    settings = {
        "yarnPath": ".yarn/releases/yarn.cjs",
        "npmRegistryServer": registry.url,
        "unsafeHttpWhitelist": ["127.0.0.1"],
        "enableScripts": False,
        "enableImmutableInstalls": False,
        "npmMinimalAgeGate": 0,
    }
    put(projects["berry"], {".yarnrc.yml": settings, "yarn.lock": ""})
    _locked(projects["berry"], tmp_path, "node", str(yarn), "install")
    trees = {name: _check_workspace(one, tmp_path) for name, one in projects.items()}
    packages = {
        name: {
            path: content
            for path, content in _files(tree).items()
            if not path.startswith("node_modules/@my/")
        }
        for name, tree in trees.items()
    }
    assert packages["pnpm"] == packages["npm"]
    assert packages["yarn"] == packages["npm"]
    assert packages["berry"] == packages["npm"]


@pytest.mark.npm
def test_a_package_of_this_machine_is_copied(
    tmp_path: Path, project: Path, registry: Registry
) -> None:
    put(
        tmp_path,
        {
            "lib/package.json": {"name": "lib", "version": "3.0.0"},
            "lib/index.js": "module.exports = 'lib'",
            "lib/node_modules/junk/index.js": "",
        },
    )
    manifest = {"dependencies": {"lib": "file:../lib"}}
    packages = {
        "": manifest,
        "../lib": {"version": "3.0.0"},
        "node_modules/lib": {"resolved": "../lib", "link": True},
    }
    lock = {"lockfileVersion": 3, "requires": True, "packages": packages}
    put(project, {"package.json": manifest, "package-lock.json": lock})
    installed = _install(project, tmp_path)
    assert sorted(_files(installed)) == [
        "node_modules/lib/index.js",
        "node_modules/lib/package.json",
    ]
    before = node.key(project / "package.json")
    put(tmp_path, {"lib/index.js": "module.exports = 'changed'"})
    assert node.key(project / "package.json") != before


def test_only_some_packages(tmp_path: Path, project: Path, registry: Registry) -> None:
    need("npm")
    _npm(registry, project, ["large", "old"], "large@1.0.0", "small@1.0.0", "old@1.0.0")
    into = tmp_path / "into"
    found = project / "package.json"
    installed = node.install(found, ARM64, into, _work(tmp_path), only=frozenset(["large"]))
    assert [package.name for package in installed.packages] == ["large", "small"]


def test_projects_with_equal_lock_files_share_a_key(tmp_path: Path, registry: Registry) -> None:
    keys = []
    for name in ("orders", "payments"):
        manifest = {
            "name": name,
            "version": name,
            "scripts": {"test": name},
            "dependencies": {"small": "*"},
        }
        lock = registry.lock(manifest, "small@1.0.0")
        put(tmp_path / name, {"package.json": manifest, "package-lock.json": lock})
        keys.append(node.key(tmp_path / name / "package.json"))
    assert keys[0] == keys[1]
    put(tmp_path / "payments", {"package-lock.json": registry.lock(manifest, "small@2.0.0")})
    assert node.key(tmp_path / "payments" / "package.json") != keys[0]


def test_the_nearest_manifest_that_names_a_dependency_counts(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "package.json": {"dependencies": {"small": "*"}},
            "app/package.json": {"type": "module", "devDependencies": {"esbuild": "*"}},
            "app/src/package.json": {"dependencies": {}},
        },
    )
    assert node.find(tmp_path / "app" / "src", tmp_path) == tmp_path / "package.json"
    assert node.find(tmp_path / "app" / "src", tmp_path / "app") is None


def test_a_manifest_that_is_no_json(tmp_path: Path) -> None:
    put(tmp_path, {"package.json": '{\n  "dependencies": {,}\n}'})
    with pytest.raises(UserError, match=r"package\.json:2:20: package\.json is not JSON"):
        node.find(tmp_path, tmp_path)


def test_a_package_manager_that_is_not_installed(tmp_path: Path) -> None:
    put(tmp_path, {"package.json": {"dependencies": {"a": "*"}}, "pnpm-lock.yaml": ""})
    work = Work(tmp_path, tmp_path, {"PATH": str(tmp_path)})
    with pytest.raises(EnvironmentStartError, match="`pnpm` is not installed"):
        node.install(tmp_path / "package.json", ARM64, tmp_path / "into", work)

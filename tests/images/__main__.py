"""Makes the stand-ins that are missing or out of date; see the package's docstring."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import ImageNotFound

import lambdactl
from tests.images import LABEL, PROVIDED, PYTHON, RUBY, nodejs

HERE = Path(__file__).parent
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
BASE = "lambdactl-tests/base"
PACKAGES = "ca-certificates,curl,python3,ruby"
PYPI = ("awslambdaric==4.2.2", "boto3", "pip")
RUBY_CLIENT = Path(lambdactl.__file__).parent / "execution/bootstraps/ruby"
NPM = "aws-lambda-ric@3.3.0"
NPM_ITSELF = "npm@10"

VARIABLES = {
    "LANG": "en_US.UTF-8",
    "TZ": ":/etc/localtime",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:"
    "/var/task/lib:/opt/lib",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
}

Fill = Callable[[Path], None]


@dataclass(frozen=True)
class StandIn:
    """One image: ``fill`` writes its files, ``run`` are commands inside of it afterwards."""

    names: tuple[str, ...]
    fill: Fill
    run: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = tuple(VARIABLES.items())

    @property
    def digest(self) -> str:
        """Of the recipe: what the package indexes have today does not count."""
        files = [path for path in sorted(HERE.rglob("*")) if path.is_file()]
        text = [path.read_bytes() for path in files if path.suffix != ".pyc"]
        text += [repr((self.names, self.run, self.made_of, ARCHITECTURE)).encode()]
        return hashlib.sha256(b"\0".join(text)).hexdigest()[:16]

    @property
    def tags(self) -> tuple[str, ...]:
        """AWS's tags are with and without the architecture; SAM asks for the former."""
        return tuple(tag for name in self.names for tag in (name, f"{name}-{ARCHITECTURE}"))


def _shell(*words: str | Path, **options: Any) -> str:
    """The output of a command that must succeed; what it says is shown when it does not."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode:
        sys.stderr.write(done.stdout.decode(errors="replace"))
        raise SystemExit(f"tests.images: this failed: {' '.join(map(str, words))}")
    return done.stdout.decode()


def _install(source: str, target: Path, mode: int = 0o755, **replaced: str) -> None:
    text = (HERE / source).read_text()
    for name, value in replaced.items():
        text = text.replace(f"@{name}@", value)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(mode)


def _runtime(root: Path) -> None:
    """What every image has."""
    _install("lambda-entrypoint.sh", root / "lambda-entrypoint.sh")
    for folder in ("var/task", "var/runtime", "opt"):
        (root / folder).mkdir(parents=True, exist_ok=True)


def _python(root: Path) -> None:
    _runtime(root)
    runtime = root / "var/runtime"
    library = root / "var/lang/lib/python3.11/site-packages"
    _install("wrapped.sh", runtime / "wrapped.sh", 0o644)
    _install("python/bootstrap", runtime / "bootstrap")
    _install("python/bootstrap.py", runtime / "bootstrap.py", 0o644)
    # Wheels for the image's Python, whatever this one is.
    machine = platform.machine()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--only-binary=:all:"]
    pip += ["--disable-pip-version-check", "--root-user-action=ignore"]
    pip += ["--python-version=3.11", "--implementation=cp", "--abi=cp311", "--abi=abi3"]
    pip += ["--abi=none", f"--platform=manylinux2014_{machine}"]
    _shell(*pip, "--target", runtime, *PYPI[:2])
    _shell(*pip, "--target", library, PYPI[2])
    binaries = root / "var/lang/bin"
    binaries.mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3", "python3.11"):
        (binaries / name).symlink_to("/usr/bin/python3.11")
    for name in ("pip", "pip3", "pip3.11"):
        script = binaries / name
        script.write_text(
            "#!/bin/sh\nPYTHONPATH=/var/lang/lib/python3.11/site-packages "
            'exec /var/lang/bin/python3.11 -m pip "$@"\n'
        )
        script.chmod(0o755)


def _node(program: Path) -> Fill:
    def fill(root: Path) -> None:
        _runtime(root)
        runtime, lang = root / "var/runtime", root / "var/lang"
        major = nodejs(_shell(program, "--version")).rpartition(":")[2]
        _install("wrapped.sh", runtime / "wrapped.sh", 0o644)
        _install("nodejs/bootstrap", runtime / "bootstrap", MAJOR=major)
        _install("nodejs/index.mjs", runtime / "index.mjs", 0o644)
        _install("nodejs/rapid-client.cjs", runtime / "rapid-client.cjs", 0o644)
        (lang / "bin").mkdir(parents=True)
        (lang / "lib").mkdir()
        shutil.copy(program, lang / "bin/node")
        for library in _libraries(program):
            shutil.copy(library, lang / "lib")
        with _package(NPM) as archive:
            source = archive.extractfile("package/dist/index.mjs")
            assert source is not None
            client = source.read().decode()
        modules = lang / "lib/node_modules"
        with _package(NPM_ITSELF) as archive:
            archive.extractall(modules, filter="data")
        (modules / "package").rename(modules / "npm")
        for name in ("npm", "npx"):
            script = modules / f"npm/bin/{name}-cli.js"
            script.chmod(0o755)
            (lang / "bin" / name).symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")
        native = "./rapid-client.node"
        if client.count(native) != 1:
            raise SystemExit(f"tests.images: {NPM} loads its native module in another way")
        (runtime / "aws-lambda-ric.mjs").write_text(client.replace(native, "./rapid-client.cjs"))

    return fill


def _ruby(root: Path) -> None:
    _runtime(root)
    runtime, binaries = root / "var/runtime", root / "var/lang/bin"
    _install("wrapped.sh", runtime / "wrapped.sh", 0o644)
    _install("ruby/bootstrap", runtime / "bootstrap")
    shutil.copytree(RUBY_CLIENT, runtime, dirs_exist_ok=True)
    binaries.mkdir(parents=True)
    for name in ("ruby", "gem"):
        (binaries / name).symlink_to(f"/usr/bin/{name}")


@contextlib.contextmanager
def _package(name: str) -> Iterator[tarfile.TarFile]:
    """A package of npm's registry."""
    with tempfile.TemporaryDirectory() as folder:
        said = _shell("npm", "pack", "--silent", name, cwd=folder, stdin=subprocess.DEVNULL)
        with tarfile.open(Path(folder, said.split()[-1])) as archive:
            yield archive


def _libraries(program: Path) -> Iterator[Path]:
    """Shared libraries that a program of a distribution needs, but for those of the C library and
    its like, which the image has (Node.js's own builds need no others)."""
    for line in _shell("ldd", program).splitlines():
        name, arrow, path = line.strip().partition(" => ")
        given = ("libc.", "libm.", "libdl.", "libpthread.", "librt.", "libgcc_s.", "libstdc++.")
        if arrow and path.startswith("/") and not name.startswith(given):
            yield Path(path.split()[0])


def _stand_ins() -> list[StandIn]:
    found = shutil.which("node")
    if found is None:
        raise SystemExit("tests.images: Node.js is missing, which the image takes from here")
    program = Path(found).resolve()
    version = _shell(program, "--version").strip()
    provided = tuple(
        (name, value.replace("/var/lang/bin:", "").replace("/var/lang/lib:", ""))
        for name, value in VARIABLES.items()
    )
    compiled = "python3.11 -m compileall -q -j 0 /var/runtime /var/lang/lib/python3.11"
    return [
        StandIn((PYTHON,), _python, (compiled,), PYPI),
        StandIn(
            (nodejs(version),), _node(program), ("node --version",), (version, NPM, NPM_ITSELF)
        ),
        StandIn((RUBY,), _ruby, ("ruby --version",), (_content(RUBY_CLIENT),)),
        StandIn(PROVIDED, _runtime, variables=provided),
    ]


def _content(folder: Path) -> str:
    """A digest of the files in a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def _base(client: docker.APIClient) -> str:
    """The image that all are made of: Debian without what no function needs."""
    recipe = f"{PACKAGES} {ARCHITECTURE} {inspect.getsource(_base)}"
    tag = hashlib.sha256(recipe.encode()).hexdigest()[:16]
    name = f"{BASE}:{tag}"
    if _label(client, name) is not None:
        return name
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise SystemExit("tests.images: needs root and debootstrap (apt install debootstrap)")
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="lambdactl-base-") as folder:
        root = Path(folder) / "root"
        _shell("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", root)
        for useless in ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info"):
            shutil.rmtree(root / useless, ignore_errors=True)
        for cache in ("var/cache/apt", "var/lib/apt/lists", "var/log"):
            shutil.rmtree(root / cache, ignore_errors=True)
            (root / cache).mkdir(parents=True)
        (root / "usr/lib/python3.11/EXTERNALLY-MANAGED").unlink(missing_ok=True)
        # LANG is en_US.UTF-8 on Lambda; to programs it is the same as C's.
        (root / "usr/lib/locale/en_US.utf8").symlink_to("C.utf8")
        words = ["tar", "-C", root, "--one-file-system", "--exclude=./dev/*", "-c", "."]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as tar:
            assert tar.stdout is not None
            chunks = iter(lambda: tar.stdout.read(1 << 20), b"")  # type: ignore[union-attr]
            client.import_image_from_stream(
                chunks, repository=BASE, tag=tag, changes=[f"LABEL {LABEL}={tag}"]
            )
    return name


def _build(client: docker.APIClient, base: Future[str], stand_in: StandIn) -> None:
    lines = ["COPY root /"]
    lines += [f"ENV {name}={value}" for name, value in stand_in.variables]
    lines += [f"RUN {command}" for command in stand_in.run]
    lines += ["WORKDIR /var/task", 'ENTRYPOINT ["/lambda-entrypoint.sh"]']
    with tempfile.TemporaryFile(dir="/var/tmp") as context:
        with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="lambdactl-image-") as folder:
            stand_in.fill(Path(folder))
            with tarfile.open(fileobj=context, mode="w") as archive:
                archive.add(folder, "root", filter=_owned_by_root)
                text = "\n".join([f"FROM {base.result()}", *lines]).encode()
                entry = tarfile.TarInfo("Dockerfile")
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text))
        context.seek(0)
        first, *others = stand_in.tags
        said: list[str] = []
        for line in client.build(
            fileobj=context,
            custom_context=True,
            tag=first,
            labels={LABEL: stand_in.digest},
            rm=True,
            forcerm=True,
            decode=True,
            network_mode="none",
        ):
            said.append(str(line.get("stream", "")))
            if "error" in line:
                raise SystemExit(f"tests.images: {first}: {line['error']}\n{''.join(said[-20:])}")
    for name in others:
        client.tag(first, *name.rsplit(":", 1), force=True)


def _owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    if entry.name == "root":
        entry.mode = 0o755
    return entry


def _label(client: docker.APIClient, name: str) -> str | None:
    """The digest of an image of ours; "" for somebody else's; None where there is none."""
    try:
        labels = client.inspect_image(name)["Config"]["Labels"] or {}
    except ImageNotFound:
        return None
    return str(labels.get(LABEL, ""))


def main() -> None:
    """With ``--force`` images of these names that are not ours, AWS's own say, are replaced too."""
    begun = time.monotonic()
    force = "--force" in sys.argv[1:]
    client = docker.from_env().api
    missing = []
    for stand_in in _stand_ins():
        label = _label(client, stand_in.tags[0])
        if label == "" and not force:
            print(f"{stand_in.tags[0]} is not a stand-in, and stays (--force replaces it)")
        elif label != stand_in.digest:
            missing.append(stand_in)
    if not missing:
        return
    with ThreadPoolExecutor() as threads:
        # What goes into the images is fetched while Debian installs itself.
        base = threads.submit(_base, client)
        list(threads.map(lambda stand_in: _build(client, base, stand_in), missing))
    for stand_in in missing:
        print(*stand_in.tags)
    # What the new ones took the names from.
    client.prune_images({"dangling": True, "label": LABEL})
    print(f"{len(missing)} stand-ins in {time.monotonic() - begun:.0f} s")


main()

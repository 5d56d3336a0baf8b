"""Ruby dependencies: what a Gemfile and its lock name, through Bundler, into ``vendor/bundle``.

Lambda's Ruby looks for gems there: ``GEM_PATH`` is
``/var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0``
(https://docs.aws.amazon.com/lambda/latest/dg/ruby-package.html).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from lambdactl.artifacts.dependencies import elf, tools
from lambdactl.artifacts.dependencies.ruby_lock import Lock, parse
from lambdactl.artifacts.model import Installed, Package, Target, Work
from lambdactl.errors import BuildError, EnvironmentStartError, UserError
from lambdactl.manifest.runtimes import guess

_NAMES = (("Gemfile", "Gemfile.lock"), ("gems.rb", "gems.locked"))
_ASIDE = frozenset((".git", "node_modules", ".bundle", ".lambdactl", ".aws-sam", "spec", "test"))
_SETTINGS = (".ruby-version", ".tool-versions", "vendor/cache")
_PLATFORMS = {"x86_64": "x86_64-linux", "arm64": "aarch64-linux"}
_PLATFORM = Path(__file__).with_name("ruby_platform.rb")
_BUNDLE = 'load Gem.activate_bin_path("bundler", "bundle", ">= 0")'
_OURS = ("PATH", "WITHOUT", "ONLY", "WITH", "FROZEN", "DEPLOYMENT", "BIN", "CLEAN", "NO_INSTALL")
"""Bundler's settings (https://bundler.io/man/bundle-config.1.html) that are the build's."""
_WASTE = ("bin", "build_info", "cache", "doc", "plugins", "bundler/bin", "bundler/cache")
_TRACES = frozenset(("gem_make.out", "mkmf.log", "Makefile"))
_INSTALLED_BY = re.compile(rb"^\s*s\.installed_by_version = .*\n", re.MULTILINE)
_IN_CONTAINER = "build it in the function's image: `build: {container: true}`, or --container"


def find(source: Path, root: Path) -> Path | None:
    """The nearest Gemfile from ``source`` upward to ``root``."""
    for folder in (source, *source.parents):
        for name, _ in _NAMES:
            if (folder / name).is_file():
                return folder / name
        if folder == root or not folder.is_relative_to(root):
            break
    return None


def key(found: Path) -> bytes:
    """Everything that decides what :func:`install` installs.

    :raises UserError: a file of the project can't be read.
    """
    digest = hashlib.blake2b(digest_size=20)
    lock = _lock(found)
    base = _base(found, lock)
    for file in _files(found, lock):
        digest.update(f"\0{file.relative_to(base).as_posix()}\0".encode("utf-8", "replace"))
        try:
            digest.update(file.read_bytes())
        except OSError as error:
            raise UserError(f"can't read {file}: {error.strerror}") from None
    digest.update(json.dumps(_settings(found), sort_keys=True).encode())
    return digest.digest()


def install(found: Path, target: Target, into: Path, work: Work) -> Installed:
    """Install the gems of a Gemfile, without the groups ``development`` and ``test``. Blocking.

    :param into: a folder; ``vendor/bundle/ruby/X.Y.0`` comes into it.
    :raises UserError: a file of the project can't be read.
    :raises BuildError: Bundler refuses, or a gem has to be compiled and can't be.
    :raises EnvironmentStartError: there is no Ruby.
    """
    lock = _lock(found)
    if lock is None:
        work.tell(f"warning: {found} has no lock file: its versions may change from day to day")
    elif not lock.specs:
        return Installed(into, ())
    outside = [path for path in _paths(found, lock) if not path.is_relative_to(found.parent)]
    for path in outside:
        work.tell(f"warning: the gem in {path} is used from there, and is not in the artifact")
    with tempfile.TemporaryDirectory(dir=work.scratch, prefix="ruby-") as made:
        base = Path(made).resolve()
        for file in _files(found, lock):
            copy = base / file.relative_to(_base(found, lock))
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
        gemfile = base / found.relative_to(_base(found, lock))
        _bundle(found, gemfile, target, work, frozen=lock is not None)
        abi = f"{guess(target.runtime).version}.0"
        gems = _installed(gemfile.parent / "vendor" / "bundle" / "ruby", found)
        lock = lock or _read(gemfile)
        if gems is None:
            return Installed(into, ())
        _check(gems, abi, target)
        _clean(gems)
        place = into / "vendor" / "bundle" / "ruby" / abi
        place.parent.mkdir(parents=True, exist_ok=True)
        gems.rename(place)
    if lock.git:
        # Gems from git are not found through GEM_PATH, but through `require "bundler/setup"`.
        (into / ".bundle").mkdir(exist_ok=True)
        (into / ".bundle" / "config").write_text(_config(_shipped(found)))
    return Installed(into, _packages(place, lock))


def _bundle(found: Path, gemfile: Path, target: Target, work: Work, *, frozen: bool) -> None:
    ruby = tools.find("ruby", work)
    if ruby is None:
        raise EnvironmentStartError(
            "`ruby` is not installed, and Bundler needs it",
            hint=f"install Ruby, or {_IN_CONTAINER}",
        )
    own = {**_shipped(found), "PATH": str(gemfile.parent / "vendor" / "bundle")}
    settings = {**_settings(found), **own, "FROZEN": "true" if frozen else "false"}
    (gemfile.parent / ".bundle").mkdir(exist_ok=True)
    (gemfile.parent / ".bundle" / "config").write_text(_config(settings))
    environment = {
        "BUNDLE_GEMFILE": str(gemfile),
        "BUNDLE_APP_CONFIG": str(gemfile.parent / ".bundle"),
        "BUNDLE_SILENCE_ROOT_WARNING": "1",
        "BUNDLE_IGNORE_MESSAGES": "1",
        "LAMBDACTL_PLATFORM": _PLATFORMS[target.architecture],
        "RUBYOPT": f"{work.shell.get('RUBYOPT', '')} -r{_PLATFORM}".strip(),
    }
    # A shell inside of `bundle exec` would make this Bundler work on its own bundle.
    shell = {
        name: value
        for name, value in work.shell.items()
        if name not in ("BUNDLER_SETUP", "RUBYLIB", "GEM_HOME", "BUNDLE_BIN_PATH")
    }
    words = [ruby, "-e", _BUNDLE, "--", "install", "--no-color"]
    clean = dataclasses.replace(work, shell=shell)
    ended = tools.run(words, gemfile.parent, clean, environment=environment)
    if ended.code != 0:
        raise _explained(found, target, ended)


def _shipped(found: Path) -> dict[str, str]:
    """The settings that are as true in Lambda as in the build."""
    groups = {"development", "test", *_settings(found).get("WITHOUT", "").split(":")} - {""}
    return {"PATH": "vendor/bundle", "WITHOUT": ":".join(sorted(groups)), "FROZEN": "true"}


def _settings(found: Path) -> dict[str, str]:
    """The project's own settings of Bundler: mirrors, flags of compilers, groups."""
    file = found.parent / ".bundle" / "config"
    if not file.is_file():
        return {}
    lines = file.read_text("utf-8", "replace").splitlines()
    pairs = (re.fullmatch(r"BUNDLE_(\w+):\s*(.*)", line) for line in lines)
    settings = {pair[1]: pair[2].strip("\"' ") for pair in pairs if pair is not None}
    return {
        name: value
        for name, value in settings.items()
        if name not in _OURS or name in ("WITHOUT", "WITH")
    }


def _config(settings: Mapping[str, str]) -> str:
    lines = (f"BUNDLE_{name}: {json.dumps(value)}\n" for name, value in sorted(settings.items()))
    return "---\n" + "".join(lines)


def _lock(found: Path) -> Lock | None:
    return _read(found) if _lock_path(found).is_file() else None


def _lock_path(found: Path) -> Path:
    return found.with_name(dict(_NAMES)[found.name])


def _read(found: Path) -> Lock:
    path = _lock_path(found)
    try:
        return parse(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"can't read {path}: {error}") from None


def _paths(found: Path, lock: Lock | None) -> tuple[Path, ...]:
    """The folders that gems are used from where they lie."""
    paths = (Path(os.path.normpath(found.parent / path)) for path in (lock.paths if lock else ()))
    return tuple(path for path in paths if path != found.parent)


def _base(found: Path, lock: Lock | None) -> Path:
    return Path(os.path.commonpath([found.parent, *_paths(found, lock)]))


def _files(found: Path, lock: Lock | None) -> Iterator[Path]:
    """What Bundler must see to install what the Gemfile names."""
    yield found
    if lock is not None:
        yield _lock_path(found)
    folder = found.parent
    for name in _SETTINGS:
        yield from _all(folder / name)
    # A gemspec may read whatever lies beside it, and a Gemfile others of its kind.
    if any(folder.glob("*.gemspec")):
        taken = {found, _lock_path(found), *(folder / name for name in _SETTINGS)}
        yield from (file for file in _all(folder) if taken.isdisjoint((file, *file.parents)))
    else:
        yield from sorted(folder.glob("Gemfile.*[!lock]"))
    for path in _paths(found, lock):
        if path.is_relative_to(folder) and any(folder.glob("*.gemspec")):
            continue
        yield from _all(path)


def _all(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for current, folders, names in os.walk(path):
        aside = _ASIDE | ({"vendor"} if current == str(path) else set())
        folders[:] = sorted(name for name in folders if name not in aside)
        yield from (Path(current, name) for name in sorted(names) if Path(current, name).is_file())


def _installed(folder: Path, found: Path) -> Path | None:
    """The folder of gems, which is named after the Ruby that has installed them."""
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    return there[0] if there else None


def _check(gems: Path, abi: str, target: Target) -> None:
    """See that what was compiled here runs on Lambda."""
    for done in sorted(gems.glob("extensions/*/*/*/gem.build_complete")):
        name = done.parent.name
        if gems.name != abi:
            raise BuildError(
                f"{name} is compiled as it is installed, and this machine has Ruby "
                f"{gems.name.rpartition('.')[0]}, not {guess(target.runtime).version}",
                b"",
                hint=_IN_CONTAINER,
            )
        lib = gems / "gems" / name / "lib"
        for file in sorted((*done.parent.rglob("*.so"), *lib.rglob("*.so"))):
            if not elf.is_for(file, target):
                reason = f"this machine is not {target.architecture}"
            elif (version := elf.too_new(file, target)) is not None:
                reason = f"was linked with glibc {version}, newer than that of {target.runtime}"
            else:
                continue
            raise BuildError(
                f"{name} is compiled as it is installed, and {reason}", b"", hint=_IN_CONTAINER
            )


def _clean(gems: Path) -> None:
    """Remove what differs between machines and what nothing loads."""
    for name in _WASTE:
        shutil.rmtree(gems / name, ignore_errors=True)
    for folder in gems.glob("bundler/gems/*/.git"):
        shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    built = {done.parent.name for done in gems.glob("extensions/*/*/*/gem.build_complete")}
    for folder in (gems / "extensions", *(gems / "gems" / name / "ext" for name in sorted(built))):
        for file in list(folder.rglob("*")):
            if file.name in _TRACES or file.suffix == ".o":
                file.unlink()
    for spec in gems.glob("specifications/*.gemspec"):
        spec.write_bytes(_INSTALLED_BY.sub(b"", spec.read_bytes()))


def _packages(gems: Path, lock: Lock) -> tuple[Package, ...]:
    there: dict[str, Path] = {}
    for folder in (*gems.glob("gems/*"), *gems.glob("bundler/gems/*")):
        there[folder.name] = folder
    found = []
    for name, spec in sorted(lock.specs.items()):
        folders = [path for full, path in there.items() if _is_of(full, name, spec.version)]
        if name in lock.git:
            folders += [path for full, path in there.items() if full.startswith(f"{name}-")]
        if folders:
            size = sum(file.lstat().st_size for folder in folders for file in _every(folder))
            size += sum(
                file.lstat().st_size
                for folder in folders
                for part in gems.glob(f"extensions/*/*/{folder.name}")
                for file in _every(part)
            )
            requires = tuple(sorted(set(spec.requires) & set(lock.specs)))
            found.append(Package(name, spec.version, size, requires, name in lock.direct))
    return tuple(found)


def _every(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _is_of(full: str, name: str, version: str) -> bool:
    """Whether a folder is of a gem: ``nokogiri-1.16.0``, ``nokogiri-1.16.0-aarch64-linux``."""
    plain = f"{name}-{version}"
    return full == plain or full.startswith(f"{plain}-")


_WORDS = (
    (
        r"Your bundle only supports platforms|does not (?:currently )?support the platform",
        "the lock file is not for Lambda's platform",
        "bundle lock --add-platform {platform}",
    ),
    (
        r"Your Ruby version is ([\d.]+)[^\n]*specified",
        "the Gemfile is for another Ruby than this machine has",
        _IN_CONTAINER,
    ),
    (
        r"(?:are|is) frozen|frozen mode|deployment mode|lockfile can't be updated",
        "the lock file does not fit the Gemfile",
        "run `bundle install` once, so that it writes the lock file anew",
    ),
    (
        r"Failed to build gem native extension",
        "a gem can't be compiled here",
        _IN_CONTAINER,
    ),
    (
        r"Could not reach host|Could not fetch specs|Network error|Errno::E\w+: Failed to open TCP",
        "the gem server can't be reached",
        "check the network and the proxy settings",
    ),
    (r"Authentication is required|Bad username or password", "a gem server asks who you are", None),
    (r"No space left on device", "there is no space left on the disk", None),
)
_MISSING = re.compile(r"Could not find (?:gem )?'?([\w.-]+)")


def _explained(found: Path, target: Target, ended: tools.Ended) -> BuildError:
    output = ended.output.decode("utf-8", "replace")
    gem = re.search(r"An error occurred while installing ([\w.-]+ \([^)]+\))", output)
    for pattern, words, hint in _WORDS:
        if re.search(pattern, output):
            words = (
                words.replace("a gem", gem[1], 1) if gem and words.startswith("a gem") else words
            )
            hint = hint.replace("{platform}", _PLATFORMS[target.architecture]) if hint else None
            return BuildError(f"{found}: {words}", ended.output, hint=hint)
    if missing := _MISSING.search(output):
        return BuildError(f"{found}: there is no gem {missing[1]}", ended.output)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    reason = lines[-1] if lines else f"it ended with {ended.code}"
    return BuildError(f"{found}: Bundler could not install: {reason}", ended.output)

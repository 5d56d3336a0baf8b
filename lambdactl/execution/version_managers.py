"""Where other tools keep the interpreters they have installed, and how each installs one more.

Each default folder is the one that the tool's own documentation names.
"""

from __future__ import annotations

from dataclasses import dataclass

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Store:
    """A version manager's folder: ``below`` the one that ``variable`` names, or ``default``, are
    folders whose name matches ``name`` (its group is the version), each with a ``binary``."""

    source: str
    variable: str | None
    default: str
    below: str
    name: str
    binary: str


@dataclass(frozen=True, slots=True)
class Language:
    """What differs between Python, Node.js and Ruby when one looks for an interpreter."""

    name: str
    runtime: str
    """The runtime's identifier, given its version."""
    variable: str
    digits: int
    """How many numbers of a version the runtime's name has."""
    oldest: Version
    """The first version that our bootstrap runs on."""
    stem: str
    programs: tuple[str, ...]
    stores: tuple[Store, ...]
    installers: tuple[tuple[str, str], ...]
    """A version manager, and its command that installs a version."""
    download: str
    question: tuple[str, ...]
    """Arguments that make the program print its version."""


DATA_HOME = "~/.local/share"
NUMBERS = r"(\d+\.\d+\.\d+)"

PYTHON = Language(
    name="Python",
    runtime="python{}",
    variable="LAMBDACTL_PYTHON",
    digits=2,
    oldest=(3, 9),
    stem="python",
    programs=("python{}", "python3", "python"),
    stores=(
        Store("pyenv", "PYENV_ROOT", "~/.pyenv", "versions", NUMBERS, "bin/python3"),
        Store(
            "uv", "UV_PYTHON_INSTALL_DIR", f"{DATA_HOME}/uv/python", "",
            rf"cpython-{NUMBERS}-.*", "bin/python3",
        ),
        Store(
            "mise", "MISE_DATA_DIR", f"{DATA_HOME}/mise", "installs/python", NUMBERS,
            "bin/python3",
        ),
        Store("asdf", "ASDF_DATA_DIR", "~/.asdf", "installs/python", NUMBERS, "bin/python3"),
        Store(
            "homebrew", "HOMEBREW_PREFIX", "/opt/homebrew", "opt", r"python@(\d+\.\d+)",
            "libexec/bin/python3",
        ),
        Store(
            "python.org", None, "/Library/Frameworks/Python.framework", "Versions", r"(\d+\.\d+)",
            "bin/python3",
        ),
    ),
    installers=(
        ("uv", "uv python install {}"),
        ("pyenv", "pyenv install {}"),
        ("mise", "mise install python@{}"),
        ("brew", "brew install python@{}"),
    ),
    download="https://www.python.org/downloads",
    question=("-I", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"),
)  # fmt: skip

NODE = Language(
    name="Node.js",
    runtime="nodejs{}.x",
    variable="LAMBDACTL_NODE",
    digits=1,
    oldest=(18,),
    stem="node",
    programs=("node",),
    stores=(
        Store("nvm", "NVM_DIR", "~/.nvm", "versions/node", f"v{NUMBERS}", "bin/node"),
        Store(
            "fnm", "FNM_DIR", f"{DATA_HOME}/fnm", "node-versions", f"v{NUMBERS}",
            "installation/bin/node",
        ),
        Store("volta", "VOLTA_HOME", "~/.volta", "tools/image/node", NUMBERS, "bin/node"),
        Store(
            "mise", "MISE_DATA_DIR", f"{DATA_HOME}/mise", "installs/node", NUMBERS, "bin/node"
        ),
        Store("asdf", "ASDF_DATA_DIR", "~/.asdf", "installs/nodejs", NUMBERS, "bin/node"),
        Store("n", "N_PREFIX", "/usr/local", "n/versions/node", NUMBERS, "bin/node"),
        Store("homebrew", "HOMEBREW_PREFIX", "/opt/homebrew", "opt", r"node@(\d+)", "bin/node"),
    ),
    installers=(
        ("nvm", "nvm install {}"),
        ("fnm", "fnm install {}"),
        ("volta", "volta install node@{}"),
        ("mise", "mise install node@{}"),
        ("brew", "brew install node@{}"),
    ),
    download="https://nodejs.org/en/download",
    question=("--version",),
)  # fmt: skip

RUBY = Language(
    name="Ruby",
    runtime="ruby{}",
    variable="LAMBDACTL_RUBY",
    digits=2,
    oldest=(2, 7),
    stem="ruby",
    programs=("ruby{}", "ruby"),
    stores=(
        Store("rbenv", "RBENV_ROOT", "~/.rbenv", "versions", NUMBERS, "bin/ruby"),
        Store(
            "mise", "MISE_DATA_DIR", f"{DATA_HOME}/mise", "installs/ruby", NUMBERS, "bin/ruby"
        ),
        Store("asdf", "ASDF_DATA_DIR", "~/.asdf", "installs/ruby", NUMBERS, "bin/ruby"),
        Store("rvm", "rvm_path", "~/.rvm", "rubies", f"ruby-{NUMBERS}", "bin/ruby"),
        Store("chruby", None, "~/.rubies", "", f"(?:ruby-)?{NUMBERS}", "bin/ruby"),
        Store(
            "homebrew", "HOMEBREW_PREFIX", "/opt/homebrew", "opt", r"ruby@(\d+\.\d+)", "bin/ruby"
        ),
    ),
    installers=(
        ("rbenv", "rbenv install {}"),
        ("mise", "mise install ruby@{}"),
        ("brew", "brew install ruby@{}"),
    ),
    download="https://www.ruby-lang.org/en/downloads",
    question=("-e", "print RUBY_VERSION"),
)  # fmt: skip

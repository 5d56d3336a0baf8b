"""What is ignored, compared with git itself where git has an opinion."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lambdactl.execution.ignoring import Rules, built_in
from lambdactl.execution.mounts import is_silent
from tests.parts import need


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


GIT_RULES = {
    ".gitignore": "*.log\n!keep.log\n/made/\nlib/*.js\n# no rule\n\n\\#real\ndoc?.txt\n[bad\n",
    "lib/.gitignore": "!app.js\nlocal/\n",
    "deep/er/.gitignore": "*\n!*.py\n",
}
PATHS = [
    "a.log",
    "keep.log",
    "made/app.js",
    "lib/made/app.js",
    "lib/x.js",
    "lib/app.js",
    "lib/sub/x.js",
    "lib/local/app.py",
    "local/app.py",
    "#real",
    "doc1.txt",
    "doc12.txt",
    "deep/er/a.py",
    "deep/er/a.txt",
    "deep/a.txt",
    "app.py",
    "lib/keep.log",
]


def test_gitignore_means_what_git_says(tmp_path: Path) -> None:
    git = need("git")
    write(tmp_path, GIT_RULES)
    write(tmp_path, dict.fromkeys(PATHS, ""))
    subprocess.run([git, "init", "-q", tmp_path], check=True)
    said = subprocess.run(
        [git, "-C", tmp_path, "check-ignore", "--no-index", *PATHS],
        capture_output=True,
        text=True,
        check=False,
    )
    rules = Rules(tmp_path)

    def ignored(path: str) -> bool:
        above = [tmp_path / folder for folder in reversed(Path(path).parents[:-1])]
        return any(rules.ignored(folder, folder=True) for folder in above) or rules.ignored(
            tmp_path / path, folder=False
        )

    ours = [path for path in PATHS if ignored(path)]
    # `#real` looks like what Emacs leaves behind, too.
    assert ours == [line.strip('"') for line in said.stdout.splitlines()]
    assert len(ours) not in (0, len(PATHS))


def test_the_rules_of_the_repository_count_in_a_folder_of_it(tmp_path: Path) -> None:
    write(tmp_path, {".git/HEAD": "", ".gitignore": "*.log\nsecret/\n", "src/app/app.py": ""})
    rules = Rules(tmp_path / "src" / "app")
    assert rules.ignored(tmp_path / "src/app/x.log", folder=False)
    assert rules.ignored(tmp_path / "src/app/secret", folder=True)
    assert not rules.ignored(tmp_path / "src/app/secret", folder=False)
    assert not rules.ignored(tmp_path / "src/app/app.py", folder=False)


def test_without_a_repository_nothing_above_counts(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "*.log\n", "src/app.py": ""})
    assert not Rules(tmp_path / "src").ignored(tmp_path / "src/x.log", folder=False)
    assert Rules(tmp_path / "src", tmp_path).ignored(tmp_path / "src/x.log", folder=False)


@pytest.mark.parametrize("rule", ["dist/", "/dist", "*", "build/../dist\ndist"])
def test_compiled_code_that_the_manifest_names_is_code(tmp_path: Path, rule: str) -> None:
    write(tmp_path, {".git/HEAD": "", ".gitignore": f"{rule}\n*.js\n", "dist/app.js": ""})
    assert not Rules(tmp_path / "dist").ignored(tmp_path / "dist/app.js", folder=False)
    write(tmp_path, {"dist/.gitignore": "*.map"})
    assert Rules(tmp_path / "dist").ignored(tmp_path / "dist/app.js.map", folder=False)


def test_lambdaignore_has_the_last_word(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            ".gitignore": "*.csv\n!.vscode/\n",
            ".lambdaignore": "!rates.csv\n!node_modules/\ntests/\n*.md\n",
            "lib/.gitignore": "!README.md\n",
        },
    )
    rules = Rules(tmp_path)
    ignored = {
        path: rules.ignored(tmp_path / path, folder=path.endswith("/"))
        for path in (
            "rates.csv",
            "other.csv",
            "node_modules/",
            "tests/",
            "lib/README.md",
            ".vscode/",
            ".git/",
        )
    }
    assert ignored == {
        "rates.csv": False,
        "other.csv": True,
        "node_modules/": False,
        "tests/": True,
        "lib/README.md": True,
        ".vscode/": True,  # git wants it, but it is no code
        ".git/": True,
    }


def test_rules_are_read_again_when_told(tmp_path: Path) -> None:
    rules = Rules(tmp_path)
    assert not rules.ignored(tmp_path / "lib" / "x.csv", folder=False)
    write(tmp_path, {"lib/.gitignore": "*.csv\n"})
    assert not rules.ignored(tmp_path / "lib" / "x.csv", folder=False)
    rules.forget(tmp_path / "lib")
    assert rules.ignored(tmp_path / "lib" / "x.csv", folder=False)


@pytest.mark.parametrize(
    "name",
    [
        "app.py~",
        ".app.py.swp",
        ".app.py.swx",
        "4913",
        "#app.py#",
        ".#app.py",
        "app.py___jb_tmp___",
        "app.py___jb_old___",
        "sedAbC12z",
        "app.py.tmp",
        ".goutputstream-X1Y2Z3",
        ".app.py.Xy9Zab",
        "data.db-journal",
        "app.pyc",
        ".nfs000000000001",
        ".DS_Store",
    ],
)
def test_what_editors_leave_behind(name: str) -> None:
    assert built_in(name, folder=False)


@pytest.mark.parametrize(
    "name",
    ["app.py", "sed.py", "sedan", "4913.py", ".env", ".env.shared", "venv", "tmp.py", "a#b.py"],
)
def test_what_only_looks_like_it(name: str) -> None:
    assert not built_in(name, folder=False)


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home/me nfs4 rw 0 0
/dev/sdb1 /home/me/local ext4 rw 0 0
C:\\134 /mnt/c 9p rw 0 0
me@host: /home/me/my\\040remote fuse.sshfs rw 0 0
overlay /over fuse.fuse-overlayfs rw 0 0
/dev/sdc1 /win fuseblk rw 0 0
first /twice nfs rw 0 0
second /twice ext4 rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("folder", "silent"),
    [
        ("/src", False),
        ("/home/me/src", True),
        ("/home/me", True),
        ("/home/meat", False),
        ("/home/me/local/src", False),
        ("/mnt/c/Users", True),
        ("/home/me/my remote/src", True),
        ("/over/src", False),
        ("/win", False),
        ("/twice/src", False),
    ],
)
def test_file_systems_without_events(folder: str, silent: bool) -> None:
    assert is_silent(Path(folder), MOUNTS) is silent


def test_this_machine_has_events_in_its_temporary_folder(tmp_path: Path) -> None:
    assert not is_silent(tmp_path)

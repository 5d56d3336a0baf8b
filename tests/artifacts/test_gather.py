"""What of a source folder enters an artifact, what stays out and why, and what is refused."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.artifacts import gather
from lambdactl.artifacts.model import Entry, Tree
from lambdactl.errors import UserError

PEM = "-----BEGIN {} KEY-----\nMIIBVgIBADANBgkqhkiG9w0BAQEFAASCAUAwggE8AgEAAkEAq7BFUpkGp3+LQmlQ\n"
RSA = PEM.format("RSA PRIVATE")
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIC+zCCAeOgAwIBAgIJAIkq\n-----END CERTIFICATE-----\n"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "app" / "src").mkdir(parents=True)
    return tmp_path / "app" / "src"


def put(folder: Path, *names: str, **content: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def names(tree: Tree) -> list[str]:
    return [entry.name for entry in tree.entries]


def left_out(tree: Tree) -> dict[str, str]:
    return {out.name: out.why for out in tree.left_out}


def secrets(tree: Tree) -> set[str]:
    return {out.name for out in tree.left_out if out.secret}


def test_files_come_sorted_with_sizes_and_modes(code: Path) -> None:
    put(code, "b/c.py", "a.py", "b.txt", "ä.txt", "empty/.keep")
    (code / "bootstrap").write_text("#!/bin/sh\n")
    (code / "bootstrap").chmod(0o700)
    (code / "hollow").mkdir()
    tree = gather.tree(code)
    assert names(tree) == ["a.py", "b.txt", "b/c.py", "bootstrap", "empty/.keep", "ä.txt"]
    assert [entry.name for entry in tree.entries if entry.executable] == ["bootstrap"]
    assert tree.size == 10 + 5
    assert tree.left_out == ()


@pytest.mark.parametrize("prefix", ["python", "python/", "/nodejs/node_modules/"])
def test_a_prefix_goes_before_every_name(code: Path, prefix: str) -> None:
    put(code, "a.py", "tests/test_a.py")
    tree = gather.tree(code, prefix=prefix)
    assert names(tree) == [f"{prefix.strip('/')}/a.py"]
    assert left_out(tree) == {"tests/": "tests"}


@pytest.mark.parametrize("prefix", ["..", "a/../..", "a\\b"])
def test_a_prefix_does_not_lead_out(code: Path, prefix: str) -> None:
    with pytest.raises(UserError):
        gather.tree(code, prefix=prefix)


# what stays out by itself


@pytest.mark.parametrize(
    ("name", "out", "why"),
    [
        (".git/config", ".git/", "version control"),
        (".git", ".git", "version control"),
        ("lib/.svn/entries", "lib/.svn/", "version control"),
        (".venv/pyvenv.cfg", ".venv/", "a virtual environment"),
        ("venv/bin/python", "venv/", "a virtual environment"),
        ("my-environment/pyvenv.cfg", "my-environment/", "a virtual environment"),
        ("a/__pycache__/b.pyc", "a/__pycache__/", "byte code, which Python makes anew"),
        ("tests/data.json", "tests/", "tests"),
        ("test/data.json", "test/", "tests"),
        ("lib/tests/test_x.py", "lib/tests/", "tests"),
        ("lib/__tests__/x.js", "lib/__tests__/", "tests"),
        ("lib/test_x.py", "lib/test_x.py", "tests"),
        ("lib/x_test.go", "lib/x_test.go", "tests"),
        ("x.spec.ts", "x.spec.ts", "tests"),
        (".aws-sam/build/x", ".aws-sam/", "output of a tool"),
        (".lambdactl/build/x.zip", ".lambdactl/", "output of a tool"),
        ("cdk.out/x", "cdk.out/", "output of a tool"),
        (".DS_Store", ".DS_Store", "a file of the desktop"),
        ("lambdactl.yaml", "lambdactl.yaml", "the manifest"),
        (".vscode/settings.json", ".vscode/", "settings of an editor"),
    ],
)
def test_what_nobody_needs_stays_out(code: Path, name: str, out: str, why: str) -> None:
    put(code, "app.py", name)
    tree = gather.tree(code)
    assert names(tree) == ["app.py"]
    assert left_out(tree) == {out: why}
    assert not secrets(tree)


@pytest.mark.parametrize(
    "name",
    [
        "lib/tests/__init__.py",  # What a laboratory does.
        "lib/test/client.py",
        "latest_news.py",
        "contest.py",
        "testing.py",
        "environment.py",
        "env/settings.py",
        "lib/venv.py",
        "data/lambdactl.yaml",
        "only.pyc",
        "public.pem",
        "node_modules/x/index.js",
        "node_modules/x/test/index.test.js",
        "node_modules/x/.npmrc",
        "node_modules/x/id_rsa",
        "python/lib/python3.13/site-packages/x/tests/test_x.py",
        "environment/key.json",
        ".keep",
        ".well-known/x",
    ],
)
def test_what_only_looks_so_goes_in(code: Path, name: str) -> None:
    put(code, name)
    if name == "public.pem":
        (code / name).write_text(CERTIFICATE)
    tree = gather.tree(code)
    assert names(tree) == [name]
    assert tree.left_out == ()


def test_byte_code_beside_its_source_stays_out(code: Path) -> None:
    put(code, "a.py", "a.pyc")
    assert names(gather.tree(code)) == ["a.py"]


def test_what_pip_has_installed_beside_the_code_goes_in_as_it_is(code: Path) -> None:
    put(code, "app.py", "test_app.py", "lib/tests/test_a.py", "single.py", "test_single.py")
    put(code, "lib/key.pem", "lib-1.0.dist-info/METADATA")
    (code / "lib-1.0.dist-info" / "RECORD").write_text(
        '"lib/tests/test_a.py",sha256=x,1\nlib/key.pem,,\ntest_single.py,,\nsingle.py,,\n'
    )
    tree = gather.tree(code)
    assert left_out(tree) == {"test_app.py": "tests"}


def test_dependencies_that_are_installed_anew_stay_out(code: Path) -> None:
    put(code, "index.js", "node_modules/x/index.js", "lib/node_modules/y/index.js")
    (code / "old").mkdir()
    assert names(gather.tree(code, fresh=True)) == ["index.js"]
    assert len(names(gather.tree(code))) == 3


def test_the_handler_is_code_whatever_it_is_called(code: Path) -> None:
    put(code, "tests/test_page.py", "tests/other.py", "test_a.py", "test_b.py")
    tree = gather.tree(code, keep=("tests/test_page", "test_a"))
    assert names(tree) == ["test_a.py", "tests/other.py", "tests/test_page.py"]


def test_the_manifest_stays_out_wherever_it_is(code: Path) -> None:
    put(code, "template.yaml", "app.py")
    assert names(gather.tree(code)) == ["app.py", "template.yaml"]
    assert names(gather.tree(code, manifest=code / "template.yaml")) == ["app.py"]


# secrets


@pytest.mark.parametrize(
    "name",
    [
        *(".env", ".env.local", "conf/.env.production", "prod.env", ".ENV", ".env-staging"),
        *(".envrc", "id_rsa", "keys/id_ed25519", "deploy.key", "server.pem", "client.p12"),
        *("client.PFX", ".netrc", ".pypirc", ".git-credentials", "terraform.tfstate"),
        *("prod.tfvars", "terraform.tfstate.backup", "trust.keystore"),
    ],
)
def test_secrets_stay_out_by_their_names(code: Path, name: str) -> None:
    put(code, "app.py", name)
    tree = gather.tree(code)
    assert names(tree) == ["app.py"]
    assert secrets(tree) == {name}


@pytest.mark.parametrize("folder", [".aws", ".ssh", ".gnupg"])
def test_folders_of_secrets_stay_out(code: Path, folder: str) -> None:
    put(code, "app.py", f"{folder}/credentials")
    assert secrets(gather.tree(code)) == {f"{folder}/"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("deploy", RSA),
        ("deploy.txt", PEM.format("OPENSSH PRIVATE")),
        ("notes", "\n\n" + PEM.format("ENCRYPTED PRIVATE")),
        ("signing.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n"),
        ("putty", "PuTTY-User-Key-File-3: ssh-ed25519\n"),
        ("bundle.pem", CERTIFICATE * 9 + RSA),
        ("server.crt", CERTIFICATE + PEM.format("EC PRIVATE")),
        ("key.p8", PEM.format("PRIVATE")),
        (".npmrc", "//registry.npmjs.org/:_authToken=npm_0123\n"),
        (".yarnrc.yml", "npmAuthToken: x\n"),
    ],
)
def test_secrets_stay_out_by_what_they_hold(code: Path, name: str, content: str) -> None:
    (code / name).write_text(content)
    assert secrets(gather.tree(code)) == {name}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("global-bundle.pem", CERTIFICATE * 3000),
        ("public.key", PEM.format("PUBLIC")),
        ("server.crt", CERTIFICATE),
        ("README", "How to make a key: see -----BEGIN RSA PRIVATE KEY-----\n"),
        ("key.py", f'KEY = """{RSA}"""\n'),
        ("empty.pem", ""),
    ],
)
def test_what_is_public_goes_in(code: Path, name: str, content: str) -> None:
    (code / name).write_text(content)
    tree = gather.tree(code)
    assert names(tree) == [name]
    assert tree.left_out == ()


def test_keys_without_words_are_told_from_certificates(code: Path) -> None:
    from cryptography.hazmat.primitives import serialization as to
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    for name, key in (
        ("rsa", rsa.generate_private_key(65537, 2048)),
        ("ec", ec.generate_private_key(ec.SECP256R1())),
    ):
        for form in (to.PrivateFormat.PKCS8, to.PrivateFormat.TraditionalOpenSSL):
            data = key.private_bytes(to.Encoding.DER, form, to.NoEncryption())
            (code / f"{name}{len(data)}.der").write_bytes(data)
        public = key.public_key()
        data = public.public_bytes(to.Encoding.DER, to.PublicFormat.SubjectPublicKeyInfo)
        (code / f"{name}.pub.der").write_bytes(data)
    tree = gather.tree(code)
    assert names(tree) == ["ec.pub.der", "rsa.pub.der"]
    assert len(secrets(tree)) == 4


def test_java_key_stores_with_certificates_alone_go_in(code: Path) -> None:
    for name, tag in (("trust.jks", 2), ("own.jks", 1)):
        head = bytes.fromhex("feedfeed 00000002 00000001") + tag.to_bytes(4, "big")
        (code / name).write_bytes(head + b"x" * 100)
    tree = gather.tree(code)
    assert names(tree) == ["trust.jks"]
    assert secrets(tree) == {"own.jks"}


def test_examples_of_env_files_are_no_secret(code: Path) -> None:
    put(code, ".env.example", ".npmrc")
    tree = gather.tree(code)
    assert len(tree.left_out) == 2
    assert not secrets(tree)


# .lambdaignore


def test_lambdaignore_leaves_out_and_says_where_it_says_so(code: Path) -> None:
    put(code, "app.py", "a.md", "docs/x", "docs/keep.md", "lib/a.md", "lib/data/x.bin")
    (code / ".lambdaignore").write_text("# not these\n\n*.md\n/docs/*\n!docs/keep.md\nlib/data/\n")
    tree = gather.tree(code)
    assert names(tree) == ["app.py", "docs/keep.md"]
    assert left_out(tree) == {
        ".lambdaignore": "settings of a tool",
        "a.md": ".lambdaignore:3",
        "docs/x": ".lambdaignore:4",
        "lib/a.md": ".lambdaignore:3",
        "lib/data/": ".lambdaignore:6",
    }


def test_deeper_rules_win_and_those_above_count_up_to_the_root(code: Path) -> None:
    put(code, "a.md", "lib/a.md", "lib/b.txt", "c.log", "only.src")
    (code / "lib" / ".lambdaignore").write_text("!a.md\n*.txt\n")
    (code.parent / ".lambdaignore").write_text("*.md\nsrc/*.log\n/only.src\n")
    (code.parent.parent / ".lambdaignore").write_text("*\n")
    tree = gather.tree(code, root=code.parent)
    assert names(tree) == ["lib/a.md", "only.src"]
    assert left_out(tree)["a.md"] == "../.lambdaignore:1"
    assert left_out(tree)["c.log"] == "../.lambdaignore:2"
    assert left_out(tree)["lib/b.txt"] == "lib/.lambdaignore:2"
    assert "a.md" in names(gather.tree(code))
    assert names(gather.tree(code, root=code))[0] == "a.md"


def test_what_is_built_in_is_taken_back(code: Path) -> None:
    put(code, "tests/test_a.py", "test_b.py", "x/tests/test_c.py", "venv/pyvenv.cfg", "a/.git/x")
    (code / ".lambdaignore").write_text("!tests/\n!test_*.py\n!venv\n!.git/\n!.lambdaignore\n")
    assert names(gather.tree(code)) == [
        ".lambdaignore",
        "a/.git/x",
        "test_b.py",
        "tests/test_a.py",
        "venv/pyvenv.cfg",
        "x/tests/test_c.py",
    ]


@pytest.mark.parametrize(
    ("rule", "back"),
    [
        ("!.env", True),
        ("!conf/.env", True),
        ("!/conf/.env", True),
        ("!.env*", True),
        ("!*.env", True),
        ("!**/.env", True),
        ("!*", False),
        ("!**", False),
        ("!conf/", False),
        ("!conf/*", False),
        ("!conf/**", False),
        ("!**/*", False),
        ("!.*", False),
        ("!?env", True),
    ],
)
def test_a_secret_is_only_taken_back_by_its_name(code: Path, rule: str, back: bool) -> None:
    put(code, "conf/.env")
    (code / ".lambdaignore").write_text(f"{rule}\n")
    tree = gather.tree(code)
    assert ("conf/.env" in names(tree)) is back
    assert secrets(tree) == (set() if back else {"conf/.env"})


def test_rules_that_nobody_can_read_have_a_place(code: Path) -> None:
    (code / ".lambdaignore").write_text("*.md\n!\n")
    with pytest.raises(UserError) as caught:
        gather.tree(code)
    assert caught.value.where is not None
    assert caught.value.where.line == 2
    (code / ".lambdaignore").write_bytes(b"\xff\xfe*\n")
    with pytest.raises(UserError, match="UTF-8"):
        gather.tree(code)


LINE = st.text("ab*?/!.[]", min_size=1, max_size=6).filter(lambda line: line.strip("!/"))


@given(rules=st.lists(LINE, min_size=1, max_size=4))
def test_rules_mean_what_they_mean_to_git(
    tmp_path_factory: pytest.TempPathFactory, rules: list[str]
) -> None:
    code = tmp_path_factory.mktemp("code")
    put(code, "a", "b", "ab", "d/a", "d/b.a", "d/ab/a", "bb/a/b", "a.b")
    (code / ".lambdaignore").write_text("\n".join(rules))
    (code / ".gitignore").write_text("\n".join(rules))
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    run = {"cwd": code, "check": True, "env": env}
    subprocess.run(["git", "init", "-q"], **run)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--others", "--exclude-standard"], capture_output=True, **run
    ).stdout.decode()
    wanted = {name for name in listed.split("\0") if not name.startswith(".git")}
    tree = gather.tree(code)
    found = {name for name in names(tree) if not name.startswith(".git")}
    assert found - {".lambdaignore"} == wanted - {".lambdaignore", ""}


# links, special files, names


def test_links_inside_become_what_they_point_at(code: Path) -> None:
    put(code, "real/a.py", "real/deep/b.py", "data.json")
    (code / "link.json").symlink_to("data.json")
    (code / "real" / "up.json").symlink_to("../data.json")
    (code / "again").symlink_to("real/deep")
    (code / "absolute.json").symlink_to(code / "data.json")
    (code / "chain").symlink_to("link.json")
    tree = gather.tree(code)
    assert set(names(tree)) == {
        *("real/a.py", "real/deep/b.py", "real/up.json", "again/b.py"),
        *("data.json", "link.json", "absolute.json", "chain"),
    }
    assert not any(entry.source.is_symlink() for entry in tree.entries)


@pytest.mark.parametrize("target", ["../outside", "../outside/x", "/etc/hosts", "..", "../src-2/x"])
def test_links_that_lead_out_are_refused(code: Path, target: str) -> None:
    put(code.parent, "outside/x", "src-2/x")
    (code / "lib").mkdir()
    (code / "link").symlink_to(target)
    with pytest.raises(UserError, match="leads out of") as caught:
        gather.tree(code)
    assert "link" in caught.value.message
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="leads out of"):
        gather.everything(code)
    (code / ".lambdaignore").write_text("link\n")
    assert names(gather.tree(code)) == []


@pytest.mark.parametrize("target", ["missing", "a/b", "link", "a"])
def test_links_to_nowhere_are_refused(code: Path, target: str) -> None:
    (code / "a").symlink_to("link")
    (code / "link").symlink_to(target)
    with pytest.raises(UserError, match="leads nowhere"):
        gather.tree(code)


@pytest.mark.parametrize("target", [".", "..", "../../lib", "../deep"])
def test_links_in_a_circle_are_refused(code: Path, target: str) -> None:
    put(code, "lib/deep/a.py")
    (code / "lib" / "deep" / "link").symlink_to(target)
    with pytest.raises(UserError, match="leads to a folder that it is in"):
        gather.tree(code)


def test_links_that_lead_to_each_other_are_refused(code: Path) -> None:
    put(code, "a/x", "b/x")
    (code / "a" / "b").symlink_to("../b")
    (code / "b" / "a").symlink_to("../a")
    with pytest.raises(UserError, match="leads to a folder that it is in"):
        gather.tree(code)


def test_links_that_make_many_files_of_few_are_refused(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "MAX_FILES", 5000)
    for level in range(20):
        put(code, f"{level}/x")
        for link in ("a", "b"):
            (code / str(level) / link).symlink_to(f"../{level + 1}")
    put(code, "20/x")
    with pytest.raises(UserError, match="more than 5,000 files"):
        gather.tree(code)


def test_a_secret_is_one_under_another_name(code: Path) -> None:
    put(code, ".env", ".aws/credentials", "id_rsa")
    (code / "settings").symlink_to(".env")
    (code / "cloud").symlink_to(".aws")
    (code / "credentials").symlink_to(".aws/credentials")
    tree = gather.tree(code)
    assert names(tree) == []
    assert {"settings", "cloud/", "credentials"} <= secrets(tree)


def test_what_stays_out_may_lead_anywhere(code: Path) -> None:
    put(code.parent, "node_modules/x/index.js", ".env", "venv/pyvenv.cfg")
    for name in ("node_modules", ".env", "venv"):
        (code / name).symlink_to(f"../{name}")
    (code / ".git").symlink_to("nowhere")
    tree = gather.tree(code, fresh=True)
    assert names(tree) == []
    assert secrets(tree) == {".env"}


def test_the_folder_itself_may_be_a_link(code: Path) -> None:
    put(code, "a.py")
    (code / "b.py").symlink_to("a.py")
    (code.parent / "link").symlink_to("src")
    assert names(gather.tree(code.parent / "link")) == ["a.py", "b.py"]


def test_special_files_are_refused(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(code / "pipe")
    with pytest.raises(UserError, match="a named pipe") as caught:
        gather.tree(code)
    assert str(code / "pipe") in caught.value.message
    (code / "pipe").unlink()
    monkeypatch.chdir(code)
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind("sock")
        (code / "link").symlink_to("sock")
        with pytest.raises(UserError, match="a socket"):
            gather.tree(code)
    (code / ".lambdaignore").write_text("sock\nlink\n")
    assert names(gather.tree(code)) == []


@pytest.mark.parametrize("name", [b"a\\b", b"gr\xfcn.txt", b"a\\b/c", b"\xff/c"])
def test_names_that_no_archive_can_have_are_refused(code: Path, name: bytes) -> None:
    path = Path(os.fsdecode(os.fsencode(code) + b"/" + name))
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")
    with pytest.raises(UserError, match="rename it"):
        gather.tree(code)


def test_a_folder_that_is_none_is_the_users_mistake(code: Path) -> None:
    put(code, "file")
    for name in ("missing", "file"):
        with pytest.raises(UserError, match=f"cannot read.*{name}"):
            gather.tree(code / name)


# everything, merged


def test_everything_is_what_a_package_manager_has_installed(code: Path) -> None:
    put(code, "a.py", "tests/test_a.py", "b/test/key.pem", ".env", "x/__pycache__/y.pyc", ".git/x")
    put(code, "certifi/cacert.pem", "venv/pyvenv.cfg", "node_modules/x/index.js")
    (code / "x" / ".lambdaignore").write_text("*\n")
    tree = gather.everything(code, prefix="python")
    assert names(tree) == [
        "python/.env",
        "python/a.py",
        "python/b/test/key.pem",
        "python/certifi/cacert.pem",
        "python/node_modules/x/index.js",
        "python/tests/test_a.py",
        "python/venv/pyvenv.cfg",
        "python/x/.lambdaignore",
    ]
    assert tree.left_out == ()


NAME = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)


@given(trees=st.lists(st.sets(NAME, max_size=6), max_size=4))
def test_of_two_files_with_one_name_the_later_wins(trees: list[set[str]]) -> None:
    model: dict[str, int] = {}
    made = []
    for number, some in enumerate(trees):
        alone = {name for name in some if not any(other.startswith(f"{name}/") for other in some)}
        made.append(Tree(tuple(Entry(name, Path(str(number)), 1) for name in sorted(alone))))
        for name in alone:
            for other in list(model):
                if other.startswith(f"{name}/") or name.startswith(f"{other}/"):
                    del model[other]
            model[name] = number
    merged = gather.merged(*made)
    assert [(one.name, str(one.source)) for one in merged.entries] == sorted(
        (name, str(number)) for name, number in model.items()
    )

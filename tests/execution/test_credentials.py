"""Whose credentials a function gets: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lambdactl.execution import credentials

Files = Callable[..., dict[str, str]]

KEYS = "aws_access_key_id = {0}-key\naws_secret_access_key = {0}/secret+%(x)s=\n"


def keys_of(name: str, token: str | None = None) -> dict[str, str]:
    found = {"AWS_ACCESS_KEY_ID": f"{name}-key", "AWS_SECRET_ACCESS_KEY": f"{name}/secret+%(x)s="}
    return {**found, "AWS_SESSION_TOKEN": token} if token else found


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """``files(config=..., credentials=...)`` writes a user's ~/.aws and is that user's shell."""

    def write(**contents: str) -> dict[str, str]:
        folder = tmp_path / ".aws"
        folder.mkdir()
        for name, text in contents.items():
            (folder / name).write_text(text)
        return {"HOME": str(tmp_path), "PATH": "/usr/bin"}

    return write


def found(shell: dict[str, str]) -> dict[str, str]:
    warnings: list[str] = []
    result = credentials.find(shell, warnings.append)
    assert warnings == []
    return result


def test_a_session_without_any_has_none(files: Files) -> None:
    assert found({"HOME": "/nonexistent"}) == {}
    assert found(files(config="", credentials="")) == {}


def test_the_environment_goes_first(files: Files) -> None:
    shell = files(credentials=f"[default]\n{KEYS.format('file')}")
    assert found({**shell, **keys_of("shell"), "AWS_PROFILE": "x"}) == keys_of("shell")
    assert found({**shell, **keys_of("shell", "token")}) == keys_of("shell", "token")


@pytest.mark.parametrize("half", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_half_a_pair_in_the_environment_is_none(files: Files, half: str) -> None:
    shell = files(credentials=f"[default]\n{KEYS.format('file')}")
    assert found({**shell, half: "x", "AWS_SESSION_TOKEN": "x"}) == keys_of("file")
    assert found({**shell, **keys_of("shell"), half: ""}) == keys_of("file")


@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_the_shared_file_has_profiles(files: Files, variable: str) -> None:
    shell = files(
        credentials=f"[default]\n{KEYS.format('default')}\n"
        f"[work]\n{KEYS.format('work')}aws_session_token = work-token\nregion = eu-west-1\n"
    )
    assert found(shell) == keys_of("default")
    assert found({**shell, variable: "work"}) == keys_of("work", "work-token")
    assert found({**shell, variable: "missing"}) == {}


def test_the_files_may_be_elsewhere(files: Files, tmp_path: Path) -> None:
    shell = files(credentials=f"[default]\n{KEYS.format('home')}")
    (tmp_path / "other").write_text(f"[default]\n{KEYS.format('other')}")
    (tmp_path / "empty").touch()
    other = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "other")}
    assert found({**shell, **other}) == keys_of("other")
    empty = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "empty")}
    config = {"AWS_CONFIG_FILE": str(tmp_path / "other")}
    assert found({**shell, **empty, **config}) == keys_of("other")


@pytest.mark.parametrize(
    ("section", "profile"),
    [
        ("default", "default"),
        ("profile default", "default"),
        ("profile work", "work"),
        ('profile "my work"', "my work"),
    ],
)
def test_keys_in_the_configuration_file_are_read_too(
    files: Files, section: str, profile: str
) -> None:
    shell = files(config=f"[{section}]\nregion = eu-west-1\n{KEYS.format('config')}")
    assert found({**shell, "AWS_PROFILE": profile}) == keys_of("config")


def test_a_profile_of_the_configuration_file_needs_its_prefix(files: Files) -> None:
    shell = files(config=f"[work]\n{KEYS.format('config')}")
    assert found({**shell, "AWS_PROFILE": "work"}) == {}


@pytest.mark.parametrize(
    "text", ["no section\n", "[default\n", "[default]\nx = 1\n[default]\n", "\udcff\udcfe"]
)
def test_a_broken_file_is_no_file(files: Files, tmp_path: Path, text: str) -> None:
    shell = files()
    for name in ("config", "credentials"):
        (tmp_path / ".aws" / name).write_bytes(text.encode(errors="surrogateescape"))
    assert found(shell) == {}
    assert credentials.region(shell) == "us-east-1"


@pytest.mark.parametrize(
    "config",
    [
        "[default]\nregion = eu-west-1\noutput = json\ncli_pager =\n",
        "[default]\naws_access_key_id =\naws_secret_access_key =\n",
    ],
)
def test_a_profile_without_credentials_costs_nothing(files: Files, config: str) -> None:
    """Not an import of botocore, and no question to the metadata service of a machine in AWS."""
    shell = files(config=config)
    program = (
        "import json, sys\n"
        "from lambdactl.execution import credentials\n"
        "found = credentials.find(json.loads(sys.argv[1]))\n"
        "print(json.dumps([found, 'botocore' in sys.modules]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(shell)], capture_output=True, check=True
    )
    assert json.loads(done.stdout) == [{}, False]


# what only botocore can find


def process(tmp_path: Path, program: str) -> str:
    file = tmp_path / "process.py"
    file.write_text(program)
    return f"credential_process = {sys.executable} {file}\n"


def test_a_credential_process_is_asked(files: Files, tmp_path: Path) -> None:
    told = {
        "Version": 1,
        "AccessKeyId": "process-key",
        "SecretAccessKey": "process-secret",
        "SessionToken": "process-token",
    }
    command = process(tmp_path, f"print({json.dumps(json.dumps(told))})")
    shell = files(config=f"[profile work]\n{command}", credentials="[other]\n")
    assert found({**shell, "AWS_PROFILE": "work"}) == {
        "AWS_ACCESS_KEY_ID": "process-key",
        "AWS_SECRET_ACCESS_KEY": "process-secret",
        "AWS_SESSION_TOKEN": "process-token",
    }


def test_keys_in_the_shared_file_go_before_a_process(files: Files, tmp_path: Path) -> None:
    command = process(tmp_path, "raise SystemExit('asked')")
    shell = files(config=f"[default]\n{command}", credentials=f"[default]\n{KEYS.format('shared')}")
    assert found(shell) == keys_of("shared")


@pytest.mark.parametrize(
    "settings",
    [
        "credential_process = /nonexistent/program\n",
        f"credential_process = {sys.executable} -c 'print(\"not JSON\")'\n",
        f"credential_process = {sys.executable} -c 'raise SystemExit(1)'\n",
        "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = missing\n",
        "role_arn = arn:aws:iam::123456789012:role/x\n",
        "sso_session = missing\nsso_account_id = 1\nsso_role_name = x\n",
        "sso_start_url = https://x.awsapps.com/start\nsso_region = us-east-1\n"
        "sso_account_id = 1\nsso_role_name = x\n",
    ],
)
def test_a_profile_that_fails_is_warned_of_and_gives_none(files: Files, settings: str) -> None:
    shell = files(config=f"[profile work]\n{settings}")
    warnings: list[str] = []
    assert credentials.find({**shell, "AWS_PROFILE": "work"}, warnings.append) == {}
    (warning,) = warnings
    assert warning.startswith("the profile work gives no AWS credentials: ")


ASSUMED = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/x/y</Arn></AssumedRoleUser>
<Credentials><AccessKeyId>role-key</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>
<SessionToken>role-token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
DENIED = b"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>not for you</Message></Error></ErrorResponse>"""


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, bytes]]]:
    """A security token service that gives the answers in this list."""
    answers: list[tuple[int, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = answers.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", raising=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield answers
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("where", ["config", "credentials"])
def test_a_role_is_assumed_with_the_source_profiles_keys(
    files: Files, sts: list[tuple[int, bytes]], where: str
) -> None:
    sts.append((200, ASSUMED))
    role = "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = default\n"
    contents = {"config": "", "credentials": f"[default]\n{KEYS.format('default')}"}
    contents[where] += f"[{'profile ' * (where == 'config')}work]\nregion = us-east-1\n{role}"
    assert found({**files(**contents), "AWS_PROFILE": "work"}) == {
        "AWS_ACCESS_KEY_ID": "role-key",
        "AWS_SECRET_ACCESS_KEY": "role-secret",
        "AWS_SESSION_TOKEN": "role-token",
    }
    assert sts == []


def test_a_role_that_may_not_be_assumed_is_warned_of(
    files: Files, sts: list[tuple[int, bytes]]
) -> None:
    sts.append((403, DENIED))
    shell = files(
        config="[profile work]\nregion = us-east-1\nsource_profile = default\n"
        "role_arn = arn:aws:iam::123456789012:role/x\n",
        credentials=f"[default]\n{KEYS.format('default')}",
    )
    warnings: list[str] = []
    assert credentials.find({**shell, "AWS_PROFILE": "work"}, warnings.append) == {}
    assert "not for you" in warnings[0]


def test_the_region_is_the_shells_the_profiles_or_the_usual_one(files: Files) -> None:
    shell = files(config="[default]\nregion = eu-west-1\n[profile work]\nregion = sa-east-1\n")
    assert credentials.region(shell) == "eu-west-1"
    assert credentials.region({**shell, "AWS_PROFILE": "work"}) == "sa-east-1"
    assert credentials.region({**shell, "AWS_DEFAULT_REGION": "b"}) == "b"
    assert credentials.region({**shell, "AWS_DEFAULT_REGION": "b", "AWS_REGION": "a"}) == "a"
    assert credentials.region({**shell, "AWS_PROFILE": "missing"}) == "us-east-1"
    assert credentials.region({"HOME": "/nonexistent"}) == "us-east-1"

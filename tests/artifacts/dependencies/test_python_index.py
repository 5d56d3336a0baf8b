"""Where packages come from: settings of uv's and of pip's."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lambdactl.artifacts.dependencies.python_index import settings
from lambdactl.errors import BuildError, EnvironmentStartError
from tests.artifacts.dependencies.wheels import install, shell, wheel

SECRET = "s3cret-word"


@pytest.fixture
def private(tmp_path: Path) -> Iterator[str]:
    """The URL, without a password, of an index that wants one."""
    wheels = tmp_path / "private"
    wheel(wheels, "alpha")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            expected = base64.b64encode(f"me:{SECRET}".encode()).decode()
            if self.headers["Authorization"] != f"Basic {expected}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="private"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            name = self.path.strip("/").split("/")[-1]
            if name == "alpha":
                links = "".join(f'<a href="/{path.name}">x</a>' for path in wheels.iterdir())
                body, kind = links.encode(), "text/html"
            elif (wheels / name).is_file():
                body, kind = (wheels / name).read_bytes(), "application/octet-stream"
            else:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.send_error(405)

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"127.0.0.1:{server.server_port}/simple/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "requirements.txt").write_text("alpha\n")
    return folder


def home(tmp_path: Path, **more: str) -> dict[str, str]:
    """Variables of a user with a home of his own."""
    found = {**shell(), "HOME": str(tmp_path / "home"), "UV_NO_CACHE": "1", **more}
    del found["PIP_CONFIG_FILE"]
    (tmp_path / "home").mkdir(exist_ok=True)
    return found


def test_a_private_index_of_pips(tmp_path: Path, project: Path, private: str) -> None:
    variables = home(tmp_path)
    configuration = tmp_path / "home" / ".config" / "pip" / "pip.conf"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(f"[global]\nindex-url = http://me:{SECRET}@{private}\n")
    told: list[str] = []
    found = install(project, variables, told=told)
    assert [one.name for one in found.packages] == ["alpha"]
    (project / "requirements.txt").write_text("alpha==7\n")
    with pytest.raises(BuildError) as caught:
        install(project, variables, told=told)
    assert SECRET not in str(caught.value) + caught.value.output.decode() + "".join(told)


def test_a_cache_that_can_not_be_written(tmp_path: Path, project: Path, private: str) -> None:
    (tmp_path / "file").write_text("in the way")
    variables = home(tmp_path, UV_CACHE_DIR=str(tmp_path / "file" / "cache"))
    del variables["UV_NO_CACHE"]
    with pytest.raises(EnvironmentStartError, match=r"^uv can't write its cache: ") as caught:
        install(project, variables)
    assert caught.value.hint is not None
    assert "UV_CACHE_DIR" in caught.value.hint


def test_a_wrong_password(tmp_path: Path, project: Path, private: str) -> None:
    variables = home(tmp_path, PIP_INDEX_URL=f"http://me:wrong@{private}")
    with pytest.raises(BuildError) as caught:
        install(project, variables)
    assert "credentials" in str(caught.value.hint), caught.value


def test_a_private_index_of_uvs(tmp_path: Path, project: Path, private: str) -> None:
    variables = home(
        tmp_path,
        UV_INDEX=f"mine=http://{private}",
        UV_INDEX_MINE_USERNAME="me",
        UV_INDEX_MINE_PASSWORD=SECRET,
        UV_DEFAULT_INDEX=f"http://{private}",
        PIP_INDEX_URL="http://127.0.0.1:9/of-pip",
    )
    assert [one.name for one in install(project, variables).packages] == ["alpha"]


def test_a_private_source_of_poetrys(tmp_path: Path, project: Path, private: str) -> None:
    (project / "poetry.lock").write_text(
        '[[package]]\nname = "alpha"\nversion = "1.0"\noptional = false\npython-versions = "*"\n'
        f'groups = ["main"]\nfiles = []\n[package.source]\ntype = "legacy"\nurl = "http://{private}"\n'
        'reference = "my-shop"\n[metadata]\npython-versions = "*"\ncontent-hash = "0"\n'
    )
    variables = home(
        tmp_path,
        POETRY_HTTP_BASIC_MY_SHOP_USERNAME="me",
        POETRY_HTTP_BASIC_MY_SHOP_PASSWORD=SECRET,
    )
    assert [one.name for one in install(project, variables).packages] == ["alpha"]


def test_pips_settings_in_uvs_words(tmp_path: Path) -> None:
    configuration = tmp_path / "pip.conf"
    configuration.write_text(
        "[global]\nindex_url = https://one.example/simple\ncert = /of/the/file.pem\n"
        "extra-index-url =\n  https://two.example/simple\n  https://three.example/simple\n"
        "[install]\nno-index = true\n[freeze]\ntimeout = 3\n"
    )
    found = settings(
        {"PIP_CONFIG_FILE": str(configuration), "HOME": str(tmp_path), "PIP_TIMEOUT": "7"}, tmp_path
    )
    assert found.options == ("--no-index",)
    variables = found.shell
    assert variables["UV_DEFAULT_INDEX"] == "https://one.example/simple"
    assert variables["UV_INDEX"] == "https://two.example/simple https://three.example/simple"
    assert variables["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert variables["SSL_CERT_FILE"] == "/of/the/file.pem"
    assert variables["UV_HTTP_TIMEOUT"] == "7"


def test_variables_come_before_files(tmp_path: Path) -> None:
    configuration = tmp_path / "pip.conf"
    configuration.write_text("[global]\nindex-url = https://one.example/simple\n")
    variables = {
        "PIP_CONFIG_FILE": str(configuration),
        "PIP_INDEX_URL": "https://two.example/simple",
        "HOME": str(tmp_path),
    }
    found = settings(variables, tmp_path).shell
    assert found["UV_DEFAULT_INDEX"] == "https://two.example/simple"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.toml", '[[index]]\nurl = "https://uv.example/simple"\n'),
        ("uv.toml", '[pip]\nextra-index-url = ["https://uv.example/simple"]\n'),
        ("pyproject.toml", '[[tool.uv.index]]\nurl = "https://uv.example/simple"\n'),
        ("home/.config/uv/uv.toml", 'index-url = "https://uv.example/simple"\n'),
    ],
)
def test_uvs_own_settings_come_first(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    variables = {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_INDEX_URL": "https://two.example/simple",
        "HOME": str(tmp_path / "home"),
    }
    assert "UV_DEFAULT_INDEX" in settings(variables, tmp_path / "project").shell
    path.write_text(text)
    assert "UV_DEFAULT_INDEX" not in settings(variables, tmp_path / "project").shell

"""Files beside the routes: what is sent, and above all what is not."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from lambdactl.triggers.http.exchange import Response
from lambdactl.triggers.http.static import StaticFiles
from tests.triggers.http.parts import request

PAGE = b"<h1>hello</h1>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("outside")
    public = tmp_path / "public"
    (public / "docs").mkdir(parents=True)
    (public / "empty").mkdir()
    (public / ".well-known").mkdir()
    (public / "index.html").write_bytes(PAGE)
    (public / "docs" / "index.html").write_bytes(b"docs")
    (public / "docs" / "a b\u00e9.txt").write_bytes(b"name")
    (public / "app.js").write_bytes(b"0123456789")
    (public / ".env").write_text("KEY=secret")
    (public / ".well-known" / "security.txt").write_text("contact")
    return public


def ask(folder: Path, target: str, method: str = "GET", **headers: str) -> Response | None:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    found = StaticFiles(folder).find(request(target, method, given))
    assert found is None or isinstance(found, Response)
    return found


def header(response: Response | None, name: str) -> str | None:
    assert response is not None
    return dict(response.headers).get(name)


@pytest.mark.parametrize(
    ("target", "body", "kind"),
    [
        ("/", PAGE, "text/html; charset=utf-8"),
        ("/index.html?v=1", PAGE, "text/html; charset=utf-8"),
        ("/docs/", b"docs", "text/html; charset=utf-8"),
        ("/docs/a%20b%C3%A9.txt", b"name", "text/plain; charset=utf-8"),
        ("/app.js", b"0123456789", "text/javascript; charset=utf-8"),
        ("/.well-known/security.txt", b"contact", "text/plain; charset=utf-8"),
    ],
)
def test_files_and_their_types(folder: Path, target: str, body: bytes, kind: str) -> None:
    response = ask(folder, target)
    assert response is not None
    assert (response.status, response.body) == (200, body)
    assert header(response, "Content-Type") == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("x.png", "image/png"),
        ("x.wasm", "application/wasm"),
        ("x.JSON", "application/json; charset=utf-8"),
        ("x.tar.gz", "application/octet-stream"),
        ("x", "application/octet-stream"),
    ],
)
def test_more_types(folder: Path, name: str, kind: str) -> None:
    (folder / name).touch()
    assert header(ask(folder, f"/{name}"), "Content-Type") == kind


@pytest.mark.parametrize(
    "target",
    [
        "/missing",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/docs/../../secret.txt",
        "/docs/..%2f..%2fsecret.txt",
        "/..%5csecret.txt",
        "//../secret.txt",
        "/.env",
        "/docs/.%2e/.env",
        "/app.js%00.html",
        "/app.js/",
        "/empty/",
        "/empty",
        "/%ff",
        "/" + "x" * 5000,
        "/leads-out",
        "/folder-out/secret.txt",
        "/circle",
        "/pipe",
        "*",
    ],
)
def test_nothing_else_is_sent(folder: Path, target: str) -> None:
    (folder / "leads-out").symlink_to(folder.parent / "secret.txt")
    (folder / "folder-out").symlink_to(folder.parent)
    (folder / "circle").symlink_to(folder / "circle")
    os.mkfifo(folder / "pipe")
    assert ask(folder, target) is None


def test_a_link_inside_of_the_folder_is_a_file(folder: Path) -> None:
    (folder / "link.js").symlink_to("app.js")
    response = ask(folder, "/link.js")
    assert response is not None
    assert response.body == b"0123456789"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_only_reading(folder: Path, method: str) -> None:
    assert ask(folder, "/app.js", method) is None


def test_a_folder_without_its_slash_gets_one(folder: Path) -> None:
    response = ask(folder, "/docs?a=1")
    assert response is not None
    assert response.status == 301
    assert header(response, "Location") == "/docs/?a=1"
    below = request("/docs")
    below.prefix = "/shop"
    moved = StaticFiles(folder).find(below)
    assert isinstance(moved, Response)
    assert header(moved, "Location") == "/shop/docs/"
    # A host of somebody else's must not come of it.
    assert header(ask(folder, "//docs"), "Location") == "/docs/"


def test_a_client_that_has_it_is_told_so(folder: Path) -> None:
    first = ask(folder, "/app.js")
    tag, modified = header(first, "ETag"), header(first, "Last-Modified")
    assert tag is not None
    assert modified is not None
    for condition in (
        {"If_None_Match": tag},
        {"If_None_Match": f'"other", W/{tag}'},
        {"If_None_Match": "*"},
        {"If_Modified_Since": modified},
    ):
        again = ask(folder, "/app.js", **condition)
        assert again is not None
        assert (again.status, again.body) == (304, b""), condition
        assert header(again, "ETag") == tag
    earlier = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    for condition in (
        {"If_None_Match": '"other"', "If_Modified_Since": modified},
        {"If_Modified_Since": earlier},
        {"If_Modified_Since": "yesterday"},
    ):
        again = ask(folder, "/app.js", **condition)
        assert again is not None
        assert again.status == 200, condition
    (folder / "app.js").write_bytes(b"9876543210")
    os.utime(folder / "app.js", ns=(1, 1))
    changed = ask(folder, "/app.js", If_None_Match=tag)
    assert changed is not None
    assert changed.body == b"9876543210"


@pytest.mark.parametrize(
    ("wanted", "status", "body", "shown"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=3-1", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_a_part_of_a_file(
    folder: Path, wanted: str, status: int, body: bytes, shown: str | None
) -> None:
    response = ask(folder, "/app.js", Range=wanted)
    assert response is not None
    assert (response.status, response.body) == (status, body)
    assert header(response, "Content-Range") == shown


def test_a_part_of_what_has_changed_is_all_of_it(folder: Path) -> None:
    tag = header(ask(folder, "/app.js"), "ETag")
    assert tag is not None
    for condition, status in ((tag, 206), ('"old"', 200), ("Mon, 01 Jan 2001 00:00:00 GMT", 200)):
        response = ask(folder, "/app.js", Range="bytes=0-1", If_Range=condition)
        assert response is not None
        assert response.status == status


def test_a_file_that_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    response = ask(folder, "/app.js")
    assert response is not None
    assert response.status == 403

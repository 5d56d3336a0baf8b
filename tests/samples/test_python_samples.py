"""Sample applications in Python, run from their SAM templates as they are."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.samples.chatting import TABLE, chat
from tests.samples.conftest import Tables
from tests.start_api import Answer, Served, start_api
from tests.triggers.http.authorizers.keys import issuer, token

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent / "python"
JSON = {"Content-Type": "application/json"}


def test_websocket_chat(tables: Tables) -> None:
    tables.make(TABLE, "connectionId")
    with start_api(FOLDER / "chat", *tables.arguments) as served:
        chat(served, tables)


def test_fastapi_through_mangum() -> None:
    with start_api(FOLDER / "fastapi") as served:
        assert len(served.urls) == 3
        for door in served.urls:
            _fastapi(served, door)


def _fastapi(served: Served, door: str) -> None:
    def ask(target: str, **options: Any) -> Answer:
        return served.ask(target, of=door, **options)

    item = {"name": "chair", "price": 9.5}
    made = ask("/items/1", method="PUT", body=json.dumps(item), headers=JSON)
    assert (made.status, made.json()) == (201, item), served.told()
    assert ask("/items/1").json() == item
    missing = ask("/items/2")
    assert (missing.status, missing.json()) == (404, {"detail": "there is no item 2"})
    wrong = ask("/items/1", method="PUT", body='{"name": 1}', headers=JSON)
    assert wrong.status == 422
    assert {error["loc"][1] for error in wrong.json()["detail"]} == {"name", "price"}
    found = ask("/search?q=a%26b%20%C3%A9&tag=x&tag=y").json()
    assert found == {"q": "a&b é", "limit": 10, "tags": ["x", "y"]}
    cookies = ask("/cookies", headers={"Cookie": "one=1; two=2"})
    assert cookies.json() == {"one": "1", "two": "2"}
    assert [cookie.partition(";")[0] for cookie in cookies.cookies] == ["first=1", "second=2"]
    data = bytes(range(256)) * 10
    binary = {"Content-Type": "application/octet-stream"}
    if door == "ServerlessRestApi":
        # Without binaryMediaTypes a REST API answers the base64 text, as in AWS.
        assert ask("/picture").body[:4] == b"AAEC"
    else:
        assert ask("/picture").body == bytes(range(256))
        sent = ask("/bytes", method="POST", body=data, headers=binary)
        assert sent.json() == {"length": len(data)}
    assert ask("/openapi.json").json()["info"]["title"] == "FastAPI"
    assert ask("/items/1", method="OPTIONS").status == 405


def test_flask_through_apig_wsgi() -> None:
    with start_api(FOLDER / "flask") as served:
        assert len(served.urls) == 3, served.urls
        data = bytes(range(256))
        for door in served.urls:
            # HTTP APIs pass on a decoded path, of which apig-wsgi makes something else.
            path, name = ("/hello/J%C3%B6rg", "Jörg") if door != "http" else ("/hello/J%20", "J ")
            said = served.ask(f"{path}?a=1&a=2", of=door)
            assert said.status == 200, served.told()
            assert said.json() == {"name": name, "a": ["1", "2"], "path": f"/hello/{name}"}, door
            sent = served.ask(
                "/upload", of=door, method="POST", body=data, headers={"Content-Type": "image/png"}
            )
            assert (sent.status, sent.body) == (201, data), door
            cookies = [cookie.partition(";")[0] for cookie in sent.cookies]
            assert cookies == ["first=1", "second=2"], door
            assert served.ask("/nowhere", of=door).status == 404


def test_powertools_resolvers() -> None:
    with start_api(FOLDER / "powertools") as served:
        assert len(served.urls) == 3
        origin = {"Origin": "https://example.com"}
        for door in served.urls:
            found = served.ask("/todos/1", of=door, headers=origin)
            assert found.json() == {"number": 1, "title": "write tests"}, served.told()
            assert found.headers["access-control-allow-origin"] == "https://example.com"
            assert served.ask("/todos?search=write%20", of=door).json() == {
                "found": ["write tests"]
            }
            assert served.ask("/todos/9", of=door).status == 404
            assert served.ask("/todos/nine", of=door).status == 422
            asked = {**origin, "Access-Control-Request-Method": "GET"}
            assert served.ask("/todos", of=door, method="OPTIONS", headers=asked).status == 204


def test_http_api_with_a_jwt_authorizer() -> None:
    with (
        issuer() as provider,
        start_api(FOLDER / "jwt", "--parameter-overrides", f"Issuer={provider.url}") as served,
    ):
        now = int(time.time())
        claims = {"iss": provider.url, "aud": "shop", "sub": "ann", "exp": now + 600, "iat": now}

        def ask(method: str = "GET", **changes: Any) -> Answer:
            bearer = f"Bearer {token({**claims, **changes})}"
            return served.ask("/orders", method=method, headers={"Authorization": bearer})

        assert ask().json() == {"who": "ann", "scopes": None}, served.told()
        assert served.ask("/health").body == b"ok"
        for refused in (
            served.ask("/orders"),
            served.ask("/orders", headers={"Authorization": "Bearer nonsense"}),
            ask(exp=now - 600),
            ask(aud="another"),
            ask(iss="https://example.com"),
        ):
            assert (refused.status, refused.json()) == (401, {"message": "Unauthorized"})
            assert refused.headers["www-authenticate"].startswith("Bearer")
        unfit = ask("POST")
        assert (unfit.status, unfit.json()) == (403, {"message": "Forbidden"})
        fit = ask("POST", scope="orders/read orders/write")
        assert fit.json()["who"] == "ann"
        asked = {"Origin": "https://example.com", "Access-Control-Request-Method": "GET"}
        before = served.ask("/orders", method="OPTIONS", headers=asked)
        assert before.status == 204
        assert before.headers["access-control-allow-origin"] == "https://example.com"

        given = f"/?access_token={token(claims)}"
        assert served.ask(given, of="Quick").json()["who"] == "ann"
        assert served.ask("/", of="Quick").status == 401


def test_other_https_is_trusted_as_before(tmp_path: Path) -> None:
    """What makes functions trust the server's own certificate adds to what they trust."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text(
        "import os, ssl\n"
        "import botocore.httpsession\n\n"
        "def handler(event, context):\n"
        "    bundle = botocore.httpsession.get_cert_path(os.environ['AWS_CA_BUNDLE'])\n"
        "    contexts = [ssl.create_default_context(), ssl.create_default_context(cafile=bundle)]\n"
        "    return {'statusCode': 200, 'body': str([len(c.get_ca_certs()) for c in contexts])}\n"
    )
    (tmp_path / "lambdactl.yaml").write_text(
        "service: trust\n"
        "functions:\n"
        "  app:\n"
        f"    runtime: python3.{sys.version_info.minor}\n"
        "    handler: app.handler\n"
        "    code: src\n"
        "    triggers: [http: {path: /}, websocket: {route: $default}]\n"
    )
    with start_api(tmp_path) as served:
        answer = served.ask(of="http")
        system, bundle = answer.json()
        assert min(system, bundle) > 100, served.told()

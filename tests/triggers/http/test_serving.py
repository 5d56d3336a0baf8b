"""Another reading of the manifest, taken over by a server with real functions."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from lambdactl.manifest import load
from lambdactl.triggers.http.serving import Serving
from tests.aio import run

MANIFEST = f"""
service: shop
functions:
  hello:
    runtime: python3.{sys.version_info.minor}
    handler: app.handler
    code: src
    timeout: 20
    triggers:
      - http: {{path: /hello}}
"""
CHAT = "      - websocket: {route: $default}\n"


async def get(port: int, target: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read(-1)
    writer.close()
    return answer.partition(b"\r\n\r\n")[2].decode()


def test_functions_learn_to_trust_us_when_the_manifest_gets_a_websocket_api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the function itself has changed then but what it is given."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text(
        "import os\ndef handler(event, context):\n    return 'SSL_CERT_FILE' in os.environ\n"
    )
    manifest = tmp_path / "lambdactl.yaml"

    async def main() -> None:
        manifest.write_text(MANIFEST)
        serving = Serving(load(manifest), port=0, tell=lambda words: None, credentials=False)
        (mount,) = await serving.start()
        try:
            assert json.loads(await get(mount.port, "/hello")) is False
            manifest.write_text(MANIFEST + CHAT)
            await serving.reload_app(load(manifest))
            assert json.loads(await get(mount.port, "/hello")) is True
            manifest.write_text(MANIFEST)
            await serving.reload_app(load(manifest))
            assert json.loads(await get(mount.port, "/hello")) is False
        finally:
            await serving.close()

    run(main())

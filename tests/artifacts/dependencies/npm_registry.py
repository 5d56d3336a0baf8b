"""An npm registry of packages that tests make up (https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md)."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

LINUX_ARM64 = bytes.fromhex("7f454c4602010100") + bytes(8) + bytes.fromhex("0300b700")
"""The head of a shared library for Linux on arm64: enough for whoever looks what it is."""


def tarball(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(stream.getvalue(), mtime=0)


class Registry:
    """Serves what :meth:`add` was given. ``with Registry() as registry: registry.url``."""

    def __init__(self) -> None:
        self.packages: dict[str, dict[str, dict[str, Any]]] = {}
        self.tarballs: dict[str, bytes] = {}
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = unquote(self.path.partition("?")[0]).lstrip("/")
                if name in registry.tarballs:
                    self._answer(200, registry.tarballs[name])
                elif name in registry.packages:
                    self._answer(200, json.dumps(registry.packument(name)).encode())
                else:
                    self._answer(404, b'{"error":"Not found"}')

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Tests have no use for it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> Registry:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(
        self, name: str, version: str = "1.0.0", *, files: Mapping[str, bytes] = {}, **manifest: Any
    ) -> None:
        manifest = {"name": name, "version": version, "main": "index.js", **manifest}
        content = {"package.json": json.dumps(manifest).encode(), **files}
        content.setdefault("index.js", f"module.exports = '{name}@{version}'\n".encode())
        data = tarball(content)
        path = f"{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
        self.tarballs[path] = data
        digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
        dist = {
            "tarball": self.url + path,
            "integrity": f"sha512-{digest}",
            "shasum": hashlib.sha1(data).hexdigest(),
        }
        self.packages.setdefault(name, {})[version] = {**manifest, "dist": dist}

    def packument(self, name: str) -> dict[str, Any]:
        versions = self.packages[name]
        return {"name": name, "versions": versions, "dist-tags": {"latest": [*versions][-1]}}

    def lock(self, manifest: Mapping[str, Any], *places: str, dev: tuple[str, ...] = ()) -> str:
        """A package-lock.json with packages at ``places``: ``left-pad@1.0.0`` at the top,
        ``one/node_modules/left-pad@1.0.0`` inside of another."""
        packages: dict[str, Any] = {"": dict(manifest)}
        for place in (*places, *dev):
            path, _, version = place.rpartition("@")
            described = self.packages[path.rpartition("node_modules/")[2]][version]
            entry = {
                key: described[key]
                for key in ("version", "dependencies", "optionalDependencies", "os", "cpu", "libc")
                if key in described
            }
            entry["resolved"] = described["dist"]["tarball"]
            entry["integrity"] = described["dist"]["integrity"]
            if "os" in described:
                entry["optional"] = True
            if place in dev:
                entry["dev"] = True
            packages[f"node_modules/{path}"] = entry
        head = {key: manifest[key] for key in ("name", "version") if key in manifest}
        return json.dumps({**head, "lockfileVersion": 3, "requires": True, "packages": packages})


def put(folder: Path, files: Mapping[str, str | Mapping[str, Any]]) -> Path:
    """Write files, mappings as JSON."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder

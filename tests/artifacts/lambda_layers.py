"""Lambda's REST API as far as layer versions go, and the archives behind its links.

moto does not know GetLayerVersionByArn. Paths, fields and errors are those of botocore's model of
Lambda, which boto3 speaks to this.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import ssl
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.session import Session

URI = (
    Session()
    .get_service_model("lambda")
    .operation_model("GetLayerVersionByArn")
    .http["requestUri"]
    .partition("?")[0]
)


def archive(**files: str) -> bytes:
    """A zip; ``archive(**{"python/x.py": "..."})``."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, text in files.items():
            opened.writestr(name, text)
    return data.getvalue()


@dataclass
class Version:
    """One layer version, and how its archive goes wrong."""

    content: bytes
    runtimes: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    cuts: int = 0
    """So many downloads end in the middle."""
    old_links: int = 0
    """So many downloads are refused, as S3 refuses a link that is too old."""
    served: bytes | None = None
    """What is served in the place of the content."""
    location: str | None = None
    sha256: str | None = None
    bodiless: bool = False
    """Of no length that a header tells, as a proxy may send it on."""


@dataclass
class Layers:
    """The server. ``said`` makes it answer all with an error: (status, code, message)."""

    url: str = ""
    versions: dict[str, Version] = field(default_factory=dict)
    said: tuple[int, str, str] | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    """(ARN, the Region and the key that signed) of each request."""
    downloads: int = 0
    gate: threading.Event = field(default_factory=threading.Event)
    """Archives are sent up to their middle, then wait for it."""
    half: threading.Event = field(default_factory=threading.Event)
    """The middle of an archive was sent."""

    def describe(self, arn: str) -> tuple[int, str, dict[str, Any] | str]:
        """The answer: status, AWS's word for an error, and the body (JSON, or just a text)."""
        if self.said:
            return self.said[0], self.said[1], {"Type": "User", "Message": self.said[2]}
        version = self.versions.get(arn)
        if version is None:
            text = f"Layer version {arn} does not exist."
            return 404, "ResourceNotFoundException", {"Type": "User", "Message": text}
        layer, _, number = arn.rpartition(":")
        digest = hashlib.sha256(version.content).digest()
        return (
            200,
            "",
            {
                "LayerArn": layer,
                "LayerVersionArn": arn,
                "Version": int(number),
                "CreatedDate": "2026-01-02T03:04:05.678+0000",
                "CompatibleRuntimes": list(version.runtimes),
                "CompatibleArchitectures": list(version.architectures),
                "Content": {
                    "Location": version.location or f"{self.url}/snapshots/{arn}?X-Amz-Expires=600",
                    "CodeSha256": version.sha256 or base64.b64encode(digest).decode(),
                    "CodeSize": len(version.content),
                },
            },
        )


@contextmanager
def serve(certificate: Path | None = None) -> Iterator[Layers]:
    """Run a server; its gate is open until a test closes it.

    :param certificate: a file with it and its key, for HTTPS.
    """
    layers = Layers()
    layers.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == URI:
                self._describe(parse_qs(parts.query))
            else:
                self._archive(layers.versions[parts.path.removeprefix("/snapshots/")])

        def _describe(self, query: dict[str, list[str]]) -> None:
            assert query["find"] == ["LayerVersion"]
            (arn,) = query["Arn"]
            signer = self.headers["Authorization"].partition("Credential=")[2].split("/")
            layers.asked.append((arn, f"{signer[2]} {signer[0]}"))
            status, code, answer = layers.describe(arn)
            body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(status)
            if code:
                self.send_header("x-amzn-ErrorType", code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _archive(self, version: Version) -> None:
            layers.downloads += 1
            if version.old_links:
                version.old_links -= 1
                self.send_error(403, "Request has expired")
                return
            content = version.content if version.served is None else version.served
            self.send_response(200)
            if not version.bodiless:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            middle = len(content) // 2
            self.wfile.write(content[:middle])
            self.wfile.flush()
            layers.half.set()
            layers.gate.wait(20)
            if version.cuts:
                version.cuts -= 1
                return
            self.wfile.write(content[middle:])

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    layers.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield layers
    finally:
        layers.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()

"""A folder of files beside the routes: ``--static-dir``, as SAM has it.

"Any static assets (e.g. CSS/JavaScript/HTML) files located in this directory will be presented at
/" (https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-cli-command-reference-sam-local-start-api.html).
A route that fits goes first. A folder answers with its ``index.html``. Nothing outside of the
folder is ever sent, be it by ``..`` or by a link that leads out, and no file that begins with a
dot (``.env``, ``.git``), but for ``.well-known``.
"""

from __future__ import annotations

import asyncio
import errno
import mimetypes
import os
import re
import stat
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from lambdactl.triggers.http.exchange import Headers, Request, Response

INDEX = "index.html"
WHOLE = 256 * 1024
"""Bytes. Up to this size a file is read at once; a larger one in pieces, beside the event loop."""
_PIECE = 1024 * 1024
_TYPES = {
    # What a system's own table says of these differs from machine to machine.
    ".css": "text/css",
    ".html": "text/html",
    ".htm": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}
_TEXT = re.compile(r"text/|application/(?:json|xml|manifest\+json)|image/svg")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


class StaticFiles:
    """The files of ``folder``, read anew for each request: a save shows at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def find(self, request: Request) -> Response | LargeFile | None:
        """The answer to a GET or HEAD of a file that is there; None for anything else."""
        if request.method not in ("GET", "HEAD"):
            return None
        relative = _relative(request.path)
        if relative is None:
            return None
        try:
            return self._answer(request, (self._folder / relative).resolve())
        except (OSError, RuntimeError):
            # A name that is too long, links in a circle: no file, whatever it is.
            return None

    def _answer(self, request: Request, path: Path) -> Response | LargeFile | None:
        if not path.is_relative_to(self._folder):
            return None
        if path.is_dir():
            if not request.path.endswith("/"):
                # Links in the page are relative to the folder.
                return self._to_folder(request) if (path / INDEX).is_file() else None
            path = (path / INDEX).resolve()
            if not path.is_relative_to(self._folder):
                return None
        elif request.path.endswith("/"):
            return None
        return _answer(path, request)

    @staticmethod
    def _to_folder(request: Request) -> Response:
        # As one path from the root: `//host` would lead to another server.
        target = request.prefix + "/" + request.path.strip("/") + "/"
        query = f"?{request.query}" if request.query else ""
        return Response(301, [("Location", quote(target, safe="/%~!$&'()*+,;=:@-._") + query)])


class LargeFile:
    """The answer with a part of a file that is too large to be sent in one piece.

    :param head: the answer without its body.
    """

    def __init__(self, head: Response, path: Path, part: range) -> None:
        self.head = head
        self.path = path
        self.part = part

    async def send(self, request: Request) -> Response | None:
        """Send it as fast as the client takes it. A file that turns out to be shorter than it was
        ends with a cut connection, as nothing else tells the client."""
        body = request.stream(self.head)
        if body is None:
            return None
        if request.method == "HEAD":
            body.close()
            return None
        left = len(self.part)
        try:
            with self.path.open("rb", buffering=0) as stream:
                stream.seek(self.part.start)
                while left and await body.drained():
                    data = await asyncio.to_thread(stream.read, min(left, _PIECE))
                    if not data:
                        break
                    left -= len(data)
                    body.write(data)
        except OSError:
            pass
        finally:
            if left:
                body.abort()
            else:
                body.close()
        return None


def _relative(path: str) -> str | None:
    """The path below the folder; None where no file can be meant."""
    try:
        text = unquote_to_bytes(path.encode("latin-1")).decode("utf-8")
    except ValueError:
        return None
    if "\0" in text or "\\" in text:
        return None
    parts = [part for part in text.split("/") if part]
    if any(part.startswith(".") and part != ".well-known" for part in parts):
        return None
    return "/".join(parts)


def _answer(path: Path, request: Request) -> Response | LargeFile | None:
    try:
        # A pipe would keep us waiting for somebody to write into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            return Response(403, [("Content-Type", "text/plain; charset=utf-8")], b"Forbidden\n")
        return None
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        modified = datetime.fromtimestamp(int(status.st_mtime), UTC)
        tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        headers: Headers = [
            ("Content-Type", _type(path)),
            ("ETag", tag),
            ("Last-Modified", format_datetime(modified, usegmt=True)),
            ("Cache-Control", "no-cache"),
            ("Accept-Ranges", "bytes"),
        ]
        if _unchanged(request, tag, modified):
            return Response(304, headers[1:])
        part = _part(request, status.st_size, tag, modified)
        code = 200 if part is None else 206
        if part is None:
            part = range(status.st_size)
        elif not part:
            unsatisfied = ("Content-Range", f"bytes */{status.st_size}")
            return Response(416, [unsatisfied, *headers[1:]])
        else:
            shown = f"bytes {part.start}-{part.stop - 1}/{status.st_size}"
            headers.append(("Content-Range", shown))
        if len(part) > WHOLE:
            headers.append(("Content-Length", str(len(part))))
            return LargeFile(Response(code, headers), path, part)
        stream.seek(part.start)
        return Response(code, headers, stream.read(len(part)))


def _type(path: Path) -> str:
    suffix = path.suffix.lower()
    kind = _TYPES.get(suffix)
    if kind is None:
        kind, encoding = mimetypes.guess_type(path.name, strict=False)
        if kind is None or encoding is not None:
            kind = "application/octet-stream"
    return f"{kind}; charset=utf-8" if _TEXT.match(kind) else kind


def _unchanged(request: Request, tag: str, modified: datetime) -> bool:
    """Whether the client has it (https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2)."""
    tags = request.header("if-none-match")
    if tags is not None:
        listed = [one.strip().removeprefix("W/") for one in tags.split(",")]
        return tag in listed or listed == ["*"]
    since = _date(request.header("if-modified-since"))
    return since is not None and modified <= since


def _part(request: Request, size: int, tag: str, modified: datetime) -> range | None:
    """The bytes that were asked for: None for all, an empty range where there are no such
    (https://www.rfc-editor.org/rfc/rfc9110#section-14.2). Of several ranges all are sent."""
    wanted = _RANGE.fullmatch((request.header("range") or "").replace(" ", ""))
    if wanted is None or request.method != "GET" or wanted[0] == "bytes=-":
        return None
    condition = request.header("if-range")
    if condition is not None and condition != tag and _date(condition) != modified:
        return None
    first, last = wanted[1], wanted[2]
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(size, int(last) + 1) if last else size)


def _date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo is not None else found.replace(tzinfo=UTC)

"""The public keys that sign tokens: :class:`KeySet`, from an issuer, a URL or a file.

An issuer says in its discovery document where its keys are
(https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig); the keys are a JSON Web
Key Set (https://www.rfc-editor.org/rfc/rfc7517). API Gateway reads both the same way
(https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html) and
keeps keys for two hours.
"""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm
from jwt.exceptions import PyJWTError

from lambdactl.execution.clock import Clock
from lambdactl.triggers.http.threads import Workers

Keys = Mapping[str, RSAPublicKey]

KEEP_S = 2 * 3600.0
AGAIN_S = 10.0
"""Unknown key ids make keys be fetched anew, but not more often than this: whoever sends random
tokens must not turn this server against the issuer."""
TIMEOUT_S = 5.0
"""API Gateway gives up after 1.5 s; a developer's line may be slower than AWS's."""
MAX_BYTES = 150_000
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""

workers = Workers("keys", 8)
"""Ask issuers, and whoever has the developer's credentials."""


class KeysError(Exception):
    """There are no keys to be had.

    :param description: API Gateway's words for it (``error_description``).
    """

    def __init__(self, message: str, description: str) -> None:
        super().__init__(message)
        self.description = description


class KeySet:
    """The keys at one place, fetched when they are first needed.

    :param load: fetches them; it may block. Raises KeysError.
    :param wait_s: how long an unknown key id has to wait for the next look.
    :param version: what is another when the keys may be others; it must not block.
    """

    def __init__(
        self,
        load: Callable[[], Keys],
        clock: Clock,
        wait_s: float = AGAIN_S,
        version: Callable[[], object] = lambda: None,
    ) -> None:
        self._load = load
        self._version = version
        self._seen: object = None
        self._clock = clock
        self._wait_s = wait_s
        self._keys: Keys | None = None
        self._loaded = 0.0
        self._loading: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> RSAPublicKey | None:
        """The key with this id, or None.

        :raises KeysError: there were none before either.
        """
        age = self._clock.monotonic() - self._loaded
        if (
            self._keys is None
            or age > KEEP_S
            or (kid not in self._keys and age >= self._wait_s)
            or self._version() != self._seen
        ):
            await self._refresh()
        return (self._keys or {}).get(kid)

    async def _refresh(self) -> None:
        if self._loading is None:
            self._loading = asyncio.create_task(self._fetch())
            self._loading.add_done_callback(self._fetched)
        try:
            await asyncio.shield(self._loading)
        except KeysError:
            # "API Gateway continues using the last cached keys", so an issuer that is away for a
            # moment does no harm.
            if self._keys is None:
                raise

    async def _fetch(self) -> None:
        version = self._version()
        keys = await workers.do(self._load)
        self._keys, self._loaded, self._seen = keys, self._clock.monotonic(), version

    def _fetched(self, task: asyncio.Task[None]) -> None:
        self._loading = None
        if not task.cancelled():
            task.exception()


def from_issuer(issuer: str, clock: Clock) -> KeySet:
    """The keys that ``issuer`` (a URL) publishes."""

    def load() -> Keys:
        url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        document = _fetched(url, "OIDC discovery endpoint communication error")
        where = document.get("jwks_uri")
        if not isinstance(where, str):
            raise KeysError(f"{url} names no jwks_uri", "JWKS communication error")
        return _read(_fetched(where, "JWKS communication error"), where)

    return KeySet(load, clock)


def from_place(place: str, root: Path, clock: Clock) -> KeySet:
    """The keys of a JWKS document.

    :param place: a URL, or a path that counts from ``root``.
    """
    if urlsplit(place).scheme in ("http", "https"):
        return KeySet(lambda: _read(_fetched(place, "JWKS communication error"), place), clock)

    def load() -> Keys:
        try:
            return _read(_parsed((root / place).read_bytes(), place), place)
        except OSError as error:
            raise KeysError(
                f"{place} can't be read: {error.strerror}", "JWKS communication error"
            ) from error

    def version() -> object:
        try:
            found = (root / place).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    # A file is near: a key that is new in it counts at once, under an old name, too.
    return KeySet(load, clock, wait_s=0.0, version=version)


def check_file(path: Path) -> None:
    """That ``path`` is a JWKS document with a key that can be used.

    :raises KeysError: it is not.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KeysError(f"{path} can't be read: {error.strerror}", "") from error
    if not _read(_parsed(content, str(path)), str(path)):
        raise KeysError(f"{path} has no RSA key with a `kid`", "")


def _fetched(url: str, description: str) -> Mapping[str, Any]:
    if urlsplit(url).scheme not in ("http", "https"):
        raise KeysError(f"{url} is no http or https URL", description)
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310
            content = answer.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.reason if isinstance(error, urllib.error.URLError) else error
        raise KeysError(f"{url} can't be fetched: {why}", description) from error
    if len(content) > MAX_BYTES:
        raise KeysError(f"{url} has more than {MAX_BYTES} bytes, AWS's limit", description)
    return _parsed(content, url)


def _parsed(content: bytes, place: str) -> Mapping[str, Any]:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise KeysError(f"{place} has no JSON object", "JWKS communication error")
    return document


def _read(document: Mapping[str, Any], place: str) -> Keys:
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise KeysError(f"{place} has no list of keys", "JWKS communication error")
    found = {}
    for entry in listed:
        # Others are for other purposes (encryption, elliptic curves), and no mistake.
        if isinstance(entry, dict) and entry.get("kty") == "RSA" and "kid" in entry:
            try:
                key = RSAAlgorithm.from_jwk(entry)
            except (PyJWTError, ValueError):
                continue
            found[str(entry["kid"])] = key if isinstance(key, RSAPublicKey) else key.public_key()
    return found

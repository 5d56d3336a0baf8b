"""Whether a file holds a private key. Public certificates look alike and are often needed."""

from __future__ import annotations

import re
from pathlib import Path

MAX_BYTES = 2 * 1024 * 1024
"""Larger files are no keys; a bundle of all public authorities has a tenth of it."""

_KEY_SUFFIXES = frozenset({"pem", "key", "der", "p8", "pk8", "crt", "cer", "cert"})
_STORE_SUFFIXES = frozenset({"jks", "keystore"})
_NO_KEY_SUFFIXES = frozenset(
    {
        *("py", "pyi", "pyc", "pyx", "pxd", "so", "dylib", "dll", "typed", "h", "c", "cc", "cpp"),
        *("js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "map", "node", "wasm", "graphql"),
        *("go", "rs", "java", "class", "jar", "kt", "cs", "rb", "php", "sh", "sql", "hpp"),
        *("json", "yaml", "yml", "toml", "xml", "csv", "lock", "properties", "proto"),
        *("html", "htm", "css", "md", "rst", "svg", "png", "jpg", "jpeg", "gif", "ico", "webp"),
        *("woff", "woff2", "ttf", "otf", "gz", "zip", "whl", "tar", "br", "zst"),
    }
)
"""None of these begins with a private key and still is what its suffix says."""

_BEGINS = re.compile(rb"\s*(?:-----BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key-File-)")
_HOLDS = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")
_PUBLIC = re.compile(
    rb"-----BEGIN (?:[A-Z0-9 ]*CERTIFICATE|[A-Z0-9 ]*PUBLIC KEY|X509 CRL|[A-Z0-9 ]*PARAMETERS)"
)
_DER = re.compile(rb"\x30(?:[\x00-\x7f]|\x81.|\x82..)(.)", re.DOTALL)


def holds_private_key(name: str, path: str, size: int) -> bool:
    """Whether the file called ``name`` at ``path`` holds a private key, or must be taken for one.

    :raises OSError: it can't be read.
    """
    suffix = name.rpartition(".")[2].lower() if "." in name else ""
    if not 0 < size <= MAX_BYTES or suffix in _NO_KEY_SUFFIXES:
        return False
    with Path(path).open("rb") as file:
        data = file.read(64)
        if suffix in _KEY_SUFFIXES:
            return _of_a_key_file(suffix, data + file.read())
    if suffix in _STORE_SUFFIXES:
        return _of_a_store(data)
    return _BEGINS.match(data) is not None


def _of_a_key_file(suffix: str, data: bytes) -> bool:
    if _HOLDS.search(data):
        return True
    if _PUBLIC.search(data):
        return False
    if der := _DER.match(data):
        # A private key begins with its version, a number; a certificate or a public key with
        # another sequence (RFC 5208, RFC 8017 A.1.2, RFC 5915, RFC 5280 4.1); an encrypted
        # private key (RFC 5958) too, but nobody gives that the suffix of a certificate.
        return der[1] == b"\x02" or suffix in {"p8", "pk8", "key"}
    # Neither public nor anything we know: nobody ships a .key or .pem for another reason.
    return suffix in {"key", "pem", "p8", "pk8"}


def _of_a_store(data: bytes) -> bool:
    """Java's key store: magic, version, number of entries, then 1 before a private key and 2 before
    a certificate. One in PKCS #12 does not tell, and is taken for one with a key."""
    return data[:4] != b"\xfe\xed\xfe\xed" or data[8:16] == bytes.fromhex("00000001 00000001")

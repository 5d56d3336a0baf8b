"""Real keys, real tokens, and an issuer that answers on a real socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import RSAAlgorithm

NOW = 1_700_000_000


@cache
def rsa_key(kid: str) -> rsa.RSAPrivateKey:
    """The private key that is called ``kid``."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwks(*kids: str) -> dict[str, Any]:
    """The public keys of ``kids``."""
    return {
        "keys": [
            {
                **RSAAlgorithm.to_jwk(rsa_key(kid).public_key(), as_dict=True),
                "kid": kid,
                "use": "sig",
            }
            for kid in kids
        ]
    }


def token(
    claims: dict[str, Any], kid: str | None = "one", *, key: Any = None, alg: str = "RS256"
) -> str:
    """A token with ``claims``, signed by ``kid``'s key."""
    signer = key if key is not None else rsa_key(kid or "one")
    # Not jwt.encode: it refuses some claims that others may send.
    payload = json.dumps(claims).encode()
    return jwt.api_jws.encode(payload, signer, alg, headers={"kid": kid} if kid else None)


class Issuer:
    """An identity provider: discovery document and keys. ``asked`` are the paths of requests."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: Any = jwks("one")
        self.discovery: Any = {"issuer": url, "jwks_uri": f"{url}/keys"}
        self.up = True
        self.asked: list[str] = []


@contextmanager
def issuer() -> Iterator[Issuer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            documents = {
                "/.well-known/openid-configuration": found.discovery,
                "/keys": found.keys,
            }
            content = json.dumps(documents.get(self.path)).encode()
            self.send_response(200 if found.up and self.path in documents else 503)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Issuer(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

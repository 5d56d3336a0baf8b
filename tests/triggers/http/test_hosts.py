"""Which ``Host`` headers are answered: no name that a web page can make its own."""

from __future__ import annotations

import pytest

from lambdactl.triggers.http.server import Hosts


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("LOCALHOST:99", True),
        ("a.localhost", True),
        ("127.0.0.1.:3000", True),
        ("[::1]", True),
        ("[::1]:3000", True),
        ("192.168.1.7:3000", True),
        ("dev.example.com:3000", True),
        ("x.test", True),
        ("test", False),
        ("evil.com", False),
        ("localhost.evil.com", False),
        ("127.0.0.1.nip.io", False),
        ("evil.com:localhost", False),
        ("localhost@evil.com", False),
        ("[::1]evil.com", False),
        ("[evil.com]", False),
        ("2130706433", False),
        ("", False),
    ],
)
def test_hosts(host: str, allowed: bool) -> None:
    hosts = Hosts(["127.0.0.1", "dev.example.com", "*.test"])
    assert hosts.allows(host) is allowed
    # Once more, from memory.
    assert hosts.allows(host) is allowed

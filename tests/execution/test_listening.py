"""A socket on an address, also on one that this machine gets later."""

from __future__ import annotations

import socket
import sys

import pytest

from lambdactl.execution.listening import bound


def test_each_gets_a_port_of_its_own() -> None:
    with bound("127.0.0.1") as one, bound("127.0.0.1") as other:
        assert one.getsockname()[0] == other.getsockname()[0] == "127.0.0.1"
        assert one.getsockname()[1] != other.getsockname()[1]
        one.listen()
        with socket.create_connection(one.getsockname()):
            pass


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="IP_FREEBIND is Linux's")
def test_an_address_that_is_not_there_yet() -> None:
    # One of TEST-NET-2, which no machine has (RFC 5737).
    with bound("198.51.100.7") as listening:
        listening.listen()
        assert listening.getsockname()[0] == "198.51.100.7"


def test_what_is_no_address() -> None:
    with pytest.raises(OSError, match=r"."):
        bound("not an address")

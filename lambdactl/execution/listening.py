"""A listening socket on one address, also on one that this machine gets later."""

from __future__ import annotations

import errno
import socket
import sys

_IP_FREEBIND = 15
"""ip(7); Python's socket module has it from 3.14 on."""


def bound(address: str) -> socket.socket:
    """A TCP socket on a free port of an IPv4 address. Where this machine doesn't have the address
    yet, it will: the bridge of some container engines comes up with the first container on it.

    :raises OSError: it can't be bound.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        try:
            listening.bind((address, 0))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL or not sys.platform.startswith("linux"):
                raise
            listening.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
            listening.bind((address, 0))
    except OSError:
        listening.close()
        raise
    return listening

"""Why a registry gave no image, in words, and what to do about it."""

from __future__ import annotations

import re

from lambdactl.errors import EngineError
from lambdactl.execution.containers import references

_ECR = re.compile(r"\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?")


class PullRefused(EngineError):
    """An image can't be pulled. ``unreachable`` says that nobody could be asked, ``expired`` that
    the login at ``registry`` is too old."""

    registry = ""
    unreachable = False
    expired = False


_UNREACHABLE = re.compile(
    r"no such host|dial tcp|i/o timeout|connection refused|network is unreachable"
    r"|server misbehaving|tls handshake timeout|deadline exceeded|client\.timeout"
    r"|request canceled|connection reset|no route to host|proxyconnect|unexpected eof|: eof$"
    r"|temporary failure in name resolution",
    re.IGNORECASE,
)
_EXPIRED = re.compile(r"token has expired|expired token", re.IGNORECASE)
_DENIED = re.compile(
    r"denied|unauthorized|authentication required|no basic auth|forbidden|not authorized",
    re.IGNORECASE,
)
_PLATFORM = re.compile(
    r"no matching manifest for (\S+)|does not match the specified platform|no image found in "
    r"(?:image index|manifest list) for architecture",
    re.IGNORECASE,
)
_UNKNOWN = re.compile(r"manifest unknown|not found|name unknown|no such image", re.IGNORECASE)
_LIMIT = re.compile(r"toomanyrequests|rate exceeded|rate limit", re.IGNORECASE)
_SPACE = re.compile(r"no space left", re.IGNORECASE)
_CERTIFICATE = re.compile(r"x509|certificate", re.IGNORECASE)
_PLAIN = re.compile(r"server gave HTTP response to HTTPS client", re.IGNORECASE)
_WRONG_NAME = re.compile(r"invalid reference|invalid tag|must be lowercase", re.IGNORECASE)


def refused(reference: str, text: str) -> PullRefused:
    """What an engine's words about a pull mean.

    :param text: what the engine said.
    """
    registry = references.parse(reference).registry
    found = _meaning(registry, text)
    found.registry = registry
    return found


def _meaning(registry: str, text: str) -> PullRefused:
    if _SPACE.search(text):
        return PullRefused("the engine's disk is full", hint="docker system df")
    if _PLAIN.search(text):
        return PullRefused(
            f"{registry} speaks HTTP only",
            hint="name it in `insecure-registries` of the engine's daemon.json",
        )
    if _CERTIFICATE.search(text):
        return PullRefused(
            f"the engine does not trust {registry} ({_last(text)})",
            hint="give the engine the certificate of the registry, or of the proxy before it",
        )
    if _UNREACHABLE.search(text):
        unreachable = PullRefused(
            f"{registry} can't be reached ({_last(text)})",
            hint="check the network, or load the image with `docker load`",
        )
        unreachable.unreachable = True
        return unreachable
    if _LIMIT.search(text):
        return PullRefused(
            f"{registry} limits how much is pulled without a login",
            hint=f"log in ({_login(registry)}), or try again later",
        )
    platform = _PLATFORM.search(text)
    if platform:
        which = f" for {platform[1]}" if platform[1] else " for this architecture"
        return PullRefused(
            f"it is not made{which}",
            hint="set the function's `architecture` to one that it is made for",
        )
    if _EXPIRED.search(text):
        public = registry == "public.ecr.aws"
        expired = PullRefused(
            f"the login at {registry} has expired",
            hint=f"docker logout {registry}" if public else f"log in again: {_login(registry)}",
        )
        expired.expired = True
        return expired
    if _WRONG_NAME.search(text):
        return PullRefused(
            f"the engine does not take its name ({_last(text)})",
            hint="a reference is REGISTRY/REPOSITORY:TAG, in lower case",
        )
    if _DENIED.search(text):
        return PullRefused(
            f"{registry} does not give it away, or has none of that name",
            hint=f"check the name, or log in: {_login(registry)}",
        )
    if _UNKNOWN.search(text):
        return PullRefused(
            f"{registry} has no image of that name and tag", hint="check the name and the tag"
        )
    return PullRefused(" ".join(text.split()).rstrip("."), hint=None)


def _login(registry: str) -> str:
    """How to log in (https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html,
    https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html)."""
    ecr = _ECR.fullmatch(registry)
    if registry == "public.ecr.aws":
        password = "aws ecr-public get-login-password --region us-east-1"  # noqa: S105
    elif ecr:
        password = f"aws ecr get-login-password --region {ecr[1]}"
    else:
        return "docker login" if registry == "docker.io" else f"docker login {registry}"
    return f"{password} | docker login --username AWS --password-stdin {registry}"


def _last(text: str) -> str:
    """The part of Go's chained errors that says it: the last."""
    return text.strip().rstrip(".").rsplit(": ", 1)[-1]

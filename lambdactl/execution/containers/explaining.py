"""What errors of the docker SDK mean, in words."""

from __future__ import annotations

import errno
import re
import ssl
from collections.abc import Iterator

from lambdactl.errors import EngineError, LambdactlError

_KNOWN: tuple[tuple[str, str, str | None], ...] = (
    (
        r"port is already allocated|address already in use|ports are not available",
        "the port is taken",
        "choose another one, or stop what listens on it",
    ),
    (
        r"duplicate mount point",
        "two mounts have one place ({text})",
        "a function's own are /var/task (its code), /opt (its layers) and /tmp; mount elsewhere",
    ),
    (
        r"no space left on device|disk quota exceeded",
        "the engine's disk is full",
        "`docker system df` shows what fills it, `docker system prune` removes what nobody uses",
    ),
    (
        r"mounts denied|is not shared from the host|not shared from OS X",
        "the engine's virtual machine doesn't see the folder ({text})",
        "share it in the engine's settings for file sharing",
    ),
    (
        r"bind source path does not exist: (?P<what>\S+)",
        "the engine's machine has no {what}",
        "an engine on another machine, or outside of the container that lambdactl runs in, doesn't "
        "see the files here",
    ),
    (
        r"exec format error",
        "the image is for another architecture than the engine's machine",
        "use an image of that architecture, or install emulation (`docker run --privileged --rm "
        "tonistiigi/binfmt --install all`)",
    ),
    (
        r"exec: \"?(?P<what>[^\":]+)\"?.*(no such file or directory|executable file not found)",
        "the image has no {what}",
        "check the entry point and the command",
    ),
    (
        r"exec: \"?(?P<what>[^\":]+)\"?.*permission denied",
        "{what} in the image is not executable",
        "give it the mode 755",
    ),
    (
        r"client version (?P<what>\S+) is too (old|new)",
        "the engine doesn't speak version {what} of the Docker API",
        "update the engine, or lambdactl's `docker` package",
    ),
    (
        r"toomanyrequests|rate limit",
        "the registry allows no more pulls for now",
        "log in to it with `docker login`, or try later",
    ),
)
"""What the engine says (a pattern, case-insensitive), what it means, and what to do."""


def explained(error: Exception, doing: str) -> LambdactlError:
    """What ``error`` means to the user.

    :param error: whatever a call of the docker SDK raised: its own errors, those of requests and
        urllib3 below it, or the system's. One of ours comes back as it is.
    :param doing: what was being done, as an infinitive: "start the container of orders".
    """
    if isinstance(error, LambdactlError):
        return error
    import docker.errors
    import requests.exceptions
    import urllib3.exceptions

    system = next((e for e in _causes(error) if isinstance(e, OSError) and e.errno), None)
    said = said_by(error)
    if isinstance(error, docker.errors.APIError) and error.response is not None:
        return _refusal(error, said, doing)
    secure = next((e for e in _causes(error) if isinstance(e, ssl.SSLError)), None)
    if secure is not None or _is_a(error, requests.exceptions.SSLError):
        why = getattr(secure, "verify_message", None) or getattr(secure, "reason", None) or said
        return EngineError(
            f"can't {doing}: no TLS connection ({why})",
            hint="check the certificates (DOCKER_CERT_PATH, or those of the context)",
        )
    if "HTTP request to an HTTPS server" in said:
        return EngineError(f"can't {doing}: it wants TLS", hint="set DOCKER_TLS_VERIFY=1")
    if system is not None and system.errno in (errno.EACCES, errno.EPERM):
        return EngineError(
            f"can't {doing}: permission denied",
            hint="become a member of the group of its socket (`sudo usermod -aG docker $USER`, "
            "then log in again)",
        )
    if system is not None and system.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENOTSOCK):
        return EngineError(f"can't {doing}: there is no such socket", hint="start the engine")
    if system is not None and system.errno == errno.ECONNREFUSED:
        return EngineError(f"can't {doing}: nobody listens there", hint="start the engine")
    if _is_a(error, requests.exceptions.Timeout, TimeoutError):
        return EngineError(
            f"can't {doing}: the container engine takes too long to answer",
            hint="is it starting, or overloaded?",
        )
    # In the middle of an answer the SDK leaves errors as they come.
    halfway = isinstance(error, docker.errors.StreamParseError | urllib3.exceptions.HTTPError)
    if halfway or _is_a(error, requests.exceptions.ConnectionError, ConnectionError):
        reason = f" ({_system_words(system)})" if system is not None else ""
        return EngineError(
            f"can't {doing}: the container engine is gone{reason}",
            hint="start it again; the next call finds it",
        )
    return EngineError(f"can't {doing}: {said}")


def broken() -> tuple[type[Exception], ...]:
    """What the docker SDK raises when an engine does not answer as it should, or not to the end."""
    import docker.errors
    import requests
    import urllib3.exceptions

    return (
        docker.errors.DockerException,
        docker.errors.StreamParseError,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
    )


def _refusal(error: Exception, said: str, doing: str) -> EngineError:
    for pattern, meaning, hint in _KNOWN:
        match = re.search(pattern, said, re.IGNORECASE)
        if match is not None:
            words = {"text": said, **{k: v for k, v in match.groupdict().items() if v}}
            return EngineError(f"can't {doing}: {meaning.format_map(words)}", hint=hint)
    status = getattr(getattr(error, "response", None), "status_code", None)
    if not said:
        said = f"the container engine answered {status}"
    return EngineError(f"can't {doing}: {said}")


def said_by(error: Exception) -> str:
    """The engine's own words on one line, without what it puts around them."""
    explanation = getattr(error, "explanation", None)
    text = str(error if explanation is None else explanation)
    text = " ".join(text.split())
    text = re.sub(r"^(Error while fetching server API version: )", "", text)
    text = re.sub(r"^Error response from daemon: ", "", text)
    text = re.sub(r"^failed to create (shim )?task( for container)?: ", "", text)
    text = re.sub(r"^OCI runtime create failed: (runc create failed: )?", "", text)
    return text.removesuffix(": unknown").rstrip(". ")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that is behind it, outermost first. Errors of requests carry those of
    urllib3 as arguments, and these the system's, beside what Python chains."""
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        pending += [*current.args, getattr(current, "reason", None)]
        pending += [current.__cause__, current.__context__]


def _is_a(error: Exception, *kinds: type[BaseException]) -> bool:
    return any(isinstance(cause, kinds) for cause in _causes(error))


def _system_words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()

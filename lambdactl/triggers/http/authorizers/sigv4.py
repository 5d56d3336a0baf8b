"""AWS Signature Version 4 of a request: read from it, and compared with botocore's own.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html (the
header) and https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
(the query string). The wording of errors is that of AWS's services, which all have the same front.
"""

from __future__ import annotations

import calendar
import hashlib
import hmac
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from typing import Any, NoReturn
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from lambdactl.triggers.http.exchange import Request
from lambdactl.triggers.http.fields import pairs

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW_S = 5 * 60
"""How far the clocks of client and server may differ."""

_STAMP = "%Y%m%dT%H%M%SZ"
_IN_QUERY = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders")
_UNSIGNED = "UNSIGNED-PAYLOAD"


class SignatureError(Exception):
    """The request is not signed, or not as AWS wants it.

    :param message: AWS's words.
    :param type: the gateway response type.
    :param error_type: AWS's name of the exception.
    """

    def __init__(self, message: str, type: str, error_type: str) -> None:
        super().__init__(message)
        self.message = message
        self.type = type
        self.error_type = error_type


def _missing() -> SignatureError:
    return SignatureError(
        "Missing Authentication Token",
        "MISSING_AUTHENTICATION_TOKEN",
        "MissingAuthenticationTokenException",
    )


def _incomplete(message: str) -> SignatureError:
    return SignatureError(message, "MISSING_AUTHENTICATION_TOKEN", "IncompleteSignatureException")


def _invalid(message: str) -> SignatureError:
    return SignatureError(message, "INVALID_SIGNATURE", "InvalidSignatureException")


MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details."
)
UNKNOWN_TOKEN = "The security token included in the request is invalid."  # noqa: S105


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that has been read, but not verified.

    :ivar stamp: when it was made, ``20150830T123600Z``.
    :ivar expires_s: how long it is valid, in a query string; None in a header.
    :ivar token: the session token of temporary credentials.
    """

    access_key: str
    date: str
    region: str
    service: str
    terminator: str
    headers: tuple[str, ...]
    value: str
    stamp: str
    expires_s: int | None = None
    token: str | None = None


def read(request: Request) -> Signature:
    """The signature of ``request``.

    :raises SignatureError: it has none, or one with parts missing.
    """
    header = request.header("authorization")
    if header is not None:
        return _from_header(request, header)
    if "X-Amz-" in request.query:
        return _from_query(dict(pairs(request.query)))
    raise _missing()


def _from_header(request: Request, header: str) -> Signature:
    algorithm, _, rest = header.strip().partition(" ")
    if algorithm != ALGORITHM and algorithm.startswith("AWS4-"):
        raise _incomplete(f"Unsupported AWS 'algorithm': '{algorithm}'.")
    fields: dict[str, str] = {}
    for part in (rest if algorithm == ALGORITHM else header).replace(",", " ").split():
        name, equals, value = part.partition("=")
        if not equals:
            raise _incomplete(
                "Invalid key=value pair (missing equal-sign) in Authorization header "
                f"(hashed with SHA-256 and encoded with Base64): '{_hashed(header)}'."
            )
        fields[name] = value
    stamp = request.header("x-amz-date") or request.header("date")
    problems = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not fields.get(name)
    ]
    if not stamp:
        problems.append(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    if problems or not stamp:
        raise _incomplete(
            f"{' '.join(problems)} (Hashed with SHA-256 and encoded with Base64) "
            f"Authorization={_hashed(header)}"
        )
    return Signature(
        *_scope(fields["Credential"]),
        headers=tuple(fields["SignedHeaders"].lower().split(";")),
        value=fields["Signature"],
        stamp=_stamp(stamp),
        token=request.header("x-amz-security-token"),
    )


def _hashed(header: str) -> str:
    """A header as errors show it: a token in it is nobody's business."""
    return b64encode(hashlib.sha256(header.encode("latin-1")).digest()).decode()


def _from_query(fields: Mapping[str, str]) -> Signature:
    missing = [name for name in (*_IN_QUERY, "X-Amz-Date") if not fields.get(name)]
    if missing == [*_IN_QUERY, "X-Amz-Date"]:
        raise _missing()
    if missing:
        words = " ".join(f"AWS query-string parameters must include '{name}'." for name in missing)
        raise _incomplete(f"{words} Re-examine the query-string parameters.")
    if fields["X-Amz-Algorithm"] != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{fields['X-Amz-Algorithm']}'.")
    expires = fields.get("X-Amz-Expires", "")
    return Signature(
        *_scope(fields["X-Amz-Credential"]),
        headers=tuple(fields["X-Amz-SignedHeaders"].lower().split(";")),
        value=fields["X-Amz-Signature"],
        stamp=_stamp(fields["X-Amz-Date"]),
        expires_s=int(expires) if expires.isdecimal() else SKEW_S,
        token=fields.get("X-Amz-Security-Token"),
    )


def _scope(credential: str) -> tuple[str, str, str, str, str]:
    parts = credential.rstrip("/").split("/")
    if len(parts) != 5:
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. "
            f"keyid/date/region/service/term, got '{credential}'"
        )
    access_key, date, region, service, terminator = parts
    return access_key, date, region, service, terminator


def _stamp(text: str) -> str:
    """A date in ISO 8601's basic format; a ``Date`` header may have HTTP's."""
    try:
        return time.strftime(_STAMP, time.strptime(text, _STAMP))
    except ValueError:
        pass
    sent = parsedate_tz(text)
    try:
        return time.strftime(_STAMP, time.gmtime(mktime_tz(sent))) if sent else _no_date(text)
    except (ValueError, OverflowError, OSError):
        return _no_date(text)


def _no_date(text: str) -> NoReturn:
    raise _incomplete(
        f"Date must be in ISO-8601 'basic format'. Got '{text}'. "
        "See http://en.wikipedia.org/wiki/ISO_8601"
    )


def check_scope(signature: Signature, region: str, service: str) -> None:
    """That the signature is for this Region and service.

    :raises SignatureError: it is not.
    """
    problems = []
    if signature.region != region:
        problems.append(f"Credential should be scoped to a valid region, not '{signature.region}'.")
    if signature.service != service:
        problems.append(f"Credential should be scoped to correct service: '{service}'.")
    if signature.terminator != "aws4_request":
        problems.append(
            "Credential should be scoped with a valid terminator: 'aws4_request', not "
            f"'{signature.terminator}'."
        )
    if signature.date != signature.stamp[:8]:
        problems.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: '{signature.date}' != '{signature.stamp[:8]}', from '{signature.stamp}'."
        )
    if problems:
        raise _invalid(" ".join(problems))


def check_time(signature: Signature, now: float) -> None:
    """That ``now`` (seconds since the epoch) is a time at which the signature counts.

    :raises SignatureError: it is too old, or made in the future.
    """
    made = calendar.timegm(time.strptime(signature.stamp, _STAMP))
    valid_s = SKEW_S if signature.expires_s is None else signature.expires_s
    if now > made + valid_s:
        raise _invalid(
            f"Signature expired: {signature.stamp} is now earlier than {_at(now - valid_s)} "
            f"({_at(now)} - {_minutes(valid_s)}.)"
        )
    if made > now + SKEW_S:
        raise _invalid(
            f"Signature not yet current: {signature.stamp} is still later than "
            f"{_at(now + SKEW_S)} ({_at(now)} + {_minutes(SKEW_S)}.)"
        )


def _at(moment: float) -> str:
    return time.strftime(_STAMP, time.gmtime(moment))


def _minutes(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} sec"


def check_value(
    signature: Signature, request: Request, secret: str, token: str | None = None
) -> None:
    """That the signature was made with ``secret``, of exactly this request.

    :param token: the session token that belongs to the secret.
    :raises SignatureError: it was not.
    """
    if signature.token != token:
        raise SignatureError(UNKNOWN_TOKEN, "INVALID_SIGNATURE", "UnrecognizedClientException")
    if "host" not in signature.headers:
        raise _invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    signer = _Signer(Credentials(signature.access_key, secret), signature)
    # Clients that don't escape a query string as AWS does sign what AWS makes of it.
    tried = [signer.of(request, query) for query in _queries(request, signature)]
    if any(hmac.compare_digest(one.value.encode(), signature.value.encode()) for one in tried):
        return
    raise _invalid(MISMATCH + (tried[-1].shown if signature.service == "execute-api" else ""))


def _queries(request: Request, signature: Signature) -> list[str]:
    sent = [part for part in request.query.split("&") if part]
    if signature.expires_s is not None:
        sent = [part for part in sent if not part.startswith("X-Amz-Signature=")]
    escaped = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in pairs("&".join(sent))
    )
    return ["&".join(sent), escaped]


@dataclass(frozen=True, slots=True)
class _Signed:
    """What should have been signed, and the signature of it."""

    canonical: str
    to_sign: str
    value: str

    @property
    def shown(self) -> str:
        """How API Gateway goes on (https://github.com/mhart/aws4/issues/33)."""
        return (
            f"\n\nThe Canonical String for this request should have been\n'{self.canonical}'"
            f"\n\nThe String-to-Sign should have been\n'{self.to_sign}'\n"
        )


class _Signer(SigV4Auth):  # type: ignore[misc]
    """botocore's signer, made to sign what a client has signed rather than what botocore would."""

    def __init__(self, credentials: Credentials, signature: Signature) -> None:
        super().__init__(credentials, signature.service, signature.region)
        self._signature = signature

    def of(self, request: Request, query: str) -> _Signed:
        # The host that counts is among the headers.
        url = f"http://localhost{request.prefix}{request.path}?{query}"
        made = AWSRequest(request.method, url, data=request.body)
        made.context["timestamp"] = self._signature.stamp
        made.context["headers"] = _signed_headers(request, self._signature.headers)
        made.context["hash"] = _body_hash(request)
        canonical = self.canonical_request(made)
        to_sign = self.string_to_sign(made, canonical)
        return _Signed(canonical, to_sign, self.signature(to_sign, made))

    def headers_to_sign(self, request: Any) -> Any:
        return request.context["headers"]

    def payload(self, request: Any) -> Any:
        return request.context["hash"]


def _signed_headers(request: Request, names: tuple[str, ...]) -> HTTPHeaders:
    headers = HTTPHeaders()
    for name, value in request.headers:
        if name.lower() in names:
            # Header text is one character a byte; what was signed is UTF-8.
            headers[name.lower()] = value.encode("latin-1").decode("utf-8", "replace")
    return headers


def _body_hash(request: Request) -> str:
    if request.header("x-amz-content-sha256") == _UNSIGNED:
        return _UNSIGNED
    return hashlib.sha256(request.body).hexdigest()

"""AWS's errors in the words of whoever reads them: what, which call, what AWS said, what to do.

Codes are those that all services share
(https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html) and the services' own words
for the same.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from lambdactl.deploy.faults import code, message
from lambdactl.errors import (
    AwsError,
    BugError,
    CredentialsError,
    DeniedError,
    LambdactlError,
    Location,
    TakenError,
    UserError,
)

if TYPE_CHECKING:
    from lambdactl.deploy.account import Account

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
_UNKNOWN = frozenset(
    {
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "InvalidToken",
        "AuthFailure",
    }
)
_CLOCK = frozenset({"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"})
_CLOCK_WORDS = ("Signature expired", "Signature not yet current")
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AccessDeniedFault",
        "AuthorizationError",
        "AuthorizationErrorException",
        "ExplicitDeny",
        "Forbidden",
        "ForbiddenException",
        "KMSAccessDeniedException",
        "NotAuthorized",
        "NotAuthorizedException",
        "UnauthorizedException",
        "UnauthorizedOperation",
        "403",
    }
)
_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_TAKEN = frozenset({"BucketAlreadyExists", "EntityAlreadyExists", "EntityAlreadyExistsException"})
_QUOTA = re.compile(
    r"LimitExceeded|QuotaExceeded|CodeStorageExceeded|TooManyBuckets|TooManyEntities|^TooMany"
)
_MISSING = re.compile(r"NotFound|NoSuch|NonExistent|DoesNotExist")
_INVALID = re.compile(
    r"Validation|^Invalid|Malformed|BadRequest|MissingParameter|^TooLarge|SerializationException"
)
_NO_SUCH_CALL = frozenset(
    {"InvalidAction", "UnknownOperationException", "NotYetImplemented", "NotImplemented", "501"}
)

_FORBIDDEN = re.compile(
    r"(?:User: (?P<who>\S+) is )?not authorized to perform: (?P<action>[\w-]+:\w+\*?)"
    r"(?: on resource: (?P<resource>.+?))??"
    r"(?: because (?P<because>.+?)| with an (?P<deny>explicit deny.*?))?[.\s]*$",
    re.DOTALL,
)
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"""
_LONGEST = 1000
"""Characters of AWS's sentence that are shown."""
_OPENER = re.compile(r"^An error occurred \([^)]*\) when calling the \S+ operation[^:]*: ")


def explained(
    error: BaseException,
    *,
    doing: str,
    resource: str | None = None,
    account: Account | None = None,
    where: Location | None = None,
) -> LambdactlError:
    """``error`` in words. One of ours stays as it is.

    :param doing: what it broke off, as ``creating the function hello``.
    :param resource: the address of what it was done to.
    :param where: the place in the manifest that asked for it.
    :return: of an error that nobody foresaw a :class:`BugError`.
    """
    if isinstance(error, LambdactlError):
        return error
    from botocore.exceptions import BotoCoreError, ClientError

    if type(error).__module__.partition(".")[0] in ("boto3", "s3transfer"):
        # They say less than what they stand for: an upload of which a part was refused.
        error = error.__cause__ or error.__context__ or error
    if isinstance(error, ClientError):
        return _of_aws(error, doing, resource, account, where)
    if isinstance(error, BotoCoreError):
        from lambdactl.deploy import explaining_session

        return explaining_session.explained(error, doing, account)
    if _is_unreadable(error):
        return AwsError(
            f"{doing}: the answer can't be read: {' '.join(str(error).split())}",
            hint=f"{_endpoint(account)} does not answer as AWS does",
        )
    if isinstance(error, OSError):
        reason = (error.strerror or str(error)).lower()
        path = f" {error.filename}" if error.filename else ""
        return UserError(f"{doing}:{path} {reason}".replace(":  ", ": "), where=where)
    return BugError(doing, error)


@contextlib.contextmanager
def in_words(doing: str, account: Account | None = None) -> Iterator[None]:
    """Whatever AWS says inside is raised in words.

    >>> with in_words("looking for the function hello"):
    ...     pass
    """
    try:
        yield
    except LambdactlError:
        raise
    except Exception as error:
        words = explained(error, doing=doing, account=account)
        if isinstance(words, BugError):
            # With the place where it happened.
            raise
        raise words from error


def _is_unreadable(error: BaseException) -> bool:
    """Whether botocore has found no sense in an answer: of a proxy, or a hotel's network."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = trace.tb_frame.f_globals.get("__name__", "") if trace is not None else ""
    return "botocore.parsers" in (type(error).__module__, place)


def call_of(error: BaseException) -> str:
    """The call that AWS refused: ``lambda CreateFunction``."""
    response = getattr(error, "response", None) or {}
    service = response.get("ResponseMetadata", {}).get("Service", "")
    return f"{service} {getattr(error, 'operation_name', '')}".strip()


def _of_aws(
    error: Any,
    doing: str,
    resource: str | None,
    account: Account | None,
    where: Location | None,
) -> LambdactlError:
    word = code(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if word in _EXPIRED:
        return _expired(doing, account)
    if word in _CLOCK or message(error).startswith(_CLOCK_WORDS):
        return CredentialsError(
            f"{doing}: AWS refuses requests of this time: {_said(error)}",
            hint="set this machine's clock",
        )
    if word in _UNKNOWN:
        region = f", and that the Region {account.region} is enabled in it" if account else ""
        return CredentialsError(
            f"{doing}: AWS does not know the credentials{_from(account)}: {_said(error)}",
            hint=f"look whether they are of the right account{region}",
        )
    if word == "OptInRequired":
        return CredentialsError(
            f"{doing}: the account has no subscription of this service: {_said(error)}",
            hint="sign up for it in the AWS console",
        )
    if word in _DENIED or (_FORBIDDEN.search(message(error)) and status in (401, 403)):
        return _denied(error, doing)
    return _refused(error, word, status, doing, resource, account, where)


def _refused(
    error: Any,
    word: str,
    status: int,
    doing: str,
    resource: str | None,
    account: Account | None,
    where: Location | None,
) -> LambdactlError:
    text = f"{doing}: {_said(error)}"
    if word in _THROTTLED:
        return AwsError(
            f"{doing}: AWS throttles the account: {_said(error)}",
            hint="run the command again in a while, it goes on from there; with a lower "
            "`--parallel` it asks more slowly",
        )
    if word in _TAKEN:
        return TakenError(text, where=where, hint="give yours another `name:` in the manifest")
    if word in _NO_SUCH_CALL or status == 501:
        return AwsError(
            text, where=where, hint=f"{_endpoint(account)} does not know {call_of(error)}"
        )
    if status >= 500:
        return AwsError(
            f"{doing}: AWS has a fault: {_said(error)}",
            hint="run the command again, it goes on from there; https://health.aws.amazon.com "
            "tells of faults",
        )
    hint: str | None = None
    if _QUOTA.search(word):
        hint = "it is a quota of the account: delete what is not needed, or ask for more at " + (
            "https://console.aws.amazon.com/servicequotas"
        )
    elif _MISSING.search(word):
        hint = "what the manifest refers to by name or ARN has to be there before"
        if account is not None:
            hint += f", in the Region {account.region} of the account that is used"
    elif _INVALID.search(word):
        hint = "change what the manifest says of it" if resource else None
    elif "Conflict" in word or "InUse" in word or "Concurrent" in word:
        hint = "something else is changing it: run the command again in a while"
    return AwsError(text, where=where, hint=hint)


def _said(error: Any) -> str:
    """The call, AWS's sentence and AWS's word for it."""
    words = _OPENER.sub("", " ".join(message(error).split()))
    if words.startswith("<"):
        # A page, where AWS answers with a sentence.
        words = " ".join(re.sub(r"<[^>]*>", " ", words).split())
    words = words[:_LONGEST].rstrip(". ")
    word = code(error)
    shown = f" ({word})" if word and word not in words else ""
    return f"{call_of(error)}: {words or 'no reason given'}{shown}"


def _denied(error: Any, doing: str) -> DeniedError:
    words = " ".join(message(error).split())
    found = _FORBIDDEN.search(words)
    if found is None:
        return DeniedError(
            f"{doing}: the credentials may not do {call_of(error)}: {_said(error)}",
            hint="an administrator of the account has to allow it",
        )
    action, on = found["action"], found["resource"]
    who = found["who"] or "whoever the credentials are of"
    why = found["because"] or (f"there is an {found['deny']}" if found["deny"] else "")
    target = f" on {on}" if on else ""
    hint = f"an administrator has to allow {action}{target}"
    if found["deny"] or "service control policy" in why or "boundary" in why:
        hint = f"an administrator has to change that policy, so that {action} is allowed"
    return DeniedError(
        f"{doing}: {who} may not do {action}{target}"
        f"{f': {why}' if why else ''} ({call_of(error)}: {code(error)})",
        hint=hint,
    )


def _expired(doing: str, account: Account | None) -> CredentialsError:
    return CredentialsError(
        f"{doing}: the AWS credentials{_from(account)} have expired", hint=renewing(account)
    )


_RENEWING: dict[str, Callable[[str], str]] = {
    "env": lambda profile: (
        "they are in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN: set new ones"
    ),
    "sso": lambda profile: f"sign in with `aws sso login{profile}`",
    "login": lambda profile: f"sign in with `aws login{profile}`",
    "shared-credentials-file": lambda profile: "put new ones into ~/.aws/credentials",
    "config-file": lambda profile: "put new ones into ~/.aws/config",
}


def renewing(account: Account | None) -> str:
    """How the user gets fresh credentials of the kind there were."""
    method, profile = _method(account), _profile(account)
    option = f" --profile {profile}" if profile and profile != "default" else ""
    known = _RENEWING.get(method)
    return known(option) if known else "sign in again, or set AWS_PROFILE or `--profile`"


def _method(account: Account | None) -> str:
    if account is None:
        return ""
    try:
        found = account.session.get_credentials()
    except Exception:
        # They can't be had; what is being explained says why.
        return ""
    return str(getattr(found, "method", ""))


def _profile(account: Account | None) -> str:
    return str(account.session.profile_name) if account is not None else ""


def _from(account: Account | None) -> str:
    """Where the credentials are from, as far as that says something."""
    method, profile = _method(account), _profile(account)
    if method == "env":
        return " of the environment (AWS_ACCESS_KEY_ID)"
    return f" of the profile {profile}" if method and profile else ""


def _endpoint(account: Account | None) -> str:
    url = account.client("sts").meta.endpoint_url if account is not None else ""
    return f"the endpoint {url}" if url and "amazonaws" not in url else "the endpoint"

"""What keeps a request from AWS, in words: credentials, Region, network, parameters."""

from __future__ import annotations

import re
import urllib.parse
from typing import TYPE_CHECKING, Any

from lambdactl.errors import AwsError, CredentialsError, LambdactlError, UserError, did_you_mean

if TYPE_CHECKING:
    from lambdactl.deploy.account import Account

_NO_NETWORK = "look at the network, and at HTTPS_PROXY if there is a proxy"


def explained(error: Any, doing: str, account: Account | None) -> LambdactlError:
    """A ``BotoCoreError`` in words.

    :param doing: what it broke off.
    """
    from botocore import exceptions as botocore

    said = " ".join(str(error).split()).rstrip(". ")
    if isinstance(error, botocore.NoCredentialsError):
        return CredentialsError(
            f"{doing}: there are no AWS credentials",
            hint="sign in with `aws login` or `aws sso login`, choose a profile with "
            "`--profile` or AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    if isinstance(error, _kinds("PartialCredentialsError")):
        return CredentialsError(
            f"{doing}: the AWS credentials are not complete: {said}",
            hint="a key needs its id and its secret",
        )
    if isinstance(error, _kinds(*_SIGN_IN)):
        from lambdactl.deploy.explaining import renewing

        profile = f" of the profile {account.session.profile_name}" if account else ""
        return CredentialsError(
            f"{doing}: the sign-in{profile} does not hold any more: {said}", hint=renewing(account)
        )
    if isinstance(error, _kinds(*_CREDENTIALS)):
        return CredentialsError(
            f"{doing}: the AWS credentials can't be had: {said}",
            hint="look at the profile in ~/.aws/config",
        )
    if isinstance(error, _kinds("ConfigParseError", "ConfigNotFound", "InvalidConfigError")):
        return CredentialsError(f"{doing}: {said}", hint="it is one of AWS's shared files")
    if isinstance(error, botocore.NoRegionError):
        return UserError(f"{doing}: there is no AWS Region", hint="give `--region` or AWS_REGION")
    if isinstance(error, (botocore.HTTPClientError, botocore.EndpointConnectionError)):
        return _network(error, doing, said, account)
    if isinstance(error, botocore.ParamValidationError):
        return UserError(
            f"{doing}: AWS does not take this: {_report(str(error))}",
            hint="change what the manifest says of it",
        )
    if isinstance(error, botocore.WaiterError):
        return _waited(error, doing, said)
    if isinstance(error, _kinds("UnknownServiceError", "UnknownServiceProtocol")):
        return AwsError(f"{doing}: {said}", hint="a newer boto3 may know it")
    return AwsError(f"{doing}: {said}")


_SIGN_IN = (
    "SSOError",
    "TokenRetrievalError",
    "NoAuthTokenError",
    "LoginError",
)
_CREDENTIALS = (
    "CredentialRetrievalError",
    "UnknownCredentialError",
    "InfiniteLoopConfigError",
    "RefreshWithMFAUnsupportedError",
    "MetadataRetrievalError",
    "MissingDependencyException",
)


def _kinds(*names: str) -> tuple[type[Exception], ...]:
    """Classes of botocore's, those that this version has."""
    from botocore import exceptions

    return tuple(getattr(exceptions, name) for name in names if hasattr(exceptions, name))


def _network(error: Any, doing: str, said: str, account: Account | None) -> LambdactlError:
    from botocore import exceptions as botocore

    url = str(error.kwargs.get("endpoint_url") or "")
    host = urllib.parse.urlsplit(url).hostname or url
    if isinstance(error, botocore.SSLError):
        return AwsError(
            f"{doing}: {host} has a certificate that is not trusted: {said}",
            hint="where a proxy looks into TLS, AWS_CA_BUNDLE names the file with its certificate",
        )
    if isinstance(error, botocore.ProxyConnectionError):
        return AwsError(f"{doing}: {said}", hint="HTTPS_PROXY names it")
    if isinstance(error, (botocore.ReadTimeoutError, botocore.ConnectionClosedError)):
        return AwsError(
            f"{doing}: {host} did not answer to the end: {said}",
            hint="run the command again, it goes on from there",
        )
    if account is not None and host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        from lambdactl.deploy.session import known_regions

        known = known_regions(account.session)
        if account.region not in known:
            return UserError(
                f"{doing}: {host} can't be reached, and AWS has no Region {account.region!r} that "
                "botocore knows",
                hint=did_you_mean(account.region, known) or _NO_NETWORK,
            )
    if not host:
        return AwsError(f"{doing}: AWS can't be reached: {said}", hint=_NO_NETWORK)
    hint = _NO_NETWORK
    if "amazonaws" not in host:
        hint = "AWS_ENDPOINT_URL, `--endpoint-url` or the profile leads there: is it running?"
    return AwsError(f"{doing}: {url} can't be reached", hint=hint)


def _report(text: str) -> str:
    """botocore's list of what is wrong with parameters, on one line."""
    lines = [line.strip().rstrip(".") for line in text.splitlines()]
    return "; ".join(line for line in lines if line and line != "Parameter validation failed:")


def _waited(error: Any, doing: str, said: str) -> AwsError:
    """A waiter gave up, or saw something that never gets well."""
    last = getattr(error, "last_response", None) or {}
    state = last.get("Configuration", last) if isinstance(last, dict) else {}
    reasons = [
        str(state[key])
        for key in ("StateReason", "LastUpdateStatusReason")
        if isinstance(state, dict) and state.get(key)
    ]
    reason = reasons[0].rstrip(". ") if reasons else re.sub(r"^Waiter \S+ failed: ", "", said)
    return AwsError(f"{doing}: {reason}", hint="run the command again, it goes on from there")

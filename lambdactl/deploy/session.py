"""The user's session of AWS: which credentials, which Region, which endpoint.

Profiles, SSO, assumed roles and ``AWS_ENDPOINT_URL`` are boto3's business
(https://docs.aws.amazon.com/boto3/latest/guide/configuration.html). ``AWS_REGION`` is ours: the
AWS CLI and the other SDKs read it, boto3 reads only ``AWS_DEFAULT_REGION``
(https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html).
"""

from __future__ import annotations

import os
import time
import urllib.parse

from lambdactl.deploy.account import Account, Clock
from lambdactl.errors import UserError, did_you_mean


class SystemClock:
    """A :class:`~lambdactl.deploy.account.Clock` that goes with the world."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def account(
    *,
    profile: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    clock: Clock | None = None,
) -> Account:
    """The account that the user's session leads to. AWS is not asked for anything yet.

    :param profile: of the shared files; it goes before the environment's credentials.
    :param region: in place of the environment's and the profile's.
    :param endpoint_url: in place of AWS, for all services.
    :raises UserError: there is no such profile, no Region, or what was given is malformed.
    :raises CredentialsError: the shared files can't be read.
    """
    import boto3
    import botocore.exceptions

    # botocore makes its own of them, and says so more than once.
    if endpoint_url is not None and not _is_url(endpoint_url):
        raise UserError(
            f"the endpoint {endpoint_url!r} is not a URL", hint="as http://127.0.0.1:5000"
        )
    region = region or os.environ.get("AWS_REGION") or None
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
    except botocore.exceptions.ProfileNotFound as error:
        raise _no_profile(error) from error
    except botocore.exceptions.BotoCoreError as error:
        from lambdactl.deploy.explaining import explained

        raise explained(error, doing="reading the AWS configuration") from error
    # A variable that is set to nothing names none either.
    if not session.region_name:
        raise UserError(
            "there is no AWS Region",
            hint="give `--region eu-west-1`, set AWS_REGION, or write `region = ...` into the "
            "profile in ~/.aws/config",
        )
    _check_region(session.region_name, known_regions(session))
    return Account(session, clock or SystemClock(), endpoint_url=endpoint_url)


def known_regions(session: object) -> list[str]:
    """All Regions that botocore has heard of. AWS may have opened others since."""
    ask = session.get_available_regions  # type: ignore[attr-defined]
    partitions = session.get_available_partitions()  # type: ignore[attr-defined]
    return [name for partition in partitions for name in ask("lambda", partition_name=partition)]


def _check_region(region: str, known: list[str]) -> None:
    import botocore.exceptions
    from botocore.utils import validate_region_name

    try:
        validate_region_name(region)
    except botocore.exceptions.InvalidRegionError as error:
        raise UserError(
            f"{region!r} is not the name of an AWS Region",
            hint=did_you_mean(region, known) or "as eu-west-1",
        ) from error


def _no_profile(error: Exception) -> UserError:
    import botocore.session

    name = str(getattr(error, "kwargs", {}).get("profile", ""))
    # Without a profile: that of the environment is the one that is missing.
    bare = botocore.session.Session()
    bare.set_config_variable("profile", None)
    try:
        found = sorted(bare.full_config.get("profiles", {}))
    except Exception:
        found = []
    listed = f"there is: {', '.join(found)}" if found else "`aws configure` makes profiles"
    return UserError(
        f"there is no AWS profile {name!r} in ~/.aws/config or ~/.aws/credentials",
        hint=did_you_mean(name, found) or listed,
    )


def _is_url(text: str) -> bool:
    parts = urllib.parse.urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.hostname)

"""The user's AWS credentials for the function, if there are any.

The order is that of AWS's SDKs (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html):
the environment, then the chosen profile. Keys that stand in a file are read directly; only a
profile that needs more (a sign-in, an assumed role, a credential process) costs an import of
botocore. The services that give credentials to a machine or a container in AWS are not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from lambdactl.manifest.profile import chosen, region, section

__all__ = ["find", "region"]

_NAMES = {
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
}

# What a profile may hold instead of keys; the first kind goes before keys in the same profile
# (botocore's credentials.py; https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html).
_BEFORE_KEYS = {"role_arn", "sso_session", "sso_start_url"}
_AFTER_KEYS = {"login_session", "credential_process"}


def find(
    shell: Mapping[str, str], warn: Callable[[str], None] = lambda message: None
) -> dict[str, str]:
    """Credentials as environment variables; empty when the user's session has none.

    :param shell: the user's environment.
    :param warn: told of a profile that should have given credentials and didn't. An expired
        sign-in is no reason not to run a function that may not need AWS at all.
    """
    if shell.get("AWS_ACCESS_KEY_ID") and shell.get("AWS_SECRET_ACCESS_KEY"):
        return {name: shell[name] for name in _NAMES.values() if shell.get(name)}
    profile, shared, config = chosen(shell)
    in_shared, in_config = section(shared, profile, plain=True), section(config, profile)
    kinds = {**in_config, **in_shared}.keys()
    if not _BEFORE_KEYS & kinds and (keys := _keys(in_shared)):
        return keys
    if (_BEFORE_KEYS | _AFTER_KEYS) & kinds:
        return _resolve(profile, shared, config, warn)
    return _keys(in_config)


def _keys(section: Mapping[str, str]) -> dict[str, str]:
    if section.get("aws_access_key_id") and section.get("aws_secret_access_key"):
        return {_NAMES[key]: value for key, value in section.items() if key in _NAMES and value}
    return {}


def _resolve(
    profile: str, shared: Path, config: Path, warn: Callable[[str], None]
) -> dict[str, str]:
    import botocore.exceptions
    import botocore.session

    session = botocore.session.Session(profile=profile)
    session.set_config_variable("credentials_file", str(shared))
    session.set_config_variable("config_file", str(config))
    try:
        found = session.get_credentials()
        keys = found.get_frozen_credentials() if found is not None else None
    except (
        botocore.exceptions.BotoCoreError,
        botocore.exceptions.ClientError,
        # Of a credential process that isn't there, or that doesn't print JSON.
        OSError,
        ValueError,
    ) as error:
        warn(f"the profile {profile} gives no AWS credentials: {error}")
        return {}
    if keys is None:
        return {}
    values = (keys.access_key, keys.secret_key, keys.token)
    return {name: value for name, value in zip(_NAMES.values(), values, strict=True) if value}

"""The user's AWS credentials for the function, if there are any.

The order is that of AWS's SDKs (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html):
the environment, then the chosen profile. Keys that stand in a file are read directly; only a
profile that needs more (a sign-in, an assumed role, a credential process) costs an import of
botocore. The services that give credentials to a machine or a container in AWS are not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

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
    profile, shared, config = _profile(shell)
    in_shared, in_config = _section(shared, profile, plain=True), _section(config, profile)
    kinds = {**in_config, **in_shared}.keys()
    if not _BEFORE_KEYS & kinds and (keys := _keys(in_shared)):
        return keys
    if (_BEFORE_KEYS | _AFTER_KEYS) & kinds:
        return _resolve(profile, shared, config, warn)
    return _keys(in_config)


def region(shell: Mapping[str, str]) -> str:
    """The Region that functions run in: the environment's, the profile's, else us-east-1."""
    if found := shell.get("AWS_REGION") or shell.get("AWS_DEFAULT_REGION"):
        return found
    profile, _, config = _profile(shell)
    return _section(config, profile).get("region") or "us-east-1"


def _profile(shell: Mapping[str, str]) -> tuple[str, Path, Path]:
    """The name of the chosen profile, and the files with credentials and configuration."""
    home = Path(shell.get("HOME", str(Path.home())))
    return (
        shell.get("AWS_PROFILE") or shell.get("AWS_DEFAULT_PROFILE") or "default",
        Path(shell.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws/credentials").expanduser(),
        Path(shell.get("AWS_CONFIG_FILE") or home / ".aws/config").expanduser(),
    )


def _section(path: Path, profile: str, *, plain: bool = False) -> dict[str, str]:
    """What a file says of ``profile``. The configuration file calls all but the default
    ``[profile name]``; the ``plain`` one with credentials just ``[name]``."""
    if not path.is_file():
        return {}
    import configparser
    import shlex

    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return {}
    for name in parser.sections():
        try:
            words = [name] if plain else shlex.split(name)
        except ValueError:
            continue
        if words == ["profile", profile] or (
            words == [profile] and (plain or profile == "default")
        ):
            return dict(parser.items(name))
    return {}


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

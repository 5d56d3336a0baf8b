"""The user's AWS credentials for the function, if there are any.

The order is that of AWS's SDKs (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html):
the environment, then the chosen profile. Keys that stand in the shared credentials file are read
directly; only a profile that needs more (SSO, an assumed role, a credential process) costs an
import of botocore.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_NAMES = {
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
}


def find(shell: Mapping[str, str]) -> dict[str, str]:
    """Credentials as environment variables; empty when the user's session has none.

    :param shell: the user's environment.
    """
    if shell.get("AWS_ACCESS_KEY_ID") and shell.get("AWS_SECRET_ACCESS_KEY"):
        return {name: shell[name] for name in _NAMES.values() if shell.get(name)}
    home = Path(shell.get("HOME", str(Path.home())))
    profile = shell.get("AWS_PROFILE") or shell.get("AWS_DEFAULT_PROFILE") or "default"
    shared = Path(shell.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials")
    config = Path(shell.get("AWS_CONFIG_FILE") or home / ".aws" / "config")
    keys = _section(shared.expanduser(), profile)
    if "aws_access_key_id" in keys and "aws_secret_access_key" in keys:
        return {_NAMES[key]: value for key, value in keys.items() if key in _NAMES}
    section = "default" if profile == "default" else f"profile {profile}"
    if _section(config.expanduser(), section):
        return _resolve(profile)
    return {}


def _section(path: Path, name: str) -> dict[str, str]:
    if not path.is_file():
        return {}
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return {}
    return dict(parser.items(name)) if parser.has_section(name) else {}


def _resolve(profile: str) -> dict[str, str]:
    import botocore.exceptions
    import botocore.session

    try:
        found = botocore.session.Session(profile=profile).get_credentials()
        if found is None:
            return {}
        keys = found.get_frozen_credentials()
    except botocore.exceptions.BotoCoreError:
        # An expired sign-in is no reason not to run a function that may not need AWS at all.
        return {}
    values = {
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_SESSION_TOKEN": keys.token,
    }
    return {name: value for name, value in values.items() if value}


def region(shell: Mapping[str, str]) -> str:
    """The Region that functions run in: the environment's, the profile's, else us-east-1."""
    if found := shell.get("AWS_REGION") or shell.get("AWS_DEFAULT_REGION"):
        return found
    home = Path(shell.get("HOME", str(Path.home())))
    profile = shell.get("AWS_PROFILE") or shell.get("AWS_DEFAULT_PROFILE") or "default"
    section = "default" if profile == "default" else f"profile {profile}"
    config = Path(shell.get("AWS_CONFIG_FILE") or home / ".aws" / "config")
    return _section(config.expanduser(), section).get("region", "us-east-1")

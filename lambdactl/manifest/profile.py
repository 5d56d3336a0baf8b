"""The user's AWS profile: which one is chosen, and what the shared files say of it; where a
manifest is read for.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ACCOUNT = "123456789012"
"""The account where none is known: on this machine there is none."""


def chosen(env: Mapping[str, str]) -> tuple[str, Path, Path]:
    """The name of the chosen profile, and the files with credentials and configuration."""
    home = Path(env.get("HOME", str(Path.home())))
    return (
        env.get("AWS_PROFILE") or env.get("AWS_DEFAULT_PROFILE") or "default",
        Path(env.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws/credentials").expanduser(),
        Path(env.get("AWS_CONFIG_FILE") or home / ".aws/config").expanduser(),
    )


def section(path: Path, profile: str, *, plain: bool = False) -> dict[str, str]:
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


def region(env: Mapping[str, str]) -> str:
    """The Region that functions run in, and that a template is read for: the environment's, the
    profile's, else us-east-1 (https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html)."""
    if found := env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION"):
        return found
    profile, _, config = chosen(env)
    return section(config, profile).get("region") or "us-east-1"


def account(env: Mapping[str, str]) -> str:
    """The account that a manifest is read for
    (https://docs.aws.amazon.com/sdkref/latest/guide/feature-account-endpoints.html)."""
    return env.get("AWS_ACCOUNT_ID") or ACCOUNT


def partition(region: str) -> str:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""
    china, gov = region.startswith("cn-"), region.startswith("us-gov-")
    return "aws-cn" if china else "aws-us-gov" if gov else "aws"

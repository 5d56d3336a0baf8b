"""The Region that a template is read for: the one that functions run in.

:func:`lambdactl.execution.credentials.region` says which that is; this room imports none above it,
so a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def region(env: Mapping[str, str]) -> str:
    """The environment's Region, that of the chosen profile, else us-east-1.
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html"""
    found = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION")
    if found:
        return found
    profile = env.get("AWS_PROFILE") or env.get("AWS_DEFAULT_PROFILE") or "default"
    home = env.get("HOME")
    written = env.get("AWS_CONFIG_FILE") or (f"{home}/.aws/config" if home else None)
    config = Path(written).expanduser() if written else None
    return (config is not None and _of_profile(config, profile)) or "us-east-1"


def _of_profile(config: Path, profile: str) -> str | None:
    if not config.is_file():
        return None
    import configparser
    import shlex

    parser = configparser.RawConfigParser()
    try:
        parser.read(config, encoding="utf-8")
        for name in parser.sections():
            words = shlex.split(name)
            if words == ["profile", profile] or (words == [profile] and profile == "default"):
                return parser.get(name, "region", fallback=None)
    except (configparser.Error, ValueError, OSError):
        return None
    return None

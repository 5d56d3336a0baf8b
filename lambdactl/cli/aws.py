"""Options that say which account is meant."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from lambdactl.deploy.model import Context
    from lambdactl.manifest.model import App

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class AwsOptions:
    """Which session the user asked for; None leaves it to the environment."""

    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None

    @property
    def given(self) -> list[str]:
        """The options that were given."""
        named = {
            "--profile": self.profile,
            "--region": self.region,
            "--endpoint-url": self.endpoint_url,
        }
        return [name for name, value in named.items() if value is not None]

    def environment(self, shell: Mapping[str, str]) -> dict[str, str]:
        """``shell`` as a manifest sees it: SAM templates ask for the Region."""
        chosen = {"AWS_REGION": self.region, "AWS_PROFILE": self.profile}
        return {**shell, **{name: value for name, value in chosen.items() if value}}

    def context(self, app: App, tell: Callable[[str], None] = lambda words: None) -> Context:
        """The account, and names in it.

        :raises CredentialsError: there are none, or AWS does not know them.
        :raises UserError: there is no such profile, or no Region.
        """
        from lambdactl.deploy import session
        from lambdactl.deploy.explaining import in_words
        from lambdactl.deploy.model import Context
        from lambdactl.deploy.naming import Naming

        account = session.account(
            profile=self.profile, region=self.region, endpoint_url=self.endpoint_url
        )
        with in_words("asking AWS who you are", account):
            naming = Naming(app, account.partition, account.region, account.id)
        return Context(account, naming, tell)


def aws_options(command: F) -> F:
    """``--profile``, ``--region`` and ``--endpoint-url``; the command gets all of it as ``aws``."""

    @functools.wraps(command)
    def bundled(*arguments: Any, **rest: Any) -> Any:
        own = {name: rest.pop(name) for name in AwsOptions.__dataclass_fields__}
        return command(*arguments, aws=AwsOptions(**own), **rest)

    for option in (
        click.option("--endpoint-url", metavar="URL", help="In place of AWS, for all services."),
        click.option("--region", metavar="NAME", help="The AWS Region [that of your session]."),
        click.option("--profile", metavar="NAME", help="Of ~/.aws/config [AWS_PROFILE]."),
    ):
        bundled = option(bundled)
    return cast(F, bundled)

"""Names and ARNs in AWS of everything that a manifest speaks of.

The name in AWS is the manifest's ``name:``, as it stands, else the key; with a stage the stage is
appended (``hello-prod``), so that stages live side by side in one account. A queue, table, topic,
bucket or stream of the ``resources`` section has its name by the same rule; any other name or ARN
in a trigger or destination is that of something that is there already, as it is written.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lambdactl.deploy.model import HASH, SERVICE, STAGE
from lambdactl.manifest.model import App, Destination

NO_STAGE = "default"
"""The stage in tags where the manifest is deployed without one."""

_ROLE_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Naming:
    """:ivar partition: ``aws``, ``aws-cn``, ``aws-us-gov``."""

    app: App
    partition: str
    region: str
    account: str

    @property
    def service(self) -> str:
        return self.app.service

    @property
    def stage(self) -> str:
        return self.app.stage or NO_STAGE

    @property
    def owner(self) -> tuple[str, str]:
        return self.service, self.stage

    def tags(self, digest: str | None = None) -> dict[str, str]:
        """The tags of something of ours."""
        found = {SERVICE: self.service, STAGE: self.stage}
        return {**found, HASH: digest} if digest is not None else found

    def staged(self, name: str) -> str:
        """``name`` with the stage, for what the manifest gives no name in AWS."""
        return f"{name}-{self.app.stage}" if self.app.stage else name

    def function(self, name: str) -> str:
        """The name in AWS of the manifest's function ``name``."""
        function = self.app.functions[name]
        return function.aws_name or self.staged(name)

    def function_arn(self, name: str, qualifier: str | None = None) -> str:
        """:param name: of a function of the manifest, else as it is in AWS; or an ARN."""
        if name.startswith("arn:"):
            return name
        known = self.function(name) if name in self.app.functions else name
        arn = self.arn("lambda", f"function:{known}")
        return f"{arn}:{qualifier}" if qualifier and qualifier != "$LATEST" else arn

    def role(self, name: str) -> str:
        """The name of the role that is made for the function ``name``. Roles belong to no Region,
        so the Region is in it."""
        return shortened(f"{self.function(name)}-{self.region}", _ROLE_LENGTH)

    @property
    def role_path(self) -> str:
        """The path of all roles of this service and stage: they are found by it."""
        return f"/lambdactl/{_plain(self.service)}/{_plain(self.stage)}/{self.region}/"

    def role_arn(self, name: str) -> str:
        """Of the role of the function ``name``: the manifest's, or the one that is made."""
        role = self.app.functions[name].role
        if role is not None and role.arn is not None:
            return role.arn
        return f"arn:{self.partition}:iam::{self.account}:role{self.role_path}{self.role(name)}"

    def owned_name(self, section: str, name: str) -> str:
        """The name in AWS of ``name`` of ``resources.<section>`` (``queues``), or ``name`` itself
        where the section has none."""
        return self._owned(section, name) or name

    def is_owned(self, section: str, name: str) -> bool:
        return self._owned(section, name) is not None

    def _owned(self, section: str, name: str) -> str | None:
        found: Mapping[str, object] = getattr(self.app.resources, section)
        if name not in found:
            return None
        aws_name = getattr(found[name], "aws_name", None)
        if aws_name:
            return str(aws_name)
        staged = self.staged(name.removesuffix(".fifo"))
        fifo = getattr(found[name], "fifo", False)
        return f"{staged}.fifo" if fifo else staged

    def queue_arn(self, name: str) -> str:
        return self._named("sqs", "queues", name, "")

    def topic_arn(self, name: str) -> str:
        return self._named("sns", "topics", name, "")

    def table_arn(self, name: str) -> str:
        return self._named("dynamodb", "tables", name, "table/")

    def stream_arn(self, name: str) -> str:
        """Of a Kinesis stream."""
        return self._named("kinesis", "streams", name, "stream/")

    def bus_arn(self, name: str) -> str:
        return name if name.startswith("arn:") else self.arn("events", f"event-bus/{name}")

    def bucket(self, name: str) -> str:
        """:param name: of a bucket, or its ARN."""
        return (
            name.rpartition(":")[2] if name.startswith("arn:") else self.owned_name("buckets", name)
        )

    def bucket_arn(self, name: str) -> str:
        return name if name.startswith("arn:") else f"arn:{self.partition}:s3:::{self.bucket(name)}"

    def arn_of(self, destination: Destination) -> str:
        """Of a destination or dead letter queue."""
        arns: dict[str, Callable[[str], str]] = {
            "sqs": self.queue_arn,
            "sns": self.topic_arn,
            "lambda": self.function_arn,
            "eventbridge": self.bus_arn,
            "s3": self.bucket_arn,
            "kafka": str,
        }
        return arns[destination.kind](destination.target)

    def log_group(self, name: str) -> str:
        """Of the function ``name``."""
        return self.app.functions[name].logging.group or f"/aws/lambda/{self.function(name)}"

    def arn(self, service: str, rest: str) -> str:
        """An ARN in this account and Region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{rest}"

    def _named(self, service: str, section: str, name: str, before: str) -> str:
        if name.startswith("arn:"):
            return name
        return self.arn(service, before + self.owned_name(section, name))


def shortened(name: str, longest: int) -> str:
    """``name``, with a digest in place of its end where it is too long.

    >>> shortened("abc", 64)
    'abc'
    """
    if len(name) <= longest:
        return name
    end = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: longest - 9]}-{end}"


def _plain(word: str) -> str:
    # Of a path of IAM any visible ASCII character is allowed, but "/" separates.
    return re.sub(r"[^\x21-\x2e\x30-\x7e]", "-", word)

"""How lambdactl marks schedules as its own.

Schedules take no tags, but their groups do
(https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-group-tagging.html). So
each service and stage has a group of its own for them. A schedule that the manifest puts into
another group is noted in the tags of ours. Each says in its description whose it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lambdactl.deploy.naming import Naming, shortened

_GROUP_LENGTH = 64
_MARK = re.compile(r"lambdactl (.+)/(.+) ([0-9a-f]{16})(?: from (\S+))?")
ELSEWHERE = "lambdactl:group:"
"""How the tags of our group begin that name other groups with schedules of ours in them."""


def own_group(naming: Naming) -> str:
    """The name of the group of the service and stage."""
    words = re.sub(r"[^0-9A-Za-z._-]", "-", f"lambdactl-{naming.service}-{naming.stage}")
    return shortened(words, _GROUP_LENGTH)


@dataclass(frozen=True, slots=True)
class Mark:
    """What the description of a schedule of lambdactl's says.

    :ivar digest: what it was deployed as.
    :ivar start: its beginning, where that was over when it was deployed: AWS takes none that is.
    """

    owner: tuple[str, str]
    digest: str
    start: str | None = None

    def __str__(self) -> str:
        service, stage = self.owner
        words = f"lambdactl {service}/{stage} {self.digest}"
        return f"{words} from {self.start}" if self.start else words


def marked(description: str) -> Mark | None:
    """None: it is not lambdactl's.

    >>> marked("lambdactl shop/prod 0123456789abcdef").owner
    ('shop', 'prod')
    """
    found = _MARK.fullmatch(description)
    return Mark((found[1], found[2]), found[3], found[4]) if found else None

"""What an order is. In Lambda this is /opt/python/orders.py: `import orders` finds it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


class NotAnOrder(ValueError):
    """A message that no function can do anything with."""


@dataclass(frozen=True, order=True)
class Line:
    article: str
    quantity: int
    cents: int
    """The price of one."""


@dataclass(frozen=True)
class Order:
    id: str
    lines: tuple[Line, ...]


def orders(event: dict[str, Any]) -> Iterator[Order]:
    """The orders of an event of SNS.

    :raises NotAnOrder: a message is something else. Lambda then tries again, and at last passes
        the event on to the queue for failures.
    """
    for record in event["Records"]:
        yield parse(record["Sns"]["Message"])


def parse(message: str) -> Order:
    try:
        order = json.loads(message)
        lines = tuple(Line(**line) for line in order["lines"])
        if any(line.quantity < 1 or line.cents < 0 for line in lines):
            raise ValueError("a quantity or a price is too small")
        return Order(order["id"], lines)
    except (ValueError, TypeError, KeyError) as error:
        raise NotAnOrder(f"{error}: {message}") from error

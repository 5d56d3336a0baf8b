"""Writes the invoice of each order."""

from typing import Any

from orders import Order, orders


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """What each order costs, in cents."""
    totals = {order.id: total(order) for order in orders(event)}
    for id, cents in totals.items():
        print(f"invoice of order {id}: {cents // 100}.{cents % 100:02}")
    return totals


def total(order: Order) -> int:
    return sum(line.quantity * line.cents for line in order.lines)

"""Tells the warehouse what to pack for each order."""

from typing import Any

from orders import orders


def handler(event: dict[str, Any], context: object) -> dict[str, list[str]]:
    """What goes into each parcel, in the order of the shelves: by article."""
    parcels = {
        order.id: [f"{line.quantity} x {line.article}" for line in sorted(order.lines)]
        for order in orders(event)
    }
    for id, content in parcels.items():
        print(f"pack for order {id}: {', '.join(content)}")
    return parcels

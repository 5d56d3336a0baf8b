"""Reminds, every morning, of what is due soon.

What day it is comes from the event, not from the clock: a delivery that is late, tried again, or
made by hand for another day gives what that day's would have given.
"""

import json
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

DAYS_AHEAD = timedelta(days=int(os.environ.get("DAYS_AHEAD", "30")))
RENEWALS = json.loads(Path(__file__).with_name("renewals.json").read_text("utf-8"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    # In UTC, which at seven in the morning of `timezone` is the same day.
    today = date.fromisoformat(event["time"][:10])
    due = due_soon(today)
    if due:
        notify(f"Due until {today + DAYS_AHEAD}:", [f"{r['due']} {r['what']}" for r in due])
    return {"day": today.isoformat(), "due": due}


def due_soon(today: date) -> list[dict[str, str]]:
    """What is due in the next days or overdue, the earliest first."""
    last = (today + DAYS_AHEAD).isoformat()
    return sorted((r for r in RENEWALS if r["due"] <= last), key=lambda r: r["due"])


def notify(subject: str, lines: list[str]) -> None:
    """Stands for a message, such as `boto3.client("sns").publish(...)`."""
    print(subject, *lines, sep="\n  ")

import json
from datetime import date
from pathlib import Path

import app
import pytest
from lambdactl import Local

PROJECT = Path(__file__).parent.parent
EVENT = json.loads((PROJECT / "events" / "morning.json").read_text())


@pytest.mark.parametrize(
    ("today", "due"),
    [
        (date(2026, 1, 1), []),
        (date(2026, 2, 7), ["2026-03-09"]),
        (date(2026, 3, 1), ["2026-03-09", "2026-03-24"]),
        (date(2026, 12, 1), ["2026-03-09", "2026-03-24", "2026-11-30"]),
    ],
)
def test_what_is_due_soon_or_overdue(today, due):
    assert [renewal["due"] for renewal in app.due_soon(today)] == due


def test_nothing_due_is_no_message(monkeypatch):
    messages = []
    monkeypatch.setattr(app, "notify", lambda *message: messages.append(message))
    assert app.handler({**EVENT, "time": "2026-01-01T06:00:00Z"}, None)["due"] == []
    app.handler(EVENT, None)
    assert len(messages) == 1


def test_in_a_local_lambda():
    with Local(PROJECT / "lambdactl.yaml", env={"DAYS_AHEAD": "10"}) as fn:
        result = fn.invoke("reminder", EVENT)
    assert result.json()["day"] == "2026-03-01"
    assert [renewal["due"] for renewal in result.json()["due"]] == ["2026-03-09"]
    assert "Due until 2026-03-11:" in result.log

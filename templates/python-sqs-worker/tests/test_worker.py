import json
from pathlib import Path
from types import SimpleNamespace

import app
import pytest
from lambdactl import Local

PROJECT = Path(__file__).parent.parent
EVENT = json.loads((PROJECT / "events" / "mails.json").read_text())


def batch(*bodies):
    """The event with these messages, whose IDs are 0, 1, 2, ..."""
    record = EVENT["Records"][0]
    return {
        "Records": [{**record, "messageId": str(i), "body": body} for i, body in enumerate(bodies)]
    }


def with_time(milliseconds):
    return SimpleNamespace(get_remaining_time_in_millis=lambda: milliseconds)


@pytest.fixture
def sent(monkeypatch):
    mails = []
    monkeypatch.setattr(app, "send", mails.append)
    return mails


def test_every_message_is_a_mail(sent):
    assert app.handler(EVENT, with_time(30_000)) == {"batchItemFailures": []}
    assert [mail.text for mail in sent] == ["Welcome, Ada!"] * 2


@pytest.mark.parametrize("bad", ["", "not JSON", "[]", '{"to": "eve@example.com"}'])
def test_only_the_message_that_failed_comes_again(sent, bad):
    good = '{"to": "bob@example.com", "name": "Bob"}'
    response = app.handler(batch(good, bad, good), with_time(30_000))
    assert response == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert [mail.id for mail in sent] == ["0", "2"]


def test_what_there_is_no_time_for_comes_again(sent):
    response = app.handler(EVENT, with_time(500))
    assert len(response["batchItemFailures"]) == len(EVENT["Records"])
    assert not sent


def test_in_a_local_lambda():
    with Local(PROJECT / "lambdactl.yaml") as fn:
        result = fn.invoke("worker", batch(EVENT["Records"][0]["body"], "not JSON"))
    assert result.json() == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert "to ada@example.com: Welcome, Ada!" in result.log
    assert "message 1 failed" in result.log

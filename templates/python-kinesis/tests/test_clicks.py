import base64
import json
from pathlib import Path

import app
import pytest
from lambdactl import Local

PROJECT = Path(__file__).parent.parent
EVENT = json.loads((PROJECT / "events" / "clicks.json").read_text())
GOOD = '{"user": "ada", "page": "/"}'


def batch(*texts):
    """The event with these records, whose sequence numbers are 0, 1, 2, ..."""
    record = EVENT["Records"][0]
    records = []
    for number, text in enumerate(texts):
        data = {"data": base64.b64encode(text.encode()).decode(), "sequenceNumber": str(number)}
        records.append({**record, "eventID": str(number), "kinesis": data})
    return {"Records": records}


@pytest.fixture
def saved(monkeypatch):
    clicks = []
    monkeypatch.setattr(app, "save", clicks.append)
    return clicks


def test_every_record_is_saved_in_order(saved):
    assert app.handler(batch(GOOD, GOOD), None) == {"batchItemFailures": []}
    assert saved == [app.Click("0", "ada", "/"), app.Click("1", "ada", "/")]


@pytest.mark.parametrize("bad", ["", "not JSON", "[]", '{"user": "ada"}', '{"user": 1, "page": 2}'])
def test_what_can_not_be_read_holds_up_nothing(saved, bad):
    assert app.handler(batch(bad, GOOD), None) == {"batchItemFailures": []}
    assert [click.id for click in saved] == ["1"]


def test_it_stops_at_the_first_that_can_not_be_saved(monkeypatch):
    tried = []

    def save(click):
        tried.append(click.id)
        if click.id == "1":
            raise ConnectionError("no database")

    monkeypatch.setattr(app, "save", save)
    response = app.handler(batch(GOOD, GOOD, GOOD), None)
    assert response == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert tried == ["0", "1"]


def test_in_a_local_lambda():
    with Local(PROJECT / "lambdactl.yaml") as fn:
        result = fn.invoke("clicks", EVENT)
    assert result.json() == {"batchItemFailures": []}
    assert result.log.count("ada saw /pricing") == 3

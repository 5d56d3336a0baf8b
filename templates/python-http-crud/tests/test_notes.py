import base64
import json
from pathlib import Path

import pytest
from lambdactl import Local

PROJECT = Path(__file__).parent.parent
CREATE = json.loads((PROJECT / "events" / "create.json").read_text())
NOTE = {"title": "Milk", "text": "two bottles"}


@pytest.fixture(scope="module")
def fn():
    with Local(PROJECT / "lambdactl.yaml") as running:
        yield running


@pytest.fixture
def call(fn):
    def call(route, note_id=None, note=None, **changes):
        event = {**CREATE, "routeKey": route, "pathParameters": {"id": note_id}}
        result = fn.invoke("notes", {**event, "body": json.dumps(note), **changes})
        assert result.function_error is None, result.log
        response = result.json()
        return response["statusCode"], json.loads(response.get("body", "null"))

    return call


def test_the_event_creates_a_note(fn):
    response = fn.invoke("notes", CREATE).json()
    note = json.loads(response["body"])
    assert response["statusCode"] == 201
    assert response["headers"]["location"] == f"/notes/{note['id']}"
    assert note == {"id": note["id"], "title": "Milk", "text": ""}


def test_the_life_of_a_note(call):
    _, note = call("POST /notes", note={"title": "Bread"})
    assert call("GET /notes/{id}", note["id"]) == (200, {**note, "title": "Bread", "text": ""})
    assert call("PUT /notes/{id}", note["id"], NOTE) == (200, {**note, **NOTE})
    assert {**note, **NOTE} in call("GET /notes")[1]["notes"]
    assert call("DELETE /notes/{id}", note["id"]) == (204, None)
    assert call("GET /notes/{id}", note["id"])[0] == 404


@pytest.mark.parametrize("route", ["GET /notes/{id}", "PUT /notes/{id}", "DELETE /notes/{id}"])
def test_a_note_that_is_not_there(call, route):
    assert call(route, "nobody", NOTE) == (404, {"error": "there is no such note"})


@pytest.mark.parametrize(
    ("body", "status"),
    [("{", 400), ("[]", 422), ('{"title": " "}', 422), ('{"title": "Milk", "text": 2}', 422)],
)
def test_a_body_that_is_no_note_is_refused(call, body, status):
    code, content = call("POST /notes", body=body)
    assert code == status
    assert content["error"]


def test_a_body_may_come_in_base64(call):
    body = base64.b64encode(json.dumps(NOTE).encode()).decode()
    assert call("POST /notes", body=body, isBase64Encoded=True)[0] == 201

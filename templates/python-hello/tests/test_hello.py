import json
from pathlib import Path

import pytest
from app import handler
from lambdactl import Local

PROJECT = Path(__file__).parent.parent
EVENT = json.loads((PROJECT / "events" / "upload.json").read_text())


def test_the_handler_alone():
    assert handler(EVENT, None)["objects"] == [
        {"bucket": "photos", "key": "in/my cat.jpg", "size": 1024}
    ]


def test_no_record_is_fine():
    assert handler({}, None) == {"message": "hello, world", "objects": []}


@pytest.fixture(scope="module")
def fn():
    with Local(PROJECT / "lambdactl.yaml") as running:
        yield running


def test_in_a_local_lambda(fn):
    result = fn.invoke("hello", EVENT)
    assert result.function_error is None
    assert result.json()["message"] == "hello, in/my cat.jpg"
    assert "photos/in/my cat.jpg (1024 bytes)" in result.log

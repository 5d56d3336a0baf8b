import json
from pathlib import Path

import pytest
from lambdactl import Local

PROJECT = Path(__file__).parent.parent
EVENT = json.loads((PROJECT / "events" / "order.json").read_text())


@pytest.fixture(scope="module")
def fn():
    with Local(PROJECT / "lambdactl.yaml") as running:
        yield running


def with_message(message):
    [record] = EVENT["Records"]
    return {"Records": [{**record, "Sns": {**record["Sns"], "Message": message}}]}


def test_an_invoice(fn):
    result = fn.invoke("invoice", EVENT)
    assert result.json() == {"A-1": 900}
    assert "invoice of order A-1: 9.00" in result.log


def test_a_parcel(fn):
    tea, cup = ({"article": name, "quantity": 2, "cents": 330} for name in ("tea", "cup"))
    result = fn.invoke("packing", with_message(json.dumps({"id": "A-2", "lines": [tea, cup]})))
    assert result.json() == {"A-2": ["2 x cup", "2 x tea"]}


@pytest.mark.parametrize("function", ["invoice", "packing"])
@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        '{"id": "A-2"}',
        '{"id": "A-2", "lines": [{"article": "tea"}]}',
        '{"id": "A-2", "lines": [{"article": "tea", "quantity": -1, "cents": 450}]}',
    ],
)
def test_what_is_no_order_fails_in_both(fn, function, message):
    result = fn.invoke(function, with_message(message))
    assert result.function_error == "Unhandled"
    assert result.json()["errorType"] == "NotAnOrder"

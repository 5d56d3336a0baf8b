"""Templates as people have them: valid, their triggers listed, their functions run, converted."""

from __future__ import annotations

import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from lambdactl import manifest
from lambdactl.local import Local
from lambdactl.manifest import App, check_code
from lambdactl.manifest.owned import Resources
from lambdactl.manifest.sam.convert import convert
from tests.manifest.sam.test_sam_apis import served

HERE = Path(__file__).parent / "templates"
ACCOUNT = "123456789012"
TEMPLATES: dict[str, dict[str, tuple[list[str], dict[str, str]]]] = {
    "http-api": {
        "ReadFunction": (
            ["http", "http"],
            {"PORT": "3306", "STAGE": "dev", "ENDPOINT": "Endpoint", "REGION": "us-east-1"},
        )
    },
    "chat": {
        "OnConnect": (["websocket"], {"TABLE_NAME": "chat_connections"}),
        "SendMessage": (
            ["websocket"],
            {"TABLE_ARN": f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/chat_connections"},
        ),
    },
    "streams": {
        "OnChange": (["dynamodb"], {}),
        "OnClick": (["kinesis"], {}),
        "Work": (
            ["sqs", "s3", "schedule"],
            {"QUEUE_URL": f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/Jobs"},
        ),
    },
    "layers": {
        "HelloWorld": ([], {"VERSION": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:HelloWorld:1"})
    },
    "inline": {
        "processor": (["cloudwatch_logs"], {"bucket": "bucket"}),
        "primer": ([], {}),
        "plain": ([], {"STACK": "local"}),
    },
    "nested": {
        "Logger": (
            [],
            {"ORDER_FUNCTION": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:Orders-Place"},
        ),
        "Orders-Place": (
            ["sqs"],
            {"SEARCH": "AWS -filter", "QUEUE_ARN": f"arn:aws:sqs:us-east-1:{ACCOUNT}:Jobs"},
        ),
    },
    "cloudformation": {
        "Api2": (["sns", "schedule"], {"TOPIC_ARN": f"arn:aws:sns:us-east-1:{ACCOUNT}:Topic3"})
    },
    "trader": {
        "CheckerFunction": ([], {"ROLE": "Checker"}),
        "SellerFunction": ([], {"ROLE": "Seller"}),
        "BuyerFunction": ([], {"ROLE": "Buyer"}),
    },
    "links": {"Visits": (["rest"], {"TABLE": "LinkTable"})},
    "users": {
        "Profile": (["http", "http", "http"], {"POOL": "us-east-1_userpool"}),
        "Partners": (["rest"], {}),
    },
}
WARNINGS = {
    "http-api": ["unresolved"] * 5,
    "nested": ["not-supported"],
    "trader": ["not-supported"],
    "links": ["not-supported"],
}


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


def test_every_template_is_tested() -> None:
    assert set(TEMPLATES) == {path.name for path in HERE.iterdir() if path.is_dir()}


@pytest.mark.parametrize("name", TEMPLATES)
def test_it_is_valid_and_its_triggers_are_there(name: str) -> None:
    report = manifest.examine(HERE / name)
    assert report.app is not None
    assert [problem.code for problem in report.problems] == WARNINGS.get(name, [])
    assert report.valid
    assert check_code(report.app) == ()
    found = {
        function.name: [trigger.kind for trigger in function.triggers]
        for function in report.app.functions.values()
    }
    assert found == {function: kinds for function, (kinds, _) in TEMPLATES[name].items()}


@pytest.mark.parametrize("name", TEMPLATES)
def test_its_functions_run(name: str) -> None:
    with Local(HERE / name, credentials=False) as local:
        for function, (_, variables) in TEMPLATES[name].items():
            result = local.invoke(function, {"hello": "world"})
            answer = result.json()
            assert answer["event"] == {"hello": "world"}
            assert {key: answer["variables"][key] for key in variables} == variables


def test_the_layers_are_laid() -> None:
    with Local(HERE / "layers", credentials=False) as local:
        assert local.invoke("HelloWorld").json()["greeting"] == "hello layer"


def bare(app: App) -> App:
    """The app without what says where things were written."""

    def placeless(value: Any) -> Any:
        return replace(value, where=None)

    functions = {
        name: replace(
            placeless(function),
            places={},
            triggers=tuple(placeless(trigger) for trigger in function.triggers),
            code=replace(function.code, path=Path("inline"))
            if function.code.path is not None and "inline" in function.code.path.parts
            else function.code,
        )
        for name, function in app.functions.items()
    }
    layers = {name: replace(placeless(layer), places={}) for name, layer in app.layers.items()}
    apis = {name: replace(placeless(api), places={}) for name, api in app.apis.items()}
    machines = {name: placeless(machine) for name, machine in app.state_machines.items()}
    owned = {
        field.name: {
            name: placeless(one) for name, one in getattr(app.resources, field.name).items()
        }
        for field in fields(app.resources)
    }
    return replace(
        app,
        owned=Resources(**owned),
        functions=functions,
        layers=layers,
        apis=apis,
        state_machines=machines,
        source=None,
        warnings=(),
    )


@pytest.mark.parametrize("name", TEMPLATES)
def test_converted_it_serves_the_same(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(HERE / name, folder)
    wanted = served(manifest.load(folder))
    (folder / "lambdactl.yaml").write_text(convert(folder).text)
    assert served(manifest.load(folder)) == wanted


@pytest.mark.parametrize("name", TEMPLATES)
def test_converted_it_is_the_same_app(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(HERE / name, folder)
    template = manifest.load(folder)
    made = convert(folder)
    for path, text in made.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "lambdactl.yaml").write_text(made.text)
    assert bare(manifest.load(folder)) == bare(template)
    for function in manifest.load(folder).functions.values():
        inline = template.function(function.name).code.path
        if inline is not None and "cache" in inline.parts:
            assert function.code.path is not None
            content = {file.name: file.read_text() for file in function.code.path.iterdir()}
            assert content == {file.name: file.read_text() for file in inline.iterdir()}


def test_conversion_elsewhere_leads_back(tmp_path: Path) -> None:
    shutil.copytree(HERE / "nested", tmp_path / "nested")
    (tmp_path / "out").mkdir()
    made = convert(tmp_path / "nested", tmp_path / "out")
    assert "code: ../nested/orders/src\n" in made.text
    assert "service: nested\n" in made.text
    (tmp_path / "out/lambdactl.yaml").write_text(made.text)
    app = manifest.load(tmp_path / "out")
    assert app.function("Orders-Place").code.path == tmp_path / "nested/orders/src"

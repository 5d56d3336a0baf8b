"""``lambdactl generate-event`` as a user types it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdactl import cli
from lambdactl.events import library

Result = tuple[int, str, str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*args: str) -> Result:
        with pytest.raises(SystemExit) as caught:
            cli.main(["generate-event", *args])
        output = capsys.readouterr()
        return int(str(caught.value.code or 0)), output.out, output.err

    return run


def test_a_service_alone(run: Any) -> None:
    code, out, err = run("s3")
    assert (code, err) == (0, "")
    assert json.loads(out)["Records"][0]["eventName"] == "ObjectCreated:Put"


@pytest.mark.parametrize(
    "args",
    [
        ("s3", "put", "--key", "cat.jpg"),
        ("--key", "cat.jpg", "s3", "put"),
        ("s3", "--key=cat.jpg"),
        ("s3:put", "--key", "cat.jpg"),
        ("--seed", "4", "S3", "--key", "cat.jpg", "put"),
    ],
)
def test_words_and_options_in_any_order(run: Any, args: tuple[str, ...]) -> None:
    code, out, _ = run(*args)
    assert code == 0
    assert json.loads(out)["Records"][0]["s3"]["object"]["key"] == "cat.jpg"


def test_flags_do_not_take_the_next_word(run: Any) -> None:
    code, out, _ = run("apigateway", "--base64", "http", "--body", "a", "--compact")
    assert code == 0
    assert json.loads(out)["body"] == "YQ=="
    assert out.count("\n") == 1
    code, out, _ = run("apigateway", "--no-base64", "http", "--body", "-")
    assert json.loads(out)["body"] == "-"


def test_set_records_seed(run: Any) -> None:
    args = ("s3", "--records", "2", "--seed", "1", "--set", "Records.1.s3.bucket.name=photos")
    code, out, _ = run(*args)
    assert code == 0
    assert json.loads(out)["Records"][1]["s3"]["bucket"]["name"] == "photos"
    assert run(*args)[1] == out


def test_from(run: Any) -> None:
    code, out, _ = run("sqs", "--from", "s3:put", "--bucket", "b", "--queue=q")
    assert code == 0
    record = json.loads(out)["Records"][0]
    assert json.loads(record["body"])["Records"][0]["s3"]["bucket"]["name"] == "b"
    assert record["eventSourceARN"].endswith(":q")


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((), "name a service"),
        (("s4",), "did you mean `s3`?"),
        (("s3", "putt"), "did you mean `put`?"),
        (("s3:putt",), "did you mean `put`?"),
        (("s3", "put", "--bukcet", "x"), "did you mean `--bucket`?"),
        (("s3", "delete", "--size", "3"), "s3:delete has no option --size"),
        (("s3", "--size", "big"), "--size takes an integer, not 'big'"),
        (("s3", "--seed", "x"), "--seed takes an integer, not 'x'"),
        (("s3", "--records", "x"), "--records takes an integer, not 'x'"),
        (("s3", "--key"), "requires an argument"),
        (("s3", "--set", "Records"), "--set takes PATH=VALUE"),
        (("s3", "--set", "Recrods.0=1"), "did you mean `Records`?"),
        (("s3", "put", "extra"), "'extra' is one word too many"),
        (("sqs", "--from", "s33"), "did you mean `s3`?"),
        (("schedule", "--records", "2"), "no records"),
        (("s3", "--key", "\udcff"), "is not UTF-8"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(run: Any, args: tuple[str, ...], text: str) -> None:
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert text in err


def test_help_of_a_service_lists_its_events_and_options(run: Any) -> None:
    code, out, _ = run("s3", "--help")
    assert code == 0
    for name in library.event_names("s3"):
        assert f"\n  {name} " in out
    assert "--bucket" in out
    assert "--storage-class" in out
    code, out, _ = run("s3", "delete", "-h")
    assert "--bucket" in out
    assert "--size" not in out
    code, out, _ = run("--help")
    assert code == 0
    assert "Amazon SQS" in out


def test_list(run: Any) -> None:
    code, out, _ = run("--list")
    assert code == 0
    assert any(line.startswith("s3:put ") for line in out.splitlines())
    _, out, _ = run("--list", "--output", "json")
    listed = {service["service"]: service for service in json.loads(out)}
    assert {*listed} == {*library.service_names()}
    put = next(event for event in listed["s3"]["events"] if event["name"] == "put")
    assert {"--bucket", "--key"} <= {option["option"] for option in put["options"]}
    assert put["source"][0].startswith("https://docs.aws.amazon.com/")
    _, out, _ = run("s3", "--list", "--output", "json")
    assert [service["service"] for service in json.loads(out)] == ["s3"]


def test_completion(run: Any, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    def complete(words: str) -> set[str]:
        monkeypatch.setenv("_LAMBDACTL_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", "lambdactl generate-event " + words)
        monkeypatch.setenv("COMP_CWORD", str(2 + words.count(" ")))
        with pytest.raises(SystemExit):
            cli.cli.main([], prog_name="lambdactl")
        return {line.partition(",")[2] for line in capsys.readouterr().out.splitlines()}

    assert complete("s") >= {"s3", "sqs"}
    assert complete("s3 p") == {"put", "post"}
    assert complete("s3 put --bu") == {"--bucket"}


@pytest.fixture
def project(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return event\n")
    common = "    runtime: python3.11\n    handler: app.handler\n    code: .\n"
    (tmp_path / "lambdactl.yaml").write_text(
        "service: t\nfunctions:\n  resize:\n" + common + "    url: {auth: none}\n    triggers:\n"
        "      - s3: {bucket: photos, prefix: in/, suffix: .jpg}\n"
        "      - sqs: {queue: jobs}\n"
        "  plain:\n" + common
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_for_a_function_of_the_manifest(run: Any, project: Any) -> None:
    code, out, err = run("--for", "resize")
    assert code == 0
    assert json.loads(out)["Records"][0]["s3"]["bucket"]["name"] == "photos"
    assert "also has sqs:standard, function-url:request" in err
    code, out, err = run("sqs", "--for=resize", "--records", "2", "--body", "x")
    assert (code, err) == (0, "")
    assert json.loads(out)["Records"][1]["eventSourceARN"].endswith(":jobs")
    code, out, _ = run("s3", "delete", "--for", "resize", "-f", str(project / "lambdactl.yaml"))
    record = json.loads(out)["Records"][0]
    assert record["eventName"] == "ObjectRemoved:Delete"
    assert record["s3"]["object"]["key"] == "in/sample.jpg"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("--for", "resise"), "did you mean `resize`?"),
        (("sns", "--for", "resize"), "resize has no trigger of sns; it has s3:put, sqs:standard"),
        (("--for", "plain"), "plain has no trigger to make an event of"),
        (("--for", "resize", "--queue", "x"), "s3:put has no option --queue"),
        (("--for", "resize", "-f", "nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_for_says_what_is_not_there(
    run: Any, project: Any, args: tuple[str, ...], text: str
) -> None:
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert text in err

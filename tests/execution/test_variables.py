"""The environment variables of a function:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from lambdactl.execution.variables import Places, log_stream, variables
from lambdactl.manifest import limits
from lambdactl.manifest.model import Code, Function, Logging

TASK, RUNTIME, OPT = Path("/var/task"), Path("/var/runtime"), Path("/opt")
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
}
NOW = 1_797_865_445.0


def given(
    *,
    family: str = "python",
    version: str = "3.13",
    places: Places | None = None,
    credentials: dict[str, str] | None = None,
    **fields: Any,
) -> dict[str, str]:
    settings: dict[str, Any] = {"runtime": "python3.13", "handler": "app.handler", **fields}
    return variables(
        Function(name="resize", code=Code("folder", TASK), **settings),
        places or Places(TASK, RUNTIME),
        family=family,
        version=version,
        region="eu-west-1",
        stream="2026/12/21/[$LATEST]0123",
        credentials=CREDENTIALS if credentials is None else credentials,
    )


def test_every_reserved_variable_is_set_by_us() -> None:
    values = given()
    # Set for each invocation; by the sandbox, which knows the address; and a name of old.
    elsewhere = {"_X_AMZN_TRACE_ID", "AWS_LAMBDA_RUNTIME_API", "AWS_ACCESS_KEY"}
    reserved = {name: values[name] for name in limits.reserved_variables() - elsewhere}
    assert reserved == {
        "_HANDLER": "app.handler",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": "resize",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/resize",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/12/21/[$LATEST]0123",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        **CREDENTIALS,
    }


def test_what_is_not_reserved_has_lambdas_value() -> None:
    values = given()
    assert values["TZ"] == ":UTC"
    assert values["LANG"] == "en_US.UTF-8"
    assert values["PATH"] == "/usr/local/bin:/usr/bin:/bin"
    assert values["LD_LIBRARY_PATH"] == "/var/task:/var/task/lib"
    assert values["AWS_XRAY_CONTEXT_MISSING"] == "LOG_ERROR"


def test_the_users_own_are_there_and_may_replace_what_is_not_reserved() -> None:
    values = given(environment={"BUCKET": "photos", "TZ": "Europe/Berlin", "EMPTY": ""})
    assert (values["BUCKET"], values["TZ"], values["EMPTY"]) == ("photos", "Europe/Berlin", "")


@pytest.mark.parametrize("name", sorted(limits.reserved_variables()))
@pytest.mark.parametrize("family", ["python", "provided"])
def test_nobody_replaces_a_reserved_one(name: str, family: str) -> None:
    assert given(family=family, environment={name: "mine"}) == given(family=family)


def test_one_half_of_the_users_credentials_never_joins_the_sessions() -> None:
    session = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    values = given(credentials=session, environment={"AWS_SESSION_TOKEN": "somebody else's"})
    assert "AWS_SESSION_TOKEN" not in values


def test_without_credentials_the_function_may_bring_those_of_a_test_double() -> None:
    assert not CREDENTIALS.keys() & given(credentials={}).keys()
    values = given(credentials={}, environment={"AWS_ACCESS_KEY_ID": "testing"})
    assert values["AWS_ACCESS_KEY_ID"] == "testing"


def test_nothing_of_the_shell_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    before = given()
    for name in ("SECRET_OF_THE_SHELL", "PYTHONPATH", "AWS_PROFILE", "NODE_OPTIONS", "HOME"):
        monkeypatch.setenv(name, "leaked")
    monkeypatch.setenv("PATH", f"/leaked:{os.environ['PATH']}")
    assert given() == before
    assert not any("leaked" in value for value in given().values())


@pytest.mark.parametrize(
    ("logging", "log_format", "level", "group"),
    [
        (Logging(), "Text", None, "/aws/lambda/resize"),
        (Logging(format="json"), "JSON", "INFO", "/aws/lambda/resize"),
        (Logging(format="json", application_level="trace", group="mine"), "JSON", "TRACE", "mine"),
    ],
)
def test_logging(logging: Logging, log_format: str, level: str | None, group: str) -> None:
    values = given(logging=logging)
    assert values["AWS_LAMBDA_LOG_FORMAT"] == log_format
    assert values.get("AWS_LAMBDA_LOG_LEVEL") == level
    assert values["AWS_LAMBDA_LOG_GROUP_NAME"] == group


def test_the_name_in_aws_is_the_one_that_shows() -> None:
    values = given(aws_name="photos-prod-resize", memory_mb=1769)
    assert values["AWS_LAMBDA_FUNCTION_NAME"] == "photos-prod-resize"
    assert values["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/photos-prod-resize"
    assert values["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "1769"


def test_provided_runtimes_have_no_execution_env() -> None:
    values = given(family="provided", version="", runtime="provided.al2023", handler=None)
    assert "AWS_EXECUTION_ENV" not in values
    assert values["_HANDLER"] == ""


@pytest.mark.parametrize(
    ("family", "version", "paths"),
    [
        (
            "python",
            "3.13",
            {"PYTHONPATH": "/opt/python/lib/python3.13/site-packages:/opt/python"},
        ),
        (
            "nodejs",
            "22",
            {"NODE_PATH": "/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules:/var/task"},
        ),
        (
            "ruby",
            "3.4",
            {
                "GEM_PATH": "/var/task/vendor/bundle/ruby/3.4.0:/opt/ruby/gems/3.4.0",
                "RUBYLIB": "/var/task:/opt/ruby/lib",
            },
        ),
        ("provided", "", {}),
    ],
)
def test_layers_are_where_each_runtime_looks(
    family: str, version: str, paths: dict[str, str]
) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html"""
    values = given(family=family, version=version, places=Places(TASK, RUNTIME, OPT))
    library_paths = {"PYTHONPATH", "NODE_PATH", "GEM_PATH", "RUBYLIB"}
    assert {name: values[name] for name in library_paths & values.keys()} == paths
    assert values["PATH"].endswith(":/opt/bin")
    assert values["LD_LIBRARY_PATH"].endswith(":/opt/lib")


def test_the_interpreters_own_folder_goes_first() -> None:
    places = Places(TASK, RUNTIME, interpreter=Path("/home/me/.venv/bin"))
    assert given(places=places)["PATH"].startswith("/home/me/.venv/bin:/usr/local/bin")


def test_log_streams_are_named_by_day_and_never_twice() -> None:
    names = {log_stream(NOW, "7") for _ in range(100)}
    assert len(names) == 100
    assert all(re.fullmatch(r"2026/12/21/\[7\][0-9a-f]{32}", name) for name in names)
    assert "[$LATEST]" in log_stream(NOW)

"""Our client and AWS's, side by side: every behaviour is run under both and compared.

Most cases of one interpreter share a process, as the invocations of a warm environment do.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lambdactl.errors import EnvironmentStartError
from lambdactl.execution.interpreters import find
from tests.execution.bootstraps.python.clients import (
    HERE,
    Client,
    Event,
    Post,
    Transcript,
    end,
    function_folder,
    lambdactl,
    reference,
    serve,
)
from tests.parts import IN_CI, other_pythons

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
OTHERS = [minor for minor in ("3.9", "3.10", "3.11", "3.12", "3.13") if minor != MINOR]
with contextlib.suppress(EnvironmentStartError):
    # Not yet everywhere: where it is, it counts.
    find("python3.14", project=Path("/"), env=os.environ, strict=True)
    OTHERS += ["3.14"] if MINOR != "3.14" else []
PYTHONS = [
    pytest.param(MINOR, id=MINOR),
    *(pytest.param(minor, id=minor, marks=pytest.mark.pythons) for minor in OTHERS),
]


def other_python(minor: str) -> str:
    found = other_pythons().get(minor)
    if found is None:
        missing = f"Python {minor} is not on this machine"
        pytest.fail(missing) if IN_CI else pytest.skip(missing)
    return found


class Pair:
    """Both clients of an interpreter, and what they did."""

    def __init__(self, minor: str, scratch: Path) -> None:
        python = sys.executable if minor == MINOR else other_python(minor)
        self.minor = minor
        self.root = function_folder(scratch)
        self.scratch = scratch
        self.clients = [lambdactl(python, minor), reference(python, minor, scratch)]
        self._known: dict[str, tuple[Transcript, Transcript]] = {}

    def serve(
        self, key: str, events: list[Event], **settings: Any
    ) -> tuple[Transcript, Transcript]:
        if key not in self._known:
            self._known[key] = self._both(lambda c: serve(c, self.root, events, **settings))
        return self._known[key]

    def end(
        self, event: Event | None, settings: Callable[[Client], dict[str, Any]]
    ) -> tuple[Transcript, Transcript]:
        return self._both(lambda client: end(client, self.root, event, **settings(client)))

    def _both(self, run: Callable[[Client], Transcript]) -> tuple[Transcript, Transcript]:
        with ThreadPoolExecutor(2) as pool:
            ours, theirs = pool.map(run, self.clients)
        return ours, theirs


@pytest.fixture(scope="module", params=PYTHONS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(request.param, tmp_path_factory.mktemp("python" + request.param))


def cases_of(module: str) -> list[str]:
    """The names of a module's handlers, without importing it."""
    tree = ast.parse((HERE / "function" / f"{module}.py").read_text("utf-8"))
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and [a.arg for a in node.args.args][-1:] == ["context"]
    ]


def values_of(name: str) -> list[str]:
    tree = ast.parse((HERE / "function/returns.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            assert isinstance(node.value, ast.Dict)
            return [ast.literal_eval(key) for key in node.value.keys if key]
    raise AssertionError(name)


def call(module: str, case: str, **more: Any) -> Event:
    return Event(case, {"of": module, "case": case, **more})


def compare(case: str, ours: Transcript, theirs: Transcript) -> None:
    assert theirs.posts.keys() == ours.posts.keys()
    compare_posts(ours.posts[case], theirs.posts[case])
    assert output_of(case, ours) == output_of(case, theirs)


def output_of(case: str, transcript: Transcript) -> list[tuple[int, str]]:
    output = transcript.output.get(case, [])
    if case.startswith("endless"):
        return [(kind, text[:1000]) for kind, text in output[:20]]
    return output


def compare_posts(ours: Post, theirs: Post) -> None:
    assert ours.path == theirs.path
    assert ours.body == theirs.body
    assert ours.headers == theirs.headers


# what a handler returns


@pytest.mark.parametrize("case", values_of("VALUES"))
def test_value(pair: Pair, case: str) -> None:
    events = [
        Event(name, {"of": "returns", "case": "value", "name": name})
        for name in values_of("VALUES")
    ]
    ours, theirs = pair.serve("returns", events)
    if case == "too_deep" and pair.minor != MINOR:
        # Under other interpreters AWS's client is without its C code, which has other words.
        ours.output[case] = theirs.output[case]
        for post in (ours.posts[case], theirs.posts[case]):
            start, _, _ = post.body["errorMessage"].partition(" exceeded")
            post.body["errorMessage"] = start
            cause = post.headers["lambda-runtime-function-xray-error-cause"]
            cause["exceptions"][0]["message"] = start
    compare(case, ours, theirs)


def test_characters_beyond_ascii_stay_as_they_are_from_312_on(pair: Pair) -> None:
    """The switch is the name of the runtime, not the interpreter."""
    event = Event("unicode", {"of": "returns", "case": "value", "name": "unicode"})
    for runtime in ("3.11", "3.12"):
        ours, theirs = pair.serve(
            runtime, [event], env={"AWS_EXECUTION_ENV": f"AWS_Lambda_python{runtime}"}
        )
        compare("unicode", ours, theirs)
        assert ours.posts["unicode"].body.isascii() is (runtime == "3.11")


# what a handler is given

PAYLOADS: dict[str, bytes] = {
    "object": b'{"a": [1, 2.5, -3e-7, true, false, null, "text", {}]}',
    "unicode": '{"grüße": "世界 🎉 \\u00e9 \\ud83c\\udf89 \\ud800"}'.encode(),
    "null": b"null",
    "text": b'"text"',
    "number": b"5",
    "numbers": b"[1E400, -0, -0.0, 12345678901234567890123, 1e5, 0.1, 1E-400]",
    "blanks around": b' \t\r\n{"a" : 1 } \n',
    "twice the same key": b'{"a": 1, "a": 2}',
    "empty list": b"[]",
    "deep": b"[" * 300 + b"]" * 300,
    "byte order mark": b"\xef\xbb\xbf[1]",
    "large": json.dumps({"text": "x" * 3_000_000, "list": list(range(50000))}).encode(),
    "line separators": '["\u2028\u2029"]'.encode(),
}
NOT_JSON: dict[str, bytes] = {
    "empty": b"",
    "cut off": b'{"a": ',
    "word": b"hello",
    "not a number": b"[NaN]",
    "infinity": b"-Infinity",
    "extra": b"{} {}",
    "not utf-8": b'"\xff"',
    "control character": b'"a\nb"',
    "single quotes": b"{'a': 1}",
    "trailing comma": b"[1,]",
    "too deep": b"[" * 200000,
}


@pytest.mark.parametrize("case", PAYLOADS)
def test_payload(pair: Pair, case: str) -> None:
    events = [Event(name, {}, raw=body) for name, body in PAYLOADS.items()]
    ours, theirs = pair.serve("payloads", events, handler="app.echo")
    compare_posts(ours.posts[case], theirs.posts[case])


@pytest.mark.parametrize("case", NOT_JSON)
def test_payload_that_is_not_json(pair: Pair, case: str) -> None:
    """Lambda lets none through. Where exactly such a payload is wrong, `json` and `simplejson` say
    in different words."""
    events = [Event(name, {}, raw=body) for name, body in NOT_JSON.items()]
    ours, theirs = pair.serve("not json", events, handler="app.echo")
    for post in (ours.posts[case], theirs.posts[case]):
        start, _, _ = post.body["errorMessage"].partition(": ")
        assert start == "Unable to unmarshal input"
        post.body["errorMessage"] = start
        cause = post.headers["lambda-runtime-function-xray-error-cause"]
        cause["exceptions"][0]["message"] = start
    compare_posts(ours.posts[case], theirs.posts[case])


def test_payload_of_another_content_type_is_given_as_bytes(pair: Pair) -> None:
    events = [
        Event("text", {}, {"Content-Type": "text/plain"}, raw=b"hello \xff"),
        Event("with charset", {}, {"Content-Type": "application/json; charset=utf-8"}, raw=b"{}"),
    ]
    ours, theirs = pair.serve("types", events, handler="app.echo")
    for event in events:
        compare_posts(ours.posts[event.label], theirs.posts[event.label])
        assert json.loads(ours.posts[event.label].body)["type"] == "bytes"


# how a handler fails

LOG_SETTINGS: dict[str, dict[str, Any]] = {
    "text": {"env": {"AWS_LAMBDA_LOG_FORMAT": "Text"}},
    "text, no channel": {"env": {"AWS_LAMBDA_LOG_FORMAT": "Text"}, "telemetry": False},
    "text, level": {"env": {"AWS_LAMBDA_LOG_FORMAT": "Text", "AWS_LAMBDA_LOG_LEVEL": "INFO"}},
    "json": {"env": {"AWS_LAMBDA_LOG_FORMAT": "JSON"}},
    "json, trace": {"env": {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "TRACE"}},
    "json, error": {
        "env": {"AWS_LAMBDA_LOG_FORMAT": "json", "AWS_LAMBDA_LOG_LEVEL": "error"},
        "telemetry": False,
    },
    "json, fatal": {"env": {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "FATAL"}},
    "json, no such level": {
        "env": {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "LOUD"}
    },
}


@pytest.mark.parametrize("settings", ["text", "json", "text, no channel"])
@pytest.mark.parametrize("case", cases_of("failures"))
def test_failure(pair: Pair, case: str, settings: str) -> None:
    events = [call("failures", name) for name in cases_of("failures")]
    ours, theirs = pair.serve("failures " + settings, events, **LOG_SETTINGS[settings])
    compare(case, ours, theirs)
    assert "lambdactl_runtime" not in repr(ours.posts[case])
    assert "lambdactl_runtime" not in repr(ours.output[case])


@pytest.mark.parametrize("handler", ["app.no_arguments", "app.not_callable"])
def test_handler_that_cannot_be_called(pair: Pair, handler: str) -> None:
    ours, theirs = pair.serve(handler, [Event("call", {})], handler=handler)
    compare_posts(ours.posts["call"], theirs.posts["call"])
    assert ours.posts["call"].body["errorType"] == "TypeError"


def test_recursion_goes_as_deep_as_on_lambda(tmp_path: Path) -> None:
    """Four frames are above a handler there."""
    (tmp_path / "app.py").write_text(
        "import sys\n"
        "def handler(event, context):\n"
        "    frame, depth = sys._getframe(), 0\n"
        "    while frame.f_back:\n"
        "        frame, depth = frame.f_back, depth + 1\n"
        "    return depth\n"
    )
    client = lambdactl(sys.executable, MINOR)
    assert serve(client, tmp_path, [Event("depth", {})]).posts["depth"].body == b"4"


# logs


@pytest.mark.parametrize("settings", LOG_SETTINGS)
@pytest.mark.parametrize("case", cases_of("logs"))
def test_log(pair: Pair, case: str, settings: str) -> None:
    headers = {"Lambda-Runtime-Aws-Tenant-Id": "tenant-1"} if settings == "json" else {}
    events = [Event(name, {"of": "logs", "case": name}, headers) for name in cases_of("logs")]
    compare(case, *pair.serve("logs " + settings, events, **LOG_SETTINGS[settings]))


# surroundings

CLIENT_CONTEXT = {
    "custom": {"a": "é"},
    "env": {"locale": "de"},
    "client": {"installation_id": "i", "app_title": "t", "app_version_code": 3, "other": 1},
    "w3c": {"traceparent": "00-1", "tracestate": 5, "baggage": "b", "other": "x"},
}
HEADERS: dict[str, Mapping[str, str | None]] = {
    "usual": {},
    "no trace": {"Lambda-Runtime-Trace-Id": None},
    "empty trace": {"Lambda-Runtime-Trace-Id": ""},
    "trace": {"Lambda-Runtime-Trace-Id": "Root=1-2-3;Parent=4;Sampled=1"},
    "client": {"Lambda-Runtime-Client-Context": json.dumps(CLIENT_CONTEXT, ensure_ascii=False)},
    "client without client": {"Lambda-Runtime-Client-Context": '{"custom": 1}'},
    "empty client": {"Lambda-Runtime-Client-Context": "{}"},
    "null client": {"Lambda-Runtime-Client-Context": "null"},
    "odd w3c": {"Lambda-Runtime-Client-Context": '{"w3c": [1]}'},
    "client that is not json": {"Lambda-Runtime-Client-Context": "{custom}"},
    "client that is a list": {"Lambda-Runtime-Client-Context": "[1]"},
    "client that is false": {"Lambda-Runtime-Client-Context": "false"},
    "client in client a text": {"Lambda-Runtime-Client-Context": '{"client": "x"}'},
    "identity": {
        "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId": "i", "cognitoIdentityPoolId": 5}'
    },
    "empty identity": {"Lambda-Runtime-Cognito-Identity": "{}"},
    "null identity": {"Lambda-Runtime-Cognito-Identity": "null"},
    "identity that is not json": {"Lambda-Runtime-Cognito-Identity": "nothing"},
    "identity that is a list": {"Lambda-Runtime-Cognito-Identity": "[]"},
    "tenant": {"Lambda-Runtime-Aws-Tenant-Id": "tenant-1"},
    "attempt": {"Lambda-Runtime-Invocation-Id": "attempt-1"},
}


@pytest.mark.parametrize("case", HEADERS)
def test_context(pair: Pair, case: str) -> None:
    events = [
        Event(name, {"of": "around", "case": "context_fields"}, headers)
        for name, headers in HEADERS.items()
    ]
    compare(case, *pair.serve("context", events))


def test_fields_of_the_client(pair: Pair) -> None:
    headers = {"Lambda-Runtime-Client-Context": json.dumps(CLIENT_CONTEXT)}
    event = Event("client", {"of": "around", "case": "client_fields"}, headers)
    compare("client", *pair.serve("client", [event]))


def test_an_error_echoes_the_attempt_too(pair: Pair) -> None:
    headers = {"Lambda-Runtime-Invocation-Id": "attempt-2"}
    event = Event("attempt", {"of": "failures", "case": "plain"}, headers)
    ours, theirs = pair.serve("attempt", [event])
    compare("attempt", ours, theirs)
    assert ours.posts["attempt"].headers["lambda-runtime-invocation-id"] == "attempt-2"


def test_remaining_time(pair: Pair) -> None:
    over = {"Lambda-Runtime-Deadline-Ms": "1000"}
    events = [
        Event("over", {"of": "around", "case": "remaining_time"}, over),
        Event("not over", {"of": "around", "case": "remaining_time"}),
    ]
    ours, theirs = pair.serve("remaining", events)
    compare("over", ours, theirs)
    compare("not over", ours, theirs)


AROUND = [
    name
    for name in cases_of("around")
    if name not in ("context_fields", "client_fields", "remaining_time")
]


@pytest.mark.parametrize("case", AROUND)
def test_surroundings(pair: Pair, case: str) -> None:
    events = [call("around", name) for name in AROUND]
    compare(case, *pair.serve("around", events))


# init

BROKEN: dict[str, tuple[str, str]] = {
    "raises": ("app.handler", "import helper\nhelper.fail()\n"),
    "raises while handling": (
        "app.handler",
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise ValueError('é')\n",
    ),
    "logs and raises": (
        "app.handler",
        "import logging\nprint('hello')\nlogging.error('trouble')\nraise KeyError('a')\n",
    ),
    "no such module": ("nothing.handler", ""),
    "no such package": ("no.such/thing.handler", ""),
    "imports what is missing": ("app.handler", "import no_such_module\n"),
    "imports a missing name": ("app.handler", "from os import no_such_name\n"),
    "raises an ImportError": ("app.handler", "raise ImportError('by hand')\n"),
    "syntax error": ("app.handler", "x = 1\ndef handler(:\n    pass\n"),
    "indentation error": ("app.handler", "def handler():\nreturn 1\n"),
    "imports a syntax error": ("app.handler", "import broken_syntax\n"),
    "syntax error without a file": ("app.handler", "raise SyntaxError('by hand')\n"),
    "null byte": ("app.handler", "x = '\0'\n"),
    "no such handler": ("app.other", "def handler(): pass\n"),
    "no dot": ("app", ""),
    "empty": ("", ""),
    "only a dot": (".", ""),
    "no module": (".handler", ""),
    "no function": ("app.", ""),
    "built-in module": ("sys.exit", ""),
    "below a built-in module": ("time.sub.handler", ""),
    "attribute that raises": (
        "app.handler",
        "def __getattr__(name):\n    raise LookupError(name)\n",
    ),
    "nested handler": ("app.Class.method", "class Class:\n    def method(e, c): pass\n"),
    "exits": ("app.handler", "import sys\nsys.exit()\n"),
    "exits with a status": ("app.handler", "import sys\nsys.exit(3)\n"),
    "exits at once": ("app.handler", "import os\nos._exit(9)\n"),
}


LOGGED_AS_JSON = ("raises", "logs and raises", "imports what is missing", "syntax error", "no dot")


@pytest.mark.parametrize(
    ("case", "log_format"),
    [(case, "Text") for case in BROKEN] + [(case, "JSON") for case in LOGGED_AS_JSON],
)
def test_init_that_fails(pair: Pair, case: str, log_format: str) -> None:
    handler, source = BROKEN[case]
    (pair.root / "app.py").rename(pair.root / "app.kept")
    try:
        (pair.root / "app.py").write_text(source, "utf-8")
        ours, theirs = pair.end(
            None, lambda _: {"handler": handler, "env": {"AWS_LAMBDA_LOG_FORMAT": log_format}}
        )
    finally:
        (pair.root / "app.kept").replace(pair.root / "app.py")
    assert ours.exit_code == theirs.exit_code
    assert ours.posts == theirs.posts
    assert ours.output == theirs.output
    assert "lambdactl_runtime" not in repr(ours)


HANDLERS: dict[str, str] = {
    "in.a.package.handler": "in/a/package.py",
    "in/folders/app.handler": "in/folders/app.py",
    "in/mixed.ways/app.handler": "in/mixed/ways/app.py",
    "plain.handler": "plain.py",
    "package.handler": "package/__init__.py",
    "dashes-in-name.handler": "dashes-in-name.py",
}


@pytest.mark.parametrize("handler", HANDLERS)
def test_name_of_the_handler(pair: Pair, handler: str) -> None:
    path = pair.root / HANDLERS[handler]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("def handler(event, context):\n    return [__name__, __package__]\n")
    ours, theirs = pair.serve(handler, [Event("call", {})], handler=handler)
    compare_posts(ours.posts["call"], theirs.posts["call"])
    assert ours.posts["call"].path.endswith("/response")


# the end


@pytest.mark.parametrize("case", cases_of("leaving"))
def test_handler_that_ends_its_process(pair: Pair, case: str, tmp_path: Path) -> None:
    def settings(client: Client) -> dict[str, Any]:
        folder = tmp_path / client.name
        folder.mkdir()
        env = {"SCRATCH": str(folder), "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12"}
        # With a log channel of its own a client needs no stdout.
        return {"env": env, "telemetry": case != "closed_stdout"}

    ours, theirs = pair.end(call("leaving", case), settings)
    assert ours.exit_code == theirs.exit_code
    assert ours.posts == theirs.posts
    assert spoken(ours) == spoken(theirs)


def spoken(transcript: Transcript) -> list[tuple[int, str]]:
    """The output without what Python says of the client itself when an exception ends it: its
    stack trace. The exception is compared."""
    lines = transcript.output["all"]
    return [
        (kind, text)
        for kind, text in lines
        if kind or not re.match(r"Traceback|\s|During handling|The above exception", text)
    ]

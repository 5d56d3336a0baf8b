"""What the local invoker makes of an app: archives, layers, names, tenants; and its Python API."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from lambdactl import Local
from lambdactl.errors import (
    EnvironmentStartError,
    EnvironmentStoppedError,
    EventError,
    LambdactlError,
    ThrottledError,
    UserError,
)
from lambdactl.execution.invocation import Invocation
from lambdactl.execution.invoker import LocalInvoker
from lambdactl.execution.runtimes import prepare
from lambdactl.manifest.features import Alias
from lambdactl.manifest.model import (
    App,
    AsyncConfig,
    Code,
    Concurrency,
    Function,
    Layer,
)
from tests import aio
from tests.execution.conformance.conftest import runtime_of
from tests.parts import other_pythons

HELLO = "def handler(event, context):\n    return {'hello': event['name']}\n"
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


def app_of(root: Path, code: Code, layers: dict[str, Layer] | None = None, **settings: Any) -> App:
    settings = {"timeout_s": 20, "handler": "app.handler", **settings}
    function = Function(
        name="hello",
        code=code,
        runtime=settings.pop("runtime", runtime_of("python")),
        layers=tuple(layers or ()),
        **settings,
    )
    return App("test", root, {"hello": function}, layers or {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text(HELLO)
    return code


def zipped(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_an_archive_runs_as_a_folder_does(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "code.zip", {"app.py": HELLO})
    with Local(app_of(tmp_path, Code("zip", archive)), credentials=False) as fn:
        assert fn.invoke("hello", {"name": "zip"}).json() == {"hello": "zip"}


def test_an_archive_that_was_refused_is_refused_again(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "code.zip", {"app.py": HELLO, "../evil": ""})
    with Local(app_of(tmp_path, Code("zip", archive)), credentials=False) as fn:
        for _ in range(2):
            with pytest.raises(UserError, match="outside its own folder"):
                fn.invoke("hello", {"name": "half of it"})


def test_a_layer_may_be_an_archive(tmp_path: Path, folder: Path) -> None:
    layer = zipped(tmp_path / "layer.zip", {"python/shared.py": "NAME = 'from the layer'\n"})
    (folder / "app.py").write_text(
        "import shared\ndef handler(event, context):\n    return shared.NAME\n"
    )
    app = app_of(tmp_path, Code("folder", folder), {"shared": Layer("shared", layer)})
    with Local(app, credentials=False) as fn:
        assert fn.invoke("hello").json() == "from the layer"


def test_a_wrapper_script_starts_the_runtime(tmp_path: Path, folder: Path) -> None:
    layer = tmp_path / "layer"
    layer.mkdir()
    (layer / "wrap").write_text('#!/bin/sh\nexport WRAPPED="$_HANDLER"\nexec "$@"\n')
    (layer / "wrap").chmod(0o755)
    (folder / "app.py").write_text(
        "import os\ndef handler(event, context):\n    return os.environ['WRAPPED']\n"
    )
    app = app_of(
        tmp_path,
        Code("folder", folder),
        {"wrapper": Layer("wrapper", layer)},
        environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"},
    )
    with Local(app, credentials=False) as fn:
        assert fn.invoke("hello").json() == "app.handler"


def test_asyncios_own_loop_will_do(tmp_path: Path, folder: Path) -> None:
    async def main() -> Any:
        async with Local(app_of(tmp_path, Code("folder", folder)), credentials=False) as fn:
            results = await asyncio.gather(*(fn.invoke("hello", {"name": n}) for n in range(5)))
            return [result.json()["hello"] for result in results]

    assert asyncio.run(main()) == [0, 1, 2, 3, 4]


def test_the_blocking_twin_takes_calls_from_many_threads(tmp_path: Path, folder: Path) -> None:
    with (
        Local(app_of(tmp_path, Code("folder", folder)), credentials=False) as fn,
        ThreadPoolExecutor(8) as threads,
    ):
        results = threads.map(lambda n: fn.invoke("hello", {"name": n}).json()["hello"], range(40))
        assert list(results) == list(range(40))


def test_a_manifests_path_is_enough(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "lambdactl.yaml").write_text(
        f"service: s\ndefaults: {{runtime: {PYTHON}}}\n"
        "functions:\n  hello: {handler: app.handler, code: code}\n"
    )
    for where in (tmp_path, tmp_path / "lambdactl.yaml", str(tmp_path)):
        with Local(where, credentials=False, env={"EXTRA": "1"}) as fn:
            assert fn.invoke(event={"name": "x"}).json() == {"hello": "x"}


def test_bytes_go_in_and_come_out_untouched(tmp_path: Path, folder: Path) -> None:
    (folder / "app.py").write_text("def handler(event, context):\n    return event\n")
    payload = b'{"a":  1.50, "b":"\\u00e9"}'
    with Local(app_of(tmp_path, Code("folder", folder)), credentials=False) as fn:
        result = fn.invoke("hello", payload=payload)
    assert json.loads(result.payload) == json.loads(payload)
    assert result.content_type == "application/json"


def test_reserved_concurrency_throttles(tmp_path: Path, folder: Path) -> None:
    (folder / "app.py").write_text(
        "import time\ndef handler(event, context):\n    time.sleep(0.3)\n"
    )
    settings = {"concurrency": Concurrency(reserved=1)}

    async def main() -> list[Any]:
        app = app_of(tmp_path, Code("folder", folder), **settings)
        async with Local(app, credentials=False) as fn:
            calls = [fn.invoke("hello") for _ in range(3)]
            return await asyncio.gather(*calls, return_exceptions=True)

    outcomes = asyncio.run(main())
    throttled = [outcome for outcome in outcomes if isinstance(outcome, ThrottledError)]
    assert len(throttled) == 2
    assert throttled[0].reason == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_tenants_do_not_share_environments(tmp_path: Path, folder: Path) -> None:
    (folder / "app.py").write_text(
        "import os\n"
        "def handler(event, context):\n"
        "    return [os.getpid(), getattr(context, 'tenant_id', None)]\n"
    )
    app = app_of(tmp_path, Code("folder", folder), tenancy="per_tenant")
    with Local(app, credentials=False) as fn:
        first = fn.invoke("hello", tenant_id="a").json()
        assert fn.invoke("hello", tenant_id="a").json() == first
        other = fn.invoke("hello", tenant_id="b").json()
        assert other[0] != first[0]
        assert (first[1], other[1]) == ("a", "b")
        with pytest.raises(UserError, match="isolates its tenants"):
            fn.invoke("hello")


def test_a_qualifier_must_be_a_version_or_an_alias(tmp_path: Path, folder: Path) -> None:
    app = app_of(tmp_path, Code("folder", folder), aliases={"live": Alias("latest")})
    with Local(app, credentials=False) as fn:
        event = {"name": "x"}
        assert fn.invoke("hello", event, qualifier="7").executed_version == "7"
        assert fn.invoke("hello", event, qualifier="live").function_error is None
        with pytest.raises(UserError, match=r"Function not found: arn:aws:lambda:.*:hello:nope"):
            fn.invoke("hello", event, qualifier="nope")


REFUSED = {
    "no such function": (UserError, "there is no function 'helo'"),
    "no code": (UserError, "the code folder of hello does not exist"),
    "image": (EnvironmentStartError, "a container image, which does not run as a process"),
    "S3": (EnvironmentStartError, "an archive in S3, which does not run on this machine"),
    "java": (EnvironmentStartError, "java21 needs --container"),
    "no bootstrap": (EnvironmentStartError, "Runtime.InvalidEntrypoint"),
    "too large": (EventError, "a synchronous invocation takes 6291456"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_run_says_why(case: str, tmp_path: Path, folder: Path) -> None:
    kind, message = REFUSED[case]
    code, settings, name, event = Code("folder", folder), {}, "hello", "x"
    if case == "no such function":
        name = "helo"
    elif case == "no code":
        code = Code("folder", tmp_path / "nowhere")
    elif case == "image":
        code, settings = Code("image", image="repo:tag"), {"runner": "process"}
    elif case == "S3":
        code, settings = Code("s3", bucket="b", key="k"), {"runner": "container"}
    elif case == "java":
        settings = {"runtime": "java21", "runner": "process"}
    elif case == "no bootstrap":
        settings = {"runtime": "provided.al2023"}
    else:
        event = "x" * 6_291_555
    with (
        Local(app_of(tmp_path, code, **settings), credentials=False) as fn,
        pytest.raises(kind, match=message),
    ):
        fn.invoke(name, event)


def test_a_layer_that_cannot_be_had_is_named(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    arn = "arn:aws:lambda:eu-west-1:123456789012:layer:extra:3"
    function = app_of(tmp_path, Code("folder", folder)).functions["hello"]
    app = App(
        "test",
        tmp_path,
        {"hello": Function(**{**_fields(function), "layers": (arn,), "async_": AsyncConfig()})},
    )
    with Local(app, credentials=False) as fn, pytest.raises(EnvironmentStartError, match=arn):
        fn.invoke("hello", {"name": "x"})


def _fields(function: Function) -> dict[str, Any]:
    return {name: getattr(function, name) for name in Function.__dataclass_fields__}


def test_after_the_block_nothing_is_started(tmp_path: Path, folder: Path) -> None:
    local = Local(app_of(tmp_path, Code("folder", folder)), credentials=False)
    with local as fn:
        assert fn.invoke("hello", {"name": "x"}).function_error is None
    with pytest.raises(EnvironmentStoppedError, match="has ended"):
        fn.invoke("hello", {"name": "x"})
    with pytest.raises(EnvironmentStoppedError, match="has ended"):
        asyncio.run(local.invoke("hello", {"name": "x"}))
    with local as again:
        assert again.invoke("hello", {"name": "x"}).function_error is None


@pytest.mark.parametrize("event", [{1, 2}, b"bytes", float("nan"), object()])
def test_an_event_that_json_cannot_say(tmp_path: Path, folder: Path, event: object) -> None:
    with (
        Local(app_of(tmp_path, Code("folder", folder)), credentials=False) as fn,
        pytest.raises(EventError, match="nothing that JSON can say"),
    ):
        fn.invoke("hello", event)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"#! /nowhere/python3 -u\n", "not there: '/nowhere/python3'"),
        (b"#!/bin/sh\r\nexit 0\r\n", "Unix line ends"),
        (b"\x7fELF\x02\x01" + bytes(12) + b"{machine}" + bytes(44), "is a program for"),
    ],
)
def test_a_bootstrap_that_cannot_be_started(tmp_path: Path, content: bytes, message: str) -> None:
    foreign = 183 if platform.machine() in ("x86_64", "amd64") else 62
    bootstrap = tmp_path / "bootstrap"
    bootstrap.write_bytes(content.replace(b"{machine}", foreign.to_bytes(2, "little")))
    bootstrap.chmod(0o755)
    app = app_of(tmp_path, Code("folder", tmp_path), runtime="provided.al2023")
    with (
        Local(app, credentials=False) as fn,
        pytest.raises(EnvironmentStartError, match=f"Runtime.InvalidEntrypoint: .*{message}"),
    ):
        fn.invoke("hello", {})


def test_the_sdk_stays_visible_wherever_lambdactl_is_installed(tmp_path: Path) -> None:
    """The links to it lead into lambdactl's own virtual environment, which may be under /tmp."""
    launch = prepare(
        Function("hello", Code("folder", tmp_path), runtime_of("python"), "app.handler"),
        task=tmp_path,
        opt=None,
        root=tmp_path,
        work=tmp_path,
        shell=os.environ,
        strict=False,
    )
    targets = [link.readlink() for link in launch.runtime.iterdir()]
    assert "boto3" in [target.name for target in targets]
    for target in targets:
        assert any(target.is_relative_to(folder) for folder in launch.keep if folder != tmp_path)


@pytest.mark.pythons
def test_a_python_that_cannot_import_our_sdk_is_not_given_it(tmp_path: Path) -> None:
    """It would fail in the middle of urllib3 with a TypeError that says nothing."""
    oldest, path = min(other_pythons().items(), key=lambda item: int(item[0].split(".")[1]))
    launch = prepare(
        Function("hello", Code("folder", tmp_path), f"python{oldest}", "app.handler"),
        task=tmp_path,
        opt=None,
        root=tmp_path,
        work=tmp_path,
        shell={**os.environ, "LAMBDACTL_PYTHON": path},
        strict=False,
    )
    runs = subprocess.run(
        [path, "-c", "import boto3"],
        env={"PYTHONPATH": str(launch.runtime)},
        capture_output=True,
        text=True,
        check=False,
    )
    if launch.warning is None:
        assert runs.returncode == 0, runs.stderr
    else:
        assert launch.warning.startswith(f"python{oldest} comes without boto3 here")
        assert launch.warning.endswith(f"{path} -m pip install boto3")
        assert not list(launch.runtime.iterdir())


# reloads


def test_a_reload_says_what_ran_and_stops_what_it_supersedes(tmp_path: Path, folder: Path) -> None:
    lines: list[str] = []

    async def work() -> None:
        app = app_of(tmp_path, Code("folder", folder))
        invoker = LocalInvoker(app, sink=lambda line: lines.append(line.text.decode()))
        try:
            assert await invoker.reload(["hello"]) == set()
            ask = Invocation("hello", b'{"name": "you"}')
            assert json.loads((await invoker.invoke(ask)).payload) == {"hello": "you"}
            (folder / "app.py").write_text(
                "print('slow', flush=True)\nimport time; time.sleep(8)\n"
            )
            first = asyncio.create_task(invoker.reload(["hello"]))
            await aio.until(lambda: "slow" in lines)
            (folder / "app.py").write_text(HELLO.replace("'hello'", "'bye'"))
            begun = time.monotonic()
            assert await invoker.reload(["hello"]) == {"hello"}
            assert time.monotonic() - begun < 5
            await first
            assert json.loads((await invoker.invoke(ask)).payload) == {"bye": "you"}
            await aio.until(lambda: len(psutil.Process().children(recursive=True)) == 1)
        finally:
            await invoker.close()
        assert psutil.Process().children(recursive=True) == []

    aio.run(work())


def test_what_is_stopped_as_it_starts_leaves_nothing(tmp_path: Path, folder: Path) -> None:
    async def stop_after(turns: int) -> None:
        invoker = LocalInvoker(app_of(tmp_path, Code("folder", folder)))
        warming = asyncio.create_task(invoker.warm(["hello"]))
        await aio.until(lambda: invoker.environments().get("hello"))
        for _ in range(turns):
            await asyncio.sleep(0)
        await invoker.close()
        await warming
        assert psutil.Process().children(recursive=True) == []

    async def work() -> None:
        for turns in range(40):
            await stop_after(turns)

    aio.run(work())


@pytest.mark.slow
def test_a_large_archive_holds_nobody_up(tmp_path: Path) -> None:
    files = {f"lib/m{number}.py": "x = 1\n" * 500 for number in range(3000)}
    archive = zipped(tmp_path / "code.zip", {"app.py": HELLO, **files})

    async def work() -> None:
        invoker = LocalInvoker(app_of(tmp_path, Code("zip", archive)))
        try:
            ask = Invocation("hello", b'{"name": "you"}')
            begun = time.monotonic()
            await invoker.invoke(ask)
            first = time.monotonic() - begun
            zipped(archive, {"app.py": HELLO.replace("'hello'", "'bye'"), **files})
            reload = asyncio.create_task(invoker.reload(["hello"]))
            longest = 0.0
            while not reload.done():
                begun = time.monotonic()
                await asyncio.sleep(0.001)
                longest = max(longest, time.monotonic() - begun)
            assert json.loads((await invoker.invoke(ask)).payload) == {"bye": "you"}
            assert longest < first / 3
        finally:
            await invoker.close()

    aio.run(work())


def test_a_reload_that_fails_says_so_at_once_and_the_next_one_mends_it(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "code.zip", {"app.py": HELLO})
    told: list[str] = []

    async def work() -> None:
        invoker = LocalInvoker(app_of(tmp_path, Code("zip", archive)), warn=told.append)
        try:
            ask = Invocation("hello", b'{"name": "you"}')
            await invoker.invoke(ask)
            archive.write_bytes(b"no archive")
            assert await invoker.reload(["hello"]) == set()
            assert len(told) == 1
            assert "code.zip" in told[0]
            with pytest.raises(LambdactlError):
                await invoker.invoke(ask)
            zipped(archive, {"app.py": HELLO})
            await invoker.reload(["hello"])
            assert json.loads((await invoker.invoke(ask)).payload) == {"hello": "you"}
        finally:
            await invoker.close()

    aio.run(work())


def test_what_was_unpacked_goes_when_nothing_runs_on_it_any_more(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "code.zip", {"app.py": HELLO})
    layers = {}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_text(name)
        layers[name] = Layer(name, tmp_path / name)

    async def work() -> None:
        invoker = LocalInvoker(app_of(tmp_path, Code("zip", archive), layers))
        try:
            ask = Invocation("hello", b'{"name": "you"}')
            for number in range(6):
                zipped(archive, {"app.py": HELLO.replace("'hello'", str(number))})
                await invoker.reload(["hello"])
                assert json.loads((await invoker.invoke(ask)).payload) == {str(number): "you"}
            root = invoker._launches._work_folder()
            await aio.until(
                lambda: all(len([*(root / kind).iterdir()]) <= 2 for kind in ("code", "opt"))
            )
            # What runs has all of its files still.
            assert json.loads((await invoker.invoke(ask)).payload) == {"5": "you"}
        finally:
            await invoker.close()

    aio.run(work())

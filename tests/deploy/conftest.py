"""AWS for tests: a moto server of this process, empty before each test.

Functions run nowhere here: what is tested is what is asked of AWS, not what functions do.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import botocore.loaders
import botocore.session
import pytest

from lambdactl import manifest
from lambdactl.deploy.account import Account
from lambdactl.deploy.model import Context
from lambdactl.deploy.naming import Naming
from lambdactl.manifest.model import App

REGION = "eu-west-1"
SHELL = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    # No profile of whoever runs the tests.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


class TestClock:
    """Time that passes when somebody waits, and only then."""

    __test__ = False

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> float:
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds
            self.slept.append(seconds)


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """The URL of a moto server."""
    from moto.server import ThreadedMotoServer

    # Who asks and who answers are threads of one process: at the usual five milliseconds a call
    # takes three times as long.
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
    sys.setswitchinterval(before)


@pytest.fixture
def aws(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of AWS, which is empty; the environment leads to it."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in {**SHELL, "AWS_ENDPOINT_URL": moto_server}.items():
        monkeypatch.setenv(name, value)
    request = urllib.request.Request(f"{moto_server}/moto-api/reset", method="POST")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    return moto_server


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


loader = botocore.loaders.create_loader()


def session() -> boto3.Session:
    """As ``boto3.Session()``, but AWS's descriptions of its services are read once for all tests:
    that takes longer than most of them."""
    made = botocore.session.Session()
    made.register_component("data_loader", loader)
    return boto3.Session(botocore_session=made, region_name=REGION)


@pytest.fixture
def account(aws: str, clock: TestClock) -> Account:
    """The account, in :data:`REGION`."""
    return Account(session(), clock)


@pytest.fixture
def app_of(tmp_path: Path) -> Callable[..., App]:
    """Makes an app of the text of a manifest: ``app_of(text, stage="prod")``. The code of its
    functions is not looked at."""

    def make(text: str, *, stage: str | None = None) -> App:
        path = tmp_path / "lambdactl.yaml"
        path.write_text(text)
        return manifest.load(path, stage=stage)

    return make


@pytest.fixture
def context_of(account: Account) -> Callable[[App], Context]:
    """Makes the context of an app in the account."""

    def make(app: App) -> Context:
        return Context(account, Naming(app, account.partition, account.region, account.id))

    return make

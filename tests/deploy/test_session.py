"""Which account, Region and endpoint the user's session leads to, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdactl.deploy import session
from lambdactl.errors import UserError
from tests.deploy.conftest import REGION, SHELL, TestClock


@pytest.fixture(autouse=True)
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name, value in SHELL.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "config").write_text(
        "[profile staging]\nregion = eu-north-1\naws_access_key_id = A\naws_secret_access_key = B\n"
        "[profile production]\nregion = us-east-2\n"
    )


def test_the_option_goes_before_the_environment() -> None:
    assert session.account().region == REGION
    assert session.account(region="us-west-2").region == "us-west-2"


def test_aws_region_goes_before_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    assert session.account(profile="staging").region == REGION
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    assert session.account(profile="staging").region == "eu-north-1"
    monkeypatch.setenv("AWS_REGION", "sa-east-1")
    assert session.account(profile="staging").region == "sa-east-1"


def test_the_endpoint_is_that_of_all_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://elsewhere.example")
    found = session.account(endpoint_url="http://127.0.0.1:5000")
    urls = {found.client(name).meta.endpoint_url for name in ("s3", "lambda", "iam")}
    assert urls == {"http://127.0.0.1:5000"}


def test_time_is_the_given_clocks() -> None:
    clock = TestClock(5.0)
    assert session.account(clock=clock).clock is clock
    ours = session.SystemClock()
    before = ours.now()
    ours.sleep(0.01)
    assert ours.now() > before > 1_700_000_000


@pytest.mark.parametrize(
    ("options", "words", "hint"),
    [
        ({"profile": "stagin"}, "no AWS profile 'stagin'", "did you mean `staging`?"),
        ({"profile": "zzz"}, "no AWS profile 'zzz'", "there is: production, staging"),
        ({"region": "eu west 1"}, "'eu west 1' is not the name", "did you mean `eu-west-1`?"),
        ({"endpoint_url": "localhost:5000"}, "'localhost:5000' is not a URL", "127.0.0.1:5000"),
    ],
)
def test_what_is_wrong_is_said(options: dict[str, str], words: str, hint: str) -> None:
    with pytest.raises(UserError) as raised:
        session.account(**options)
    assert words in raised.value.message
    assert hint in (raised.value.hint or "")


def test_the_profile_of_the_environment_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "productoin")
    with pytest.raises(UserError, match="productoin"):
        session.account()


def test_a_region_that_is_empty_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "")
    with pytest.raises(UserError, match="no AWS Region"):
        session.account()


def test_there_is_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    with pytest.raises(UserError, match="no AWS Region") as raised:
        session.account()
    assert "--region" in (raised.value.hint or "")

"""What AWS says no with, in words: which call, which resource, what to do, which exit code."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError, SSOTokenLoadError, WaiterError

from lambdactl.deploy import session
from lambdactl.deploy.account import Account
from lambdactl.deploy.explaining import explained, in_words
from lambdactl.errors import (
    EXIT_AWS,
    EXIT_BUG,
    EXIT_CREDENTIALS,
    EXIT_DENIED,
    EXIT_TAKEN,
    EXIT_USER_MISTAKE,
    AwsError,
    BugError,
    DeniedError,
    LambdactlError,
    UserError,
)
from tests.deploy.conftest import REGION, SHELL, TestClock
from tests.deploy.refusing import Refusal, refusing

DOING = "creating the function hello"
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:hello"
ROLE = "arn:aws:sts::123456789012:assumed-role/ci/run"


@pytest.fixture(scope="module")
def server() -> Iterator[Refusal]:
    with refusing() as found:
        yield found


@pytest.fixture(autouse=True)
def shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in SHELL.items():
        monkeypatch.setenv(name, value)


def account_at(url: str) -> Account:
    found = boto3.Session(region_name=REGION)
    return Account(found, TestClock(), attempts=1, endpoint_url=url)


def refused(server: Refusal, status: int, code: str, message: str) -> LambdactlError:
    """What is said when a call is refused."""
    server.status, server.code, server.message = status, code, message
    account = account_at(server.url)
    with pytest.raises(ClientError) as raised:
        account.client("lambda").get_function(FunctionName="hello")
    return explained(raised.value, doing=DOING, resource="function:hello", account=account)


@pytest.mark.parametrize(
    ("status", "code", "message", "exit_code", "said", "hint"),
    [
        (
            403,
            "AccessDeniedException",
            f"User: {ROLE} is not authorized to perform: lambda:GetFunction on resource: {ARN} "
            "because no identity-based policy allows the lambda:GetFunction action",
            EXIT_DENIED,
            f"{ROLE} may not do lambda:GetFunction on {ARN}: no identity-based policy allows",
            f"allow lambda:GetFunction on {ARN}",
        ),
        (
            403,
            "AccessDeniedException",
            f"User: {ROLE} is not authorized to perform: lambda:GetFunction on resource: {ARN} "
            "with an explicit deny in a service control policy",
            EXIT_DENIED,
            "there is an explicit deny in a service control policy",
            "has to change that policy",
        ),
        (
            403,
            "AccessDenied",
            f"User: {ROLE} is not authorized to perform: iam:PassRole on resource: role x",
            EXIT_DENIED,
            "may not do iam:PassRole on role x",
            "allow iam:PassRole on role x",
        ),
        (
            403,
            "AccessDeniedException",
            f"User: {ROLE} is not authorized to perform: logs:DescribeLogGroups",
            EXIT_DENIED,
            f"{ROLE} may not do logs:DescribeLogGroups (",
            "allow logs:DescribeLogGroups",
        ),
        (
            403,
            "AccessDenied",
            "Access Denied",
            EXIT_DENIED,
            "the credentials may not do lambda GetFunction",
            "administrator",
        ),
        (
            403,
            "ExpiredTokenException",
            "The security token included in the request is expired",
            EXIT_CREDENTIALS,
            "credentials of the environment (AWS_ACCESS_KEY_ID) have expired",
            "set new ones",
        ),
        (
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            EXIT_CREDENTIALS,
            "AWS does not know the credentials",
            "the Region eu-west-1 is enabled",
        ),
        (
            403,
            "InvalidSignatureException",
            "Signature expired: 20261122T000000Z is now earlier than 20261122T001000Z",
            EXIT_CREDENTIALS,
            "refuses requests of this time",
            "clock",
        ),
        (429, "TooManyRequestsException", "Rate exceeded", EXIT_AWS, "throttles", "--parallel"),
        (
            400,
            "CodeStorageExceededException",
            "Code storage limit exceeded.",
            EXIT_AWS,
            "lambda GetFunction: Code storage limit exceeded (CodeStorageExceededException)",
            "quota",
        ),
        (409, "EntityAlreadyExists", "Role x exists", EXIT_TAKEN, "Role x exists", "`name:`"),
        (
            404,
            "ResourceNotFoundException",
            "Function not found",
            EXIT_AWS,
            "lambda GetFunction: Function not found (ResourceNotFoundException)",
            "in the Region eu-west-1",
        ),
        (
            400,
            "InvalidParameterValueException",
            "1 validation error detected",
            EXIT_AWS,
            "1 validation error detected",
            "change what the manifest says",
        ),
        (409, "ResourceConflictException", "an update is in progress", EXIT_AWS, "update", "else"),
        (500, "ServiceException", "oops", EXIT_AWS, "AWS has a fault", "run the command again"),
        (501, "NotYetImplemented", "no", EXIT_AWS, "no", "does not know lambda GetFunction"),
    ],
)
def test_what_is_said_of_a_refusal(
    server: Refusal, status: int, code: str, message: str, exit_code: int, said: str, hint: str
) -> None:
    error = refused(server, status, code, message)
    assert error.exit_code == exit_code
    assert error.message.startswith(f"{DOING}: ")
    assert said in error.message
    assert hint in (error.hint or "")
    assert "\n" not in str(error)


@pytest.mark.parametrize("body", [b"<!doctype html><p>Sign in<br>", b"<html>Sign in</html>"])
def test_an_answer_that_is_none_of_awss(server: Refusal, body: bytes) -> None:
    account = account_at(server.url)
    server.status, server.body = 200, body
    unreadable = pytest.raises(AwsError, match="the answer can't be read")
    with unreadable as raised, in_words("asking", account):
        account.client("sts").get_caller_identity()
    server.body = None
    assert f"{server.url} does not answer as AWS does" in (raised.value.hint or "")


def test_a_page_in_place_of_a_sentence(server: Refusal) -> None:
    page = "<!doctype html>\n<title>500</title>\n<h1>Internal Server Error</h1>"
    error = refused(server, 500, "InternalFailure", page)
    assert "lambda GetFunction: 500 Internal Server Error (InternalFailure)" in error.message


def test_an_upload_of_which_a_part_was_refused(server: Refusal, tmp_path: Path) -> None:
    server.status, server.code, server.message = 403, "AccessDenied", "Access Denied"
    file = tmp_path / "code.zip"
    file.write_bytes(b"zip")
    account = account_at(server.url)
    denied = pytest.raises(DeniedError, match="uploading: the credentials may not do s3 PutObject")
    with denied, in_words("uploading", account):
        account.client("s3").upload_file(str(file), "bucket", "key")


def test_there_are_no_credentials(server: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    account = account_at(server.url)
    with pytest.raises(LambdactlError) as raised, in_words("asking", account):
        account.client("sts").get_caller_identity()
    assert raised.value.exit_code == EXIT_CREDENTIALS
    assert raised.value.message == "asking: there are no AWS credentials"


def test_credentials_are_not_complete(server: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    account = account_at(server.url)
    with pytest.raises(LambdactlError, match="not complete") as raised, in_words("asking", account):
        account.client("sts").get_caller_identity()
    assert raised.value.exit_code == EXIT_CREDENTIALS


def test_a_credential_process_fails(
    server: Refusal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    config = tmp_path / "config"
    config.write_text("[default]\ncredential_process = /bin/false\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    account = account_at(server.url)
    with pytest.raises(LambdactlError, match="can't be had") as raised, in_words("a", account):
        account.client("sts").get_caller_identity()
    assert raised.value.exit_code == EXIT_CREDENTIALS


def test_a_sign_in_has_ended(
    server: Refusal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[profile work]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = dev\n"
        "[sso-session corp]\nsso_start_url = https://corp.example\nsso_region = eu-west-1\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("HOME", str(tmp_path))
    account = session.account(profile="work", endpoint_url=server.url)
    with pytest.raises(LambdactlError) as raised, in_words("asking", account):
        account.client("sts").get_caller_identity()
    assert raised.value.exit_code == EXIT_CREDENTIALS
    assert "the sign-in of the profile work does not hold any more" in raised.value.message
    assert "aws sso login --profile work" in (raised.value.hint or "")


def test_an_expired_session_of_a_profile_says_how_to_renew_it(server: Refusal) -> None:
    account = account_at(server.url)
    error = explained(SSOTokenLoadError(error_msg="it has expired"), doing=DOING, account=account)
    assert error.exit_code == EXIT_CREDENTIALS
    assert error.hint


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    account = account_at(f"http://127.0.0.1:{port}")
    with pytest.raises(LambdactlError, match="can't be reached") as raised, in_words("a", account):
        account.client("sts").get_caller_identity()
    assert raised.value.exit_code == EXIT_AWS
    assert f"http://127.0.0.1:{port}" in raised.value.message
    assert "is it running?" in (raised.value.hint or "")


def test_a_region_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import EndpointConnectionError

    monkeypatch.setenv("AWS_REGION", "eu-wset-1")
    account = session.account()
    url = "https://lambda.eu-wset-1.amazonaws.com/"
    error = explained(EndpointConnectionError(endpoint_url=url), doing=DOING, account=account)
    assert "no Region 'eu-wset-1'" in error.message
    assert error.hint == "did you mean `eu-west-1`?"
    assert error.exit_code == EXIT_USER_MISTAKE


def test_what_botocore_itself_does_not_take(server: Refusal) -> None:
    account = account_at(server.url)
    with pytest.raises(UserError) as raised, in_words(DOING, account):
        account.client("lambda").get_function(FunctionName=3, Colour="red")
    assert "Parameter validation failed" not in raised.value.message
    assert 'Unknown parameter in input: "Colour"' in raised.value.message
    assert "Invalid type for parameter FunctionName" in raised.value.message


def test_a_waiter_says_what_it_saw() -> None:
    last = {"Configuration": {"State": "Failed", "StateReason": "The image is not there."}}
    error = WaiterError("FunctionActiveV2", "Waiter encountered a terminal failure state", last)
    assert explained(error, doing=DOING).message == f"{DOING}: The image is not there"
    bare = WaiterError("FunctionActiveV2", "Max attempts exceeded", {})
    assert explained(bare, doing=DOING).message == f"{DOING}: Max attempts exceeded"


def test_ours_stay_as_they_are_and_bugs_are_bugs() -> None:
    ours = UserError("no")
    assert explained(ours, doing=DOING) is ours
    bug = explained(KeyError("x"), doing=DOING)
    assert isinstance(bug, BugError)
    assert bug.exit_code == EXIT_BUG
    with pytest.raises(KeyError), in_words(DOING):
        raise KeyError("x")


def test_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file") as raised, in_words(DOING):
        (tmp_path / "smoke.json").read_bytes()
    assert str(tmp_path / "smoke.json") in raised.value.message

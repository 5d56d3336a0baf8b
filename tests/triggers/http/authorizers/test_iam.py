"""Requests that botocore signs, as clients do, and what is made of their signatures."""

from __future__ import annotations

import asyncio
import email.utils
import hashlib
import time
from datetime import timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdactl.manifest.apis import Api, Authorizer, Integration, Route
from lambdactl.triggers.http.calls import Allowed, Refusal
from lambdactl.triggers.http.doors import door
from lambdactl.triggers.http.exchange import Request
from tests.aio import run
from tests.clock import ManualClock
from tests.triggers.http import parts
from tests.triggers.http.authorizers.asking import Asking, asking

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details."
)


def mismatch(message: str | None) -> bool:
    return message is not None and message.startswith(MISMATCH)


@pytest.fixture(autouse=True)
def _developer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)


def guarded(kind: str = "rest", clock: Any = None) -> Asking:
    setting = parts.setting(clock=clock or ManualClock(time.time()))
    return asking(Authorizer("iam", "iam"), setting, kind=kind)


def signed(
    url: str = "http://127.0.0.1:3000/pets",
    method: str = "GET",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    key: str = KEY,
    secret: str = SECRET,
    token: str | None = None,
    service: str = "execute-api",
    region: str = "us-east-1",
    query: bool = False,
    expires: int = 60,
) -> Request:
    """A request as it comes in after botocore has signed it."""
    made = AWSRequest(method, url, headers=headers or {}, data=body)
    given = Credentials(key, secret, token)
    if query:
        SigV4QueryAuth(given, service, region, expires=expires).add_auth(made)
    else:
        SigV4Auth(given, service, region).add_auth(made)
    parsed = urlsplit(made.url)
    lines = [("Host", parsed.netloc), *made.headers.items()]
    return Request(method, parsed.path, parsed.query, lines, body, parts.FakeWire())


def passed(asked: Asking, request: Request) -> Allowed:
    call = asked.call(request)
    run(asked.check(call))
    assert call.allowed is not None
    return call.allowed


def refused(asked: Asking, request: Request) -> Refusal:
    with pytest.raises(Refusal) as caught:
        passed(asked, request)
    assert caught.value.reason
    return caught.value


URLS = [
    "http://127.0.0.1:3000/",
    "http://127.0.0.1:3000/pets/7?b=2&a=1&a=0",
    "http://127.0.0.1:3000/a%20b/caf%C3%A9?q=a%20b%2Bc&empty=&%C3%A9=1",
    "http://127.0.0.1:3000/a//b/../c/",
]


@pytest.mark.parametrize("url", URLS)
def test_what_the_developer_signed_passes(url: str) -> None:
    asked = guarded()
    passed(asked, signed(url))
    passed(asked, signed(url, "POST", b'{"a": 1}', {"Content-Type": "application/json"}))
    # botocore presigns one value of a parameter only.
    passed(asked, signed(url.replace("&a=0", ""), query=True))
    assert asked.told == []


def test_who_has_signed_is_shown_as_each_kind_of_api_does() -> None:
    identity = {
        "accessKey": KEY,
        "accountId": "123456789012",
        "caller": "AIDAIOSFODNN7EXAMPLE",
        "user": "AIDAIOSFODNN7EXAMPLE",
        "userArn": "arn:aws:iam::123456789012:user/local",
    }
    for kind in ("rest", "websocket"):
        allowed = passed(guarded(kind), signed())
        assert allowed.identity == identity
        assert allowed.shown == {}
    shown = {
        "iam": {
            "accessKey": KEY,
            "accountId": "123456789012",
            "callerId": "AIDAIOSFODNN7EXAMPLE",
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": "arn:aws:iam::123456789012:user/local",
            "userId": "AIDAIOSFODNN7EXAMPLE",
        }
    }
    assert passed(guarded("http"), signed()).shown == shown
    assert passed(guarded("url"), signed(service="lambda")).shown == shown


def test_temporary_credentials_are_a_role_and_need_their_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the/token+=")
    temporary = {"key": "ASIAIOSFODNN7EXAMPLE"}
    for query in (False, True):
        allowed = passed(guarded(), signed(**temporary, token="the/token+=", query=query))
        assert allowed.identity["userArn"] == "arn:aws:sts::123456789012:assumed-role/local/local"
        assert allowed.identity["caller"] == "AROAIOSFODNN7EXAMPLE:local"
        for token in (None, "another"):
            refusal = refused(guarded(), signed(**temporary, token=token, query=query))
            assert refusal.message == "The security token included in the request is invalid."
            assert refusal.context["error_type"] == "UnrecognizedClientException"


def test_a_stranger_is_believed_and_told_of_once() -> None:
    asked = guarded()
    for _ in range(3):
        allowed = passed(asked, signed(key="AKIASTRANGER00000000", secret="whatever"))
    assert allowed.identity["accessKey"] == "AKIASTRANGER00000000"
    assert len(asked.told) == 1
    assert "AKIASTRANGER00000000" in asked.told[0]
    assert "not verified" in asked.told[0]


def test_without_any_credentials_everyone_is_a_stranger(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    asked = guarded()
    passed(asked, signed())
    assert KEY in asked.told[0]


def test_credentials_that_change_are_found_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(time.time())
    asked = guarded(clock=clock)
    passed(asked, signed())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANEW0000000000000")
    clock.spend(61)
    passed(asked, signed(key="AKIANEW0000000000000"))
    assert mismatch(refused(asked, signed(key="AKIANEW0000000000000", secret="no")).message)
    assert asked.told == []


def test_a_wrong_secret_is_refused() -> None:
    for query in (False, True):
        refusal = refused(guarded(), signed(secret="wrong", query=query))
        assert refusal.type == "INVALID_SIGNATURE"
        assert mismatch(refusal.message)
        assert refusal.context["error_type"] == "InvalidSignatureException"


@pytest.mark.parametrize("query", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        {"method": "DELETE"},
        {"path": "/other"},
        {"query": "&x=1"},
        {"body": b"other"},
        {"host": "evil.example"},
    ],
)
def test_a_request_that_was_changed_on_the_way_is_refused(
    change: dict[str, Any], query: bool
) -> None:
    # botocore would put the body of what it presigns into the query.
    method, body = ("GET", b"") if query else ("POST", b"body")
    request = signed("http://127.0.0.1:3000/pets?a=1", method, body, query=query)
    passed(guarded(), request)
    if "query" in change:
        request.query += change["query"]
    elif "host" in change:
        request.headers[0] = ("Host", change["host"])
        request._joined = None
    else:
        for name, value in change.items():
            setattr(request, name, value)
    assert mismatch(refused(guarded(), request).message)


def test_a_mismatch_shows_what_should_have_been_signed() -> None:
    """As in https://github.com/mhart/aws4/issues/33; a function URL does not."""
    request = signed("http://127.0.0.1:3000/pets?b=1&a=2", secret="wrong")
    stamp = request.header("x-amz-date")
    message = refused(guarded(), request).message
    assert message is not None
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    canonical = (
        f"GET\n/pets\na=2&b=1\nhost:127.0.0.1:3000\nx-amz-date:{stamp}\n\nhost;x-amz-date\n{empty}"
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    assert message == (
        f"{MISMATCH}\n\nThe Canonical String for this request should have been\n'{canonical}'\n\n"
        "The String-to-Sign should have been\n'AWS4-HMAC-SHA256\n"
        f"{stamp}\n{stamp[:8] if stamp else ''}/us-east-1/execute-api/aws4_request\n{digest}'\n"
    )
    asked = guarded("url")
    assert refused(asked, signed(secret="wrong", service="lambda")).message == MISMATCH


def test_a_signed_header_counts_and_another_does_not() -> None:
    request = signed(headers={"X-Tenant": "a  b", "X-Name": "plain"})
    request.headers.append(("X-Other", "new"))
    request._joined = None
    passed(guarded(), request)
    request.headers = [
        (name, "root" if name == "X-Tenant" else value) for name, value in request.headers
    ]
    request._joined = None
    assert mismatch(refused(guarded(), request).message)


def test_behind_a_prefix_the_whole_path_was_signed() -> None:
    request = signed("http://127.0.0.1:3000/shop/pets")
    request.prefix, request.path = "/shop", "/pets"
    passed(guarded(), request)


def test_a_query_that_was_sent_unescaped_is_escaped_as_aws_does() -> None:
    request = signed("http://127.0.0.1:3000/pets?name=a%3Ab%2Fc")
    request.query = "name=a:b/c"
    passed(guarded(), request)


@pytest.mark.parametrize("kind", ["rest", "url"])
def test_without_a_signature(kind: str) -> None:
    asked = guarded(kind)
    for target in ("/", "/?a=1", "/?X-Amz-Meta=1"):
        refusal = refused(asked, parts.request(target))
        assert refusal.type == "MISSING_AUTHENTICATION_TOKEN"
        assert refusal.message == "Missing Authentication Token"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (
            "AWS4-HMAC-SHA256",
            "Authorization header requires 'Credential' parameter. Authorization header requires "
            "'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. "
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
            "(Hashed with SHA-256 and encoded with Base64) Authorization=",
        ),
        (
            "Bearer abc",
            # What AWS's services say since 2024; the hash is `printf 'Bearer abc' | sha256sum`.
            "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with "
            "SHA-256 and encoded with Base64): 'w1Xc6WwWEogNEZQP/dkBTThsJT4MNlKmzQanIm970rY='.",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c",
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
            "(Hashed",
        ),
        ("AWS4-ECDSA-P256-SHA256 Credential=a", "Unsupported AWS 'algorithm'"),
    ],
)
def test_a_header_with_parts_missing(header: str, words: str) -> None:
    refusal = refused(guarded(), parts.request("/", headers={"Authorization": header}))
    assert words in (refusal.message or "")
    assert refusal.type == "MISSING_AUTHENTICATION_TOKEN"
    assert refusal.context["error_type"] == "IncompleteSignatureException"


@pytest.mark.parametrize(
    ("credential", "date", "words"),
    [
        ("a/b", "20231114T221320Z", "exactly 5 slash-delimited elements"),
        ("a/20231114/us-east-1/execute-api/aws4_request", "yesterday", "Got 'yesterday'"),
        (
            "a/20231113/us-east-1/execute-api/aws4_request",
            "20231114T221320Z",
            "'20231113' != '20231114', from '20231114T221320Z'",
        ),
        (
            "a/20231114/us-east-1/execute-api/aws5",
            "20231114T221320Z",
            "valid terminator: 'aws4_request', not 'aws5'",
        ),
    ],
)
def test_a_header_with_wrong_parts(credential: str, date: str, words: str) -> None:
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, "
        "Signature=00",
        "X-Amz-Date": date,
    }
    asked = guarded(clock=ManualClock())
    assert words in (refused(asked, parts.request("/", headers=headers)).message or "")


def test_a_query_with_parts_missing() -> None:
    request = parts.request("/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a")
    message = refused(guarded(), request).message or ""
    assert "AWS query-string parameters must include 'X-Amz-Signature'." in message
    assert message.endswith("Re-examine the query-string parameters.")


def test_another_service_or_region_is_refused() -> None:
    refusal = refused(guarded(), signed(service="lambda", region="eu-west-1"))
    assert refusal.type == "INVALID_SIGNATURE"
    assert refusal.message == (
        "Credential should be scoped to a valid region, not 'eu-west-1'. "
        "Credential should be scoped to correct service: 'execute-api'."
    )
    assert "correct service: 'lambda'" in (refused(guarded("url"), signed()).message or "")


def test_clocks_may_differ_by_five_minutes() -> None:
    now = time.time()
    for skew in (-290, 290):
        passed(guarded(clock=ManualClock(now + skew)), signed())
    late = refused(guarded(clock=ManualClock(now + 330)), signed())
    assert late.type == "INVALID_SIGNATURE"
    assert (late.message or "").startswith("Signature expired: ")
    assert (late.message or "").endswith(" - 5 min.)")
    early = refused(guarded(clock=ManualClock(now - 330)), signed())
    assert (early.message or "").startswith("Signature not yet current: ")


def test_a_presigned_url_is_valid_as_long_as_it_says() -> None:
    now = time.time()
    request = signed(query=True, expires=900)
    passed(guarded(clock=ManualClock(now + 890)), request)
    assert "Signature expired" in (
        refused(guarded(clock=ManualClock(now + 910)), request).message or ""
    )


def test_a_date_header_will_do() -> None:
    request = signed(headers={"Date": "now"})
    assert request.header("x-amz-date") is None
    passed(guarded(), request)


def test_a_date_header_may_have_another_zone() -> None:
    request = signed(headers={"Date": "now"})
    made = email.utils.parsedate_to_datetime(request.header("date") or "")
    there = made.astimezone(timezone(timedelta(hours=2)))
    request.headers = [
        (name, email.utils.format_datetime(there) if name == "Date" else value)
        for name, value in request.headers
    ]
    request._joined = None
    # It is the same moment, so only the signature is another's.
    assert mismatch(refused(guarded(), request).message)


ANY = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)


@settings(deadline=None)
@given(ANY, ANY, ANY, ANY, st.sampled_from(["", "%", "?a=\xff%zz", "#x"]))
def test_whatever_is_sent_is_refused_in_words(
    credential: str, headers: str, value: str, date: str, target: str
) -> None:
    clock = ManualClock()
    good = f"{KEY}/20231114/us-east-1/execute-api/aws4_request"
    for scope, stamp in ((credential, date), (good, date), (good, "20231114T221320Z")):
        for names in (headers, "host", "host;x-amz-date"):
            sent = {
                "Host": value,
                "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, "
                f"Signature={value}",
                "X-Amz-Date": stamp,
            }
            refused(guarded(clock=clock), parts.request(f"/{target}", headers=sent))


def test_requests_at_the_same_time_wait_for_the_credentials() -> None:
    async def main() -> None:
        asked = guarded()
        calls = [asked.call(signed(secret="wrong")) for _ in range(3)]
        refusals = await asyncio.gather(*map(asked.check, calls), return_exceptions=True)
        assert all(mismatch(getattr(each, "message", None)) for each in refusals)
        assert asked.told == []

    run(main())


def test_a_signature_without_the_host_is_none() -> None:
    request = signed()
    request.headers = [
        (name, value.replace("SignedHeaders=host;", "SignedHeaders="))
        for name, value in request.headers
    ]
    request._joined = None
    assert "'Host'" in (refused(guarded(), request).message or "")


@pytest.mark.parametrize("kind", ["rest", "http"])
def test_a_stage_in_the_path_is_signed_too(kind: Any) -> None:
    """As every client of a deployed API signs it."""
    setting = parts.setting(clock=ManualClock(time.time()))
    route = Route("/pets", Integration(function="hello"), "GET", Authorizer("iam", "iam"))
    front = door(Api("shop", kind, (route,), stage="prod"), setting)
    came = signed("http://127.0.0.1:3000/prod/pets")
    assert front.knows(came)
    answer = run(front.handle(came))
    assert answer is not None
    assert (answer.status, setting.kept["told"]) == (200, [])

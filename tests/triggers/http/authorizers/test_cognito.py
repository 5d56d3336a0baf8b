from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lambdactl.manifest.apis import Authorizer
from lambdactl.manifest.model import App
from tests.aio import run
from tests.clock import ManualClock
from tests.triggers.http import parts
from tests.triggers.http.authorizers.asking import Asking, asking
from tests.triggers.http.authorizers.keys import NOW, jwks, rsa_key, token

POOL = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_AbC123"
ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123"


@pytest.fixture
def guarded(tmp_path: Path) -> Any:
    (tmp_path / "keys.json").write_text(json.dumps(jwks("one")))

    def make(*pools: str, variables: Any = None, **fields: Any) -> Asking:
        authorizer = Authorizer(
            "cognito", "users", user_pools=pools or (POOL,), keys="keys.json", **fields
        )
        setting = parts.setting(clock=ManualClock(NOW), app=App("shop", tmp_path, {}))
        return asking(authorizer, setting, variables=variables or {})

    return make


def identity(**more: Any) -> str:
    made = {
        "iss": ISSUER,
        "aud": "client",
        "sub": "ann",
        "token_use": "id",
        "auth_time": NOW,
        "exp": NOW + 60,
        "iat": NOW,
        **more,
    }
    return token(made)


def access(scope: str = "aws.cognito.signin.user.admin", **more: Any) -> str:
    made = {
        "iss": ISSUER,
        "client_id": "client",
        "sub": "ann",
        "token_use": "access",
        "scope": scope,
        "exp": NOW + 60,
        **more,
    }
    return token(made)


@pytest.mark.parametrize("start", ["", "Bearer "])
def test_an_identity_token_passes_with_its_claims_as_text(guarded: Any, start: str) -> None:
    text = identity(
        email_verified=True,
        **{"cognito:groups": ["admin", "staff"], "address": {"formatted": "Oslo"}},
    )
    allowed = run(guarded().allowed("/", {"Authorization": start + text}))
    assert allowed.shown == {
        "claims": {
            "iss": ISSUER,
            "aud": "client",
            "sub": "ann",
            "token_use": "id",
            "auth_time": str(NOW),
            "exp": "Tue Nov 14 22:14:20 UTC 2023",
            "iat": "Tue Nov 14 22:13:20 UTC 2023",
            "email_verified": "true",
            "cognito:groups": "admin,staff",
            "address": '{"formatted":"Oslo"}',
        }
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no token"),
        ("abc", "no JWT"),
        (
            identity(iss=ISSUER.replace("AbC", "Xyz")),
            "say so: --parameter-overrides <its logical id>=",
        ),
        (identity(iss=["x"]), "its iss is"),
        (identity(nbf=NOW + 9), "valid in 9 s"),
        (access(), "its token_use is access"),
        (identity(token_use="other"), "its token_use is other"),
        (token({"iss": ISSUER, "token_use": "id"}, key=rsa_key("two")), "signature"),
    ],
    # Tokens differ from run to run, and so would their names.
    ids=range(8),
)
def test_what_is_not_believed_is_401(guarded: Any, text: str | None, words: str) -> None:
    headers = {"Authorization": text} if text else {}
    refusal = run(guarded().refused("/", headers))
    assert refusal.type == "UNAUTHORIZED"
    assert refusal.message is None
    assert words in (refusal.reason or "")


def test_an_expired_token_has_its_own_words(guarded: Any) -> None:
    refusal = run(guarded().refused("/", {"Authorization": identity(exp=NOW - 1)}))
    assert refusal.type == "UNAUTHORIZED"
    assert refusal.message == "The incoming token has expired"


def test_a_route_with_scopes_takes_access_tokens_with_one_of_them(guarded: Any) -> None:
    asked, scopes = guarded(), ("shop/read", "shop/write")
    headers = {"Authorization": access("x shop/read")}
    shown = run(asked.allowed("/", headers, scopes=scopes)).shown
    assert shown["claims"]["scope"] == "x shop/read"
    for text in (access("x"), identity(), identity(scope="shop/read")):
        refusal = run(asked.refused("/", {"Authorization": text}, scopes=scopes))
        assert refusal.type == "UNAUTHORIZED"


def test_several_pools_and_stage_variables(guarded: Any) -> None:
    other = "arn:aws:cognito-idp:us-east-1:1:userpool/${stageVariables.pool}"
    asked = guarded(other, "eu-west-1_AbC123", variables={"pool": "us-east-1_Zed"})
    run(asked.allowed("/", {"Authorization": identity()}))
    issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Zed"
    run(asked.allowed("/", {"Authorization": identity(iss=issuer)}))
    assert asked.told == []


def test_a_pool_that_only_aws_knows_is_told_of(guarded: Any) -> None:
    asked = guarded("Pool.Arn")
    assert "Pool.Arn is no ARN of a user pool" in asked.told[0]
    assert run(asked.refused("/", {"Authorization": identity()})).type == "UNAUTHORIZED"


def test_header_and_expression(guarded: Any) -> None:
    asked = guarded(identity=("method.request.header.X-Auth",), validation=r"Bearer .+")
    run(asked.allowed("/", {"x-auth": f"Bearer {identity()}"}))
    assert "does not match" in (run(asked.refused("/", {"x-auth": identity()})).reason or "")
    assert "no token" in (run(asked.refused("/", {"Authorization": identity()})).reason or "")

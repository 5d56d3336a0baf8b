from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.manifest.apis import Authorizer
from lambdactl.manifest.model import App
from tests.aio import run
from tests.clock import ManualClock
from tests.triggers.http import parts
from tests.triggers.http.authorizers import keys
from tests.triggers.http.authorizers.asking import Asking, asking
from tests.triggers.http.authorizers.keys import NOW, Issuer, ec_key, jwks, rsa_key, token


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with keys.issuer() as found:
        yield found


def guarded(issuer: Issuer, kind: str = "http", clock: Any = None, **fields: Any) -> Asking:
    authorizer = Authorizer(
        "jwt", "users", **{"issuer": issuer.url, "audience": ("app", "other"), **fields}
    )
    setting = parts.setting(clock=clock or ManualClock(NOW))
    return asking(authorizer, setting, kind=kind, stage="$default")


def claims(issuer: Issuer, **more: Any) -> dict[str, Any]:
    made = {"iss": issuer.url, "aud": "app", "sub": "ann", "exp": NOW + 60, "iat": NOW, **more}
    return {name: value for name, value in made.items() if value != "left out"}


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_a_token_of_the_issuer_may_pass(issuer: Issuer) -> None:
    asked = guarded(issuer)
    given = claims(
        issuer,
        groups=["admin", "poweruser"],
        admin=True,
        ratio=0.5,
        nothing=None,
        address={"city": "Oslo"},
        scope="a b",
    )
    allowed = run(asked.allowed("/", bearer(token(given))))
    assert allowed.shown == {
        "jwt": {
            "claims": {
                "iss": issuer.url,
                "aud": "app",
                "sub": "ann",
                "exp": str(NOW + 60),
                "iat": str(NOW),
                "groups": "[admin poweruser]",
                "admin": "true",
                "ratio": "0.5",
                "address": '{"city":"Oslo"}',
                "scope": "a b",
            },
            "scopes": None,
        }
    }
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


@pytest.mark.parametrize("start", ["", "Bearer ", "bearer "])
def test_bearer_may_stand_before_it(issuer: Issuer, start: str) -> None:
    asked = guarded(issuer)
    run(asked.allowed("/", {"authorization": start + token(claims(issuer))}))


def test_it_may_be_in_the_query(issuer: Issuer) -> None:
    asked = guarded(issuer, identity=("$request.querystring.token",))
    run(asked.allowed(f"/?token={token(claims(issuer))}"))
    run(asked.refused("/", bearer(token(claims(issuer)))))


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}])
def test_without_a_token(issuer: Issuer, headers: Any) -> None:
    refusal = run(guarded(issuer).refused("/", headers))
    assert refusal.type == "UNAUTHORIZED"
    assert refusal.context["www-authenticate"] == "Bearer"
    assert issuer.asked == []


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512", "PS256"])
def test_rsa_it_is(issuer: Issuer, alg: str) -> None:
    run(guarded(issuer).allowed("/", bearer(token(claims(issuer), alg=alg))))


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"aud": "stranger"}, "the token does not have a valid audience"),
        ({"aud": ["x", "y"]}, "the token does not have a valid audience"),
        ({"aud": []}, "the token does not have a valid audience"),
        ({"aud": "left out"}, "the token does not have a valid audience"),
        (
            {"aud": "left out", "client_id": "stranger"},
            "the token does not have a valid audience",
        ),
        # "When both are present, API Gateway evaluates aud."
        ({"aud": "stranger", "client_id": "app"}, "the token does not have a valid audience"),
        ({"iss": "https://evil.example"}, "the token does not have a valid issuer"),
        ({"iss": "left out"}, "the token does not have a valid issuer"),
        ({"exp": NOW}, "the token has expired"),
        ({"exp": NOW - 3600}, "the token has expired"),
        ({"exp": "soon"}, "the token is malformed"),
        ({"nbf": NOW + 60}, "the token is not valid yet"),
        ({"iat": NOW + 60}, "the token was issued in the future"),
    ],
)
def test_claims_that_are_not_believed(
    issuer: Issuer, changes: dict[str, Any], description: str
) -> None:
    refusal = run(guarded(issuer).refused("/", bearer(token(claims(issuer, **changes)))))
    assert refusal.type == "UNAUTHORIZED"
    assert refusal.context["www-authenticate"] == (
        f'Bearer scope="" error="invalid_token" error_description="{description}"'
    )
    assert "the JWT authorizer users" in (refusal.reason or "")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["x", "other"]},
        {"aud": "left out", "client_id": "app"},
        {"exp": "left out"},
        {"nbf": NOW},
        {"iat": "left out"},
        {"exp": NOW + 0.5},
    ],
)
def test_claims_that_are_believed(issuer: Issuer, changes: dict[str, Any]) -> None:
    run(guarded(issuer).allowed("/", bearer(token(claims(issuer, **changes)))))


def forged(issuer: Issuer) -> dict[str, str]:
    good = token(claims(issuer))
    head, _, signature = good.split(".")
    other = base64.urlsafe_b64encode(json.dumps(claims(issuer, sub="root")).encode())
    public = rsa_key("one").public_key()
    return {
        "changed payload": f"{head}.{other.decode().rstrip('=')}.{signature}",
        "no signature": good.rpartition(".")[0] + ".",
        "another key": token(claims(issuer), key=rsa_key("two")),
        "unknown key": token(claims(issuer), "three"),
        "no kid": token(claims(issuer), None),
        "elliptic": token(claims(issuer), key=ec_key(), alg="ES256"),
        "none": jwt.encode(claims(issuer), None, algorithm="none", headers={"kid": "one"}),
        # The public key is public: as the secret of an HMAC it must not do.
        "hmac": jwt.encode(
            claims(issuer), "x" * 32 + str(public.key_size), "HS256", headers={"kid": "one"}
        ),
        "two parts": "abc.def",
        "four parts": "a.b.c.d",
        "no base64": "!.!.!",
        "no object": jwt.api_jws.encode(b"[1]", rsa_key("one"), "RS256", {"kid": "one"}),
        "no json": jwt.api_jws.encode(b"x", rsa_key("one"), "RS256", {"kid": "one"}),
    }


def test_no_forged_token_passes(issuer: Issuer) -> None:
    asked = guarded(issuer)
    for name, text in forged(issuer).items():
        refusal = run(asked.refused("/", bearer(text)))
        assert refusal.type == "UNAUTHORIZED", name
        assert 'error="invalid_token"' in refusal.context["www-authenticate"], name


@given(st.text(st.characters(min_codepoint=33, max_codepoint=255), min_size=1, max_size=60))
def test_whatever_is_sent_is_refused_and_never_more(text: str) -> None:
    authorizer = Authorizer("jwt", "users", issuer="http://127.0.0.1:9/", audience=("app",))
    asked = asking(authorizer, parts.setting(), kind="http", stage="$default")
    refusal = run(asked.refused("/", {"Authorization": text}))
    assert refusal.type == "UNAUTHORIZED"
    challenge = refusal.context["www-authenticate"]
    assert challenge.isascii()
    assert challenge.isprintable()
    assert challenge.count('"') == 6


@pytest.mark.parametrize(
    ("granted", "may"),
    [
        ({"scope": "read write"}, True),
        ({"scope": ["write"]}, True),
        ({"scp": ["read"]}, True),
        ({"scp": "read"}, True),
        ({"scope": "reader"}, False),
        ({"scope": ""}, False),
        ({}, False),
    ],
)
def test_one_scope_of_the_route_is_enough(issuer: Issuer, granted: Any, may: bool) -> None:
    asked = guarded(issuer, scopes=("unused",))
    headers, scopes = bearer(token(claims(issuer, **granted))), ("read", "write")
    if may:
        shown = run(asked.allowed("/", headers, scopes=scopes)).shown
        has = granted.get("scope") or granted["scp"]
        assert shown["jwt"]["scopes"] == (has.split() if isinstance(has, str) else has)
    else:
        refusal = run(asked.refused("/", headers, scopes=scopes))
        assert refusal.type == "ACCESS_DENIED"
        challenge = refusal.context["www-authenticate"]
        assert challenge == 'Bearer scope="read write" error="insufficient_scope"'


def test_scopes_of_the_authorizer_are_for_routes_without(issuer: Issuer) -> None:
    asked = guarded(issuer, scopes=("read",))
    run(asked.allowed("/", bearer(token(claims(issuer, scope="read")))))
    run(asked.refused("/", bearer(token(claims(issuer, scope="write")))))


def test_without_an_audience_any_will_do(issuer: Issuer) -> None:
    run(guarded(issuer, audience=()).allowed("/", bearer(token(claims(issuer, aud="x")))))


def test_keys_are_fetched_once_and_again_for_a_new_one(issuer: Issuer) -> None:
    async def main() -> None:
        clock = ManualClock(NOW)
        asked = guarded(issuer, clock=clock)
        good = bearer(token(claims(issuer)))
        await asyncio.gather(*(asked.allowed("/", good) for _ in range(5)))
        assert issuer.asked.count("/keys") == 1
        issuer.keys = jwks("one", "two")
        fresh = bearer(token(claims(issuer), "two"))
        # At once it is not looked up: who sends random key ids must not bother the issuer.
        await asked.refused("/", fresh)
        clock.spend(11)
        await asked.allowed("/", fresh)
        assert issuer.asked.count("/keys") == 2
        for _ in range(5):
            await asked.refused("/", bearer(token(claims(issuer), "three")))
        assert issuer.asked.count("/keys") == 2

    run(main())


def test_an_issuer_that_is_away_for_a_moment_does_no_harm(issuer: Issuer) -> None:
    async def main() -> None:
        clock = ManualClock(NOW)
        asked = guarded(issuer, clock=clock)
        lasting = bearer(token(claims(issuer, exp=NOW + 10_000_000)))
        await asked.allowed("/", lasting)
        issuer.up = False
        clock.spend(3 * 3600)
        await asked.allowed("/", lasting)

    run(main())


@pytest.mark.parametrize(
    ("change", "description"),
    [
        ({"up": False}, "OIDC discovery endpoint communication error"),
        ({"discovery": {}}, "JWKS communication error"),
        ({"discovery": [1]}, "JWKS communication error"),
        ({"discovery": {"jwks_uri": "file:///etc/passwd"}}, "JWKS communication error"),
        ({"keys": {}}, "JWKS communication error"),
        ({"keys": {"keys": ["x", {"kty": "RSA", "kid": "one"}]}}, "unknown key"),
    ],
)
def test_without_keys_nobody_passes_until_there_are_some(
    issuer: Issuer, change: dict[str, Any], description: str
) -> None:
    async def main() -> None:
        clock = ManualClock(NOW)
        asked = guarded(issuer, clock=clock)
        before = {name: getattr(issuer, name) for name in change}
        for name, value in change.items():
            setattr(issuer, name, value)
        good = bearer(token(claims(issuer)))
        refusal = await asked.refused("/", good)
        assert refusal.type == "UNAUTHORIZED"
        assert description in refusal.context["www-authenticate"]
        for name, value in before.items():
            setattr(issuer, name, value)
        clock.spend(11)
        await asked.allowed("/", good)

    run(main())


def test_keys_from_a_url_and_from_a_file(issuer: Issuer, tmp_path: Path) -> None:
    async def main() -> None:
        good = bearer(token(claims(issuer)))
        await guarded(issuer, keys=f"{issuer.url}/keys").allowed("/", good)
        assert issuer.asked == ["/keys"]
        file = tmp_path / "keys.json"
        authorizer = Authorizer("jwt", "u", issuer=issuer.url, audience=("app",), keys="keys.json")
        setting = parts.setting(clock=ManualClock(NOW), app=App("shop", tmp_path, {}))
        asked = asking(authorizer, setting, kind="http", stage="$default")
        refusal = await asked.refused("/", good)
        assert "keys.json can't be read: No such file" in (refusal.reason or "")
        file.write_text(json.dumps(jwks("two")))
        await asked.refused("/", good)
        file.write_text(json.dumps(jwks("one")))
        await asked.allowed("/", good)
        assert issuer.asked == ["/keys"]

    run(main())


def test_an_issuer_that_can_not_be_reached_is_named() -> None:
    with keys.issuer() as gone:
        pass
    refusal = run(guarded(gone).refused("/", bearer(token(claims(gone)))))
    assert f"{gone.url}/.well-known/openid-configuration can't be fetched" in (refusal.reason or "")


def test_a_rest_api_passes_claims_on_with_their_types(issuer: Issuer) -> None:
    asked = guarded(issuer, kind="rest")
    made = claims(issuer, roles=["user"], address={"city": "Oslo"})
    assert run(asked.allowed("/", bearer(token(made)))).shown == {"claims": made}


def test_authorizers_of_one_issuer_share_its_keys(issuer: Issuer) -> None:
    async def main() -> None:
        asked = guarded(issuer)
        good = bearer(token(claims(issuer)))
        await asked.allowed("/", good)
        other = replace(Authorizer("jwt", "b", issuer=issuer.url), audience=("app",))
        await asking(other, asked.setting, kind="http", stage="$default").allowed("/", good)
        assert issuer.asked.count("/keys") == 1

    run(main())


def test_keys_that_the_user_names_count_in_place_of_the_issuers(
    issuer: Issuer, tmp_path: Path
) -> None:
    place = tmp_path / "mine.json"
    place.write_text(json.dumps(jwks("mine")))
    for named in ("", "users"):
        setting = parts.setting(clock=ManualClock(NOW))
        setting.jwks = {named: str(place), "others": "http://127.0.0.1:1/"}
        authorizer = Authorizer("jwt", "users", issuer=issuer.url, audience=("app",))
        asked = asking(authorizer, setting, kind="http", stage="$default")
        allowed = run(asked.allowed("/", bearer(token(claims(issuer), "mine"))))
        assert allowed.shown["jwt"]["claims"]["sub"] == "ann"
    assert issuer.asked == []


def test_without_keys_the_reason_says_how_to_give_some(issuer: Issuer) -> None:
    issuer.up = False
    refused = run(guarded(issuer).refused("/", bearer(token(claims(issuer)))))
    assert str(refused.reason).endswith("`local start-api --jwks users=FILE|URL` gives its keys")


def test_keys_that_are_made_anew_under_the_old_name_count_at_once(
    issuer: Issuer, tmp_path: Path
) -> None:
    place = tmp_path / "mine.json"
    place.write_text(json.dumps(jwks("mine")))
    asked = guarded(issuer, keys=str(place))
    run(asked.allowed("/", bearer(token(claims(issuer), "mine"))))
    (anew,) = jwks("anew")["keys"]
    place.write_text(json.dumps({"keys": [{**anew, "kid": "mine"}]}))
    run(asked.allowed("/", bearer(token(claims(issuer), "mine", key=rsa_key("anew")))))
    assert run(asked.refused("/", bearer(token(claims(issuer), "mine")))).type == "UNAUTHORIZED"
    place.unlink()
    run(asked.allowed("/", bearer(token(claims(issuer), "mine", key=rsa_key("anew")))))

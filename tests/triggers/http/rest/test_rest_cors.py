"""Preflights of a REST API."""

from __future__ import annotations

from lambdactl.manifest.features import Cors
from tests.triggers.http.rest.serving import Served, api, header, route


def preflight(cors, *routes, target="/pets", **more):
    served = Served(api(*routes, cors=cors), **more)
    return served.ask(target, "OPTIONS", headers={"Origin": "https://a.test"}), served


def test_as_sam_makes_them():
    cors = Cors(
        allow_origins=("https://a.test",),
        allow_methods=("GET", "PUT"),
        allow_headers=("X-A", "X-B"),
        allow_credentials=True,
        max_age_s=600,
    )
    made, served = preflight(cors, route("/pets/{id}"), target="/pets/7")
    assert (made.status, made.body) == (200, b"{}\n")
    assert header(made, "Content-Type") == "application/json"
    assert header(made, "Access-Control-Allow-Origin") == "https://a.test"
    assert header(made, "Access-Control-Allow-Methods") == "GET,PUT"
    assert header(made, "Access-Control-Allow-Headers") == "X-A,X-B"
    assert header(made, "Access-Control-Allow-Credentials") == "true"
    assert header(made, "Access-Control-Max-Age") == "600"
    assert header(made, "x-amzn-RequestId")
    assert served.functions.calls == []


def test_methods_are_those_of_the_path():
    cors = Cors()
    made, _ = preflight(cors, route(), route("/pets", "DELETE"), route("/cats", "PUT"))
    assert header(made, "Access-Control-Allow-Methods") == "DELETE,GET,OPTIONS"
    assert header(made, "Access-Control-Allow-Origin") == "*"
    assert header(made, "Access-Control-Max-Age") is None
    made, _ = preflight(cors, route("/pets", "ANY"))
    every = "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"
    assert header(made, "Access-Control-Allow-Methods") == every


def test_a_route_of_its_own_comes_first():
    made, served = preflight(Cors(), route(), route("/pets", "OPTIONS"))
    assert header(made, "Access-Control-Allow-Origin") is None
    assert served.event["httpMethod"] == "OPTIONS"


def test_there_are_none_without_cors_or_without_the_path():
    assert preflight(None)[0].status == 403
    assert preflight(Cors(), target="/nowhere")[0].status == 403


def test_answers_of_functions_get_no_headers_of_cors():
    served = Served(api(cors=Cors()))
    assert header(served.ask(), "Access-Control-Allow-Origin") is None

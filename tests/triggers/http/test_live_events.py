"""The event of each front door, captured behind real sockets: it parses with models of other
people's making, and every field that AWS documents is there."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser import models
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from pydantic import BaseModel
from websockets.sync.client import connect

from tests.parts import need
from tests.start_api import ACCESS_KEY, SECRET_KEY, Served, start_api

pytestmark = pytest.mark.slow

RUNTIME = f"python3.{sys.version_info.minor}"

MANIFEST = f"""
service: events
defaults: {{runtime: {RUNTIME}, timeout: 20, memory: 256}}
functions:
  echo:
    handler: app.echo
    code: src
    environment: {{SEEN: SEEN_FOLDER}}
    url: {{auth: iam}}
    triggers:
      - rest: {{path: '/pets/{{id}}', method: POST, authorizer: asked, api_key: true}}
      - rest: {{path: /signed, method: GET, authorizer: iam}}
      - rest: {{path: /token, method: GET, authorizer: token}}
      - rest: {{path: '/free/{{proxy+}}'}}
      - http: {{path: '/pets/{{id}}', method: POST, authorizer: asked}}
      - http: {{path: '/old/{{id}}', payload: v1, method: POST, authorizer: asked_v1}}
      - http: {{path: /signed, authorizer: iam}}
      - http: {{path: $default}}
      - alb: {{path: /one/*, priority: 1}}
      - alb: {{path: /many/*, multi_value_headers: true, priority: 2}}
      - websocket: {{route: $connect, authorizer: asked}}
      - websocket: {{route: $default}}
      - websocket: {{route: $disconnect}}
  check:
    handler: app.check
    code: src
    environment: {{SEEN: SEEN_FOLDER}}
apis:
  rest:
    rest:
      stage: prod
      variables: {{table: pets}}
      api_keys: {{partner: {{value: key-of-the-partner-20}}}}
      usage_plans: {{basic: {{keys: [partner]}}}}
      authorizers:
        asked: {{function: check, type: request, identity: [method.request.header.X-Who]}}
        token: {{function: check, type: token}}
  http:
    http:
      variables: {{table: pets}}
      authorizers:
        asked: {{function: check, payload: v2, identity: [$request.header.X-Who]}}
        asked_v1: {{function: check, payload: v1, simple: false, identity: [$request.header.X-Who]}}
  alb: {{alb: {{}}}}
  websocket:
    websocket:
      stage: live
      variables: {{table: pets}}
      authorizers:
        asked: {{function: check, identity: [route.request.querystring.who]}}
"""

CODE = """
import json, os, pathlib


def keep(event):
    folder = pathlib.Path(os.environ["SEEN"])
    (folder / f"{len(list(folder.iterdir())):03}.json").write_text(json.dumps(event))


def echo(event, context):
    keep(event)
    return {"statusCode": 200, "body": json.dumps(event)}


def check(event, context):
    keep(event)
    if event.get("version") == "2.0":
        return {"isAuthorized": True, "context": {"who": "me", "age": 7, "nice": True}}
    resource = event.get("routeArn") or event["methodArn"]
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": resource}
    return {
        "principalId": "me",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"who": "me", "age": 7, "nice": True},
    }
"""

QUERY = "?a=1&a=2&b=%20x"
HEADERS = {
    "User-Agent": "tests/1.0",
    "X-Who": "me",
    "Cookie": "one=1; two=2",
    "Content-Type": "application/json",
    "X-Api-Key": "key-of-the-partner-20",
}
SIGNED = {name: HEADERS[name] for name in ("User-Agent", "X-Who", "Cookie")}
BODY = '{"name": "Rex"}'


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    folder = tmp_path_factory.mktemp("events")
    seen = folder / "seen"
    seen.mkdir()
    (folder / "src").mkdir()
    (folder / "src" / "app.py").write_text(CODE)
    (folder / "lambdactl.yaml").write_text(MANIFEST.replace("SEEN_FOLDER", str(seen)))
    with start_api(folder) as server:
        yield server, seen


def signed(url: str, service: str) -> dict[str, str]:
    request = AWSRequest("GET", url, headers=SIGNED)
    SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), service, "us-east-1").add_auth(request)
    return dict(request.headers.items())


def get_signed(url: str, service: str) -> Any:
    asked = urllib.request.Request(url, headers=signed(url, service))
    with urllib.request.urlopen(asked, timeout=30) as response:
        return json.load(response)


@pytest.fixture(scope="module")
def captured(served: tuple[Served, Path]) -> dict[str, dict[str, Any]]:
    """Every event, by a name of ours."""
    server, seen = served

    def post(of: str, target: str) -> Any:
        answer = server.ask(target, of=of, method="POST", body=BODY, headers=HEADERS)
        assert answer.status == 200, (answer, server.told())
        return answer.json()

    def asked() -> Any:
        """The event of the authorizer that was asked before."""
        found = [json.loads(path.read_text()) for path in sorted(seen.iterdir())]
        return [event for event in found if event.get("type") in ("REQUEST", "TOKEN")][-1]

    events = {"rest": post("rest", f"/pets/7{QUERY}")}
    events["authorizer of rest"] = asked()
    events["rest, signed"] = get_signed(server.urls["rest"] + "/signed", "execute-api")
    token = server.ask("/token", of="rest", headers={"Authorization": "Bearer abc"})
    assert token.status == 200, server.told()
    events["rest, by token"] = token.json()
    events["token authorizer"] = asked()
    events["rest, bare"] = server.ask("/free/a/b", of="rest").json()
    events["http"] = post("http", f"/pets/7{QUERY}")
    events["authorizer of http"] = asked()
    events["http, 1.0"] = post("http", f"/old/7{QUERY}")
    events["authorizer of http, 1.0"] = asked()
    events["http, signed"] = get_signed(server.urls["http"] + "/signed", "execute-api")
    events["http, bare"] = server.ask("/else", of="http").json()
    events["alb"] = post("alb", f"/one/7{QUERY}")
    events["alb, multi"] = post("alb", f"/many/7{QUERY}")
    events["url"] = get_signed(server.urls["echo-url"] + f"/a%20b/c{QUERY}", "lambda")
    with connect(
        server.urls["websocket"] + "/live?who=me&a=1&a=2", additional_headers={"Cookie": "one=1"}
    ) as client:
        client.send("hello")
        client.ping().wait(10)
        _until(lambda: len(sockets(seen)) > 1)
    _until(lambda: len(sockets(seen)) > 2)
    connected, message, gone = sorted(
        sockets(seen), key=lambda e: ["CONNECT", "MESSAGE", "DISCONNECT"].index(kind(e))
    )
    events |= {"connect": connected, "message": message, "disconnect": gone}
    events["authorizer of websocket"] = asked()
    return events


def kind(event: dict[str, Any]) -> str:
    return str(event["requestContext"]["eventType"])


def sockets(seen: Path) -> list[dict[str, Any]]:
    found = [json.loads(path.read_text() or "{}") for path in sorted(seen.iterdir())]
    return [
        event
        for event in found
        if "eventType" in event.get("requestContext", {}) and "type" not in event
    ]


def _until(condition: Any) -> None:
    import time

    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


# Powertools' models (pydantic)

POWERTOOLS: dict[str, type[BaseModel]] = {
    "rest": models.APIGatewayProxyEventModel,
    "rest, signed": models.APIGatewayProxyEventModel,
    "rest, by token": models.APIGatewayProxyEventModel,
    "rest, bare": models.APIGatewayProxyEventModel,
    "authorizer of rest": models.ApiGatewayAuthorizerRequest,
    "token authorizer": models.ApiGatewayAuthorizerToken,
    "http": models.APIGatewayProxyEventV2Model,
    "http, signed": models.APIGatewayProxyEventV2Model,
    "http, bare": models.APIGatewayProxyEventV2Model,
    "http, 1.0": models.APIGatewayProxyEventModel,
    "authorizer of http": models.ApiGatewayAuthorizerRequestV2,
    "alb": models.AlbModel,
    "url": models.LambdaFunctionUrlModel,
    "connect": models.APIGatewayWebSocketConnectEventModel,
    "message": models.APIGatewayWebSocketMessageEventModel,
    "disconnect": models.APIGatewayWebSocketDisconnectEventModel,
}


@pytest.mark.parametrize("name", POWERTOOLS)
def test_powertools_parses_it(captured: dict[str, dict[str, Any]], name: str) -> None:
    POWERTOOLS[name].model_validate(captured[name])


# The types of TypeScript's functions (DefinitelyTyped), in which an unknown field is an error

TYPESCRIPT = {
    "rest": "APIGatewayProxyWithLambdaAuthorizerEvent<{who: string, age: number, nice: boolean}>",
    "rest, bare": "APIGatewayProxyEvent",
    "authorizer of rest": "APIGatewayRequestAuthorizerEvent",
    "token authorizer": "APIGatewayTokenAuthorizerEvent",
    "http": "APIGatewayProxyEventV2WithLambdaAuthorizer<{who: string, age: number, nice: boolean}>",
    "http, signed": "APIGatewayProxyEventV2WithIAMAuthorizer",
    "http, bare": "APIGatewayProxyEventV2",
    "authorizer of http": "APIGatewayRequestAuthorizerEventV2",
    "alb": "ALBEvent",
    "alb, multi": "ALBEvent",
    "url": "LambdaFunctionURLEventWithIAMAuthorizer",
    "message": "APIGatewayProxyWebsocketEventV2",
}


@pytest.mark.node
def test_typescript_accepts_it(captured: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    modules = Path(need("npm_samples"))
    lines = [f"import type {{ {', '.join(sorted(_names()))} }} from 'aws-lambda';"]
    for number, (name, type_) in enumerate(TYPESCRIPT.items()):
        event = json.dumps(as_typed(captured[name]))
        lines.append(f"// {name}\nexport const e{number}: {type_} = {event};")
    (tmp_path / "events.ts").write_text("\n".join(lines))
    (tmp_path / "node_modules").symlink_to(modules)
    compiler = [need("node"), str(modules / "typescript" / "bin" / "tsc"), "--noEmit", "--strict"]
    # What is not there is often null in AWS's events, which the types hardly ever say.
    checked = subprocess.run(
        [*compiler, "--strictNullChecks", "false", "events.ts"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def as_typed(event: dict[str, Any]) -> dict[str, Any]:
    """``event`` without what the types don't know, though AWS sends and documents it."""
    context = dict(event.get("requestContext", {}))
    if "resourcePath" in context:
        # The types want them always; AWS sends them with mutual TLS, and with an authorizer.
        context["identity"] = {"clientCert": None, **context["identity"]}
        context.setdefault("authorizer", None)
        context.pop("deploymentId", None)
    elif "connectionId" in context:
        del context["identity"], context["authorizer"]
    return {**event, "requestContext": context} if context else event


def _names() -> set[str]:
    return {type_.partition("<")[0] for type_ in TYPESCRIPT.values()}


# What AWS documents

REST_CONTEXT = """
    accountId apiId domainName domainPrefix extendedRequestId httpMethod path protocol requestId
    requestTime requestTimeEpoch resourceId resourcePath stage deploymentId
    identity.accessKey identity.accountId identity.caller identity.cognitoAuthenticationProvider
    identity.cognitoAuthenticationType identity.cognitoIdentityId identity.cognitoIdentityPoolId
    identity.sourceIp identity.user identity.userAgent identity.userArn
"""
PROXY = """
    resource path httpMethod headers multiValueHeaders queryStringParameters
    multiValueQueryStringParameters pathParameters stageVariables requestContext body
    isBase64Encoded
"""
V2_CONTEXT = """
    accountId apiId domainName domainPrefix http.method http.path http.protocol http.sourceIp
    http.userAgent requestId routeKey stage time timeEpoch
"""
V2 = "version routeKey rawPath rawQueryString headers requestContext isBase64Encoded"
IAM = "accessKey accountId callerId cognitoIdentity principalOrgId userArn userId"
SOCKET_CONTEXT = """
    apiId connectedAt connectionId domainName eventType extendedRequestId messageDirection requestId
    requestTime requestTimeEpoch routeKey stage identity.sourceIp
"""


def within(context: str, of: str = "requestContext") -> str:
    return " ".join(f"{of}.{field}" for field in context.split())


# Below https://docs.aws.amazon.com/apigateway/latest/developerguide/ where nothing else is said:
# set-up-lambda-proxy-integrations.html, api-gateway-mapping-template-reference.html ($context),
# http-api-develop-integrations-lambda.html, http-api-lambda-authorizer.html,
# apigateway-use-lambda-authorizer.html, apigateway-websocket-api-mapping-template-reference.html;
# https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html and services-alb.html.
DOCUMENTED = {
    "rest": f"""{PROXY} {within(REST_CONTEXT)} requestContext.identity.apiKey
        requestContext.identity.apiKeyId requestContext.authorizer.principalId
        requestContext.authorizer.who requestContext.authorizer.integrationLatency""",
    "rest, bare": f"{PROXY} {within(REST_CONTEXT)}",
    "rest, signed": f"{PROXY} {within(REST_CONTEXT)}",
    "rest, by token": f"{PROXY} {within(REST_CONTEXT)} requestContext.authorizer.principalId",
    "authorizer of rest": f"""type methodArn resource path httpMethod headers multiValueHeaders
        queryStringParameters multiValueQueryStringParameters pathParameters stageVariables
        {within(REST_CONTEXT.replace("deploymentId", ""))}""",
    "token authorizer": "type methodArn authorizationToken",
    "http": f"""{V2} cookies queryStringParameters pathParameters stageVariables body
        {within(V2_CONTEXT)} requestContext.authorizer.lambda.who""",
    "http, bare": f"{V2} {within(V2_CONTEXT)}",
    "http, signed": f"""{V2} {within(V2_CONTEXT)}
        {within(IAM, "requestContext.authorizer.iam")}""",
    "http, 1.0": f"""version {PROXY} {within(REST_CONTEXT.replace("deploymentId", ""))}
        requestContext.identity.principalOrgId requestContext.authorizer.who""",
    "authorizer of http": f"""type routeArn identitySource {V2.replace("isBase64Encoded", "")}
        cookies queryStringParameters pathParameters stageVariables {within(V2_CONTEXT)}""",
    "authorizer of http, 1.0": f"""version type methodArn identitySource authorizationToken resource
        path httpMethod headers queryStringParameters pathParameters stageVariables
        {within(REST_CONTEXT.replace("deploymentId", ""))}""",
    "url": f"""{V2} cookies queryStringParameters {within(V2_CONTEXT)}
        {within(IAM, "requestContext.authorizer.iam")}""",
    "alb": """requestContext.elb.targetGroupArn httpMethod path queryStringParameters headers body
        isBase64Encoded""",
    "alb, multi": """requestContext.elb.targetGroupArn httpMethod path multiValueHeaders
        multiValueQueryStringParameters body isBase64Encoded""",
    "connect": f"""headers multiValueHeaders queryStringParameters multiValueQueryStringParameters
        stageVariables isBase64Encoded {within(SOCKET_CONTEXT)} requestContext.authorizer.who
        requestContext.authorizer.principalId""",
    "message": f"""body isBase64Encoded stageVariables {within(SOCKET_CONTEXT)}
        requestContext.messageId requestContext.authorizer.who""",
    "disconnect": f"""headers multiValueHeaders isBase64Encoded stageVariables
        {within(SOCKET_CONTEXT)} requestContext.disconnectStatusCode
        requestContext.disconnectReason requestContext.authorizer.who""",
    "authorizer of websocket": f"""type methodArn headers multiValueHeaders queryStringParameters
        multiValueQueryStringParameters stageVariables {within(SOCKET_CONTEXT)}""",
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_documented_field_is_there(captured: dict[str, dict[str, Any]], name: str) -> None:
    missing = []
    for field in DOCUMENTED[name].split():
        at: Any = captured[name]
        for part in field.split("."):
            if not isinstance(at, dict) or part not in at:
                missing.append(field)
                break
            at = at[part]
    assert not missing, textwrap.indent(json.dumps(captured[name], indent=1), "  ")


def test_what_the_fields_say(captured: dict[str, dict[str, Any]]) -> None:
    """A request that has everything, as each kind of front door tells it."""
    rest, old, http, url = (captured[name] for name in ("rest", "http, 1.0", "http", "url"))
    for event in (rest, old):
        assert event["queryStringParameters"] == {"a": "2", "b": " x"}
        assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": [" x"]}
        assert event["pathParameters"] == {"id": "7"}
        assert event["stageVariables"] == {"table": "pets"}
        assert event["body"] == BODY
        assert not event["isBase64Encoded"]
        assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
        assert event["requestContext"]["identity"]["userAgent"] == "tests/1.0"
    assert rest["requestContext"]["path"] == "/prod/pets/7"
    assert (rest["path"], rest["resource"]) == ("/pets/7", "/pets/{id}")
    # REST APIs make texts of everything, HTTP APIs nothing.
    assert rest["requestContext"]["authorizer"]["age"] == "7"
    assert http["requestContext"]["authorizer"]["lambda"] == {"who": "me", "age": 7, "nice": True}
    assert http["queryStringParameters"] == {"a": "1,2", "b": " x"}
    assert http["cookies"] == ["one=1", "two=2"]
    assert "cookie" not in http["headers"]
    assert http["rawQueryString"] == "a=1&a=2&b=%20x"
    assert url["rawPath"] == "/a%20b/c"
    # HTTP APIs tell the length of a body that is not there, function URLs don't.
    assert captured["http, bare"]["headers"]["content-length"] == "0"
    assert "content-length" not in url["headers"]
    assert url["requestContext"]["authorizer"]["iam"]["accessKey"] == ACCESS_KEY
    assert captured["alb"]["queryStringParameters"] == {"a": "2", "b": "%20x"}
    many = captured["alb, multi"]["multiValueQueryStringParameters"]
    assert many == {"a": ["1", "2"], "b": ["%20x"]}
    assert captured["message"]["body"] == "hello"
    assert captured["disconnect"]["requestContext"]["disconnectStatusCode"] == 1000
    connections = {
        captured[name]["requestContext"]["connectionId"]
        for name in ("connect", "message", "disconnect", "authorizer of websocket")
    }
    assert len(connections) == 1

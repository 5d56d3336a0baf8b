"""Authorizers whose user pool the template itself makes: keys of the developer's own."""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.test_start_api import Server, run
from tests.triggers.http.authorizers.keys import issuer, jwks, token

pytestmark = pytest.mark.slow

TEMPLATE = f"""
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {{Runtime: python3.{sys.version_info.minor}, CodeUri: src, Handler: app.handler}}
Resources:
  Pool: {{Type: AWS::Cognito::UserPool}}
  Client: {{Type: AWS::Cognito::UserPoolClient, Properties: {{UserPoolId: !Ref Pool}}}}
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        Authorizers:
          Users:
            IdentitySource: $request.header.Authorization
            JwtConfiguration:
              issuer: !Sub https://cognito-idp.${{AWS::Region}}.amazonaws.com/${{Pool}}
              audience: [!Ref Client]
  Rest:
    Type: AWS::Serverless::Api
    Properties:
      StageName: dev
      Auth: {{Authorizers: {{Pooled: {{UserPoolArn: !GetAtt Pool.Arn}}}}}}
  Who:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        A:
          Type: HttpApi
          Properties: {{ApiId: !Ref Api, Path: /who, Method: GET, Auth: {{Authorizer: Users}}}}
        B:
          Type: Api
          Properties:
            RestApiId: !Ref Rest
            Path: /who
            Method: GET
            Auth: {{Authorizer: Pooled}}
"""
APP = """
def handler(event, context):
    found = event["requestContext"]["authorizer"]
    return {"statusCode": 200, "body": found.get("jwt", found)["claims"]["sub"]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text(APP)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "keys.json").write_text(json.dumps(jwks("mine")))
    return tmp_path


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    begun: list[Server] = []
    yield begun
    for server in begun:
        server.process.kill()
        server.process.wait()


def signed(folder: Path, kid: str) -> str:
    """A token that names what ``local routes`` says."""
    apis = json.loads(run(folder, "routes", "--output", "json").stdout)["apis"]
    (believed,) = (api["authorizers"]["Users"] for api in apis if api["name"] == "Api")
    now = int(time.time())
    claims = {
        "iss": believed["issuer"],
        "aud": believed["audience"][0],
        "sub": "ann",
        "token_use": "id",
        "iat": now,
        "exp": now + 300,
    }
    return token(claims, kid)


def asked(server: Server, name: str, bearer: str) -> tuple[int, str]:
    parts = urlsplit(server.url(name))
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        connection.request("GET", "/who", headers={"Authorization": f"Bearer {bearer}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_keys_in_a_file_let_tokens_in(folder: Path, servers: list[Server]) -> None:
    servers.append(Server(folder, "--jwks", "keys.json", env={"AWS_REGION": "us-east-1"}))
    bearer = signed(folder, "mine")
    assert asked(servers[0], "Api", bearer) == (200, "ann")
    assert asked(servers[0], "Rest", bearer) == (200, "ann")
    assert asked(servers[0], "Api", signed(folder, "another"))[0] == 401


def test_keys_at_a_url_for_one_authorizer_only(folder: Path, servers: list[Server]) -> None:
    with issuer() as mine:
        mine.keys = jwks("one")
        option = f"Users={mine.url}/keys"
        more = ["--jwks", option, "--jwks", "keys.json"]
        servers.append(Server(folder, *more, env={"AWS_REGION": "us-east-1"}))
        assert asked(servers[0], "Api", signed(folder, "one")) == (200, "ann")
        assert asked(servers[0], "Api", signed(folder, "mine"))[0] == 401
        assert asked(servers[0], "Rest", signed(folder, "mine")) == (200, "ann")
    assert "/.well-known/openid-configuration" not in mine.asked


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("nowhere.json", "nowhere.json can't be read: No such file"),
        ("template.yaml", "template.yaml has no JSON object"),
        ("empty.json", "empty.json has no RSA key with a `kid`"),
        ("Use=keys.json", "no route has a JWT or Cognito authorizer `Use`"),
        ("Use=keys.json", "did you mean `Users`?"),
    ],
)
def test_mistakes(folder: Path, option: str, message: str) -> None:
    (folder / "empty.json").write_text('{"keys": []}')
    done = run(folder, "start-api", "--port", "0", "--jwks", option)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr

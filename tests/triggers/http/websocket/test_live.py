"""A chat with real functions, which answer over HTTPS at ``domainName`` and ``stage`` as every
sample does, with nothing set up for this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from lambdactl import manifest
from lambdactl.triggers.http import tls
from lambdactl.triggers.http.serving import Serving
from tests.aio import run

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Chat:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      Name: Chat
      ProtocolType: WEBSOCKET
      RouteSelectionExpression: $request.body.action
  ConnectRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Chat, RouteKey: $connect, Target: !Sub 'integrations/${ConnectInteg}'}
  ConnectInteg:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Chat
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub
        arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Python.Arn}/invocations
  SendRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Chat
      RouteKey: send
      Target: !Join ['/', [integrations, !Ref SendInteg]]
  SendInteg:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Chat
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub
        arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Python.Arn}/invocations
  NodeRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Chat
      RouteKey: node
      Target: !Join ['/', [integrations, !Ref NodeInteg]]
  NodeInteg:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Chat
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub
        arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Node.Arn}/invocations
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {StageName: Prod, ApiId: !Ref Chat}
  Python:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src/, Handler: app.handler, Runtime: python3.11, Timeout: 20}
  Node:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src/, Handler: index.handler, Runtime: nodejs20.x, Timeout: 20}
"""

PYTHON = """
import boto3


def handler(event, context):
    asked = event["requestContext"]
    if asked["routeKey"] == "$connect":
        return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "chat"}}
    endpoint = f"https://{asked['domainName']}/{asked['stage']}"
    boto3.client("apigatewaymanagementapi", endpoint_url=endpoint).post_to_connection(
        Data=event["body"].encode(), ConnectionId=asked["connectionId"]
    )
    return {"statusCode": 200, "body": "Data sent."}
"""

NODE = """
exports.handler = async (event) => {
  const {domainName, stage, connectionId} = event.requestContext;
  const path = `/@connections/${encodeURIComponent(connectionId)}`;
  const answer = await fetch(`https://${domainName}/${stage}${path}`, {
    method: 'POST', body: 'from Node.js',
  });
  return {statusCode: answer.status};
};
"""


@pytest.mark.node
def test_a_chat_from_its_sam_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")):
        monkeypatch.setenv(name, value)
    (tmp_path / "src").mkdir()
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "src" / "app.py").write_text(PYTHON)
    (tmp_path / "src" / "index.js").write_text(NODE)
    app = manifest.load(tmp_path / "template.yaml")
    told: list[str] = []

    async def main() -> None:
        serving = Serving(app, port=0, tell=told.append)
        (mount,) = await serving.start()
        try:
            url = f"ws://localhost:{mount.port}/Prod"
            async with connect(url, subprotocols=["chat"]) as client:  # type: ignore[list-item]
                message = json.dumps({"action": "send", "data": "hello"})
                await client.send(message)
                assert await client.recv() == message, told
                await client.send(json.dumps({"action": "node"}))
                assert await client.recv() == "from Node.js", told
            assert (tls.authority().parent / "ca.pem").is_file()
        finally:
            await serving.close()

    run(main(), timeout_s=60)
    assert not told

"""What two people see of a chat, whatever language it is written in."""

from __future__ import annotations

import json
import time

import boto3
import pytest
from websockets.sync.client import connect

from tests.samples.conftest import Tables
from tests.start_api import ACCESS_KEY, SECRET_KEY, Served

TABLE = "chat_connections"


def chat(served: Served, tables: Tables) -> None:
    url = f"{served.url}/Prod"
    with connect(url, open_timeout=30) as ann, connect(url, open_timeout=30) as bob:
        assert tables.count(TABLE) == 2
        for sender, text in ((ann, "hello"), (bob, "grüß dich")):
            sender.send(json.dumps({"action": "send", "data": text}))
            assert [client.recv(30) for client in (ann, bob)] == [text, text], served.told()
        # No route takes it, and there is no $default.
        ann.send(json.dumps({"action": "sing"}))
        refused = json.loads(ann.recv(10))
        assert refused["message"] == "Forbidden"

        # The same endpoint, from outside.
        management = boto3.client(
            "apigatewaymanagementapi",
            endpoint_url=url.replace("ws://", "http://"),
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
        )
        of_ann = refused["connectionId"]
        assert management.get_connection(ConnectionId=of_ann)["Identity"]["SourceIp"] == "127.0.0.1"
        management.post_to_connection(ConnectionId=of_ann, Data=b"from outside")
        assert ann.recv(10) == "from outside"
        management.delete_connection(ConnectionId=of_ann)
        with pytest.raises(management.exceptions.GoneException):
            management.post_to_connection(ConnectionId=of_ann, Data=b"too late")
    deadline = time.monotonic() + 20
    while tables.count(TABLE) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert tables.count(TABLE) == 0, served.told()

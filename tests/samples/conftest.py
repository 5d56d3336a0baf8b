"""A stand-in for DynamoDB."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.start_api import ACCESS_KEY, SECRET_KEY


class Tables:
    """Tables behind ``url``, an endpoint that functions are pointed to by
    ``AWS_ENDPOINT_URL_DYNAMODB``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = boto3.client(
            "dynamodb",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
        )

    def make(self, name: str, key: str) -> None:
        self._client.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def count(self, name: str) -> int:
        found: int = self._client.scan(TableName=name)["Count"]
        return found

    @property
    def arguments(self) -> list[str]:
        """What ``start-api`` is told about it."""
        return ["--env", f"AWS_ENDPOINT_URL_DYNAMODB={self.url}"]


@pytest.fixture
def tables() -> Iterator[Tables]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    # What moto keeps belongs to the process.
    urllib.request.urlopen(f"{url}/moto-api/reset", data=b"", timeout=10).close()
    try:
        yield Tables(url)
    finally:
        server.stop()

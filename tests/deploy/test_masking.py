"""Which environment variables are masked."""

from __future__ import annotations

import pytest

from lambdactl.deploy.masking import is_secret, secret_paths

SECRET = {
    "DB_PASSWORD": "x",
    "PGPASSWORD": "x",
    "dbPassword": "x",
    "API_KEY": "x",
    "apiKey": "x",
    "STRIPE_KEY": "x",
    "GITHUB_TOKEN": "x",
    "CLIENT_SECRET": "x",
    "AUTH": "x",
    "AUTH_HEADER": "x",
    "PRIVATE_PEM": "x",
    "SENTRY_DSN": "https://x@sentry.example.com/1",
    "DATABASE_URL": "x",
    "REDIS_URL": "redis://x",
    "CONNECTION_STRING": "x",
    "SLACK_WEBHOOK_URL": "https://hooks.example.com/x",
    "SESSION_SECRET": "x",
    "PEPPER_SALT": "x",
    "UPSTREAM": "https://user:pass@example.com",
    "VALUE1": "AKIAIOSFODNN7EXAMPLE",
    "VALUE2": "-----BEGIN RSA PRIVATE KEY-----\nMII",
    "VALUE3": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N",
    "VALUE4": "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "VALUE5": "Server=db;User=sa;Password=hunter2;",
    "VALUE6": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1",
    "VALUE7": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "VALUE8": "Bearer abcdefghijkl",
}
PLAIN = {
    "TABLE": "orders",
    "TABLE_NAME": "my-service-orders-production-eu-west-1",
    "LOG_LEVEL": "DEBUG",
    "QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs",
    "TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:a-topic-with-a-long-name",
    "PARTITION_KEY": "id",
    "SORT_KEY": "date",
    "AUTHOR": "somebody",
    "NODE_OPTIONS": "--enable-source-maps",
    "STAGE": "prod",
    "EMPTY": "",
    "PATH_PREFIX": "/opt/things/for/all/of/us/and/more",
    "USER_POOL": "eu-west-1_aBcDeFgHi",
}


@pytest.mark.parametrize("name", SECRET)
def test_secrets_are_known(name: str) -> None:
    assert is_secret(name, SECRET[name])


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_none_is_shown(name: str) -> None:
    assert not is_secret(name, PLAIN[name])


def test_paths() -> None:
    assert secret_paths({"TOKEN": "x", "TABLE": "y"}) == {"environment.TOKEN"}

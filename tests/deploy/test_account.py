"""What the account remembers, and what it counts."""

from __future__ import annotations

import threading

import pytest

from lambdactl.deploy.account import Account
from tests.deploy.conftest import REGION

pytestmark = pytest.mark.aws


def test_it_knows_who_it_is(account: Account) -> None:
    assert (account.id, account.partition, account.region) == ("123456789012", "aws", REGION)
    assert account.calls == {"sts.GetCallerIdentity": 1}


def test_what_was_asked_is_not_asked_again(account: Account) -> None:
    found = [account.once("queues", lambda: account.client("sqs").list_queues()) for _ in range(3)]
    assert found[0] is found[1] is found[2]
    assert account.calls["sqs.ListQueues"] == 1
    account.forget("topics")
    account.once("queues", lambda: account.client("sqs").list_queues())
    assert account.calls["sqs.ListQueues"] == 1
    account.forget("queue")
    account.once("queues", lambda: account.client("sqs").list_queues())
    assert account.calls["sqs.ListQueues"] == 2


def test_an_error_is_not_remembered(account: Account) -> None:
    def fail() -> str:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        account.once("it", fail)
    assert account.once("it", lambda: "there") == "there"


def test_of_several_threads_one_asks(account: Account) -> None:
    asked = []
    together = threading.Barrier(8)

    def ask() -> None:
        together.wait()
        account.once("slow", lambda: asked.append(1))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == [1]

"""Of two deployments at once one goes on, and nobody waits for the dead."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from lambdactl.deploy import lock
from lambdactl.deploy.account import Account
from lambdactl.deploy.model import Context
from lambdactl.errors import AwsError, LockedError
from lambdactl.manifest.model import App

pytestmark = pytest.mark.aws

MANIFEST = "service: shop.co\nfunctions: {}\n"


@pytest.fixture
def context(context_of: Callable[[App], Context], app_of: Callable[..., App]) -> Context:
    return context_of(app_of(MANIFEST))


def stored(account: Account) -> dict[str, Any]:
    answer = account.client("ssm").get_parameter(Name="/lambdactl/shop.co/default/lock")
    found: dict[str, Any] = json.loads(answer["Parameter"]["Value"])
    return found


def left(account: Account) -> list[str]:
    return [one["Name"] for one in account.client("ssm").describe_parameters()["Parameters"]]


def write(account: Account, **changes: Any) -> None:
    """Somebody else's hand."""
    value = json.dumps({**stored(account), **changes})
    account.client("ssm").put_parameter(
        Name="/lambdactl/shop.co/default/lock", Value=value, Type="String", Overwrite=True
    )


def test_one_at_a_time_and_nothing_is_left(context: Context) -> None:
    with lock.held(context, "deploy") as first:
        assert first.lost() is None
        with pytest.raises(LockedError) as raised, lock.held(context, "destroy"):
            pass
        words = str(raised.value)
        for part in ("`deploy`", context.account.user, "since", "until", "--break-lock"):
            assert part in words
        assert raised.value.exit_code == 7
        # Whoever was refused has taken nothing away.
        assert first.lost() is None
        assert left(context.account)
    assert left(context.account) == []
    with lock.held(context, "destroy"):
        assert stored(context.account)["doing"] == "destroy"


def test_it_is_let_go_when_the_work_fails(context: Context) -> None:
    with pytest.raises(RuntimeError), lock.held(context, "deploy"):
        raise RuntimeError
    assert left(context.account) == []


def test_it_carries_our_tags(context: Context) -> None:
    with lock.held(context, "deploy"):
        answer = context.account.client("ssm").list_tags_for_resource(
            ResourceType="Parameter", ResourceId=lock.parameter(context)
        )
    assert {one["Key"]: one["Value"] for one in answer["TagList"]} == context.naming.tags()


def test_another_service_or_stage_has_a_lock_of_its_own(
    context: Context, context_of: Callable[[App], Context], app_of: Callable[..., App]
) -> None:
    other = context_of(
        app_of("service: shop.co\nfunctions: {}\nstages: {prod: {}}\n", stage="prod")
    )
    with lock.held(context, "deploy"), lock.held(other, "deploy"):
        assert len(left(context.account)) == 2


def test_one_that_was_not_renewed_is_taken_over(context: Context) -> None:
    with lock.held(context, "deploy") as first:
        # As if it had been made elsewhere, by something that lasts shorter than it takes.
        write(context.account, machine="elsewhere", token="theirs", lasts_s=0.5)
        with pytest.raises(LockedError), lock.held(context, "deploy"):
            pass
        time.sleep(2.1)
        with lock.held(context, "deploy") as second:
            assert second.lost() is None
            assert stored(context.account)["token"] != "theirs"
        assert first.lost() is None, "it is told when it is renewed, not before"


def test_it_is_renewed_and_so_lasts(context: Context) -> None:
    with lock.held(context, "deploy", lasts_s=1.2) as first:
        time.sleep(2.5)
        assert first.lost() is None
        with pytest.raises(LockedError), lock.held(context, "deploy"):
            pass


def test_a_broken_lock_is_told_to_its_owner_and_left_alone_by_it(context: Context) -> None:
    with lock.held(context, "deploy", lasts_s=1.2) as first:
        with lock.held(context, "destroy", break_it=True):
            end = time.monotonic() + 5
            while first.lost() is None and time.monotonic() < end:
                time.sleep(0.05)
            assert "was taken by" in (first.lost() or "")
            first.release()
            assert stored(context.account)["doing"] == "destroy"
        assert left(context.account) == []


def test_a_lock_that_was_deleted_is_lost(context: Context) -> None:
    with lock.held(context, "deploy", lasts_s=1.2) as first:
        context.account.client("ssm").delete_parameter(Name=lock.parameter(context))
        end = time.monotonic() + 5
        while first.lost() is None and time.monotonic() < end:
            time.sleep(0.05)
        assert first.lost() == "the lock was deleted"


def test_a_process_of_this_machine_that_is_gone_is_not_waited_for(context: Context) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with lock.held(context, "deploy"):
        write(context.account, process=dead.pid, token="theirs")
        with lock.held(context, "deploy") as second:
            assert second.lost() is None


def test_a_number_that_another_process_has_now_is_not_the_process(context: Context) -> None:
    with lock.held(context, "deploy"):
        write(context.account, started=stored(context.account)["started"] - 60, token="theirs")
        with lock.held(context, "deploy"):
            pass


def test_of_many_that_take_over_one_has_it(context: Context) -> None:
    with lock.held(context, "deploy"):
        write(context.account, machine="elsewhere", token="theirs", lasts_s=0.0)
        time.sleep(1.1)
        together = threading.Barrier(6)
        inside: list[int] = []
        ends: list[str] = []
        go = threading.Event()

        def one(number: int) -> None:
            together.wait()
            try:
                with lock.held(context, "deploy") as mine:
                    inside.append(number)
                    go.wait(20)
                    assert mine.lost() is None
                ends.append("had it")
            except LockedError:
                ends.append("refused")
            if len(ends) >= 5:
                go.set()

        threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(inside) == 1
    assert sorted(ends) == ["had it", *["refused"] * 5]


def test_a_value_that_nobody_can_read_is_nobodys(context: Context) -> None:
    context.account.client("ssm").put_parameter(
        Name=lock.parameter(context), Value="{}", Type="String"
    )
    with lock.held(context, "deploy"):
        assert stored(context.account)["doing"] == "deploy"


def test_what_aws_refuses_is_in_words(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    # moto takes no parameter of a name that begins with "ssm" or "aws".
    monkeypatch.setattr(lock, "parameter", lambda context: "/aws/lock")
    taken = pytest.raises(AwsError, match=r"taking the lock of shop\.co")
    with taken as raised, lock.held(context, "deploy"):
        pass
    assert "ssm PutParameter" in raised.value.message

"""Marks of what hangs on functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lambdactl.deploy.account import Account
from lambdactl.deploy.marks import mark, marked, state, unmark
from lambdactl.manifest.model import App
from tests.deploy.hanging import ROLE, Deployer, made

pytestmark = pytest.mark.aws

MANIFEST = f"""
service: shop
functions:
  hello: {{runtime: python3.13, handler: app.handler, role: {ROLE}}}
"""


def test_marks_are_kept_in_the_functions_tags(
    account: Account, app_of: Callable[..., App], tmp_path: Path
) -> None:
    context = Deployer(account, app_of, tmp_path).context(MANIFEST)
    assert state(context, "hello") is None
    assert marked(context, "url", "hello") == {}
    account.forget()
    made(context, tmp_path)
    long = "a" * 128
    mark(context, "url", "hello", None, "1")
    mark(context, "url", "hello", "live", "2")
    mark(context, "url", "hello", long, "3")
    mark(context, "url", "hello", "live", "4")
    assert marked(context, "url", "hello") == {None: "1", "live": "4", long: "3"}
    assert marked(context, "async", "hello") == {}
    unmark(context, "url", "hello", "live")
    unmark(context, "url", "hello", "live")
    assert marked(context, "url", "hello") == {None: "1", long: "3"}


def test_unmarking_what_is_gone_is_no_error(
    account: Account, app_of: Callable[..., App], tmp_path: Path
) -> None:
    context = Deployer(account, app_of, tmp_path).context(MANIFEST)
    unmark(context, "url", "hello", None)

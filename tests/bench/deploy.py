"""``lambdactl deploy`` of many functions: how time and calls of AWS grow with their number.

AWS is a moto server in a process of its own, and answers in milliseconds: what is measured is
lambdactl, and how often it asks. Each function has two triggers, a queue and a rule of
EventBridge, and a role and a log group.

::

    python tests/bench/deploy.py             # some minutes; --sizes 25 75 is quick
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common import machine, table

SIZES = (25, 75, 150, 300)
SHELL = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
RUNTIME = f"python3.{sys.version_info.minor}"


@dataclass(frozen=True)
class Phase:
    """One deployment, or one look."""

    steps: int
    plan_s: float
    apply_s: float
    calls: Counter[str]


@contextmanager
def aws() -> Iterator[str]:
    """The URL of a moto server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(300):
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield url
        finally:
            process.terminate()


def manifest(root: Path, count: int) -> Path:
    """A project of ``count`` functions and twice as many triggers."""
    (root / "src").mkdir(parents=True)
    (root / "src/app.py").write_text("def handler(event, context):\n    return event\n")
    lines = ["service: many", f"defaults: {{runtime: {RUNTIME}, code: src}}", "functions:"]
    for number in range(count):
        pattern = f"{{source: [many.{number}]}}"
        lines += [
            f"  f{number}:",
            "    handler: app.handler",
            f"    environment: {{NUMBER: {number}}}",
            f"    triggers: [sqs: {{queue: q{number}}}, eventbridge: {{pattern: {pattern}}}]",
        ]
    lines.append("resources:\n  queues:")
    lines += [f"    q{number}: {{}}" for number in range(count)]
    path = root / "lambdactl.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


class Silent:
    """Hears of steps, and says nothing."""

    def started(self, step: object) -> None: ...

    def told(self, step: object, words: str) -> None: ...

    def finished(self, done: object) -> None: ...


def phase(path: Path, *, destroying: bool = False) -> Phase:
    """Plan and apply what the manifest at ``path`` says."""
    import asyncio

    from lambdactl import manifest as manifests
    from lambdactl.artifacts import builds
    from lambdactl.deploy import desired, executor, planning, session
    from lambdactl.deploy.model import Context
    from lambdactl.deploy.naming import Naming

    app = manifests.load(path)
    built = asyncio.run(builds.build(app, folder=path.parent / ".lambdactl"))
    account = session.account(profile=None, region=None, endpoint_url=None)
    context = Context(account, Naming(app, account.partition, account.region, account.id))
    account.calls.clear()
    begun = time.perf_counter()
    if destroying:
        plan = planning.destruction(context)
    else:
        plan = planning.plan(context, desired.resources(context.naming, built))
    planned = time.perf_counter()
    applied = executor.apply(context, plan, Silent())
    if not applied.complete:
        raise SystemExit(f"not complete: {[done.error for done in applied.done if done.error][:3]}")
    ended = time.perf_counter()
    return Phase(len(plan.steps), planned - begun, ended - planned, Counter(account.calls))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    sizes = parser.parse_args().sizes
    print(machine())
    rows = []
    calls: Counter[str] = Counter()
    for size in sizes:
        with aws() as url, tempfile.TemporaryDirectory() as root:
            os.environ.update({**SHELL, "AWS_ENDPOINT_URL": url})
            path = manifest(Path(root) / "many", size)
            first, again = phase(path), phase(path)
            if again.steps:
                raise SystemExit(f"there were {again.steps} steps left to do")
            gone = phase(path, destroying=True)
            calls = again.calls
            rows.append(
                [
                    str(size),
                    str(first.steps),
                    f"{first.plan_s:.1f}",
                    f"{first.apply_s:.1f}",
                    f"{1000 * (first.plan_s + first.apply_s) / size:.0f}",
                    f"{again.plan_s:.1f}",
                    f"{1000 * again.plan_s / size:.0f}",
                    f"{again.calls.total() / size:.2f}",
                    f"{gone.plan_s + gone.apply_s:.1f}",
                ]
            )
    print(
        table(
            [
                "functions",
                "steps",
                "plan s",
                "apply s",
                "ms a function",
                "unchanged s",
                "ms a function",
                "calls a function",
                "destroy s",
            ],
            rows,
        )
    )
    print(f"\nCalls of the unchanged deployment of {sizes[-1]} functions:")
    for name, count in calls.most_common():
        print(f"  {count:5d}  {name}")


if __name__ == "__main__":
    main()

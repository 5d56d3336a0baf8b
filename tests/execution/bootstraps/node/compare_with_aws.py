"""Run the same functions under AWS's own client for Node.js and under ours, and show differences.

By hand, where the client could be built (docs/decisions/node-bootstrap.md says how):

    python -m tests.execution.bootstraps.node.compare_with_aws --classic DIR --modern DIR

DIR holds a file ``managed.mjs`` (3.x) or ``index.mjs`` (4.x) beside a built rapid-client.node.
Compared are every request (path, headers that matter, body, trailers), every log record (level
and text, in order) and the exit code. Times, ports and the frames of either client are left out.
"""

from __future__ import annotations

import argparse
import base64
import json
import queue
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from typing import Any

import lambdactl.execution
from tests.execution.bootstraps import scripted_api
from tests.execution.bootstraps.node.cases import CASES, Case

OURS = Path(lambdactl.execution.__file__).parent / "bootstraps/node/bootstrap.cjs"
HEADERS = ("content-type", "lambda-runtime-function-response-mode")
_FRAME = re.compile(
    r"^\s+at .*(/(package|var/runtime)/(dist/)?index\.mjs:|/managed\.mjs|node:|process\.<anonymous>)"
)
_AFTER_THE_END = re.compile(r"LAMBDA_RUNTIME|Failed to get next invocation, error -1")


def transcript(command: list[str], case: Case, env: dict[str, str]) -> list[Any]:
    """All that a client does for one case, made comparable."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in case.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        steps: list[Any] = []
        with scripted_api.run(command, root, case.handler, {**env, **case.env}) as session:
            steps.extend(_requests(session, case))
            try:
                steps.append(("exit", session.process.wait(0.4)))
            except subprocess.TimeoutExpired:
                steps.append(("exit", None))
        # The native client complains when the test has closed the connection.
        texts = [text for text in session.log() if not _AFTER_THE_END.search(text)]
        steps.extend(("log", line) for text in texts if (line := _clean(text, root)))
        return json.loads(_clean(json.dumps(steps), root))


def _requests(session: scripted_api.Session, case: Case) -> Iterator[Any]:
    events = list(case.events)
    while True:
        try:
            request = session.api.requests.get(timeout=case.patience_s)
        except queue.Empty:
            return
        if request.method == "GET":
            if not events:
                yield ("next",)
                return
            request.answer(
                scripted_api.event_answer(json.dumps(events.pop(0)).encode(), case.headers)
            )
            continue
        request.answer(scripted_api.ACCEPTED)
        yield (
            request.path,
            {name: request.header(name) for name in HEADERS},
            _body(request.body),
            {
                name: _body(base64.b64decode(value)) if "body" in name else value
                for name, value in request.trailers.items()
            },
        )


def _body(data: bytes) -> Any:
    try:
        return _without_frames(json.loads(data))
    except ValueError:
        return data.decode("utf-8", "replace")


def _without_frames(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_frames(item) for key, item in value.items()}
    if isinstance(value, list):
        return [
            _without_frames(item)
            for item in value
            if not (isinstance(item, str) and _FRAME.match(item))
        ]
    return value


def _clean(text: str, root: Path) -> str:
    text = text.replace(str(root), "<root>")
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>", text)
    text = re.sub(r"(file://)?/[^\s\"]*/package/[\w/]*(index|managed)\.mjs", "/var/runtime/index.mjs", text)
    lines = [line for line in text.split("\n") if not _FRAME.match(line)]
    text = "\n".join(lines)
    text = re.sub(r"^\[?(\w+ )?\[?(Runtime\.\w+)\]?: (.*?)\]?$", r"\2: \3", text)
    found = re.match(r"(?s)(.*?\t)?(\{\"(errorType|timestamp)\".*\})\n?$", text)
    if found:
        return (found[1] or "") + json.dumps(_without_frames(json.loads(found[2])))
    return text


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--classic", type=Path, required=True)
    parser.add_argument("--modern", type=Path, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    clients = {"22": options.classic / "managed.mjs", "24": options.modern / "index.mjs"}
    runs = [
        (case, generation)
        for case in CASES
        for generation in case.generations
        if options.only in f"{case.name} ({generation})"
    ]
    # Most of the time is spent waiting for what does not come.
    with ThreadPoolExecutor(3) as pool:
        found = pool.map(lambda run: _both(*run, clients[run[1]]), runs)
        pairs = list(zip(runs, found, strict=True))
    different = 0
    for (case, generation), (theirs, ours) in pairs:
        if options.show:
            print(f"== {case.name} ({generation})\n{json.dumps(ours, indent=1)}")
        if theirs != ours:
            different += 1
            print(f"DIFFERENT: {case.name} ({generation})")
            for their_step, our_step in zip_longest(theirs, ours):
                if their_step != our_step:
                    print("  aws:", json.dumps(their_step), "\n  us: ", json.dumps(our_step))
    print(f"{len(pairs)} compared, {different} different")
    return 1 if different else 0


def _both(case: Case, generation: str, client: Path) -> tuple[list[Any], list[Any]]:
    env = {"AWS_EXECUTION_ENV": f"AWS_Lambda_nodejs{generation}.x"}
    theirs = transcript(["node", str(client)], case, env)
    return theirs, transcript(["node", str(OURS)], case, env)


if __name__ == "__main__":
    sys.exit(main())

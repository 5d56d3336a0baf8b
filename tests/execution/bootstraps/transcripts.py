"""What a runtime interface client does with one function, made comparable: requests, logs, exit.

AWS's own clients were run through :data:`Language.cases` once (``record_aws.py``), and their
transcripts lie beside the cases in ``aws_transcripts.json``. Our bootstraps have to do the same.
Left out of a transcript are times, ports, process ids, folders, and frames of either client.
"""

from __future__ import annotations

import base64
import json
import queue
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.execution.bootstraps import scripted_api

Step = list[Any]
HEADERS = ("content-type", "lambda-runtime-function-response-mode")


@dataclass(frozen=True)
class Case:
    """One function, the events it gets, and the generations of the runtime it is for."""

    name: str
    files: Mapping[str, str]
    handler: str
    events: tuple[Any, ...] = ({},)
    generations: tuple[str, ...] = ("",)
    env: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Language:
    """How one language's runtimes are run and what is left out of their transcripts.

    ``is_frame`` knows a line of a stack trace that belongs to a client, ``normalise`` takes out
    what is different from one run to the next, ``environment`` selects a generation.
    """

    cases: Sequence[Case]
    is_frame: Callable[[str], bool]
    normalise: Callable[[str], str]
    environment: Callable[[str], Mapping[str, str]]
    headers: tuple[str, ...] = HEADERS

    def runs(self) -> dict[str, tuple[Case, str]]:
        """Each case in each of its generations, by the name it is recorded under."""
        return {
            f"{case.name} ({generation})" if generation else case.name: (case, generation)
            for case in self.cases
            for generation in case.generations
        }

    def transcript(
        self,
        command: Sequence[str],
        case: Case,
        generation: str,
        *,
        linger_s: float = 0.0,
        exit_patience_s: float = 0.0,
    ) -> list[Step]:
        """All that a client does for one case.

        :param linger_s: how long to look for more after the last poll for work, before which
            another connection may still have something to say.
        :param exit_patience_s: how long to wait for an exit that need not come.
        """
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder).resolve()
            for name, text in case.files.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            env = {**self.environment(generation), **case.env}
            with scripted_api.run(command, root, case.handler, env) as session:
                steps = list(self._requests(session, case, linger_s))
                try:
                    steps.append(["exit", session.process.wait(exit_patience_s)])
                except subprocess.TimeoutExpired:
                    steps.append(["exit", None])
                # AWS's clients complain when the connection is closed, ours don't.
                log = session.log() if linger_s else None
            log = session.log() if log is None else log
            texts = [self._log(text.replace(str(root), "<root>")) for text in log]
            steps.extend(["log", text] for text in texts if text)
            clean = self.normalise(json.dumps(steps).replace(str(root), "<root>"))
            return list(json.loads(clean))

    def _requests(
        self, session: scripted_api.Session, case: Case, linger_s: float
    ) -> Iterator[Step]:
        events, patience_s, polled = list(case.events), scripted_api.PATIENCE_S, False
        while True:
            try:
                request = session.next_request(patience_s)
            except queue.Empty:
                break
            if request is None:
                return
            if request.method == "POST":
                request.answer(scripted_api.ACCEPTED)
                yield self._post(request)
            elif events:
                event = json.dumps(events.pop(0)).encode()
                request.answer(scripted_api.event_answer(event, case.headers))
            else:
                polled, patience_s = True, linger_s
        if polled:
            yield ["next"]

    def _post(self, request: scripted_api.Request) -> Step:
        trailers = {
            name: self._body(base64.b64decode(value)) if name.endswith("-body") else value
            for name, value in request.trailers.items()
        }
        headers = {name: request.header(name) for name in self.headers}
        path = request.path.removeprefix("/2018-06-01/runtime/")
        return ["POST", path, headers, self._body(request.body), trailers]

    def _body(self, data: bytes) -> Any:
        try:
            return self._without_frames(json.loads(data))
        except ValueError:
            return data.decode("utf-8", "replace")

    def _log(self, text: str) -> str:
        found = re.match(r"(?s)(.*?\t)?(\{\s*\".*\})\n?$", text)
        if found:
            with suppress(ValueError):
                record = self._without_frames(json.loads(found[2]))
                return (found[1] or "") + json.dumps(record, ensure_ascii=False)
        lines = [line for line in text.split("\n") if not self.is_frame(line)]
        return "\n".join(lines).removesuffix("\n")

    def _without_frames(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._without_frames(item) for key, item in value.items()}
        if isinstance(value, list):
            kept = [v for v in value if not (isinstance(v, str) and self.is_frame(v))]
            return [self._without_frames(item) for item in kept]
        return value


def recorded(folder: Path) -> dict[str, list[Step]]:
    """What AWS's client did, by the names of :meth:`Language.runs`."""
    return dict(json.loads((folder / "aws_transcripts.json").read_text()))

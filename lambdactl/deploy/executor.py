"""Takes the steps of a plan: as soon as all that a step comes after is done, several at a time.

A step that fails ends those that come after it, and nothing else. What is done is done: the next
deployment finds it there and goes on.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import queue
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.model import Context, Resource, refs, resolve
from lambdactl.deploy.plan import Applied, Done, Plan, Progress, Step
from lambdactl.deploy.planning import titled
from lambdactl.deploy.retrying import patiently
from lambdactl.errors import LambdactlError

if TYPE_CHECKING:
    from collections.abc import Callable

JOBS = 16
"""How many steps are under way at a time."""

INTERRUPTED = "Ctrl-C"
"""In place of a step's id: what kept the rest from being taken."""

_WORDS = {"create": "creating", "update": "updating", "replace": "replacing", "delete": "deleting"}


def apply(
    context: Context,
    plan: Plan,
    progress: Progress,
    *,
    jobs: int = JOBS,
    stopped: Callable[[], str | None] = lambda: None,
) -> Applied:
    """Take the steps of ``plan``. What fails is in the result, not raised.

    Ctrl-C lets steps that are under way come to their end, and takes no other.

    :param stopped: says why no other step may be taken (the lock is lost); None: all is well.
    """
    begun = time.monotonic()
    run = _Run(context, plan, _InTurn(progress), stopped)
    done = run.all(jobs)
    return Applied(plan, done, dict(run.outputs), time.monotonic() - begun)


class _Run:
    def __init__(
        self, context: Context, plan: Plan, progress: Progress, stopped: Callable[[], str | None]
    ) -> None:
        self._context = context
        self._plan = plan
        self._progress = progress
        self._stopped = stopped
        self._ended = threading.Event()
        self.outputs: dict[str, Mapping[str, str]] = dict(plan.outputs)

    def all(self, jobs: int) -> tuple[Done, ...]:
        steps = {step.id: step for step in self._plan.steps}
        waiting = {id_: {one for one in step.after if one in steps} for id_, step in steps.items()}
        followers: dict[str, list[str]] = {}
        for id_, befores in waiting.items():
            for before in befores:
                followers.setdefault(before, []).append(id_)
        ready = [id_ for id_, befores in waiting.items() if not befores]
        results: dict[str, Done] = {}
        came: queue.SimpleQueue[Done] = queue.SimpleQueue()
        reason: str | None = None

        def end(done: Done) -> None:
            """Note an end, and that of all that can't be taken after it."""
            ended = [done]
            results[done.step.id] = done
            while ended:
                one = ended.pop()
                for follower in followers.get(one.step.id, ()):
                    waiting[follower].discard(one.step.id)
                    if one.state == "done" and not waiting[follower] and follower not in results:
                        ready.append(follower)
                    if one.state != "done" and follower not in results:
                        skipped = Done(steps[follower], because=one.because or one.step.id)
                        results[follower] = skipped
                        self._progress.finished(skipped)
                        ended.append(skipped)

        with concurrent.futures.ThreadPoolExecutor(jobs, "deploy") as pool:
            begun: set[str] = set()
            with contextlib.ExitStack() as stack:
                stack.callback(self._ended.set)
                while len(results) < len(steps):
                    reason = reason or self._stopped()
                    if reason is not None:
                        self._ended.set()
                    if reason is None:
                        for id_ in ready:
                            begun.add(id_)
                            pool.submit(self._deliver, steps[id_], came)
                        ready.clear()
                    elif not begun - set(results):
                        for id_, step in steps.items():
                            if id_ not in results:
                                skipped = Done(step, because=reason)
                                self._progress.finished(skipped)
                                results[id_] = skipped
                        break
                    try:
                        end(came.get(timeout=0.5))
                        while True:
                            end(came.get_nowait())
                    except queue.Empty:
                        continue
                    except KeyboardInterrupt:
                        reason = INTERRUPTED
                        self._ended.set()
        return tuple(results[id_] for id_ in steps)

    def _deliver(self, step: Step, to: queue.SimpleQueue[Done]) -> None:
        to.put(self._one(step))

    def _one(self, step: Step) -> Done:
        begun = time.monotonic()
        self._progress.started(step)
        try:
            outputs = self._take(step)
        except Exception as error:
            done = Done(step, time.monotonic() - begun, self._in_words(error, step))
        else:
            done = Done(step, time.monotonic() - begun, outputs=outputs)
        self._progress.finished(done)
        return done

    def _take(self, step: Step) -> Mapping[str, str]:
        def tell(words: str) -> None:
            self._progress.told(step, words)

        context = dataclasses.replace(self._context, tell=tell, stopped=self._ended.is_set)
        kind = kinds()[step.kind]

        def work() -> Mapping[str, str]:
            if step.live is not None and step.action in ("delete", "replace"):
                kind.delete(context, step.live)
            if step.resource is None:
                return {}
            resource = self._resolved(step.resource)
            if step.action != "update" or step.live is None:
                return kind.create(context, resource)
            changed = frozenset(change.path.partition(".")[0] for change in step.changes)
            return kind.update(context, resource, step.live, changed)

        outputs = patiently(work, context.account.clock, tell, self._ended.is_set)
        if step.resource is not None:
            self.outputs[step.address] = outputs
        else:
            self.outputs.pop(step.address, None)
        return outputs

    def _resolved(self, resource: Resource) -> Resource:
        properties = resolve(resource.properties, self.outputs)
        for ref in refs(properties):
            raise AssertionError(f"{resource.address} wants {ref.output} of {ref.address}")
        return dataclasses.replace(resource, properties=properties)

    def _in_words(self, error: Exception, step: Step) -> Exception:
        if isinstance(error, LambdactlError):
            return error
        from lambdactl.deploy.explaining import explained

        return explained(
            error,
            doing=f"{_WORDS[step.action]} {titled(step.address)}",
            resource=step.address,
            account=self._context.account,
        )


class _InTurn:
    """Tells another one thing at a time."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()

    def started(self, step: Step) -> None:
        with self._lock:
            self._progress.started(step)

    def told(self, step: Step, words: str) -> None:
        with self._lock:
            self._progress.told(step, words)

    def finished(self, done: Done) -> None:
        with self._lock:
            self._progress.finished(done)

"""The data plane: what runs a function, from one invocation to its result.

From the door inwards: :class:`Invocation` and :class:`InvocationResult` cross it, an
:class:`Invoker` opens it (the local one is in ``invoker.py``). Behind it each function has
a pool (``pool.py``) of execution environments (``environment.py``), each with a Runtime API of its
own (``runtime_api.py`` on ``http1.py``) and a sandbox that its runtime lives in: a process
(``process.py``, fenced in by ``isolation.py`` and ``memory.py``) or a container (``containers/``).
How each function is started is found out once (``launches.py``). ``bootstraps/`` holds the runtimes
of processes; a container's is in its image.
"""

from lambdactl.execution.clock import Clock, SystemClock
from lambdactl.execution.invocation import Invocation, InvocationResult, Invoker, Report
from lambdactl.execution.logs import LogLine, LogSink

__all__ = [
    "Clock",
    "Invocation",
    "InvocationResult",
    "Invoker",
    "LogLine",
    "LogSink",
    "Report",
    "SystemClock",
]

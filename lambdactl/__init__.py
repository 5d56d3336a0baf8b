"""lambdactl runs, inspects and ships AWS Lambda functions from one manifest.

For test suites the package has a small Python API, loaded on first use so that the
command line stays quick::

    async with Local("lambdactl.yaml") as fn:
        result = await fn.invoke("resize", {"key": "cat.jpg"})
        assert result.json() == {"ok": True}

    with Local("lambdactl.yaml") as fn:      # the blocking twin
        assert fn.invoke("resize", {}).function_error is None
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = ["BlockingLocal", "InvocationResult", "Local", "__version__"]

if TYPE_CHECKING:
    from lambdactl.execution.invocation import InvocationResult
    from lambdactl.local import BlockingLocal, Local


def __getattr__(name: str) -> Any:
    if name in {"Local", "BlockingLocal"}:
        from lambdactl import local

        return getattr(local, name)
    if name == "InvocationResult":
        from lambdactl.execution.invocation import InvocationResult

        return InvocationResult
    raise AttributeError(f"module 'lambdactl' has no attribute {name!r}")

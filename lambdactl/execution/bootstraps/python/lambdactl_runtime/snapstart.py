"""SnapStart: the hooks that run before the snapshot is taken and after it is restored
(https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html)."""

import sys

from lambdactl_runtime import faults, payload

_EXIT_BEFORE_SNAPSHOT = 64
_EXIT_AFTER_RESTORE = 65


def suspend(connection):
    """Run the function's hooks with the snapshot between them. A hook that fails is logged and
    reported, and ends the process."""
    try:
        import snapshot_restore_py as hooks
    except ImportError:
        # On Lambda the package is part of the runtime. A function that has registered a hook has
        # brought it along.
        hooks = None

    try:
        # In the reverse order of their registration; one that registers another has it run too.
        pending = hooks.get_before_snapshot() if hooks else []
        while pending:
            call, args, kwargs = pending.pop()
            call(*args, **kwargs)
        _expect(200, connection, "GET", "restore/next")
    except BaseException as error:
        # Even sys.exit() in a hook is a failure.
        report = _fail(error)
        _expect(202, connection, "POST", "init/error", report, "Runtime.BeforeSnapshotError")
        sys.exit(_EXIT_BEFORE_SNAPSHOT)

    try:
        for call, args, kwargs in hooks.get_after_restore() if hooks else []:
            call(*args, **kwargs)
    except BaseException as error:
        report = _fail(error)
        _expect(202, connection, "POST", "restore/error", report, "Runtime.AfterRestoreError")
        sys.exit(_EXIT_AFTER_RESTORE)


def _fail(error):
    report = faults.describe(error)
    faults.log_error(report)
    return payload.to_json(report).encode()


def _expect(expected, connection, method, path, body=b"", error_type=None):
    status, answer = connection.call(method, path, body, error_type)
    if status != expected:
        raise RuntimeError(
            "Request to Lambda Runtime '/2018-06-01/runtime/%s' endpoint failed. "
            "Reason: '%s'. Response body: '%s'" % (path, status, answer)
        )

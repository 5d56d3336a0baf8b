"""What a function finds around itself: its import path, its output, its log, its trace id."""

import os
import sys
import time

# What `importlib.machinery` has under the same name; this one is loaded in every process.
from _frozen_importlib_external import PathFinder

JSON_LOGS = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"

PLAIN_FRAME = b"\xa5\x5a\x00\x03"
ERROR_FRAME = b"\xa5\x5a\x00\x16" if JSON_LOGS else b"\xa5\x5a\x00\x17"
"""Types of log messages: no level, and error. The others are in `logs`."""

_USED_BY_AWS = frozenset(
    "concurrent copyreg decimal enum http importlib json logging numbers queue re signal string "
    "threading token tokenize traceback types typing warnings weakref".split()
)
"""Modules that AWS's client has imported before the function's folder is on the path: a file of the
function with such a name doesn't hide them on Lambda, and mustn't hide them from us."""

current = None
"""The running invocation's :class:`lambdactl_runtime.wire.Event`, None during init."""


def set_up():
    """Make the surroundings before the function's code runs. Returns the log sink."""
    sys.stdout = Unbuffered(sys.stdout)
    sys.stderr = Unbuffered(sys.stderr)
    channel = os.environ.pop("_LAMBDA_TELEMETRY_LOG_FD", None)
    log = StandardLogSink() if channel is None else FramedTelemetryLogSink(channel)
    sys.meta_path.insert(0, _Finder(log))
    _set_paths()
    return log


def begin(event):
    """An invocation begins."""
    global current
    current = event
    if event.trace_id is not None:
        os.environ["_X_AMZN_TRACE_ID"] = event.trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)


def _set_paths():
    """As /var/runtime/bootstrap.py of AWS's image does: the function's folder comes first and may
    hold .pth files; programs that the function starts find the runtime's folder."""
    import site

    root = os.environ["LAMBDA_TASK_ROOT"]
    sys.path.insert(0, root)
    site.addsitedir(root)


class _Finder:
    """Finds the modules that AWS's client would have imported already. `logging`, which most
    functions use but not all, is configured at the moment it is first imported."""

    def __init__(self, log):
        self._log = log
        self._folder = [os.path.dirname(os.__file__)]

    def find_spec(self, name, path=None, target=None):
        if path is not None or name not in _USED_BY_AWS:
            return None
        spec = PathFinder.find_spec(name, self._folder)
        if name == "logging" and target is None and spec is not None:
            self._configure_after_loading(spec.loader)
        return spec

    def _configure_after_loading(self, loader):
        load = loader.exec_module

        def exec_module(module):
            del loader.exec_module
            load(module)
            from lambdactl_runtime import logs

            logs.configure(self._log)

        loader.exec_module = exec_module


class Unbuffered:
    """A text stream that keeps nothing back."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_value, exc_tb):
        pass

    def __getattr__(self, attr):
        return getattr(self.stream, attr)

    def write(self, msg):
        self.stream.write(msg)
        self.stream.flush()

    def writelines(self, msgs):
        self.stream.writelines(msgs)
        self.stream.flush()


class StandardLogSink:
    """Log messages go to stdout."""

    def log(self, msg, frame_type=None):
        sys.stdout.write(msg)

    def log_error(self, message_lines):
        # CloudWatch ends a log event at "\n" and shows "\r" as a line end.
        sys.stdout.write("\r".join(message_lines) + "\n")


class FramedTelemetryLogSink:
    """Log messages go to the channel between runtime and platform, each in a frame: four bytes of
    type, four of length, eight of time stamp (microseconds since the epoch), all big-endian, then
    the message. So a message may have many lines, and its level is known."""

    def __init__(self, fd):
        self.fd = int(fd)

    def log(self, msg, frame_type=None):
        message = msg.encode("utf8")
        frame = b"".join(
            (
                frame_type or PLAIN_FRAME,
                len(message).to_bytes(4, "big"),
                (time.time_ns() // 1000).to_bytes(8, "big"),
                message,
            )
        )
        written = os.write(self.fd, frame)
        while written < len(frame):
            written += os.write(self.fd, frame[written:])

    def log_error(self, message_lines):
        self.log("\n".join(message_lines), frame_type=ERROR_FRAME)

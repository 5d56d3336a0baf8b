"""What a function finds around itself: its import path, its output, its log, its trace id."""

import os
import sys
import time

# What `importlib.machinery` has under the same names; this one is loaded in every process.
from _frozen_importlib_external import PathFinder, SourceFileLoader

JSON_LOGS = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"

PLAIN_FRAME = b"\xa5\x5a\x00\x03"
ERROR_FRAME = b"\xa5\x5a\x00\x16" if JSON_LOGS else b"\xa5\x5a\x00\x17"
"""Types of log messages: no level, and error. The others are in `logs`."""

_LOADED_ON_LAMBDA = set(
    "collections concurrent contextlib copyreg decimal enum functools heapq importlib json keyword "
    "linecache logging numbers operator queue re reprlib sre_compile sre_constants sre_parse "
    "string textwrap threading token tokenize traceback types warnings weakref".split()
)
if sys.version_info >= (3, 14):
    # `traceback` has come to need more.
    _LOADED_ON_LAMBDA.update(
        ("annotationlib", "ast", "codeop", "copy", "dataclasses", "dis", "inspect", "opcode")
    )
"""Modules that AWS's client has loaded before the function's folder is on the path. A file of the
function with such a name doesn't hide them on Lambda, and mustn't hide them from us."""

log = None
"""The log sink."""

current = None
"""The running invocation's :class:`lambdactl_runtime.wire.Event`, None during init."""


def set_up():
    """Make the surroundings before the function's code runs."""
    global log
    sys.stdout = Unbuffered(sys.stdout)
    sys.stderr = Unbuffered(sys.stderr)
    channel = os.environ.pop("_LAMBDA_TELEMETRY_LOG_FD", None)
    log = StandardLogSink() if channel is None else FramedTelemetryLogSink(channel)
    sys.meta_path.insert(0, _Finder())
    _distrust_young_bytecode()
    if "logging" in sys.modules:
        # Something in the interpreter's own site-packages needed it.
        from lambdactl_runtime import logs

        logs.configure()
    _set_paths()


def begin(event):
    """An invocation begins."""
    global current
    current = event
    if event.trace_id is not None:
        os.environ["_X_AMZN_TRACE_ID"] = event.trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)


def leave():
    """End the process at once: it serves nobody any more, and a thread of the function that never
    ends would keep it for ever."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(0)


def _set_paths():
    """Do what /var/runtime/bootstrap.py of AWS's images does. The function's folder comes first;
    it and the folders of layers, which lambdactl puts on PYTHONPATH, may hold .pth files. What the
    runtime brings along (boto3) comes last here: a virtual environment's own goes before it."""
    if os.environ.pop("_LAMBDACTL_BUILT", None):
        _leave_site_out()
    root = os.environ["LAMBDA_TASK_ROOT"]
    sys.path.insert(0, root)
    folders = [root]
    layers = "/python/lib/python%d.%d/site-packages" % sys.version_info[:2]
    for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        if folder.endswith(layers):
            folders += [folder, folder[: -len(layers)] + "/python"]
    for folder in folders:
        if _has_pth_file(folder):
            import site

            site.addsitedir(folder)
    runtime = os.environ.get("LAMBDA_RUNTIME_DIR")
    if runtime:
        sys.path.append(runtime)
        os.environ.setdefault("PYTHONPATH", runtime)


def _leave_site_out():
    """An artifact finds what is in it, in layers and in the runtime, and no packages that happen to
    be installed on this machine."""
    library = os.path.dirname(os.__file__)
    kept = [library, os.path.join(library, "lib-dynload")]
    kept += os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [path for path in sys.path if path in kept or path.endswith(".zip")]


def _has_pth_file(folder):
    try:
        return any(name.endswith(".pth") for name in os.listdir(folder))
    except OSError:
        return False


class _Finder:
    """Finds the modules that would have been loaded on Lambda. One of them, `logging`, most
    functions use but not all: it is configured at the moment it is first imported."""

    def __init__(self):
        self._folder = [os.path.dirname(os.__file__)]

    def find_spec(self, name, path=None, target=None):
        if path is not None or name not in _LOADED_ON_LAMBDA:
            return None
        spec = PathFinder.find_spec(name, self._folder)
        if name == "logging" and target is None and spec is not None:
            _configure_after_loading(spec.loader)
        return spec


def _distrust_young_bytecode():
    """Python takes bytecode for that of a source which changed in the same second and is as long
    (PEP 552), so of two quick saves the second might never run. A source that was saved just now
    is read itself, and leaves no bytecode behind; without its time Python can do neither."""
    path_stats = SourceFileLoader.path_stats

    def settled_path_stats(self, path):
        stats = path_stats(self, path)
        if int(stats["mtime"]) + 2 > time.time():
            raise OSError("saved just now")
        return stats

    SourceFileLoader.path_stats = settled_path_stats


def _configure_after_loading(loader):
    load = loader.exec_module

    def exec_module(module):
        del loader.exec_module
        load(module)
        from lambdactl_runtime import logs

        logs.configure()

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

"""What went wrong: the error JSON, the log lines and the X-Ray cause, in AWS's words."""

import os
import sys
import time
import traceback

from lambdactl_runtime import payload, surroundings

_HERE = os.path.dirname(os.path.dirname(__file__)) + os.sep
_MAX_XRAY_BYTES = 1024 * 1024
_NO_BREAK_SPACE = "\u00a0"
_UNHANDLED = (
    "LAMBDA_WARNING: Unhandled exception. "
    "The most likely cause is an issue in the function code. "
    "However, in rare cases, a Lambda runtime update can cause unexpected function behavior. "
    "For functions using managed runtimes, runtime updates can be triggered by a function change, "
    "or can be applied automatically. "
    "To determine if the runtime has been updated, check the runtime version in the INIT_START "
    "log entry. "
    "If this error correlates with a change in the runtime version, you may be able to mitigate "
    "this error by temporarily rolling back to the previous runtime version. "
    "For more information, see "
    "https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html\r"
)


class Fault(Exception):
    """An init or an invocation that failed outside the function's own code."""

    def __init__(self, name, message, trace=None):
        super().__init__(message)
        self.error_type = "Runtime." + name
        self.message = message
        self.trace = trace


def examine(error, request_id):
    """What there is to say of a failed invocation: the error JSON and the cause for X-Ray (two
    dicts). Only this needs the error itself."""
    if isinstance(error, Fault):
        cause = _xray_cause("LambdaValidationError", error.message, [])
        return _report(error, [], request_id), cause
    frames = _user_frames(error.__traceback__)
    cause = _xray_cause(type(error).__name__, str(error), frames)
    return _report(error, frames, request_id), cause


def answer(report, cause):
    """Log it. Returns what `handle` returns for it."""
    log_error(report)
    body = payload.to_json(report).encode()
    cause = payload.to_json(cause)
    if len(cause.encode()) >= _MAX_XRAY_BYTES:
        cause = None
    return "error", body, "application/json", cause


def fail_init(error, connection):
    """Log and report that the function can't be loaded; exit with status 1."""
    import logging

    report = describe(error)
    logging.warning(_UNHANDLED)
    log_error(report)
    connection.call("POST", "init/error", payload.to_json(report).encode(), report["errorType"])
    sys.exit(1)


def describe(error):
    """The error JSON (a dict) of something that failed outside an invocation."""
    return _report(error, _user_frames(error.__traceback__), None)


def _report(error, frames, request_id):
    if isinstance(error, Fault):
        message, error_type, trace = error.message, error.error_type, error.trace
    else:
        message, error_type = str(error), type(error).__name__
        trace = traceback.format_list(frames)
    return {
        "errorMessage": message or "",
        "errorType": error_type or "",
        "requestId": request_id if request_id is not None else "",
        "stackTrace": trace or [],
    }


def _user_frames(tb):
    """The stack trace as (file, line, function, source) tuples, without the runtime's frames."""
    frames = [tuple(frame) for frame in traceback.extract_tb(tb)]
    frames = [frame for frame in frames if not frame[0].startswith(_HERE)]
    # AWS's client knows its own frames by the name of their file, so a function's bootstrap.py
    # goes with them, unless it is all there is.
    for index, frame in enumerate(frames):
        if "/bootstrap.py" not in frame[0]:
            return frames[index:]
    return frames


def _xray_cause(error_type, message, frames):
    return {
        "working_directory": os.getcwd(),
        "exceptions": [
            {
                "message": message,
                "type": error_type,
                "stack": [
                    {"label": function, "path": path, "line": line}
                    for path, line, function, _ in frames
                ],
            }
        ],
        "paths": list({frame[0]: None for frame in frames}),
    }


def log_error(report):
    """Log an error JSON (a dict) in the function's log format."""
    if surroundings.JSON_LOGS:
        logging = sys.modules.get("logging")
        utc = logging.Formatter.converter if logging else time.gmtime
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", utc(time.time()))
        entry = {"timestamp": moment, "level": "ERROR"}
        entry.update(report)
        surroundings.log.log_error([payload.to_json(entry)])
        return
    lines = ["[ERROR]"]
    if report["errorType"]:
        lines[0] += " " + report["errorType"]
    if report["errorMessage"]:
        lines[0] += (":" if report["errorType"] else "") + " " + report["errorMessage"]
    lines.append("Traceback (most recent call last):")
    for entry in report["stackTrace"]:
        # CloudWatch strips blanks at the start of a line.
        lines += [_indent(line) for line in entry.splitlines()] if entry else [""]
    surroundings.log.log_error(lines)


def _indent(line):
    text = line.lstrip(" ")
    return _NO_BREAK_SPACE * (len(line) - len(text)) + text

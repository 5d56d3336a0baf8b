"""The root logger of a function, as Lambda configures it
(https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html).

Loaded together with `logging`, when the function first imports that.
"""

import json
import logging
import os
import time
import traceback

from lambdactl_runtime import surroundings

_TEXT_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"

# The last byte of a frame's type tells its level, and whether the message is text or JSON.
_TEXT_FRAMES = {
    logging.NOTSET: b"\xa5\x5a\x00\x03",
    logging.DEBUG: b"\xa5\x5a\x00\x0b",
    logging.INFO: b"\xa5\x5a\x00\x0f",
    logging.WARNING: b"\xa5\x5a\x00\x13",
    logging.ERROR: b"\xa5\x5a\x00\x17",
    logging.CRITICAL: b"\xa5\x5a\x00\x1b",
}
_JSON_FRAMES = {
    logging.NOTSET: b"\xa5\x5a\x00\x02",
    logging.DEBUG: b"\xa5\x5a\x00\x0a",
    logging.INFO: b"\xa5\x5a\x00\x0e",
    logging.WARNING: b"\xa5\x5a\x00\x12",
    logging.ERROR: b"\xa5\x5a\x00\x16",
    logging.CRITICAL: b"\xa5\x5a\x00\x1a",
}

# What a JSON log event has of its own or leaves out; everything else on a record was put there by
# the function (`extra=`) and is shown.
_STANDARD_FIELDS = frozenset(
    "name msg args levelname levelno pathname filename module exc_info exc_text stack_info lineno "
    "funcName created msecs relativeCreated thread threadName processName process aws_request_id "
    "tenant_id _frame_type".split()
)

_to_json = json.JSONEncoder(ensure_ascii=False, default=str).encode


def configure():
    """Give the root logger Lambda's handler, format and level."""
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    if level == "TRACE":
        level = "DEBUG"
    logging.Formatter.converter = time.gmtime
    if surroundings.JSON_LOGS or level:
        handler = LambdaLoggerHandlerWithFrameType(surroundings.log)
    else:
        handler = LambdaLoggerHandler(surroundings.log)
    if surroundings.JSON_LOGS:
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter(_TEXT_FORMAT, _TIME_FORMAT))
    handler.addFilter(LambdaLoggerFilter())
    root = logging.getLogger()
    if level in logging._nameToLevel:
        root.setLevel(level)
    root.addHandler(handler)


class LambdaLoggerHandler(logging.Handler):
    """Writes records to a log sink."""

    def __init__(self, log_sink):
        super().__init__()
        self.log_sink = log_sink

    def emit(self, record):
        self.log_sink.log(self.format(record))


class LambdaLoggerHandlerWithFrameType(LambdaLoggerHandler):
    """Writes records to a log sink, with their level."""

    def emit(self, record):
        message = self.format(record)
        frame_type = getattr(record, "_frame_type", None) or _TEXT_FRAMES.get(_level(record))
        self.log_sink.log(message, frame_type=frame_type)


class LambdaLoggerFilter(logging.Filter):
    """Adds to each record whose invocation it belongs to."""

    def filter(self, record):
        event = surroundings.current
        record.aws_request_id = event.request_id or "" if event else ""
        record.tenant_id = event.tenant_id if event else None
        return True


class JsonFormatter(logging.Formatter):
    """Makes one JSON object of a record. Changes the record's level to one of the standard five."""

    def __init__(self):
        super().__init__(datefmt=_TIME_FORMAT + "Z")

    def format(self, record):
        record.levelno = _level(record)
        record.levelname = logging.getLevelName(record.levelno)
        record._frame_type = _JSON_FRAMES[record.levelno]

        entry = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "message": (
                record.msg
                if isinstance(record.msg, dict) and not record.args
                else record.getMessage()
            ),
            "logger": record.name,
            "stackTrace": None,
            "errorType": None,
            "errorMessage": None,
            "requestId": getattr(record, "aws_request_id", None),
            "location": None,
        }
        if record.exc_info:
            error_type, error, tb = record.exc_info
            entry["stackTrace"] = traceback.format_tb(tb)
            entry["errorType"] = error_type.__name__
            entry["errorMessage"] = str(error)
            entry["location"] = "%s:%s:%s" % (record.pathname, record.funcName, record.lineno)
        tenant_id = getattr(record, "tenant_id", None)
        if tenant_id is not None:
            entry["tenantId"] = tenant_id
        for name, value in record.__dict__.items():
            if name not in _STANDARD_FIELDS:
                entry.setdefault(name, value)
        return _to_json({name: value for name, value in entry.items() if value is not None}) + "\n"


def _level(record):
    return min(50, max(0, record.levelno)) // 10 * 10

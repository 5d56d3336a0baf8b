"""What a function can write."""

# ruff: noqa

import logging
import sys
import warnings


class Shy:
    def __repr__(self):
        return "<shy>"


def every_level(event, context):
    logger = logging.getLogger()
    for name in ("debug", "info", "warning", "error", "critical"):
        getattr(logger, name)("at %s", name)
    logger.log(25, "between")
    logger.log(5, "below")
    logger.log(99, "above")


def verbose(event, context):
    logger = logging.getLogger()
    before = logger.level
    logger.setLevel(1)
    try:
        every_level(event, context)
        logger.log(1, "lowest")
    finally:
        logger.setLevel(before)


def named(event, context):
    logging.getLogger("a.b").warning("from %s", "a.b")


def arguments(event, context):
    logging.warning("%d %s %r %(a)s" % {"a": 1} if False else "%s and %s", 1, Shy())
    logging.warning("%(a)s", {"a": "mapped"})
    logging.warning("100%")


def objects(event, context):
    logging.warning({"a": 1, "shy": Shy(), "é": [1]})
    logging.warning({"template": "%s"}, 1)
    logging.warning(["list"])
    logging.warning(None)
    logging.warning(5)


def extra(event, context):
    fields = {"a": 1, "shy": Shy(), "nothing": None, "é": "è", "set": {1}, "nested": {"b": (1,)}}
    logging.warning("with extra", extra=fields)
    logging.warning("same names", extra={"level": "mine", "timestamp": 0, "requestId": "mine"})
    logging.warning("tenant", extra={"tenantId": "mine", "location": "mine", "errorType": "mine"})
    logging.warning("task", extra={"taskName": "mine"})


def failure(event, context):
    try:
        [][1]
    except IndexError:
        logging.exception("caught %s", "it")
        logging.error("again", exc_info=True)
        logging.warning("stack", stack_info=True, extra={"stack_info_size": 1})
    logging.error("nothing to show", exc_info=True)


def given_failure(event, context):
    logging.error("an instance", exc_info=ValueError("not raised"))


def many_lines(event, context):
    logging.warning("one\ntwo\r\nthree\n\n")
    logging.warning("")
    logging.warning("Grüße 🎉\ttab \x00 \u2028")


def through_context(event, context):
    context.log("plain")
    context.log("with an end\n")
    context.log(5)
    context.log({"a": Shy()})


def through_context_without_handler(event, context):
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        context.log("to stdout\n")
    finally:
        root.handlers = handlers


def printed(event, context):
    print("one", 2, Shy())
    print("no end", end="")
    print(" and the rest")
    print("two\nlines")
    print()
    print("to stderr", file=sys.stderr)
    sys.stdout.write("written\n")
    sys.stdout.writelines(["a", "b\n"])
    sys.stdout.buffer.write(b"bytes\n")
    sys.stdout.flush()
    sys.stderr.write("also here\n")
    print("Grüße 🎉")


def printed_much(event, context):
    for _ in range(3):
        print("x" * 70000)
    sys.stdout.write("y" * 1000000)
    print()


def warned(event, context):
    warnings.warn("look out", stacklevel=2)


def captured_warnings(event, context):
    logging.captureWarnings(True)
    try:
        warnings.warn("captured", stacklevel=2)
    finally:
        logging.captureWarnings(False)


def kinds(event, context):
    """What a library that changes logging finds."""
    root = logging.getLogger()
    handler = root.handlers[0]
    return {
        "handlers": [type(h).__name__ for h in root.handlers],
        "bases": [c.__name__ for c in type(handler).__mro__][-3:],
        "formatter": type(handler.formatter).__name__,
        "format": getattr(handler.formatter, "_fmt", None),
        "date format": handler.formatter.datefmt,
        "filters": [type(f).__name__ for f in handler.filters],
        "level": root.level,
        "handler level": handler.level,
        "sink": hasattr(handler, "log_sink"),
        "stdout": [type(sys.stdout).__name__, hasattr(sys.stdout, "stream"), sys.stdout.encoding],
        "stdout is": [sys.stdout.isatty(), sys.stdout.fileno(), sys.stdout.writable()],
        "converter": logging.Formatter.converter.__name__,
        "root": repr(root),
        "handler": repr(handler),
    }


def own_format(event, context):
    handler = logging.getLogger().handlers[0]
    before = handler.formatter
    handler.setFormatter(logging.Formatter("%(levelname)s|%(aws_request_id)s|%(message)s"))
    try:
        logging.warning("in another format")
    finally:
        handler.setFormatter(before)


def second_handler(event, context):
    import io

    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    try:
        logging.error("twice")
    finally:
        logging.getLogger().removeHandler(handler)
    return stream.getvalue()


def basic_config(event, context):
    logging.basicConfig(level=logging.DEBUG, format="%(message)s")
    logging.info("as before")


def in_threads(event, context):
    import threading

    for number in range(3):
        thread = threading.Thread(target=logging.warning, args=["in thread %d", number])
        thread.start()
        thread.join()


def failing(event, context):
    logging.warning("before")
    raise ValueError("one\ntwo")

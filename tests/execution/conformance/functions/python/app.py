"""One handler that behaves as its event asks."""

import json
import os
import signal
import sys
import tempfile
import time

COUNT = 0
print("module loaded")
if os.environ.get("INIT") == "raise":
    raise RuntimeError("no init today")
if os.environ.get("INIT") == "exit":
    os._exit(7)
if os.environ.get("INIT") == "sleep":
    time.sleep(60)


class Custom(Exception):
    pass


def handler(event, context):
    global COUNT
    COUNT += 1
    return globals()["do_" + event["do"].replace("-", "_")](event, context)


def do_echo(event, context):
    return event


def do_count(event, context):
    return COUNT


def do_context(event, context):
    return {
        "aws_request_id": context.aws_request_id,
        "function_name": context.function_name,
        "function_version": context.function_version,
        "invoked_function_arn": context.invoked_function_arn,
        "memory_limit_in_mb": str(context.memory_limit_in_mb),
        "log_group_name": context.log_group_name,
        "log_stream_name": context.log_stream_name,
        "remaining_ms": context.get_remaining_time_in_millis(),
    }


def do_environment(event, context):
    return dict(os.environ)


def do_where(event, context):
    return {"cwd": os.getcwd(), "tmp": tempfile.gettempdir()}


def do_raise(event, context):
    raise Custom("it broke")


def do_exit(event, context):
    os._exit(event["status"])


def do_kill(event, context):
    os.kill(os.getpid(), getattr(signal, event["signal"]))
    time.sleep(5)


def do_sleep(event, context):
    time.sleep(event["seconds"])
    return "slept"


def do_allocate(event, context):
    return len("a" * (event["mb"] * 1024 * 1024))


def do_large(event, context):
    return "x" * event["bytes"]


def do_nothing(event, context):
    return None


def do_unserialisable(event, context):
    return {1, 2, 3} if event.get("what") != "object" else object()


def do_print(event, context):
    print("to stdout")
    print("to stderr", file=sys.stderr)
    print("to stdout again")
    time.sleep(event.get("seconds_after", 0))


def do_flood(event, context):
    line = "x" * 1023
    for _ in range(event["kb"]):
        print(line)
    return "flooded"


def do_partial(event, context):
    print("no line end", end="")


def do_close_stdout(event, context):
    os.close(1)
    try:
        os.write(1, b"nobody hears this\n")
    except OSError:
        pass
    return "still here"


def do_fork(event, context):
    """Leaves a child behind, which leaves the process group too."""
    if os.fork() == 0:
        if event.get("leave"):
            os.setsid()
            os.environ.clear()
        time.sleep(60)
        os._exit(0)
    return "forked"


def do_write(event, context):
    path = os.path.join(tempfile.gettempdir(), event["name"])
    with open(path, "ab") as file:
        for _ in range(event["mb"]):
            file.write(b"x" * 1024 * 1024)
    return os.path.getsize(path)


def do_files(event, context):
    return sorted(name for name in os.listdir(tempfile.gettempdir()) if name.startswith("file"))


def do_opt(event, context):
    import in_layer

    found = os.environ["PATH"].split(":")[-1]
    return {"module": in_layer.NAME, "bin": sorted(os.listdir(found))}


def do_log(event, context):
    import logging

    logging.getLogger().debug("at debug")
    logging.getLogger().info("at info")
    logging.getLogger().warning("at warning")
    logging.getLogger().error("at error\nin two lines")
    print(json.dumps({"level": "DEBUG", "message": "printed debug"}))
    print("printed plainly")


def do_client_context(event, context):
    given = context.client_context
    return {
        "custom": given.custom if given else None,
        "identity": context.identity.cognito_identity_id,
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
    }


def do_sdk(event, context):
    import boto3

    return boto3.__name__

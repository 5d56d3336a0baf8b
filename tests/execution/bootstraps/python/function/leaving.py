"""How a handler can end its process."""

# ruff: noqa

import os
import signal
import sys


class Beyond(BaseException):
    pass


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("can't say")


def quietly(event, context):
    sys.exit()


def with_status(event, context):
    sys.exit(3)


def with_message(event, context):
    sys.exit("a message")


def with_exit(event, context):
    raise SystemExit(False)


def at_once(event, context):
    print("last words")
    os._exit(7)


def interrupted(event, context):
    raise KeyboardInterrupt


def beyond(event, context):
    raise Beyond("not an Exception")


def mute(event, context):
    raise Mute


def killed(event, context):
    os.kill(os.getpid(), signal.SIGKILL)


def terminated(event, context):
    os.kill(os.getpid(), signal.SIGTERM)


def aborted(event, context):
    os.abort()


def after_exit_hooks(event, context):
    import atexit

    atexit.register(print, "goodbye")
    sys.exit(4)


def nowhere(event, context):
    here = os.getcwd()
    folder = os.path.join(os.environ["SCRATCH"], "gone")
    os.mkdir(folder)
    os.chdir(folder)
    os.rmdir(folder)
    try:
        raise ValueError("no working directory")
    finally:
        event["here"] = here


def surrogate(event, context):
    return "lone \ud800"


def surrogate_in_message(event, context):
    raise ValueError("lone \ud800")


def closed_stdout(event, context):
    sys.stdout.close()
    raise ValueError("nowhere to log")


def too_many_threads(event, context):
    import threading

    threading.Thread(target=threading.Event().wait, daemon=True).start()
    sys.exit(6)

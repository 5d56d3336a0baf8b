"""What a function finds around itself."""

# ruff: noqa

import asyncio
import os
import subprocess
import sys
import threading


def context_fields(event, context):
    client = context.client_context
    return {
        "repr": repr(context),
        "vars": sorted(vars(context)),
        "public": [name for name in dir(context) if not name.startswith("_")],
        "request": context.aws_request_id,
        "group": context.log_group_name,
        "stream": context.log_stream_name,
        "function": context.function_name,
        "memory": context.memory_limit_in_mb,
        "version": context.function_version,
        "arn": context.invoked_function_arn,
        "tenant": context.tenant_id,
        "identity": [
            repr(context.identity),
            context.identity.cognito_identity_id,
            context.identity.cognito_identity_pool_id,
        ],
        "client": client and [repr(client), client.custom, client.env, repr(client.client)],
        "w3c": context.w3c(),
        "deadline": context._epoch_deadline_time_in_ms,
        "trace": os.environ.get("_X_AMZN_TRACE_ID", "not there"),
    }


def client_fields(event, context):
    client = context.client_context.client
    names = type(client).__slots__
    return {name: getattr(client, name) for name in names}


def remaining_time(event, context):
    left = context.get_remaining_time_in_millis()
    return {"type": type(left).__name__, "plausible": 0 <= left <= 3000, "over": left == 0}


def variables(event, context):
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("AWS_", "LAMBDA_", "_"))
        and name not in ("AWS_LAMBDA_RUNTIME_API", "LAMBDA_RUNTIME_DIR", "_")
    }


def process(event, context):
    return {
        "cwd": os.getcwd(),
        "first on path": sys.path[0],
        "own bootstrap": os.path.basename(os.path.dirname(__import__("bootstrap").__file__)),
        "main": __import__("__main__").__name__,
        "recursion": sys.getrecursionlimit(),
        "main thread": threading.current_thread() is threading.main_thread(),
        "threads": threading.active_count(),
    }


def run_asyncio(event, context):
    async def main():
        await asyncio.sleep(0.001)
        return "done"

    return asyncio.run(main())


def run_program(event, context):
    return subprocess.run(
        [sys.executable, "-c", "print(open('/dev/stdin').read() + 'and back')"],
        input="there ",
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def fork(event, context):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, b"from the child")
        os._exit(0)
    os.close(write)
    data = os.read(read, 100)
    os.close(read)
    return [data.decode(), os.waitpid(child, 0)[1]]


def multiprocess(event, context):
    import multiprocessing

    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()
    child = fork.Process(target=queue.put, args=["hello"])
    child.start()
    answer = queue.get()
    child.join()
    return [answer, child.exitcode]


def thread_left_behind(event, context):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    return threading.active_count()

"""The runtime interface client of a Python function, run by the function's own interpreter.

It asks the Runtime API for an event, calls the handler, posts what comes back, and starts again
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html). To the function it is what AWS's
own client is, `awslambdaric` 4.2.2
(https://github.com/aws/aws-lambda-python-runtime-interface-client): the same errors, log lines,
context and JSON. A differential test suite holds the two together.

It differs in what a function doesn't see. It needs the standard library only, of any CPython from
3.9 on. And it is quick: a plain invocation needs this module (the loop), `wire` (HTTP), `payload`
(JSON), `context` and `surroundings` (what a function finds around itself), and of the standard
library nothing that Python hasn't loaded by itself. The rest is loaded when it is first used.
"""

import os
import sys

from lambdactl_runtime import payload, surroundings, wire
from lambdactl_runtime.context import LambdaContext


def main():
    """Load the handler, then serve events until the Runtime API goes away.

    The stack under a handler is four frames high (script, main, run, handle), as it is on Lambda:
    a function that recurses too deep fails at the same depth.
    """
    connection = wire.Connection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        if os.environ.pop("_LAMBDACTL_STANDBY", None):
            # Nothing of the function has been read yet.
            connection.call("GET", "standby")
        surroundings.set_up()
        handler = load(os.environ["_HANDLER"], connection)
        if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
            from lambdactl_runtime import snapstart

            snapstart.suspend(connection)
        run(handler, connection)
    except wire.Disconnected:
        surroundings.leave()


def load(name, connection):
    """Return the handler called `name`, or report why there is none and exit with status 1."""
    # The stack trace of a module that raises shows that importlib imported it.
    from importlib import import_module

    try:
        try:
            module_name, function_name = name.rsplit(".", 1)
        except ValueError as error:
            raise _fault("MalformedHandlerName", "Bad handler '%s': %s" % (name, error))
        if module_name.split(".")[0] in sys.builtin_module_names:
            raise _fault(
                "BuiltInModuleConflict",
                "Cannot use built-in module %s as a handler module" % module_name,
            )
        try:
            module = import_module(module_name.replace("/", "."))
        except ImportError as error:
            raise _fault(
                "ImportModuleError", "Unable to import module '%s': %s" % (module_name, error)
            )
        except SyntaxError as error:
            raise _fault(
                "UserCodeSyntaxError",
                "Syntax error in module '%s': %s" % (module_name, error),
                ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)],
            )
        try:
            return getattr(module, function_name)
        except AttributeError:
            raise _fault(
                "HandlerNotFound",
                "Handler '%s' missing on module '%s'" % (function_name, module_name),
            )
    except Exception as error:
        from lambdactl_runtime import faults

        faults.fail_init(error, connection)


def run(handler, connection):
    """Serve one event after another."""
    home = os.getpid()
    connection.request_next()
    while True:
        event = connection.receive_event()
        surroundings.begin(event)
        kind, body, content_type, xray_cause = handle(handler, event)
        if os.getpid() != home:
            # A child that the handler forked came back from it. Its parent answers.
            surroundings.leave()
        connection.answer_and_request_next(event, kind, body, content_type, xray_cause)


def handle(handler, event):
    """Call the handler. Returns what to tell the Runtime API: "response" or "error", the body, its
    content type, and for an error the cause as X-Ray wants it."""
    try:
        context = LambdaContext(event)
        argument = payload.parse(event.body) if event.is_json else event.body
        response = handler(argument, context)
        if isinstance(response, bytes):
            return "response", response, "application/unknown", None
        text = payload.marshal(response)
    except Exception as error:
        from lambdactl_runtime import faults

        failure = faults.examine(error, event.request_id)
    else:
        return "response", text.encode(), "application/json", None
    return faults.answer(*failure)


def _fault(name, message, trace=None):
    from lambdactl_runtime.faults import Fault

    return Fault(name, message, trace)

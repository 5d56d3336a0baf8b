"""Stands for the compiled part of awslambdaric where that isn't built for the interpreter.

The same calls, results and headers as `runtime_client.cpp` over aws-lambda-cpp; the real one runs
in the tests of the interpreter that has it.
"""

import http.client
import os

_PATH = "/2018-06-01/runtime/invocation/"
_connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def initialize_client(user_agent):
    pass


def next():
    _connection.request("GET", _PATH + "next")
    answer = _connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError("Failed to get next")
    names = (
        "Lambda-Runtime-Aws-Request-Id", "Lambda-Runtime-Trace-Id",
        "Lambda-Runtime-Invoked-Function-Arn", "Lambda-Runtime-Deadline-Ms",
        "Lambda-Runtime-Client-Context", "Lambda-Runtime-Cognito-Identity",
        "Lambda-Runtime-Aws-Tenant-Id", "Content-Type", "Lambda-Runtime-Invocation-Id",
    )  # fmt: skip
    headers = {name: answer.headers.get(name) or None for name in names}
    for name, value in headers.items():
        if value:
            headers[name] = value.encode("latin-1").decode("utf-8")
    headers["Lambda-Runtime-Deadline-Ms"] = int(headers["Lambda-Runtime-Deadline-Ms"] or 0)
    return body, headers


def post_invocation_result(invoke_id, body, content_type, invocation_id):
    _post(invoke_id + "/response", body, {"content-type": content_type}, invocation_id)


def post_error(invoke_id, body, xray_fault, invocation_id):
    headers = {"content-type": "application/json"}
    if xray_fault:
        headers["lambda-runtime-function-xray-error-cause"] = xray_fault.encode()
    _post(invoke_id + "/error", body.encode(), headers, invocation_id)


def _post(path, body, headers, invocation_id):
    if invocation_id:
        headers["lambda-runtime-invocation-id"] = invocation_id
    _connection.request("POST", _PATH + path, body, headers)
    answer = _connection.getresponse()
    answer.read()
    if answer.status >= 300:
        raise RuntimeError("Failed to post invocation response")

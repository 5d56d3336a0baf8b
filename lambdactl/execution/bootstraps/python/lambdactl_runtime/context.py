"""The second argument of a handler
(https://docs.aws.amazon.com/lambda/latest/dg/python-context.html)."""

import os
import sys
import time

from lambdactl_runtime import surroundings

_W3C_FIELDS = ("traceparent", "tracestate", "baggage")


class _Record:
    """A record whose fields are its `__slots__`, shown as AWS shows it."""

    __slots__ = ()

    def __repr__(self):
        return _show(self, self.__slots__)


class CognitoIdentity(_Record):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(_Record):
    __slots__ = (
        "installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name",
    )  # fmt: skip


class ClientContext(_Record):
    __slots__ = ("custom", "env", "client")


class LambdaContext:
    """What an invocation knows about itself.

    :param event: the :class:`lambdactl_runtime.wire.Event`.
    :raises Fault: the client context or the identity isn't JSON.
    """

    def __init__(self, event):
        client_context = identity = None
        if event.client_context:
            client_context = _parse(event.client_context, "Client Context")
        if event.cognito_identity:
            identity = _parse(event.cognito_identity, "Cognito Identity")

        get = os.environ.get
        self.aws_request_id = event.request_id
        self.log_group_name = get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = event.function_arn
        self.tenant_id = event.tenant_id
        self._w3c_fields = _take_w3c(client_context)
        self.client_context = None
        if client_context is not None:
            self.client_context = _fill(ClientContext(), client_context)
            if self.client_context.client is not None:
                self.client_context.client = _fill(Client(), self.client_context.client)
        self.identity = CognitoIdentity()
        find = (identity if identity is not None else {}).get
        self.identity.cognito_identity_id = find("cognitoIdentityId")
        self.identity.cognito_identity_pool_id = find("cognitoIdentityPoolId")
        self._epoch_deadline_time_in_ms = event.deadline_ms

    def get_remaining_time_in_millis(self):
        """Milliseconds until the invocation times out, never below 0."""
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def w3c(self):
        """The W3C trace context that came with the invocation."""
        return dict(self._w3c_fields)

    def log(self, msg):
        """Write to the function's log, as it is: no level, no line end."""
        logging = sys.modules.get("logging")
        if logging is None:
            # Nobody has changed the root logger's handler yet, which would be asked for this.
            surroundings.log.log(str(msg))
            return
        for handler in logging.getLogger().handlers:
            if hasattr(handler, "log_sink"):
                handler.log_sink.log(str(msg))
                return
        sys.stdout.write(str(msg))

    def __repr__(self):
        return _show(
            self,
            (
                "aws_request_id", "log_group_name", "log_stream_name", "function_name",
                "memory_limit_in_mb", "function_version", "invoked_function_arn",
                "client_context", "identity", "tenant_id",
            ),
        )  # fmt: skip


def _show(record, names):
    fields = ",".join(["%s=%s" % (name, getattr(record, name)) for name in names])
    return "%s([%s])" % (type(record).__name__, fields)


def _fill(record, values):
    for name in record.__slots__:
        setattr(record, name, values.get(name))
    return record


def _take_w3c(client_context):
    """Take `w3c` out of the client context, and of it the fields that a function may see."""
    if not isinstance(client_context, dict):
        return {}
    fields = client_context.pop("w3c", None)
    if not isinstance(fields, dict):
        return {}
    return {name: fields[name] for name in _W3C_FIELDS if isinstance(fields.get(name), str)}


def _parse(header, name):
    import json

    try:
        return json.loads(header)
    except Exception as error:
        from lambdactl_runtime.faults import Fault

        raise Fault("LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (name, error))

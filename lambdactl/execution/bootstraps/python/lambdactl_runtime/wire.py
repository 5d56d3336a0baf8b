"""The Runtime API as a client sees it: HTTP/1.1 on one TCP connection that stays open.

An invocation takes three system calls: the answer to the last event and the request for the next
one leave together (pipelined), then the confirmation and the next event are read.
"""

import sys
import time

# The C part of `socket`: what the Python part adds costs 6 ms of start-up and isn't needed.
from _socket import AF_INET, IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY, socket

_RECEIVE_BYTES = 64 * 1024
_JOIN_BYTES = 256 * 1024
"""Up to this size one copy is cheaper than one more system call."""


class Disconnected(Exception):
    """The Runtime API is gone."""


class Event:
    """What `/invocation/next` gave. A field whose header is missing or empty is None."""

    __slots__ = (
        "request_id", "invocation_id", "deadline_ms", "function_arn", "trace_id",
        "client_context", "cognito_identity", "tenant_id", "is_json", "body",
    )  # fmt: skip

    def __init__(self, headers, body):
        get = headers.get
        self.request_id = get("lambda-runtime-aws-request-id")
        self.invocation_id = get("lambda-runtime-invocation-id")
        self.deadline_ms = int(get("lambda-runtime-deadline-ms") or 0)
        self.function_arn = get("lambda-runtime-invoked-function-arn")
        self.trace_id = get("lambda-runtime-trace-id")
        self.client_context = get("lambda-runtime-client-context")
        self.cognito_identity = get("lambda-runtime-cognito-identity")
        self.tenant_id = get("lambda-runtime-aws-tenant-id")
        self.is_json = get("content-type") == "application/json"
        self.body = body


class Connection:
    """A connection to the Runtime API at `address` ("host:port"), made when it is first used."""

    def __init__(self, address):
        self._address = address
        self._socket = None
        self._received = b""
        self._next = self._head("GET", "invocation/next").encode() + b"\r\n"

    def request_next(self):
        """Ask for the next event."""
        self._send(self._next)

    def receive_event(self):
        """Wait for the event that was asked for.

        :raises SystemExit: the Runtime API refuses to give one.
        """
        status, headers, body = self._receive()
        if status != 200:
            _log("Failed to get next invocation. Http Response code: %d" % status)
            sys.exit(1)
        return Event(headers, body)

    def answer_and_request_next(self, event, kind, body, content_type, xray_cause):
        """Post the outcome of `event` and ask for the next one, in one write.

        A refusal (the response was too large: 413; the invocation has timed out: 410) is logged
        and no more: whoever refused has told the caller already.
        """
        head = self._head("POST", "invocation/%s/%s" % (event.request_id, kind))
        head += "Content-Type: %s\r\n" % content_type
        if event.invocation_id is not None:
            head += "Lambda-Runtime-Invocation-Id: %s\r\n" % event.invocation_id
        if xray_cause:
            head += "Lambda-Runtime-Function-XRay-Error-Cause: %s\r\n" % xray_cause
        head += "Content-Length: %d\r\n" % len(body)
        self._send(head.encode() + b"\r\n", body, self._next)
        status, _, reason = self._receive()
        if status >= 400:
            outcome = "success" if kind == "response" else "failure"
            _log(
                "Failed to post handler %s response. Http response code: %d. %s"
                % (outcome, status, reason.decode("utf-8", "replace").strip())
            )

    def call(self, method, path, body=b"", error_type=None):
        """Any other call: returns the status and the body of the answer."""
        head = self._head(method, path)
        if error_type is not None:
            head += "Lambda-Runtime-Function-Error-Type: %s\r\n" % error_type
        if method == "POST":
            head += "Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
        self._send(head.encode() + b"\r\n", body)
        status, _, answer = self._receive()
        return status, answer

    def _head(self, method, path):
        return "%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: %s\r\n" % (method, path, self._address)

    def _connect(self):
        host, _, port = self._address.rpartition(":")
        # Never inherited by a program that the function starts (PEP 446).
        self._socket = socket(AF_INET, SOCK_STREAM)
        self._socket.connect((host, int(port)))
        self._socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)

    def _send(self, *parts):
        try:
            if self._socket is None:
                self._connect()
            if sum(map(len, parts)) <= _JOIN_BYTES:
                self._socket.sendall(b"".join(parts))
            else:
                for part in parts:
                    self._socket.sendall(part)
        except OSError as error:
            raise Disconnected from error

    def _receive(self):
        """Read one response: its status, its headers (names in lower case) and its body."""
        data = self._received
        while True:
            head, end, body = data.partition(b"\r\n\r\n")
            if end:
                break
            data += self._receive_some()
        status_line, *lines = head.decode("utf-8", "replace").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip() or None
        length = int(headers.get("content-length") or 0)
        if len(body) < length:
            body = self._receive_rest(body, length)
            self._received = b""
        else:
            self._received = body[length:]
            body = body[:length]
        return int(status_line[9:12]), headers, body

    def _receive_some(self):
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except OSError as error:
            raise Disconnected from error
        if not data:
            raise Disconnected
        return data

    def _receive_rest(self, start, length):
        body = bytearray(length)
        filled = len(start)
        body[:filled] = start
        with memoryview(body) as view:
            while filled < length:
                try:
                    count = self._socket.recv_into(view[filled:])
                except OSError as error:
                    raise Disconnected from error
                if not count:
                    raise Disconnected
                filled += count
        return bytes(body)


def _log(message):
    """Say it as the C++ library under AWS's client does (aws-lambda-cpp), on stdout."""
    sys.stdout.write("[ERROR] [%d] LAMBDA_RUNTIME %s\n" % (time.time() * 1000, message))

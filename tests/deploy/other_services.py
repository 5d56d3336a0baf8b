"""AWS with what moto has no operations for: taking back receipt rules of SES, triggers of
CodeCommit's repositories, and rules and target groups in listings by tags.

It stands before the moto server of this process and works on what that keeps; all else is moto's.
Answers are those of botocore's models.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.deploy.conftest import REGION

ACCOUNT = "123456789012"
_JSON = "application/x-amz-json-1.1"
_SES = "http://ses.amazonaws.com/doc/2010-12-01/"

Answer = tuple[int, str, bytes]


@dataclass
class Services:
    """:ivar triggers: of each repository that there is."""

    url: str = ""
    triggers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


@contextlib.contextmanager
def services(upstream: str) -> Iterator[Services]:
    found = Services()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = _own(found, dict(self.headers), body)
            status, kind, said = answer or _forward(upstream, self, body)
            self.send_response(status)
            if kind:
                self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _serve

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


def _forward(upstream: str, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
    target = urllib.parse.urlsplit(upstream)
    connection = http.client.HTTPConnection(target.hostname or "", target.port or 80, timeout=60)
    try:
        connection.request(request.command, request.path, body, dict(request.headers))
        response = connection.getresponse()
        said = response.read()
        if request.headers.get("X-Amz-Target", "").endswith(".GetResources"):
            said = _with_more(said, json.loads(body))
        return response.status, response.getheader("Content-Type") or "", said
    finally:
        connection.close()


def _own(services: Services, headers: dict[str, str], body: bytes) -> Answer | None:
    """The answer to what is asked; None: it is moto's."""
    operation = headers.get("X-Amz-Target", "").rpartition(".")[2]
    if operation.endswith("RepositoryTriggers"):
        return _triggers(services, operation, json.loads(body))
    if "/ses/aws4_request" in headers.get("Authorization", ""):
        given = {key: values[0] for key, values in urllib.parse.parse_qs(body.decode()).items()}
        return _mail(given)
    return None


def _triggers(services: Services, operation: str, given: dict[str, Any]) -> Answer:
    name = given["repositoryName"]
    if name not in services.triggers:
        said = {"__type": "RepositoryDoesNotExistException", "message": f"{name} does not exist"}
        return 400, _JSON, json.dumps(said).encode()
    if operation == "PutRepositoryTriggers":
        services.triggers[name] = given["triggers"]
    answer = {"configurationId": "1", "triggers": services.triggers[name]}
    return 200, _JSON, json.dumps(answer).encode()


def _mail(given: dict[str, str]) -> Answer | None:
    from moto.ses.models import ses_backends

    sets = ses_backends[ACCOUNT][REGION].receipt_rule_set
    name = given.get("RuleSetName", "")
    if given["Action"] == "DeleteReceiptRule":
        if name not in sets:
            return _refused("RuleSetDoesNotExist")
        rules = sets[name].rules
        rules[:] = [rule for rule in rules if rule["Name"] != given["RuleName"]]
    elif given["Action"] == "DeleteReceiptRuleSet":
        if name in sets and sets[name].is_active:
            return _refused("CannotDelete")
        sets.pop(name, None)
    elif given["Action"] == "SetActiveReceiptRuleSet" and not name:
        for one in sets.values():
            one.is_active = False
    else:
        return None
    action = given["Action"]
    said = f'<{action}Response xmlns="{_SES}"><{action}Result/></{action}Response>'
    return 200, "text/xml", said.encode()


def _refused(code: str) -> Answer:
    said = f'<ErrorResponse xmlns="{_SES}"><Error><Code>{code}</Code></Error></ErrorResponse>'
    return 400, "text/xml", said.encode()


def _with_more(said: bytes, given: dict[str, Any]) -> bytes:
    """A listing by tags, with the rules of EventBridge and the parts of load balancers in it."""
    from moto.elbv2.models import elbv2_backends
    from moto.events.models import events_backends

    answer = json.loads(said)
    events, balancers = events_backends[ACCOUNT][REGION], elbv2_backends[ACCOUNT][REGION]
    more = {
        rule.arn: events.tagger.get_tag_dict_for_resource(rule.arn)
        for bus in events.event_buses.values()
        for rule in bus.rules.values()
    }
    tagged = balancers.tagging_service
    arns = {*balancers.target_groups, *tagged.tags}
    more |= {arn: tagged.get_tag_dict_for_resource(arn) for arn in arns}
    listed = {one["ResourceARN"] for one in answer["ResourceTagMappingList"]}
    for arn, tags in more.items():
        wanted = given.get("TagFilters", [])
        if arn not in listed and all(tags.get(one["Key"]) in one["Values"] for one in wanted):
            pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
            answer["ResourceTagMappingList"].append({"ResourceARN": arn, "Tags": pairs})
    return json.dumps(answer).encode()

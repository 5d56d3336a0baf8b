"""Notes over HTTP: one function behind the five routes of an HTTP API (payload format 2.0).

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import json
import logging
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from store import Store

Event = dict[str, Any]
Response = dict[str, Any]

logger = logging.getLogger()
store = Store()


class Refused(Exception):
    """The client's fault, for the client to read."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def handler(event: Event, context: object) -> Response:
    route = event["routeKey"]
    try:
        response = ROUTES[route](event)
    except Refused as refused:
        response = answer(refused.status, {"error": str(refused)})
    logger.info("%s: %d", route, response["statusCode"])
    return response


def create(event: Event) -> Response:
    note = store.create(**sent_note(event))
    return answer(HTTPStatus.CREATED, asdict(note), location=f"/notes/{note.id}")


def read_all(event: Event) -> Response:
    return answer(HTTPStatus.OK, {"notes": [asdict(note) for note in store.all()]})


def read(event: Event) -> Response:
    return answer(HTTPStatus.OK, asdict(found(store.get(note_id(event)))))


def replace(event: Event) -> Response:
    note = store.replace(note_id(event), **sent_note(event))
    return answer(HTTPStatus.OK, asdict(found(note)))


def delete(event: Event) -> Response:
    found(store.delete(note_id(event)))
    return {"statusCode": HTTPStatus.NO_CONTENT}


ROUTES = {
    "POST /notes": create,
    "GET /notes": read_all,
    "GET /notes/{id}": read,
    "PUT /notes/{id}": replace,
    "DELETE /notes/{id}": delete,
}


def note_id(event: Event) -> str:
    return event["pathParameters"]["id"]


def found(result: Any) -> Any:
    if not result:
        raise Refused(HTTPStatus.NOT_FOUND, "there is no such note")
    return result


def sent_note(event: Event) -> dict[str, str]:
    """``title`` and ``text`` of the body, checked."""
    body = event.get("body", "")
    try:
        sent = json.loads(base64.b64decode(body) if event["isBase64Encoded"] else body)
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from None
    match sent:
        case {"title": str(title), **rest} if title.strip():
            text = rest.get("text", "")
        case _:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "a note needs a `title`")
    if not isinstance(text, str):
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "`text` must be a text")
    return {"title": title, "text": text}


def answer(status: HTTPStatus, content: Any, **headers: str) -> Response:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", **headers},
        "body": json.dumps(content),
    }

"""``NAME=VALUE`` and lists in the shapes that one service or another gives them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lambdactl.events.functions.data import octets

if TYPE_CHECKING:
    from lambdactl.events.render import Scope

Pairs = list[tuple[str, str]]


def kafka_headers(scope: Scope, pairs: Pairs) -> list[dict[str, list[int]]]:
    """Headers of a Kafka record: each one an object with its bytes
    (https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html)."""
    return [{name: octets(scope, value)} for name, value in pairs]


def rabbit_headers(scope: Scope, pairs: Pairs) -> dict[str, Any]:
    """Headers of a RabbitMQ message (https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html)."""
    return {name: {"bytes": octets(scope, value)} for name, value in pairs}


def typed_values(_scope: Scope, pairs: Pairs) -> list[dict[str, str]]:
    """Parameters of a Bedrock agent
    (https://docs.aws.amazon.com/bedrock/latest/userguide/agents-lambda.html)."""
    return [{"name": name, "type": "string", "value": value} for name, value in pairs]


def lex_slot_details(_scope: Scope, pairs: Pairs) -> dict[str, Any]:
    """(https://docs.aws.amazon.com/lex/latest/dg/lambda-input-response-format.html)"""
    return {
        name: {"resolutions": [{"value": value}], "originalValue": value} for name, value in pairs
    }


def lex_v2_slots(_scope: Scope, pairs: Pairs) -> dict[str, Any]:
    """(https://docs.aws.amazon.com/lexv2/latest/dg/lambda-input-format.html)"""
    return {
        name: {
            "shape": "Scalar",
            "value": {
                "originalValue": value,
                "interpretedValue": value,
                "resolvedValues": [value],
            },
        }
        for name, value in pairs
    }


def alexa_slots(_scope: Scope, pairs: Pairs) -> dict[str, Any]:
    """(https://developer.amazon.com/en-US/docs/alexa/custom-skills/request-types-reference.html)"""
    return {
        name: {"name": name, "value": value, "confirmationStatus": "NONE", "source": "USER"}
        for name, value in pairs
    }


def addresses(_scope: Scope, values: list[str]) -> list[dict[str, str]]:
    return [{"address": value} for value in values]


def graphql_selection(_scope: Scope, fields: list[str]) -> str:
    """The selection set of a GraphQL query, as AppSync prints it."""
    return "{\n" + "".join(f"  {name}\n" for name in fields) + "}"


def path_segments(_scope: Scope, path: str) -> list[str]:
    """``/default/channel`` -> ``["default", "channel"]``."""
    return [part for part in path.split("/") if part] or [""]


def path_part(_scope: Scope, path: str) -> str:
    """A path as it stands in a URL: encoded but for its slashes."""
    from urllib.parse import quote

    return quote(path, safe="/")


def hex_time(_scope: Scope, moment: datetime) -> str:
    """Seconds since 1970 as eight hexadecimal digits."""
    return f"{int(moment.timestamp()):08x}"


def hex_index(_scope: Scope, index: int) -> str:
    """A counter from 1 as two hexadecimal digits."""
    return f"{(index + 1) % 256:02x}"


def object_id(scope: Scope, moment: datetime) -> str:
    """A MongoDB ObjectId: the time, then 64 more bits."""
    return f"{hex_time(scope, moment)}{scope.random().getrandbits(64):016x}"


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "addresses": addresses,
    "alexa_slots": alexa_slots,
    "graphql_selection": graphql_selection,
    "hex_index": hex_index,
    "hex_time": hex_time,
    "kafka_headers": kafka_headers,
    "lex_slot_details": lex_slot_details,
    "lex_v2_slots": lex_v2_slots,
    "object_id": object_id,
    "path_part": path_part,
    "path_segments": path_segments,
    "rabbit_headers": rabbit_headers,
    "typed_values": typed_values,
}

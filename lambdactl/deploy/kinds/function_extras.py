"""What is set of a function by calls of its own, and read by calls of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lambdactl.deploy.faults import allowed


@dataclass(frozen=True, slots=True)
class Extra:
    """:ivar default: what it is where nobody has set it.
    :ivar get: takes the client and the function's name.
    :ivar put: takes the client, the function's name and the value.
    """

    default: Any
    get: Callable[[Any, str], Any]
    put: Callable[[Any, str, Any], None]


_UPDATES = {"auto": "Auto", "function_update": "FunctionUpdate", "manual": "Manual"}


def _recursion(client: Any, name: str) -> str:
    answer = client.get_function_recursion_config(FunctionName=name)
    return str(answer["RecursiveLoop"]).lower()


def _put_recursion(client: Any, name: str, value: str) -> None:
    client.put_function_recursion_config(FunctionName=name, RecursiveLoop=value.capitalize())


def _management(client: Any, name: str) -> dict[str, Any]:
    answer = client.get_runtime_management_config(FunctionName=name)
    words = {aws: word for word, aws in _UPDATES.items()}
    return {
        "update": words[answer["UpdateRuntimeOn"]],
        "version": answer.get("RuntimeVersionArn") or None,
    }


def _put_management(client: Any, name: str, value: Mapping[str, Any]) -> None:
    arguments = {"UpdateRuntimeOn": _UPDATES[value["update"]]}
    if value.get("version"):
        arguments["RuntimeVersionArn"] = value["version"]
    client.put_runtime_management_config(FunctionName=name, **arguments)


def _signing(client: Any, name: str) -> str | None:
    with allowed("CodeSigningConfigNotFoundException"):
        answer = client.get_function_code_signing_config(FunctionName=name)
        return answer.get("CodeSigningConfigArn") or None
    return None


def _put_signing(client: Any, name: str, value: str | None) -> None:
    if value is None:
        with allowed("CodeSigningConfigNotFoundException"):
            client.delete_function_code_signing_config(FunctionName=name)
    else:
        client.put_function_code_signing_config(FunctionName=name, CodeSigningConfigArn=value)


EXTRAS: Mapping[str, Extra] = {
    # https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionCodeSigningConfig.html
    "code_signing": Extra(None, _signing, _put_signing),
    # https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionRecursionConfig.html
    "recursion": Extra("terminate", _recursion, _put_recursion),
    # https://docs.aws.amazon.com/lambda/latest/api/API_PutRuntimeManagementConfig.html
    "runtime_management": Extra({"update": "auto", "version": None}, _management, _put_management),
}
"""By the property."""

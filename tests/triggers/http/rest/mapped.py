"""Routes whose integration maps, and requests that go through them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from lambdactl.manifest.apis import Api, Integration, IntegrationResponse, Route
from lambdactl.triggers.http.calls import Call, Refusal, Setting
from lambdactl.triggers.http.exchange import Headers, Response
from lambdactl.triggers.http.rest.integrations import runner
from tests.triggers.http import parts

OK = IntegrationResponse(200)


@dataclass(frozen=True)
class Way:
    """One route of an API."""

    api: Api
    route: Route
    setting: Setting

    def call(
        self,
        target: str = "/",
        method: str = "POST",
        headers: Headers | dict[str, str] | None = None,
        body: bytes = b"",
        **parameters: str,
    ) -> Call:
        request = parts.request(target, method, headers, body)
        return Call(self.setting, self.api, self.route, request, parameters)

    def answer(self, *arguments: Any, **named: Any) -> Response:
        return asyncio.run(self.answering(*arguments, **named))

    async def answering(self, *arguments: Any, **named: Any) -> Response:
        return await runner(self.api, self.route, self.setting)(self.call(*arguments, **named))

    def refusal(self, *arguments: Any, **named: Any) -> Refusal:
        """How the request is refused."""
        try:
            response = self.answer(*arguments, **named)
        except Refusal as refusal:
            return refusal
        raise AssertionError(f"answered with {response}")

    @property
    def told(self) -> list[str]:
        told: list[str] = self.setting.kept["told"]
        return told


def way(
    integration: Integration,
    *,
    functions: parts.Functions | None = None,
    path: str = "/things/{id}",
    binary: tuple[str, ...] = (),
    variables: dict[str, str] | None = None,
    **route: Any,
) -> Way:
    made = Route(path=path, method="POST", integration=integration, **route)
    api = Api(
        "pets",
        "rest",
        (made,),
        stage="prod",
        binary_types=binary,
        variables=variables or {},
    )
    return Way(api, made, parts.setting(functions))


def mock(template: str = '{"statusCode": 200}', **changes: Any) -> Integration:
    """A MOCK integration."""
    changes.setdefault("responses", (OK,))
    return Integration("mock", request_templates={"application/json": template}, **changes)


def header(response: Response, name: str) -> list[str]:
    return [value for each, value in response.headers if each.lower() == name.lower()]

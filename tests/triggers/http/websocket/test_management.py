"""``@connections`` as boto3 uses it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.aio import run, until
from tests.clock import ManualClock
from tests.triggers.http.websocket.parts import OK, Functions, api, serving


def management(endpoint: str, **settings):
    return boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
        config=Config(retries={"max_attempts": 1}, proxies={}),
        **settings,
    )


async def threaded(call, **parameters):
    return await asyncio.to_thread(partial(call, **parameters))


async def refused(call, **parameters) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        await threaded(call, **parameters)
    response = caught.value.response
    return (
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Code"],
        response["Error"].get("Message", ""),
    )


@pytest.fixture(params=["", "/Prod"], ids=["root", "stage"])
def stage(request) -> str:
    return request.param


def test_a_message_reaches_the_client(stage):
    async def main():
        async with serving(api("$default"), Functions()) as served:
            boto = management(f"http://localhost:{served.port}{stage}")
            async with connect(served.url) as client:
                [id] = served.door.connections.open
                answer = await threaded(boto.post_to_connection, ConnectionId=id, Data=b"hello")
                assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
                assert await client.recv() == "hello"
                await threaded(boto.post_to_connection, ConnectionId=id, Data='{"ü": 1}'.encode())
                assert await client.recv() == '{"ü": 1}'
                # Not text: API Gateway has text frames only.
                await threaded(boto.post_to_connection, ConnectionId=id, Data=b"\xff!")
                assert await client.recv() == "\ufffd!"
                await threaded(boto.post_to_connection, ConnectionId=id, Data=b"")
                assert await client.recv() == ""

    run(main())


def test_a_long_message_is_split_into_frames_of_32_kb():
    async def main():
        async with serving(api("$default"), Functions()) as served:
            boto = management(f"http://localhost:{served.port}")
            async with connect(served.url) as client:
                [id] = served.door.connections.open
                text = "x" * 32767 + "ü" * 49152 + "y"
                await threaded(boto.post_to_connection, ConnectionId=id, Data=text.encode())
                frames = [frame async for frame in client.recv_streaming(decode=False)]
                assert [len(frame) for frame in frames] == [32768] * 4
                assert b"".join(frames).decode() == text
                code = await refused(
                    boto.post_to_connection, ConnectionId=id, Data=b"x" * (128 * 1024 + 1)
                )
                assert code == (413, "PayloadTooLargeException", "Message too long")

    run(main())


def test_a_connection_is_described(stage):
    async def main():
        clock = ManualClock(1_700_000_000.5)
        async with serving(api("$default"), Functions(default=lambda e: OK), clock=clock) as served:
            boto = management(f"http://localhost:{served.port}{stage}")
            async with connect(served.url, user_agent_header="tester") as client:
                [id] = served.door.connections.open
                clock.spend(60)
                await client.send("x")
                await until(lambda: served.setting.invoker.events)
                found = await threaded(boto.get_connection, ConnectionId=id)
        found.pop("ResponseMetadata")
        assert found == {
            "ConnectedAt": datetime(2023, 11, 14, 22, 13, 20, 500_000, UTC),
            "Identity": {"SourceIp": "127.0.0.1", "UserAgent": "tester"},
            "LastActiveAt": datetime(2023, 11, 14, 22, 14, 20, 500_000, UTC),
        }

    run(main())


def test_a_client_is_disconnected(stage):
    functions = Functions(disconnect=lambda e: OK)

    async def main():
        async with serving(api("$disconnect"), functions) as served:
            boto = management(f"http://localhost:{served.port}{stage}")
            async with connect(served.url) as client:
                [id] = served.door.connections.open
                answer = await threaded(boto.delete_connection, ConnectionId=id)
                assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
                with pytest.raises(ConnectionClosed):
                    await client.recv()
                assert client.close_code == 1000
            await until(lambda: functions.events)
            for call, more in (
                (boto.post_to_connection, {"Data": b"x"}),
                (boto.get_connection, {}),
                (boto.delete_connection, {}),
            ):
                assert (await refused(call, ConnectionId=id, **more))[:2] == (410, "GoneException")

    run(main())
    [event] = functions.given("disconnect")
    context = event["requestContext"]
    assert context["disconnectStatusCode"] == 1000
    assert context["disconnectReason"] == "Connection Closed Normally"


def test_gone_and_never_an_id():
    async def main():
        async with serving(api("$default"), Functions()) as served:
            boto = management(f"http://localhost:{served.port}/Prod")
            gone = await refused(boto.get_connection, ConnectionId="L0SM9cOFvHcCIhw=")
            assert gone[:2] == (410, "GoneException")
            for id in ("nonsense", "a/b", "ü", "=", "L0SM9cOFvHcCIhw", "L0SM9cOFvHcC!Ihw="):
                bad = await refused(boto.get_connection, ConnectionId=id)
                assert bad == (400, "BadRequestException", f"Invalid connectionId: {id}")
            elsewhere = management(f"http://localhost:{served.port}/Other")
            other = await refused(elsewhere.get_connection, ConnectionId="L0SM9cOFvHcCIhw=")
            assert other[:2] == (403, "ForbiddenException")

    run(main())


def test_a_function_answers_its_client_at_domain_name_and_stage():
    """What the sample chats do in their handlers."""

    def send(event):
        context = event["requestContext"]
        boto = management(f"http://{context['domainName']}/{context['stage']}")
        return threaded_send(boto, context["connectionId"], event["body"])

    async def threaded_send(boto, id, text):
        await threaded(boto.post_to_connection, ConnectionId=id, Data=text.encode())
        return OK

    async def main():
        for prefix in ("", "/chat"):
            functions = Functions(send=send)
            async with serving(api("send"), functions, prefix=prefix) as served:
                url = f"ws://localhost:{served.port}{prefix}/Prod"
                async with connect(url) as client:
                    await client.send('{"action": "send"}')
                    assert await client.recv() == '{"action": "send"}'

    run(main())

"""A WebSocket API on this machine: which function gets a message, and how it answers.

:mod:`.door` opens connections and calls functions, :mod:`.connection` speaks frames,
:mod:`.selection` chooses the route of a message, :mod:`.event` writes what functions get, and
:mod:`.management` is the ``@connections`` endpoint that they answer through.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html
"""

from lambdactl.triggers.http.websocket.connection import Connection, Connections
from lambdactl.triggers.http.websocket.door import WebSocketDoor
from lambdactl.triggers.http.websocket.event import event

__all__ = ["Connection", "Connections", "WebSocketDoor", "event"]

"""HTTP in front of functions: the front doors that AWS has, on this machine.

A request comes in through :mod:`~lambdactl.triggers.http.wire` (sockets), is a
:class:`~lambdactl.triggers.http.exchange.Request` from there on, and goes to the
:class:`~lambdactl.triggers.http.doors.Door` whose port and prefix it came to: a REST API
(``rest``), an HTTP API (``http_api``), a function URL, a load balancer (``alb``) or a WebSocket API
(``websocket``). Doors call functions through the ``Invoker`` and nothing else.
"""

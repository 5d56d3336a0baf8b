"""HTTP APIs: routes with priorities, payload formats 2.0 and 1.0, CORS and parameter mapping.

:class:`HttpApiDoor` is the door; :mod:`~lambdactl.triggers.http.http_api.event` writes events,
:mod:`~lambdactl.triggers.http.http_api.response` reads what functions return. Function URLs use
format 2.0 and CORS from here.
"""

from lambdactl.triggers.http.http_api.door import HttpApiDoor

__all__ = ["HttpApiDoor"]

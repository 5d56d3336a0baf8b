"""REST APIs (API Gateway's first version): the front door with payload format 1.0.

:class:`RestDoor` takes requests; ``event`` and ``response`` are the Lambda proxy integration,
``streaming`` the one that streams; ``gateway_responses`` is what the API says by itself, ``usage``
keys and limits, ``cors`` preflights, ``compression`` payloads. What maps instead of passing on is
in ``mapping``, ``integrations``, ``validation`` and ``parameters``.
"""

from lambdactl.triggers.http.rest.door import RestDoor

__all__ = ["RestDoor"]

"""CORS by the front door itself: of HTTP APIs and of function URLs.

An HTTP API answers preflights with 204, whether there is an OPTIONS route or not, and ignores the
CORS headers of its integrations
(https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html: "To return CORS
headers, your request must contain an origin header. For the OPTIONS method, your request must
contain an origin header and an Access-Control-Request-Method header"). A function URL adds its
headers to all answers, and they "take precedence" over the function's
(https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors).
"""

from __future__ import annotations

from lambdactl.manifest.features import Cors
from lambdactl.triggers.http.exchange import Headers, Request, Response

# An HTTP API takes these two beside a plain star and whole origins
# (https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid.html#apis-apiid-model-cors).
_ANY_OF_SCHEME = {"http://*": "http://", "https://*": "https://"}


class Policy:
    """A CORS configuration, ready to use.

    :param status: of the answer to a preflight.
    :param strict: headers of the function with a name in ``Access-Control-`` are dropped, also
        those that the configuration does not set (HTTP API).
    """

    def __init__(self, cors: Cors, *, status: int = 204, strict: bool = True) -> None:
        self._status = status
        self._strict = strict
        self._any = "*" in cors.allow_origins
        self._schemes = tuple(
            _ANY_OF_SCHEME[origin] for origin in cors.allow_origins if origin in _ANY_OF_SCHEME
        )
        self._origins = frozenset(origin.lower() for origin in cors.allow_origins)
        self._credentials = cors.allow_credentials
        both: Headers = []
        if cors.allow_credentials:
            both.append(("Access-Control-Allow-Credentials", "true"))
        self._actual = both.copy()
        if cors.expose_headers:
            self._actual.append(("Access-Control-Expose-Headers", ",".join(cors.expose_headers)))
        self._preflight = both
        if cors.allow_methods:
            both.append(("Access-Control-Allow-Methods", ",".join(cors.allow_methods)))
        if cors.allow_headers:
            both.append(("Access-Control-Allow-Headers", ",".join(cors.allow_headers)))
        if cors.max_age_s is not None:
            both.append(("Access-Control-Max-Age", str(cors.max_age_s)))

    def is_preflight(self, request: Request) -> bool:
        return (
            request.method == "OPTIONS"
            and "origin" in request.joined
            and "access-control-request-method" in request.joined
        )

    def preflight(self, request: Request) -> Response:
        """The answer to a preflight: bare, where the origin is not allowed."""
        allowed = self._allowed(request)
        headers = [] if allowed is None else [*allowed, *self._preflight]
        return Response(self._status, headers)

    def apply(self, request: Request, response: Response) -> None:
        """Put the headers of the configuration into an answer."""
        allowed = self._allowed(request)
        added = [] if allowed is None else [*allowed, *self._actual]
        if self._strict:
            response.headers = [
                pair
                for pair in response.headers
                if not pair[0].lower().startswith("access-control-")
            ]
        elif added:
            ours = {name.lower() for name, _ in added if name != "Vary"}
            response.headers = [pair for pair in response.headers if pair[0].lower() not in ours]
        response.headers += added

    def _allowed(self, request: Request) -> Headers | None:
        origin = request.joined.get("origin")
        if origin is None:
            return None
        if self._any and not self._credentials:
            return [("Access-Control-Allow-Origin", "*")]
        lower = origin.lower()
        if self._any or lower in self._origins or lower.startswith(self._schemes):
            # With credentials a browser refuses a star.
            return [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]
        return None

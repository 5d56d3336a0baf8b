"""Who may invoke a function: one statement of its policy for each that calls it.

Whoever declares a trigger declares its grant with :func:`grant`; a function's policy holds nothing
of lambdactl's but these statements
(https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html).
"""

from __future__ import annotations

import hashlib
import re

from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.marks import STATEMENT_PREFIX
from lambdactl.deploy.model import Ref, Resource
from lambdactl.deploy.naming import shortened
from lambdactl.errors import Location

INVOKE = "lambda:InvokeFunction"

_SID_LENGTH = 100


def grant(
    wanted: Wanted,
    function: str,
    sid: str,
    principal: str,
    source_arn: str | Ref | None = None,
    source_account: str | None = None,
    alias: str | None = None,
    *,
    action: str = INVOKE,
    organization: str | None = None,
    event_source_token: str | None = None,
    url_auth: str | None = None,
    via_url: bool = False,
    where: Location | None = None,
) -> Resource:
    """The permission of ``principal`` to call a function of the manifest.

    :param function: its name in the manifest.
    :param sid: tells it from the function's other permissions, and says what it is for
        (``s3-uploads``); anything that an id can't hold is taken out of it, and ``lambdactl-`` is
        put before it.
    :param principal: a service (``s3.amazonaws.com``), an account's twelve digits, an ARN or ``*``.
    :param source_arn: what calls in the service's name; may end in ``*``.
    :param source_account: whose that is; needed where its ARN does not say (a bucket).
    :param alias: calls go to this alias, or to this version; None or "$LATEST": to the function.
    :param organization: ``PrincipalOrgID``.
    :param url_auth: ``FunctionUrlAuthType``, ``NONE`` or ``AWS_IAM``, with the action
        ``lambda:InvokeFunctionUrl``.
    :param via_url: only through a function URL (``InvokedViaFunctionUrl``).

    https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
    """
    name = wanted.naming.function(function)
    qualifier = qualifier_of(alias)
    owner = f"{name}:{qualifier}" if qualifier else name
    return Resource(
        kind="permission",
        name=f"{owner}/{statement_id(sid)}",
        properties={
            "principal": principal,
            "action": action,
            "source_arn": source_arn,
            "source_account": source_account,
            "organization": organization,
            "event_source_token": event_source_token,
            "url_auth": url_auth,
            "via_url": via_url,
        },
        needs=(called(wanted, function, alias),),
        function=function,
        where=where,
    )


def qualifier_of(alias: str | None) -> str | None:
    """:param alias: of a trigger: an alias, a version or "$LATEST"."""
    return None if alias == "$LATEST" else alias


def called(wanted: Wanted, function: str, alias: str | None = None) -> str:
    """The address of what has to be there before something can call the function, or its alias.

    A version that the manifest names by its number is there already.
    """
    name = wanted.naming.function(function)
    if alias is not None and alias in wanted.app.functions[function].aliases:
        return f"alias:{name}/{alias}"
    return f"function:{name}"


def statement_id(words: str) -> str:
    """An id of a statement of lambdactl's.

    >>> statement_id("s3-uploads")
    'lambdactl-s3-uploads'
    """
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", words)
    if plain != words:
        # What differs in other characters only must not get one id.
        plain = f"{plain}-{hashlib.sha256(words.encode()).hexdigest()[:8]}"
    return shortened(STATEMENT_PREFIX + plain, _SID_LENGTH)

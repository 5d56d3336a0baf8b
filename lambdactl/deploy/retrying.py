"""What AWS refuses now and will take in a moment.

botocore itself tries again what was throttled or got lost on the way
(https://docs.aws.amazon.com/boto3/latest/guide/retries.html). Here is what it can't know: IAM is
eventually consistent (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html,
"Changes that I make are not always immediately visible"), and a resource can be busy with an
earlier change of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from lambdactl.deploy.account import Clock
from lambdactl.deploy.faults import code, message

T = TypeVar("T")

PROPAGATION_S = 120.0
"""How long a role, a policy or a permission may take to be known everywhere."""
BUSY_S = 300.0
"""How long a resource may be busy, or the account throttled, before a step fails of it."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 10.0

_BUSY = frozenset(
    {
        "ResourceConflictException",
        "ResourceInUseException",
        "ConcurrentModification",
        "ConcurrentModificationException",
        "OperationAborted",
        "OperationAbortedException",
        "TooManyUpdates",
        "QueueDeletedRecently",
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "ResourceNotReadyException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "SlowDown",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "LimitExceededException.Throttled",
    }
)
_EXISTS = re.compile(r"already exist|existing|with the same", re.IGNORECASE)
"""A conflict that no waiting ends."""
_NOT_YET = re.compile(
    r"cannot be assumed|can't be assumed|unable to assume|must allow .* to assume|"
    r"(execution )?role .*(does not|doesn't) have permissions?|"
    r"unable to validate the following destination|"
    r"invalid principal in policy|could not (execute|invoke)( the)? lambda function|"
    r"lambda function .* cannot be invoked|"
    r"not authorized to perform: .* on resource|"
    r"caller does not have (permission|access)|"
    r"access ?denied .*(kms|key)|role .* (not found|does not exist)|invalid role",
    re.IGNORECASE,
)
_MAY_NOT_CALL = re.compile(r"principal does not have permission to invoke", re.IGNORECASE)
"""A load balancer that may not call a function yet; it says ``AccessDenied``, as to whoever may not
do what they ask for."""
_REFUSALS = frozenset(
    {
        "InvalidParameterValueException",
        "InvalidParameterValue",
        "InvalidArgument",
        "MalformedPolicyDocument",
        "MalformedPolicyDocumentException",
        "ValidationException",
        "BadRequestException",
        "InvalidRequestException",
        "InvalidParameter",
        "InvalidParameterException",
        "InsufficientPermissionsException",
        "InvalidLambdaFunctionOutputException",
        "InvalidLambdaFunction",
        "InvalidLambdaFunctionException",
        "KMSAccessDeniedException",
    }
)


def patience(error: BaseException) -> float:
    """For how many seconds what failed with ``error`` is worth another try; 0: it is not."""
    word, words = code(error), message(error)
    if word in _BUSY and not _EXISTS.search(words):
        return BUSY_S
    if word in _REFUSALS and _NOT_YET.search(words):
        return PROPAGATION_S
    if word == "AccessDenied" and _MAY_NOT_CALL.search(words):
        return PROPAGATION_S
    return 0.0


def patiently(
    work: Callable[[], T],
    clock: Clock,
    tell: Callable[[str], None],
    stopped: Callable[[], bool] = lambda: False,
) -> T:
    """What ``work`` gives, tried again while that is worth it. The wait doubles from one second to
    ten.

    :param tell: takes words on what is waited for.
    :param stopped: whether to give up now.
    :raises Exception: that of the last try.
    """
    begun = clock.now()
    wait = _FIRST_WAIT_S
    while True:
        try:
            return work()
        except Exception as error:
            left = patience(error) - (clock.now() - begun)
            if left <= 0 or stopped():
                raise
            tell(f"AWS is not ready, trying again: {message(error)}")
            clock.sleep(min(wait, left))
            wait = min(2 * wait, _LONGEST_WAIT_S)

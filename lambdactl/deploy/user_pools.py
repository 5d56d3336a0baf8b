"""How Cognito calls what the manifest calls the events of user pools.

https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_LambdaConfigType.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

FIELDS: Mapping[str, str] = {
    "pre_sign_up": "PreSignUp",
    "post_confirmation": "PostConfirmation",
    "pre_authentication": "PreAuthentication",
    "post_authentication": "PostAuthentication",
    "custom_message": "CustomMessage",
    "define_auth_challenge": "DefineAuthChallenge",
    "create_auth_challenge": "CreateAuthChallenge",
    "verify_auth_challenge_response": "VerifyAuthChallengeResponse",
    "pre_token_generation": "PreTokenGeneration",
    "user_migration": "UserMigration",
    "custom_sms_sender": "CustomSMSSender",
    "custom_email_sender": "CustomEmailSender",
}
"""Fields of ``LambdaConfig``."""

VERSIONED = frozenset({"pre_token_generation"})
"""Events of which there are several versions."""
SENDERS = frozenset({"custom_sms_sender", "custom_email_sender"})
"""Events whose function gets something encrypted."""

_ID = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]_[0-9A-Za-z]+")


def is_id(pool: str) -> bool:
    """Whether ``pool`` is the id of a user pool.

    >>> is_id("eu-west-1_aBcDeFgHi"), is_id("customers")
    (True, False)
    """
    return _ID.fullmatch(pool) is not None

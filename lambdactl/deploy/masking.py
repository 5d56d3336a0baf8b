"""Which environment variables are never shown.

Nobody marks secrets in a manifest, so their names and values have to give them away. What is
masked for nothing is an annoyance, and what is shown by mistake is in a log for ever: in doubt it
is masked.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping

_NAME = re.compile(
    r"""pass(wd|word|phrase|code)? | pwd | secret | token | credential | (^|_)creds? | private
    | api_?key | access_?key | auth(?!or|ority) | bearer | jwt | signature | signing | encrypt
    | (^|_)salt | cookie | session | webhook | dsn$ | conn(ection)?_?(str|url|uri)
    | (^|_)(pin|otp|pat|sas|seed)$ | licen[cs]e_?key | certificate | pem$ | (database|db|redis
    |mongo(db)?|amqp|broker|postgres(ql)?|mysql)_?(url|uri)
    | (?<!partition_)(?<!sort_)(?<!object_)(?<!routing_)(?<!primary_)key$""",
    re.IGNORECASE | re.VERBOSE,
)
_VALUE = re.compile(
    r"""-----BEGIN
    | ^eyJ[\w-]+\.[\w-]+               # a JSON Web Token
    | \b(AKIA|ASIA)[A-Z0-9]{16}\b      # an access key of AWS
    | \b(gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|[sr]k_(live|test)_|whsec_|AIza|npm_|pypi-
        |SG\.|ya29\.|dop_v1_|hf_|sk-)[\w.-]{8,}
    | ://[^/\s:@]+:[^/\s@]+@           # a URL with a password
    | (password|pwd|secret|accountkey|sharedaccesskey|token|api_?key)\s*[=:]\s*[^\s;,&]+
    | ^(Basic|Bearer)\s+\S{8,}
    """,
    re.IGNORECASE | re.VERBOSE,
)
_BLOB = re.compile(r"^[A-Za-z0-9+/_=-]{24,}$")
_LONG_WORD = 16
_LIKELY_RANDOM_BITS = 3.5
"""Bits a character: words and names have less, random hexadecimal digits up to 4."""


def secret_paths(environment: Mapping[str, str]) -> frozenset[str]:
    """Paths (``environment.TOKEN``) of all variables that look like secrets."""
    return frozenset(
        f"environment.{name}" for name, value in environment.items() if is_secret(name, value)
    )


def is_secret(name: str, value: str) -> bool:
    """Whether a variable looks like a secret.

    >>> is_secret("DB_PASSWORD", "x"), is_secret("TABLE", "orders")
    (True, False)
    """
    spelled = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-.]", "_", name)
    if _NAME.search(spelled):
        return True
    return bool(_VALUE.search(value)) or _is_random(value)


def _is_random(value: str) -> bool:
    """Whether it looks like a key: long, of many characters, and no words with separators."""
    if not _BLOB.match(value) or not (re.search(r"[0-9]", value) and re.search("[A-Za-z]", value)):
        return False
    if max(map(len, re.split(r"[-_/]", value))) < _LONG_WORD:
        return False
    counts = Counter(value)
    bits = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return bits >= _LIKELY_RANDOM_BITS

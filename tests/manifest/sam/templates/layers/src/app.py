import os

from greeting import WORD
from names import NAMES


def handler(event, context):
    return {"event": event, "greeting": f"{WORD} {NAMES[0]}", "variables": dict(os.environ)}

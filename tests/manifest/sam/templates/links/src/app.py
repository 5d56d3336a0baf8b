import os


def handler(event, context):
    return {"event": event, "name": context.function_name, "variables": dict(os.environ)}

def handler(event, context):
    authorizer = event["requestContext"].get("authorizer")
    if authorizer is None:
        return "ok"
    claims = authorizer["jwt"]["claims"]
    return {"who": claims["sub"], "scopes": authorizer["jwt"]["scopes"]}

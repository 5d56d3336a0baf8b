from aws_lambda_powertools.event_handler import (
    APIGatewayHttpResolver,
    APIGatewayRestResolver,
    CORSConfig,
)
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

cors = CORSConfig(allow_origin="https://example.com", max_age=300)
rest_app = APIGatewayRestResolver(cors=cors, enable_validation=True)
http_app = APIGatewayHttpResolver(cors=cors, enable_validation=True)
todos = {1: "write tests"}


def routes(app):
    @app.get("/todos/<number>")
    def get(number: int) -> dict:
        if number not in todos:
            raise NotFoundError(f"there is no todo {number}")
        return {"number": number, "title": todos[number]}

    @app.get("/todos")
    def every() -> dict:
        found = app.current_event.get_query_string_value("search", "")
        return {"found": [title for title in todos.values() if found in title]}


routes(rest_app)
routes(http_app)


def rest(event, context):
    return rest_app.resolve(event, context)


def http(event, context):
    return http_app.resolve(event, context)

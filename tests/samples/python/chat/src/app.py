import json
import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def connect(event, context):
    table.put_item(Item={"connectionId": event["requestContext"]["connectionId"]})
    return {"statusCode": 200}


def disconnect(event, context):
    table.delete_item(Key={"connectionId": event["requestContext"]["connectionId"]})
    return {"statusCode": 200}


def send(event, context):
    asked = event["requestContext"]
    management = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=f"https://{asked['domainName']}/{asked['stage']}",
    )
    data = json.loads(event["body"])["data"]
    for item in table.scan()["Items"]:
        try:
            management.post_to_connection(ConnectionId=item["connectionId"], Data=data.encode())
        except management.exceptions.GoneException:
            table.delete_item(Key=item)
    return {"statusCode": 200, "body": "Data sent."}

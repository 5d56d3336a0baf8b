"""Greets every object that lands in the bucket."""

from urllib.parse import unquote_plus


def handler(event, context):
    objects = []
    for record in event.get("Records", []):
        s3 = record["s3"]
        found = {
            "bucket": s3["bucket"]["name"],
            "key": unquote_plus(s3["object"]["key"]),  # S3 encodes keys as in a URL
            "size": s3["object"].get("size", 0),
        }
        print(
            f"{record['eventName']} s3://{found['bucket']}/{found['key']} ({found['size']} bytes)"
        )
        objects.append(found)
    greeting = ", ".join(found["key"] for found in objects) or "world"
    return {"message": f"hello, {greeting}", "objects": objects}

"""Makes a thumbnail of each PNG that lands in a bucket, in a bucket of its own: writing into the
first one would call this function again.

S3 may deliver an event twice; the second time the same thumbnail is written over the first.
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import png

LONGEST_SIDE = 128
THUMBNAILS = os.environ["THUMBNAILS"]
BUCKETS = os.environ.get("BUCKETS")

if not BUCKETS:
    import boto3  # Lambda brings it along.

    s3 = boto3.client("s3")


def handler(event: dict[str, Any], context: object) -> dict[str, list[str]]:
    made = []
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = unquote_plus(record["s3"]["object"]["key"])  # S3 encodes keys as in a URL
        try:
            thumbnail = png.shrink(read(bucket, key), LONGEST_SIDE)
        except png.Unreadable as error:
            # It won't get better: an exception would only make Lambda try again.
            print(f"skipped s3://{bucket}/{key}: {error}")
            continue
        write(THUMBNAILS, key, thumbnail)
        print(f"s3://{bucket}/{key} -> s3://{THUMBNAILS}/{key} ({len(thumbnail)} bytes)")
        made.append(key)
    return {"thumbnails": made}


def read(bucket: str, key: str) -> bytes:
    if BUCKETS:
        return _path(bucket, key).read_bytes()
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def write(bucket: str, key: str, content: bytes) -> None:
    if BUCKETS:
        path = _path(bucket, key)
        if not os.access(Path(__file__).parent / BUCKETS, os.W_OK):
            path = Path("/tmp", bucket, key)  # Code is read-only on Lambda, and in its images.
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    else:
        s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType="image/png")


def _path(bucket: str, key: str) -> Path:
    return Path(__file__).parent / BUCKETS / bucket / key

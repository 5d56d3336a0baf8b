"""Makes a thumbnail of each PNG that lands in a bucket, in a bucket of its own: writing into the
first one would call this function again.

S3 may deliver an event twice; the second time the same thumbnail is written over the first.

A folder of ``buckets/`` stands for the bucket of its name, so that no account is needed to try it.
"""

import functools
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import png

LONGEST_SIDE = 128
THUMBNAILS = os.environ["THUMBNAILS"]
FOLDERS = Path(__file__).parent / "buckets"


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
        target = write(bucket, key, thumbnail)
        print(f"s3://{bucket}/{key} -> {target} ({len(thumbnail)} bytes)")
        made.append(key)
    return {"thumbnails": made}


def read(bucket: str, key: str) -> bytes:
    if (FOLDERS / bucket).is_dir():
        return (FOLDERS / bucket / key).read_bytes()
    return s3().get_object(Bucket=bucket, Key=key)["Body"].read()


def write(bucket: str, key: str, content: bytes) -> str:
    """Writes the thumbnail of a picture of ``bucket``; where to."""
    if (FOLDERS / bucket).is_dir():
        # Code is read-only on Lambda, and in its images.
        folder = FOLDERS if os.access(FOLDERS, os.W_OK) else Path("/tmp")
        path = folder / "thumbnails" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return str(path)
    s3().put_object(Bucket=THUMBNAILS, Key=key, Body=content, ContentType="image/png")
    return f"s3://{THUMBNAILS}/{key}"


@functools.cache
def s3():
    import boto3  # Lambda brings it along.

    return boto3.client("s3")

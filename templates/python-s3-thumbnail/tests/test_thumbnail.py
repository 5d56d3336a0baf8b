import json
import shutil
import struct
from pathlib import Path

import pytest
from lambdactl import Local

PROJECT = Path(__file__).parent.parent
EVENT = json.loads((PROJECT / "events" / "upload.json").read_text())


@pytest.fixture
def buckets(tmp_path):
    """Those of a copy of the project, so that a test starts with no thumbnail."""
    ignored = shutil.ignore_patterns(".*", "thumbnails")
    shutil.copytree(PROJECT, tmp_path / "project", ignore=ignored)
    return tmp_path / "project" / "src" / "buckets"


@pytest.fixture
def fn(buckets):
    with Local(buckets.parent.parent / "lambdactl.yaml") as running:
        yield running


def test_a_picture_becomes_a_small_picture(fn, buckets):
    result = fn.invoke("thumbnail", EVENT)
    assert result.function_error is None, result.log
    assert result.json() == {"thumbnails": ["in/sample.png"]}
    thumbnail = (buckets / "thumbnails" / "in" / "sample.png").read_bytes()
    assert thumbnail.startswith(b"\x89PNG")
    assert struct.unpack_from(">II", thumbnail, 16) == (120, 80)  # from 480 x 320


def test_what_is_no_picture_is_skipped_for_good(fn, buckets):
    (buckets / "photos" / "in" / "sample.png").write_text("holiday notes")
    result = fn.invoke("thumbnail", EVENT)
    assert result.json() == {"thumbnails": []}
    assert "skipped s3://photos/in/sample.png: no PNG" in result.log


def test_what_can_not_be_read_is_an_error_so_that_lambda_tries_again(fn, buckets):
    (buckets / "photos" / "in" / "sample.png").unlink()
    assert fn.invoke("thumbnail", EVENT).function_error == "Unhandled"

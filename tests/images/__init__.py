"""Stand-ins for AWS's base images, where Amazon's registry can't be reached.

``python -m tests.images`` makes them of Debian's packages, AWS's own runtime clients from PyPI and
npm, and this machine's Node.js, under the names of the images that they stand in for. It needs
root, ``debootstrap`` and a running Docker engine; what is there and up to date is left alone.

The contract is AWS's (https://docs.aws.amazon.com/lambda/latest/dg/images-create.html, and the
Dockerfiles of https://github.com/aws/aws-lambda-base-images): ``/lambda-entrypoint.sh`` takes the
handler and runs ``/var/runtime/bootstrap``; the variables are those of AWS's Dockerfiles; the user
is root; there is no CMD. The ``provided`` images have no bootstrap: the function's own comes to
``/var/runtime``. What differs:

- Debian, not Amazon Linux: ``apt`` for ``dnf``, and Python 3.11 and Ruby 3.1 are in every image.
- no ``/usr/local/bin/aws-lambda-rie``: SAM brings its own, lambdactl needs none.
- Ruby is Debian's 3.1, and AWS's client, a gem that no index in reach has, is lambdactl's own.
- Node.js has AWS's client of the Runtime API in JavaScript instead of in C++
  (``nodejs/rapid-client.cjs``), and no AWS SDK.
"""

from __future__ import annotations

LABEL = "org.lambdactl.tests.stand-in"
"""Marks an image of ours; the value is a digest of all that went into it."""

PYTHON = "public.ecr.aws/lambda/python:3.11"
RUBY = "public.ecr.aws/lambda/ruby:3.3"
PROVIDED = ("public.ecr.aws/lambda/provided:al2023", "public.ecr.aws/lambda/provided:al2")


def nodejs(version: str) -> str:
    """The image of a Node.js that calls itself ``version``: ``v20.20.2``."""
    return f"public.ecr.aws/lambda/nodejs:{version.strip().removeprefix('v').split('.')[0]}"

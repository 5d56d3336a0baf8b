"""References of images, and why registries refuse them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.execution.containers import references, refusals
from lambdactl.execution.containers.dockerfiles import bases

DIGEST = "sha256:" + "ab" * 32
WORDS = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "repository", "tag", "digest"),
    [
        ("python", "docker.io/library/python", "latest", None),
        ("python:3.13", "docker.io/library/python", "3.13", None),
        ("me/app", "docker.io/me/app", "latest", None),
        ("docker.io/python:1", "docker.io/library/python", "1", None),
        ("index.docker.io/me/app:1", "docker.io/me/app", "1", None),
        ("localhost/app:1", "localhost/app", "1", None),
        ("localhost:5000/a/b", "localhost:5000/a/b", "latest", None),
        (f"a.b/c@{DIGEST}", "a.b/c", None, DIGEST),
        (f"a.b/c:1@{DIGEST}", "a.b/c", "1", DIGEST),
        ("public.ecr.aws/lambda/python:3.13", "public.ecr.aws/lambda/python", "3.13", None),
    ],
)
def test_what_a_reference_leaves_out(
    text: str, repository: str, tag: str | None, digest: str | None
) -> None:
    found = references.parse(text)
    assert (found.repository, found.tag, found.digest) == (repository, tag, digest)


@given(
    host=st.sampled_from(["localhost", "127.0.0.1:5000", "a.example", "h:1"]),
    path=st.lists(WORDS, min_size=1, max_size=3),
    tag=st.none() | WORDS,
    digest=st.sampled_from([None, DIGEST]),
)
def test_a_whole_reference_is_taken_apart_as_it_was_made(
    host: str, path: list[str], tag: str | None, digest: str | None
) -> None:
    name = "/".join((host, *path))
    found = references.parse(name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else ""))
    assert found.name == found.repository == name
    assert found.registry == host
    assert found.tag == tag or (tag is digest is None and found.tag == "latest")
    assert found.digest == digest


@given(st.text())
def test_any_text_is_taken_apart_somehow(text: str) -> None:
    found = references.parse(text)
    assert found.tag is not None or found.digest is not None


ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/resize:3"
AWS = "public.ecr.aws/lambda/python:3.13"


@pytest.mark.parametrize(
    ("reference", "said", "message", "hint"),
    [
        (
            AWS,
            'Get "https://public.ecr.aws/v2/": dial tcp: lookup public.ecr.aws on 1.1.1.1:53: '
            "no such host",
            "public.ecr.aws can't be reached (no such host)",
            "docker load",
        ),
        (
            AWS,
            'Get "https://public.ecr.aws/v2/": net/http: TLS handshake timeout',
            "public.ecr.aws can't be reached",
            "network",
        ),
        (
            AWS,
            "manifest for public.ecr.aws/lambda/python:9 not found: manifest unknown: "
            "Requested image not found",
            "has no image of that name and tag",
            "check the name and the tag",
        ),
        (
            "nosuch",
            "pull access denied for nosuch, repository does not exist or may require "
            "'docker login': denied: requested access to the resource is denied",
            "docker.io does not give it away",
            "docker login",
        ),
        (
            ECR,
            f'Head "https://{ECR}": no basic auth credentials',
            "does not give it away",
            "aws ecr get-login-password --region eu-west-1 | docker login --username AWS "
            "--password-stdin 123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        ),
        (
            ECR,
            "denied: Your authorization token has expired. Reauthenticate and try again.",
            "has expired",
            "aws ecr get-login-password",
        ),
        (
            AWS,
            "denied: Your authorization token has expired. Reauthenticate and try again.",
            "the login at public.ecr.aws has expired",
            "docker logout public.ecr.aws",
        ),
        (
            AWS,
            "toomanyrequests: Rate exceeded",
            "limits how much is pulled",
            "aws ecr-public get-login-password --region us-east-1",
        ),
        (
            AWS,
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
            "it is not made for linux/arm64/v8",
            "architecture",
        ),
        (
            AWS,
            "failed to register layer: write /var/lang/x: no space left on device",
            "disk is full",
            "docker system df",
        ),
        (
            "r.example/a",
            'Get "https://r.example/v2/": x509: certificate signed by unknown authority',
            "does not trust r.example (certificate signed by unknown authority)",
            "certificate",
        ),
        (
            "r.example/a",
            'Get "https://r.example/v2/": http: server gave HTTP response to HTTPS client',
            "speaks HTTP only",
            "insecure-registries",
        ),
        ("r.example/a", "something\nnew happened.", "something new happened", ""),
    ],
)
def test_what_a_registry_means(reference: str, said: str, message: str, hint: str) -> None:
    found = refusals.refused(reference, said)
    assert message in found.message
    assert hint in (found.hint or "")


@pytest.mark.parametrize(
    ("lines", "args", "found"),
    [
        ("FROM a", {}, ["a"]),
        ("# FROM x\nARG T=1\nfrom a:$T as One\nFROM one\nFROM b:${T}-x\n", {}, ["a:1", "b:1-x"]),
        ("ARG T=1\nFROM a:$T\n", {"T": "2"}, ["a:2"]),
        ("FROM --platform=$BUILDPLATFORM \\\n  a:1\n", {}, ["a:1"]),
        ("FROM a:${UNKNOWN}\nFROM scratch\n", {}, []),
        ("FROM a AS x\nARG T=1\nFROM b:$T\n", {}, ["a"]),
    ],
)
def test_what_a_dockerfile_starts_from(lines: str, args: dict[str, str], found: list[str]) -> None:
    assert bases(lines, args) == found

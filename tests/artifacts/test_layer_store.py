"""Layers by ARN: https://docs.aws.amazon.com/lambda/latest/api/API_GetLayerVersionByArn.html"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lambdactl.artifacts import merge
from lambdactl.artifacts.layer_store import cache_folder, fetch, warnings
from lambdactl.errors import EnvironmentStartError, LambdactlError, Location, UserError
from lambdactl.manifest.model import Code, Function
from tests.artifacts.lambda_layers import Layers, Version, archive, serve

ARN = "arn:aws:lambda:eu-west-1:222222222222:layer:extra:3"
OTHER = "arn:aws:lambda:us-east-2:222222222222:layer:extra:4"
CONTENT = archive(**{"python/extra.py": "VALUE = 1\n" * 100, "bin/tool": "#!/bin/sh\n"})
WHERE = Location("lambdactl.yaml", 7, 14)


@pytest.fixture
def aws() -> Iterator[Layers]:
    with serve() as layers:
        layers.versions[ARN] = Version(CONTENT)
        layers.versions[OTHER] = Version(archive(x="other"))
        yield layers


@pytest.fixture
def shell(aws: Layers, tmp_path: Path) -> dict[str, str]:
    return {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "AWS_ACCESS_KEY_ID": "AKIDSHELL",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL_LAMBDA": aws.url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def without(shell: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in shell.items() if name not in names}


def offline(shell: dict[str, str]) -> dict[str, str]:
    """Neither credentials nor a Lambda that answers."""
    less = without(shell, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    return {**less, "AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:9"}


def failing(
    shell: dict[str, str], arn: str = ARN, kind: type[LambdactlError] = EnvironmentStartError
) -> LambdactlError:
    """The error of a fetch, which names the layer, the function and the place."""
    with pytest.raises(LambdactlError) as caught:
        fetch(arn, function="resize", shell=shell, where=WHERE)
    assert type(caught.value) is kind
    assert arn in caught.value.message
    assert "resize" in caught.value.message
    assert caught.value.where == WHERE
    # One line each, and none that AWS's SDK or Python would print.
    assert "\n" not in str(caught.value)
    return caught.value


def kept(shell: dict[str, str]) -> set[str]:
    """The kinds of files in the cache. Locks are empty files that stay."""
    folder = cache_folder(shell)
    if not folder.exists():
        return set()
    return {path.suffix for path in folder.iterdir()} - {".lock"}


def test_a_layer_is_downloaded_once_and_used_offline_from_then_on(
    aws: Layers, shell: dict[str, str], tmp_path: Path
) -> None:
    heard: list[str] = []
    path = fetch(ARN, function="resize", shell=shell, tell=heard.append)
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(tmp_path / "cache" / "lambdactl" / "layers")
    assert [ARN in line and "resize" in line for line in heard] == [True]
    assert (merge([path], tmp_path / "opt") / "python" / "extra.py").is_file()
    heard.clear()
    assert fetch(ARN, function="thumb", shell=offline(shell), tell=heard.append) == path
    assert (heard, aws.downloads) == ([], 1)
    assert aws.asked == [(ARN, "eu-west-1 AKIDSHELL")]


def test_the_region_that_is_asked_is_that_of_the_arn(aws: Layers, shell: dict[str, str]) -> None:
    fetch(OTHER, function="resize", shell={**shell, "AWS_REGION": "ap-south-1"})
    assert aws.asked == [(OTHER, "us-east-2 AKIDSHELL")]


def test_a_layer_of_awss_own_is_asked_for_in_the_users_region(
    aws: Layers, shell: dict[str, str]
) -> None:
    arn = "arn:aws:lambda:::awslayer:AmazonLinux1803"
    aws.said = (404, "ResourceNotFoundException", "no")
    failing({**shell, "AWS_REGION": "ap-south-1"}, arn, UserError)
    assert aws.asked == [(arn, "ap-south-1 AKIDSHELL")]


def test_each_version_has_its_own_archive_and_the_same_archive_is_kept_once(
    aws: Layers, shell: dict[str, str]
) -> None:
    twin = ARN.replace("extra", "Extra")
    aws.versions[twin] = Version(CONTENT)
    one, two = (fetch(arn, function="f", shell=shell) for arn in (ARN, OTHER))
    assert one.read_bytes() != two.read_bytes()
    assert fetch(twin, function="f", shell=shell) == one
    assert aws.downloads == 2


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL"])
def test_the_endpoint_is_that_of_the_shell(
    aws: Layers, shell: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:9")
    given = {**without(shell, "AWS_ENDPOINT_URL_LAMBDA"), name: aws.url}
    assert fetch(ARN, function="f", shell=given).read_bytes() == CONTENT


def test_a_proxy_is_used_for_lambda_and_for_the_archive(
    aws: Layers, shell: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", aws.url)
    aws.versions[ARN].location = f"http://archives.invalid/snapshots/{ARN}"
    proxied = {**shell, "AWS_ENDPOINT_URL_LAMBDA": "http://lambda.invalid"}
    assert fetch(ARN, function="f", shell=proxied).read_bytes() == CONTENT


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """For 127.0.0.1, signed by itself; with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = tmp_path / "certificate.pem"
    path.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, *plain))
    return path


def test_over_https_the_certificate_has_to_be_one_that_is_trusted(
    shell: dict[str, str], certificate: Path
) -> None:
    with serve(certificate) as aws:
        aws.versions[ARN] = Version(CONTENT)
        secure = {**shell, "AWS_ENDPOINT_URL_LAMBDA": aws.url}
        error = failing(secure)
        assert "AWS_CA_BUNDLE" in str(error.hint)
        assert aws.asked == []
        trusting = {**secure, "AWS_CA_BUNDLE": str(certificate)}
        assert fetch(ARN, function="f", shell=trusting).read_bytes() == CONTENT


def test_what_lambda_gives_over_https_is_not_taken_over_http(
    aws: Layers, shell: dict[str, str], certificate: Path
) -> None:
    with serve(certificate) as secure:
        secure.versions[ARN] = Version(CONTENT, location=f"{aws.url}/snapshots/{ARN}")
        mine = {"AWS_ENDPOINT_URL_LAMBDA": secure.url, "AWS_CA_BUNDLE": str(certificate)}
        assert "not HTTPS" in failing({**shell, **mine}).message
    assert aws.downloads == 0


def test_credentials_are_those_of_the_shell_and_not_of_this_process(
    aws: Layers, shell: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDPROCESS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    error = failing(without(shell, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    assert "no AWS credentials" in error.message
    assert "AWS_PROFILE" in str(error.hint)
    assert (aws.asked, kept(shell)) == ([], set())


@pytest.mark.parametrize("place", ["credentials", "config", "process"])
def test_credentials_are_found_in_a_profile(
    aws: Layers, shell: dict[str, str], tmp_path: Path, place: str
) -> None:
    folder = tmp_path / ".aws"
    folder.mkdir()
    keys = "aws_access_key_id = AKIDFILE\naws_secret_access_key = secret\n"
    answer = {"Version": 1, "AccessKeyId": "AKIDFILE", "SecretAccessKey": "secret"}
    (folder / "process.json").write_text(json.dumps(answer))
    text = {
        "credentials": f"[work]\n{keys}",
        "config": f"[profile work]\n{keys}",
        "process": f"[profile work]\ncredential_process = cat {folder}/process.json\n",
    }[place]
    (folder / ("credentials" if place == "credentials" else "config")).write_text(text)
    mine = without(shell, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    fetch(ARN, function="f", shell={**mine, "AWS_PROFILE": "work"})
    assert aws.asked == [(ARN, "eu-west-1 AKIDFILE")]


def test_a_profile_that_is_not_there_is_named(shell: dict[str, str]) -> None:
    mine = without(shell, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    assert "no AWS profile nobody" in failing({**mine, "AWS_PROFILE": "nobody"}).message


def test_a_sign_in_that_has_expired_says_how_to_renew_it(
    shell: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(
        "[profile work]\nsso_start_url = https://x.awsapps.com/start\nsso_region = eu-west-1\n"
        "sso_account_id = 222222222222\nsso_role_name = dev\n"
    )
    mine = without(shell, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    error = failing({**mine, "AWS_PROFILE": "work"})
    assert error.hint == "aws sso login --profile work"


@pytest.mark.parametrize(
    ("status", "code", "message", "said", "hint", "kind"),
    [
        (
            403,
            "AccessDeniedException",
            "User: arn:aws:iam::111111111111:user/me is not authorized to perform: "
            f"lambda:GetLayerVersion on resource: {ARN} because no resource-based policy allows "
            "the lambda:GetLayerVersion action",
            "user/me is not authorized",
            "add-layer-version-permission",
            UserError,
        ),
        (
            403,
            "ExpiredTokenException",
            "The security token included in the request is expired",
            "have expired",
            "sign in again",
            EnvironmentStartError,
        ),
        (
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            "does not know your credentials",
            "AWS_ACCESS_KEY_ID",
            EnvironmentStartError,
        ),
        (
            403,
            "InvalidSignatureException",
            "Signature expired: 20260101T000000Z is now earlier than 20260101T001500Z",
            "refuses the signature",
            "clock",
            EnvironmentStartError,
        ),
        (
            400,
            "InvalidParameterValueException",
            "Invalid layer",
            "Invalid layer",
            "parts",
            UserError,
        ),
        (418, "TeapotException", "short and stout", "TeapotException: short and stout", "", None),
    ],
)
def test_what_aws_refuses_is_said_with_what_to_do(
    aws: Layers,
    shell: dict[str, str],
    status: int,
    code: str,
    message: str,
    said: str,
    hint: str,
    kind: type[LambdactlError] | None,
) -> None:
    aws.said = (status, code, message)
    error = failing(shell, kind=kind or EnvironmentStartError)
    assert said in error.message
    assert hint in (error.hint or "")
    assert kept(shell) == set()
    # Nothing of a refusal is remembered.
    aws.said = None
    assert fetch(ARN, function="f", shell=shell).read_bytes() == CONTENT


def test_a_version_that_is_not_there_leads_to_those_that_are(shell: dict[str, str]) -> None:
    error = failing(shell, ARN[:-1] + "9", UserError)
    assert "no such layer version in eu-west-1" in error.message
    assert (
        "list-layer-versions --layer-name arn:aws:lambda:eu-west-1:222222222222:layer:extra "
        "--region eu-west-1"
    ) in str(error.hint)


def test_an_account_that_a_template_could_not_know_is_pointed_out(
    aws: Layers, shell: dict[str, str]
) -> None:
    aws.said = (403, "AccessDeniedException", "not authorized")
    error = failing(shell, ARN.replace("222222222222", "123456789012"), UserError)
    assert "AWS::AccountId" in str(error.hint)


@pytest.mark.parametrize(
    "arn", ["extra", ARN[:-2], "arn:aws:lambda:eu-west-1:2222:layer:extra:3", ARN + "/../../x", ""]
)
def test_what_is_no_arn_of_a_version_is_refused_and_not_asked_for(
    aws: Layers, shell: dict[str, str], arn: str
) -> None:
    error = failing(shell, arn, UserError)
    assert "layer:extra:3" in str(error.hint)
    assert aws.asked == []


def test_without_a_network_it_says_so(shell: dict[str, str]) -> None:
    error = failing({**shell, "AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:9"})
    assert "does not answer" in error.message
    assert "takes a network" in str(error.hint)


def test_a_region_that_is_none_is_corrected(shell: dict[str, str]) -> None:
    unreachable = {**shell, "AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:9"}
    error = failing(unreachable, ARN.replace("eu-west-1", "eu-wset-1"))
    assert "did you mean `eu-west-1`?" in str(error.hint)


def test_an_endpoint_that_does_not_know_the_operation_is_named(
    aws: Layers, shell: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The path without its query is that of ListLayers.
    monkeypatch.setattr(aws, "describe", lambda arn: (200, "", {"Layers": []}))
    error = failing(shell)
    assert aws.url in error.message
    assert "AWS_ENDPOINT_URL" in str(error.hint)


def test_a_page_for_people_is_not_shown_as_an_answer(
    aws: Layers, shell: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As moto 5.2 answers.
    page = "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n"
    monkeypatch.setattr(aws, "describe", lambda arn: (500, "", page))
    error = failing(shell)
    assert error.message.endswith("AWS answered 500")
    assert "may not know GetLayerVersionByArn" in str(error.hint)


def test_what_is_downloaded_is_compared_with_its_checksum(
    aws: Layers, shell: dict[str, str]
) -> None:
    aws.versions[ARN].served = CONTENT[:-1] + b"?"
    error = failing(shell)
    assert "SHA-256" in error.message
    assert (kept(shell), aws.downloads) == (set(), 1)


def test_more_than_was_announced_is_not_taken(aws: Layers, shell: dict[str, str]) -> None:
    aws.versions[ARN].served = CONTENT * 3
    assert "SHA-256" in failing(shell).message
    assert kept(shell) == set()


@pytest.mark.parametrize(
    "checksum", ["", "not base64!", base64.b64encode(b"short").decode(), "d41d8cd98f00b204"]
)
def test_without_a_checksum_nothing_is_downloaded(
    aws: Layers, shell: dict[str, str], monkeypatch: pytest.MonkeyPatch, checksum: str
) -> None:
    told = aws.describe

    def describe(arn: str) -> tuple[int, str, dict[str, object]]:
        status, code, answer = told(arn)
        answer["Content"]["CodeSha256"] = checksum
        return status, code, answer

    monkeypatch.setattr(aws, "describe", describe)
    assert "checksum" in failing(shell).message
    assert (kept(shell), aws.downloads) == (set(), 0)


@pytest.mark.parametrize("length_told", [True, False])
def test_a_download_that_is_cut_off_leaves_nothing_half(
    aws: Layers, shell: dict[str, str], length_told: bool
) -> None:
    aws.versions[ARN].cuts = 3
    aws.versions[ARN].bodiless = not length_told
    error = failing(shell)
    assert "download failed 3 times" in error.message
    assert (kept(shell), aws.downloads) == (set(), 3)


def test_a_download_that_breaks_off_is_tried_again_with_a_fresh_link(
    aws: Layers, shell: dict[str, str]
) -> None:
    aws.versions[ARN].cuts = 1
    aws.versions[ARN].old_links = 1
    assert fetch(ARN, function="f", shell=shell).read_bytes() == CONTENT
    assert (aws.downloads, len(aws.asked)) == (3, 3)
    assert kept(shell) == {".zip", ".json"}


@pytest.mark.parametrize("scheme", ["file", "FILE", "ftp", "data", ""])
def test_a_link_that_is_not_of_the_web_is_not_followed(
    aws: Layers, shell: dict[str, str], tmp_path: Path, scheme: str
) -> None:
    secret = tmp_path / "archive.zip"
    secret.write_bytes(CONTENT)
    aws.versions[ARN].location = f"{scheme}://{secret}" if scheme else str(secret)
    error = failing(shell)
    assert "not HTTPS" in error.message
    assert (kept(shell), aws.downloads) == (set(), 0)


@pytest.mark.parametrize("damage", ["changed", "shorter", "gone", "empty", "longer"])
def test_an_archive_that_was_damaged_is_fetched_again(
    aws: Layers, shell: dict[str, str], damage: str
) -> None:
    path = fetch(ARN, function="f", shell=shell)
    content = {
        "changed": CONTENT[:50] + b"?" + CONTENT[51:],
        "shorter": CONTENT[:50],
        "empty": b"",
        "longer": CONTENT + b"?",
    }
    path.chmod(0o644)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[damage])
    # Without AWS, and not a damaged layer.
    assert "no AWS credentials" in failing(offline(shell)).message
    heard: list[str] = []
    assert fetch(ARN, function="f", shell=shell, tell=heard.append).read_bytes() == CONTENT
    assert "damaged" in heard[0]
    assert aws.downloads == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sha256": "../../etc"}', '{"sha256": 1}'])
def test_a_record_that_was_damaged_is_made_again_from_what_aws_says(
    aws: Layers, shell: dict[str, str], text: str
) -> None:
    path = fetch(ARN, function="f", shell=shell)
    (record,) = path.parent.glob("*.json")
    good = record.read_bytes()
    record.write_text(text)
    assert fetch(ARN, function="f", shell=shell) == path
    assert (record.read_bytes(), aws.downloads) == (good, 1)


def test_a_cache_that_cannot_be_written_to_is_the_users(
    shell: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    error = failing({**shell, "XDG_CACHE_HOME": str(tmp_path / "file")}, kind=UserError)
    assert "XDG_CACHE_HOME" in str(error.hint)


def test_the_cache_is_in_the_home_folder_unless_said_otherwise(tmp_path: Path) -> None:
    home = tmp_path / ".cache" / "lambdactl" / "layers"
    assert cache_folder({"HOME": str(tmp_path)}) == home
    # The specification: a path that is not absolute is ignored.
    assert cache_folder({"HOME": str(tmp_path), "XDG_CACHE_HOME": "here"}) == home


def test_a_layer_for_something_else_is_doubtful(aws: Layers, shell: dict[str, str]) -> None:
    aws.versions[ARN].runtimes = ("python3.12", "python3.13")
    aws.versions[ARN].architectures = ("arm64",)
    fit = Function("resize", Code("folder"), runtime="python3.13", architecture="arm64")
    misfit = Function("resize", Code("folder"), runtime="nodejs22.x", architecture="x86_64")
    # Only what was fetched can be told.
    assert warnings(ARN, misfit, shell=shell) == ()
    fetch(ARN, function="resize", shell=shell)
    assert warnings(ARN, fit, shell=offline(shell)) == ()
    runtimes, architectures = warnings(ARN, misfit, shell=offline(shell))
    for line, value, listed in (
        (runtimes, "nodejs22.x", "python3.12, python3.13"),
        (architectures, "x86_64", "arm64"),
    ):
        assert ARN in line
        assert "resize" in line
        assert value in line
        assert listed in line


def test_a_layer_that_names_nothing_is_for_all(shell: dict[str, str]) -> None:
    fetch(ARN, function="resize", shell=shell)
    function = Function("resize", Code("folder"), runtime="nodejs22.x", architecture="x86_64")
    assert warnings(ARN, function, shell=shell) == ()


PROGRAM = """
import hashlib, os, sys
from lambdactl.artifacts.layer_store import fetch
path = fetch(sys.argv[1], function="f", shell=os.environ,
             tell=lambda line: print(line, flush=True))
print(hashlib.sha256(path.read_bytes()).hexdigest(), flush=True)
"""


def started(shell: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, ARN],
        env={"PATH": os.environ["PATH"], **shell},
        stdout=subprocess.PIPE,
        text=True,
    )


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_of_two_processes_one_downloads_and_the_other_waits(
    aws: Layers, shell: dict[str, str]
) -> None:
    aws.gate.clear()
    with started(shell) as one:
        assert aws.half.wait(20)
        with started(shell) as two:
            assert line_of(one).startswith("downloading")
            assert line_of(two) == f"another process gets {ARN}"
            aws.gate.set()
            digest = hashlib.sha256(CONTENT).hexdigest()
            assert (line_of(one), line_of(two)) == (digest, digest)
    assert (one.returncode, two.returncode, aws.downloads) == (0, 0, 1)
    assert kept(shell) == {".zip", ".json"}


@pytest.mark.parametrize("wanted", [ARN, OTHER])
def test_what_a_killed_process_was_downloading_goes_with_the_next_download(
    aws: Layers, shell: dict[str, str], wanted: str
) -> None:
    aws.gate.clear()
    with started(shell) as one:
        assert aws.half.wait(20)
        one.send_signal(signal.SIGKILL)
    assert kept(shell) == {".part"}
    aws.gate.set()
    path = fetch(wanted, function="f", shell=shell)
    assert path.read_bytes() == aws.versions[wanted].content
    assert kept(shell) == {".zip", ".json"}


def test_what_another_process_is_downloading_is_left_alone(
    aws: Layers, shell: dict[str, str]
) -> None:
    aws.gate.clear()
    with started(shell) as one:
        assert aws.half.wait(20)
        # Without a gate of its own.
        with serve() as more:
            more.versions[OTHER] = aws.versions[OTHER]
            fetch(OTHER, function="f", shell={**shell, "AWS_ENDPOINT_URL_LAMBDA": more.url})
        assert ".part" in kept(shell)
        aws.gate.set()
        line_of(one)
        assert line_of(one) == hashlib.sha256(CONTENT).hexdigest()


def test_threads_of_one_process_download_once(aws: Layers, shell: dict[str, str]) -> None:
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(fetch(ARN, function="f", shell=shell)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(found)), aws.downloads) == (4, 1, 1)


def test_the_sdk_is_not_imported_before_aws_is_asked() -> None:
    program = (
        "import sys, lambdactl.artifacts.layer_store\n"
        "print({'boto3', 'botocore', 'urllib3', 'urllib.request'} & set(sys.modules))"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert out.strip() == "set()"

from __future__ import annotations

import os
import socket
import ssl
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from lambdactl.errors import UserError
from lambdactl.triggers.http import tls
from tests.parts import need

VARIABLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A user without certificates."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    tls._folder.cache_clear()
    tls.local_context.cache_clear()
    yield tmp_path / "cache" / "lambdactl" / "tls"
    tls._folder.cache_clear()
    tls.local_context.cache_clear()


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def age(monkeypatch, by: timedelta) -> None:
    """Let that much time pass."""
    later = datetime.now(UTC) + by

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return later

    monkeypatch.setattr(tls, "datetime", Later)
    monkeypatch.setattr(tls.time, "time", later.timestamp)


# certificates


def test_a_certificate_is_for_this_machine_and_the_names_given():
    path = tls.certificate("Dev.Example.org", "192.0.2.1")
    names = read(path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {
        "localhost",
        "host.docker.internal",
        "dev.example.org",
    }
    assert {str(each) for each in names.get_values_for_type(x509.IPAddress)} == {
        "127.0.0.1",
        "::1",
        "192.0.2.1",
    }


def test_names_that_a_server_answers_to():
    assert tls.names_for("127.0.0.1") == ()
    assert tls.names_for("192.0.2.1", ["Dev.local", "*.dev.local", "*"]) == (
        "192.0.2.1",
        "dev.local",
    )
    for everywhere in ("0.0.0.0", "::"):
        names = tls.names_for(everywhere, ["dev.local"])
        assert socket.gethostname().lower() in {*names, *tls.NAMES}
        assert "dev.local" in names
        assert not set(names) & {everywhere, "127.0.0.1", "::1"}
        # All of them are names that a certificate can have.
        tls.certificate(*names)


def test_names_beyond_ascii_and_names_that_are_none():
    names = read(tls.certificate("bücher.example"))
    names = names.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "xn--bcher-kva.example" in names.get_values_for_type(x509.DNSName)
    with pytest.raises(UserError, match="is no name of a host"):
        tls.certificate("a..b")


@pytest.mark.parametrize("name", ["tls", "strict"])
def test_openssl_finds_nothing_wrong_with_it(name):
    command = [need("openssl"), "verify", *(["-x509_strict"] if name == "strict" else [])]
    done = subprocess.run(
        [*command, "-purpose", "sslserver", "-CAfile", tls.authority(), tls.certificate()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_keys_are_the_users_alone(cache):
    tls.certificate()
    tls.authority()
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    for path in cache.iterdir():
        secret = b"PRIVATE KEY" in path.read_bytes()
        assert secret == (path.name != "ca.pem")
        assert stat.S_IMODE(path.stat().st_mode) == (0o600 if secret else 0o644)


def test_what_was_made_is_used_again(cache):
    first, authority = tls.certificate().read_bytes(), tls.authority().read_bytes()
    tls._folder.cache_clear()
    assert tls.certificate().read_bytes() == first
    assert tls.authority().read_bytes() == authority
    other = tls.certificate("other.example.org")
    assert other.read_bytes() != first
    read(other).verify_directly_issued_by(read(tls.authority()))


def test_a_certificate_is_renewed_before_it_ends_and_the_authority_too(monkeypatch):
    first, authority = tls.certificate().read_bytes(), tls.authority().read_bytes()
    age(monkeypatch, timedelta(days=360))
    assert tls.certificate().read_bytes() == first
    age(monkeypatch, timedelta(days=370))
    renewed = tls.certificate()
    assert renewed.read_bytes() != first
    assert tls.authority().read_bytes() == authority
    age(monkeypatch, timedelta(days=3600))
    assert tls.authority().read_bytes() != authority
    read(tls.certificate()).verify_directly_issued_by(read(tls.authority()))


@pytest.mark.parametrize("spoilt", [b"", b"nonsense", None])
def test_files_that_are_damaged_are_made_again(cache, spoilt):
    tls.certificate()
    tls.authority()
    for path in tuple(cache.iterdir()):
        # None: the authority of somebody else.
        path.write_bytes(tls._make_authority(datetime.now(UTC)) if spoilt is None else spoilt)
    read(tls.certificate()).verify_directly_issued_by(read(tls.authority()))


def test_of_two_that_start_at_once_both_use_one_authority(tmp_path):
    code = "from lambdactl.triggers.http import tls; print(tls.authority().read_text())"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "shared")}
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
        for _ in range(3)
    ]
    assert len({process.communicate()[0] for process in started}) == 1


def test_a_user_without_a_place_for_it(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    path = tls.certificate()
    assert not path.is_relative_to(tmp_path)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


# server_context


def test_a_given_certificate(tmp_path):
    both = tls.certificate()
    certificate, _, key = both.read_bytes().partition(b"-----BEGIN PRIVATE")
    (tmp_path / "cert.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(b"-----BEGIN PRIVATE" + key)
    assert tls.server_context(tmp_path / "cert.pem", tmp_path / "key.pem")
    assert tls.server_context(both)


def test_what_is_wrong_with_a_given_certificate_is_said(tmp_path):
    both = tls.certificate()
    other = tls.certificate("other.example.org")
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nothing of the kind")
    locked = tmp_path / "locked.pem"
    key = load_pem_private_key(both.read_bytes(), None)
    locked.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )
    for arguments, words in (
        ((tmp_path / "none.pem", None), "there is no file"),
        ((both, tmp_path / "none.pem"), "there is no file"),
        ((tmp_path, None), "there is no file"),
        ((nonsense, None), "no certificate and key can be read"),
        ((tls.authority(), None), "no certificate and key can be read"),
        ((both, other), "does not belong to the certificate"),
        ((both, locked), "has a password"),
    ):
        with pytest.raises(UserError, match=words):
            tls.server_context(*arguments)


# who trusts it


def test_bundles_have_the_usual_authorities_and_ours(monkeypatch, tmp_path):
    variables = tls.trust_variables()
    assert set(variables) == set(VARIABLES)
    ours = tls.authority().read_bytes()
    assert Path(variables.pop("NODE_EXTRA_CA_CERTS")).read_bytes() == ours
    usual = (Path(__import__("botocore").__file__).parent / "cacert.pem").read_bytes()
    assert Path(variables["AWS_CA_BUNDLE"]).read_bytes() == usual.rstrip() + b"\n" + ours
    for path in variables.values():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(path)
        assert len(context.get_ca_certs()) > 50

    corporate = tmp_path / "corporate.pem"
    corporate.write_bytes(tls._pem(tls._authority(tmp_path, datetime.now(UTC))[1]))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(corporate))
    assert Path(tls.trust_variables()["AWS_CA_BUNDLE"]).read_bytes() == (
        corporate.read_bytes() + ours
    )
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(corporate))
    assert Path(tls.trust_variables()["NODE_EXTRA_CA_CERTS"]).read_bytes() == (
        corporate.read_bytes() + ours
    )
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    assert tls.trust_variables()["AWS_CA_BUNDLE"] == variables["AWS_CA_BUNDLE"]


class Answering:
    """An HTTPS server in a process of its own: every request gets ``hello``."""

    CODE = """
import http.server, sys
from pathlib import Path
from lambdactl.triggers.http import tls

class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")
    do_POST = do_GET
    def log_message(self, *arguments): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
server.socket = tls.local_context().wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"""

    def __enter__(self) -> int:
        self.process = subprocess.Popen([sys.executable, "-c", self.CODE], stdout=subprocess.PIPE)
        return int(self.process.stdout.readline())

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


CLIENTS = {
    "boto3": (
        sys.executable,
        """
import boto3, sys
client = boto3.client("apigatewaymanagementapi", endpoint_url=sys.argv[1], region_name="us-east-1",
                      aws_access_key_id="a", aws_secret_access_key="b")
client.post_to_connection(ConnectionId="x", Data=b"y")
print("hello")
""",
    ),
    "requests": (sys.executable, "import requests, sys; print(requests.get(sys.argv[1]).text)"),
    "urllib": (
        sys.executable,
        "import urllib.request as u, sys; print(u.urlopen(sys.argv[1]).read().decode())",
    ),
    "node": (
        "node",
        """
fetch(process.argv[1]).then(r => r.text()).then(console.log, e => { console.error(e); throw e })
""",
    ),
    "ruby": (
        "ruby",
        "require 'net/http'; puts Net::HTTP.get(URI(ARGV[0]))",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
def test_clients_of_every_kind_trust_it_through_the_variables(client):
    program, code = CLIENTS[client]
    if program != sys.executable:
        program = need(program)
    flag = "-c" if program == sys.executable else "-e"
    with Answering() as port:
        command = [program, flag, code, f"https://localhost:{port}"]
        plain = {name: os.environ[name] for name in ("PATH", "HOME")} | {"NO_PROXY": "*"}
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env=plain | tls.trust_variables(),
        )
        assert done.stdout.strip() == "hello", done.stderr
        refused = subprocess.run(command, capture_output=True, text=True, check=False, env=plain)
        assert refused.returncode != 0
        assert "certificate" in refused.stderr.lower()


def test_a_verifying_client_by_name_and_address():
    with Answering() as port:
        context = ssl.create_default_context(cafile=str(tls.authority()))
        for host in ("localhost", "127.0.0.1"):
            with (
                socket.create_connection(("127.0.0.1", port)) as raw,
                context.wrap_socket(raw, server_hostname=host) as secure,
            ):
                assert secure.version() == "TLSv1.3"
        with (
            socket.create_connection(("127.0.0.1", port)) as raw,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            context.wrap_socket(raw, server_hostname="example.org")

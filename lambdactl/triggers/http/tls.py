"""HTTPS on this machine: certificates, and who trusts them.

A certificate authority is made once for the user and kept in the cache folder with what it signs;
its key is readable by the user alone. Functions trust it through environment variables, because
what a function behind a WebSocket API is told (``domainName``) leads to an ``https://`` address:

=====================  =============================================================================
AWS_CA_BUNDLE          boto3, AWS CLI, AWS SDKs for Go, Ruby and PHP: a bundle that *replaces* the
                       usual one, so ours has botocore's own authorities in it
                       (https://docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html)
REQUESTS_CA_BUNDLE     requests: replaces likewise
SSL_CERT_FILE          OpenSSL (Ruby, Python's ssl, httpx), Go, Rust: replaces the system's file
NODE_EXTRA_CA_CERTS    Node.js: adds (https://nodejs.org/api/cli.html#node_extra_ca_certsfile)
=====================  =============================================================================
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import ipaddress
import os
import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from lambdactl.errors import UserError
from lambdactl.execution.containers.network import HOST_NAME
from lambdactl.triggers.http.sniffing import sniffing

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

__all__ = [
    "authority",
    "ca_bundle",
    "certificate",
    "local_context",
    "names_for",
    "server_context",
    "sniffing",
    "trust_variables",
]

NAMES = ("localhost", "127.0.0.1", "::1", HOST_NAME)
"""What every certificate is good for."""

_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - recognised here, not bound to

AUTHORITY_LIFE = timedelta(days=3650)
CERTIFICATE_LIFE = timedelta(days=397)
"""Browsers take no certificate of more than 398 days (https://support.apple.com/102028)."""
RENEW_BEFORE = timedelta(days=30)


def server_context(certificate: Path, key: Path | None = None) -> ssl.SSLContext:
    """What a server needs to speak TLS with ``certificate`` (PEM, with its chain). Without ``key``
    the private key is in the same file.

    :raises UserError: a file is missing, is not PEM, or the key belongs to another certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    key_file = key or certificate
    for path in (certificate, key_file):
        if not path.is_file():
            raise UserError(f"there is no file {path}")

    def locked() -> NoReturn:
        # OpenSSL would ask on the terminal.
        raise UserError(
            f"the key in {key_file} has a password",
            hint="take it off: openssl pkey -in key.pem -out plain.pem",
        )

    try:
        context.load_cert_chain(certificate, key_file, password=locked)
    except (ssl.SSLError, OSError) as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            message = f"the key in {key_file} does not belong to the certificate in {certificate}"
            raise UserError(message) from error
        files = f"{certificate} and {key_file}" if key else f"{certificate}"
        raise UserError(
            f"no certificate and key can be read from {files}",
            hint="they have to be in PEM form (-----BEGIN CERTIFICATE-----), the key unencrypted",
        ) from error
    return context


@functools.cache
def local_context(*names: str) -> ssl.SSLContext:
    """TLS with a certificate of our own, for this machine and ``names`` (hosts or addresses)."""
    return server_context(certificate(*names))


def names_for(host: str, allowed: Iterable[str] = ()) -> tuple[str, ...]:
    """Names a certificate needs beyond :data:`NAMES` for a server on ``host`` that answers to the
    ``allowed`` host names too: those without wildcards and, where it listens on all addresses,
    this machine's."""
    names = {name.lower() for name in (host, *allowed) if "*" not in name} - set(_EVERYWHERE)
    if host in _EVERYWHERE:
        import psutil

        names |= {
            address.address.partition("%")[0]
            for addresses in psutil.net_if_addrs().values()
            for address in addresses
            if address.family in (socket.AF_INET, socket.AF_INET6)
        }
        names.add(socket.gethostname().lower())
    return tuple(sorted(names - set(NAMES)))


def trust_variables() -> dict[str, str]:
    """Environment variables that make functions trust our authority, next to all they would trust
    otherwise (the table above). Bundles that the user's shell names are built upon."""
    usual = _botocore_bundle()
    system = ssl.get_default_verify_paths().cafile
    aws = ca_bundle(_given("AWS_CA_BUNDLE") or usual)
    extra = _given("NODE_EXTRA_CA_CERTS")
    return {
        "AWS_CA_BUNDLE": str(aws),
        "REQUESTS_CA_BUNDLE": str(ca_bundle(_given("REQUESTS_CA_BUNDLE") or usual)),
        "SSL_CERT_FILE": str(
            ca_bundle(_given("SSL_CERT_FILE") or (Path(system) if system else usual))
        ),
        "NODE_EXTRA_CA_CERTS": str(ca_bundle(extra) if extra else authority()),
    }


def authority() -> Path:
    """The certificate of our authority, for whoever wants to trust it (a browser, say)."""
    folder = _folder()
    path, made = folder / "ca.pem", folder / "authority.pem"
    # Most often it is there, and no time need be spent on cryptography's import (80 ms).
    with contextlib.suppress(OSError):
        age = time.time() - made.stat().st_mtime
        known = path.read_bytes()
        fresh = timedelta(seconds=age) < AUTHORITY_LIFE - CERTIFICATE_LIFE
        if known and fresh and made.read_bytes().startswith(known):
            return path
    _, issuer = _authority(folder, datetime.now(UTC))
    _write(path, _pem(issuer))
    return path


def ca_bundle(base: Path) -> Path:
    """A file with the authorities of ``base`` and ours."""
    together = base.read_bytes().rstrip() + b"\n" + authority().read_bytes()
    path = _folder() / f"bundle-{hashlib.sha256(together).hexdigest()[:16]}.pem"
    _write(path, together)
    return path


def certificate(*names: str) -> Path:
    """A file with a certificate of our authority for :data:`NAMES` and ``names``, and its key. It
    is kept, and renewed a month before it ends.

    :raises UserError: one of them is neither an address nor the name of a host.
    """
    folder, now = _folder(), datetime.now(UTC)
    wanted = tuple(sorted({*NAMES, *(name.lower() for name in names)}))
    path = folder / f"server-{hashlib.sha256(' '.join(wanted).encode()).hexdigest()[:16]}.pem"
    signer, issuer = _authority(folder, now)
    if not _is_good(path, issuer, now):
        _write(path, _issue(wanted, signer, issuer, now), private=True)
    return path


def _authority(folder: Path, now: datetime) -> tuple[EllipticCurvePrivateKey, Certificate]:
    path = folder / "authority.pem"
    found = _read_authority(path, now)
    if found is None:
        # Of several lambdactls that start at once, one makes the authority and all use it.
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            found = _read_authority(path, now)
            if found is None:
                _write(path, _make_authority(now), private=True)
                found = _read_authority(path, now)
        finally:
            os.close(lock)
    assert found is not None
    return found


def _read_authority(
    path: Path, now: datetime
) -> tuple[EllipticCurvePrivateKey, Certificate] | None:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        pem = path.read_bytes()
        key, issuer = load_pem_private_key(pem, None), x509.load_pem_x509_certificate(pem)
    except (OSError, ValueError):
        return None
    if not isinstance(key, EllipticCurvePrivateKey) or key.public_key() != issuer.public_key():
        return None
    # What it signs has to end before it does.
    if issuer.not_valid_after_utc - now < CERTIFICATE_LIFE:
        return None
    path.chmod(0o600)
    return key, issuer


def _make_authority(now: datetime) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("lambdactl, this user's own certificate authority")
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(signed) + _key_pem(key)


def _issue(
    names: tuple[str, ...],
    signer: EllipticCurvePrivateKey,
    issuer: Certificate,
    now: datetime,
) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key = ec.generate_private_key(ec.SECP256R1())
    issuer_key = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    signed = (
        x509.CertificateBuilder()
        .subject_name(_name("lambdactl on this machine"))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + CERTIFICATE_LIFE - timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key),
            critical=False,
        )
        .sign(signer, hashes.SHA256())
    )
    return _pem(signed) + _key_pem(key)


def _is_good(path: Path, issuer: Certificate, now: datetime) -> bool:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
        found.verify_directly_issued_by(issuer)
    except (OSError, ValueError, InvalidSignature):
        return False
    return found.not_valid_after_utc - now > RENEW_BEFORE


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name.encode("idna").decode())
    except UnicodeError as error:
        raise UserError(f"{name!r} is no name of a host") from error


def _pem(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@functools.cache
def _folder() -> Path:
    """Where all this is kept; a temporary folder for a user who has no place of their own."""
    cache = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(cache) if cache else Path.home() / ".cache") / "lambdactl" / "tls"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        # Not in /tmp, where functions see a folder of their own.
        place = "/var/tmp" if os.access("/var/tmp", os.W_OK) else None  # noqa: S108
        folder = Path(tempfile.mkdtemp(prefix="lambdactl-tls-", dir=place))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _write(path: Path, content: bytes, *, private: bool = False) -> None:
    """Replace the file as a whole, unless it has this content."""
    with contextlib.suppress(OSError):
        if not private and path.read_bytes() == content:
            return
    number, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(number, "wb") as file:
        file.write(content)
    draft = Path(name)
    if not private:
        draft.chmod(0o644)
    draft.replace(path)


def _given(variable: str) -> Path | None:
    """The file that the user's shell names, if it is one."""
    value = os.environ.get(variable)
    return Path(value) if value and Path(value).is_file() else None


def _botocore_bundle() -> Path:
    # Found without the third of a second that importing it takes.
    found = importlib.util.find_spec("botocore")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "cacert.pem"

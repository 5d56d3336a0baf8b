"""Where the layers of AWS come from: what Lambda says of a layer version, and its archive.

Lambda gives a link to the archive that is good for ten minutes, its size and its SHA-256
(https://docs.aws.amazon.com/lambda/latest/api/API_GetLayerVersionByArn.html).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import functools
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lambdactl.artifacts.unpack import MAX_UNPACKED_BYTES
from lambdactl.errors import (
    EnvironmentStartError,
    LambdactlError,
    Location,
    UserError,
    did_you_mean,
)
from lambdactl.manifest.profile import chosen
from lambdactl.manifest.profile import region as region_of

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.loaders import Loader
    from botocore.session import Session

ATTEMPTS = 3
"""How often an archive is asked for, each time with a fresh link, when its download breaks off."""

_TIMEOUTS_S = (5.0, 30.0)
"""To connect, and between two pieces of an answer."""
_CHUNK = 256 * 1024
_PLACEHOLDER = "123456789012"
"""The account of every ARN that a SAM template makes of ``AWS::AccountId`` here."""

# As botocore's model of Lambda has it (LayerVersionArn), with the parts named. An `awslayer` is
# one of AWS's own, and the same in every Region.
_ARN = re.compile(
    r"arn:(?P<partition>[a-zA-Z0-9-]+):lambda:"
    r"(?:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):layer:(?P<name>[a-zA-Z0-9-_]+):(?P<version>\d+)"
    r"|::awslayer:(?P<own>[a-zA-Z0-9-_]+))"
)

# https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html, and those of STS and S3.
_EXPIRED = {"ExpiredTokenException", "ExpiredToken", "RequestExpired"}
_UNKNOWN_KEYS = {"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId"}
_BAD_SIGNATURE = {"InvalidSignatureException", "SignatureDoesNotMatch"}
_DENIED = {"AccessDeniedException", "AccessDenied"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A layer version, and who wants it.

    :ivar arn: of the layer version.
    :ivar function: the name of the function that has it.
    :ivar where: where the manifest says so.
    :ivar region: the Region that is asked, which is the ARN's.
    """

    arn: str
    function: str
    where: Location | None
    region: str
    account: str | None
    name: str
    version: str

    def fail(
        self, why: str, hint: str | None, kind: type[LambdactlError] = EnvironmentStartError
    ) -> LambdactlError:
        """The error that says why there is no such layer here."""
        # Some texts of AWS's SDK have several lines.
        text = f"can't get the layer {self.arn} of {self.function}: {' '.join(why.split())}"
        return kind(text, where=self.where, hint=hint)


@dataclass(frozen=True, slots=True)
class Described:
    """What Lambda says of a layer version. ``size`` is in bytes, None where it is not said;
    ``sha256`` is that of the archive."""

    location: str
    sha256: bytes
    size: int | None
    runtimes: tuple[str, ...]
    architectures: tuple[str, ...]


def wanted(arn: str, *, function: str, shell: Mapping[str, str], where: Location | None) -> Wanted:
    """Take an ARN apart.

    :raises UserError: it isn't that of a layer version.
    """
    found = _ARN.fullmatch(arn)
    if found is None:
        raise UserError(
            f"{function} has a layer that is neither in the manifest nor an ARN with a version: "
            f"{arn}",
            where=where,
            hint="write it as arn:aws:lambda:eu-west-1:123456789012:layer:extra:3",
        )
    return Wanted(
        arn,
        function,
        where,
        found["region"] or region_of(shell),
        found["account"],
        found["name"] or found["own"],
        found["version"] or "own",
    )


class Source:
    """Lambda in the Region of one layer, as the user's shell may ask it."""

    def __init__(self, layer: Wanted, shell: Mapping[str, str]) -> None:
        self._layer = layer
        self._shell = shell
        self._profile = shell.get("AWS_PROFILE") or shell.get("AWS_DEFAULT_PROFILE")
        with self._in_words():
            self._client = self._connect()

    def describe(self) -> Described:
        """What Lambda says of the layer version.

        :raises LambdactlError: it says nothing, or no; which names the layer.
        """
        with self._in_words():
            answer = self._client.get_layer_version_by_arn(Arn=self._layer.arn)
        content = answer.get("Content") or {}
        if not content.get("Location") or not content.get("CodeSha256"):
            raise self._layer.fail(
                f"{self._client.meta.endpoint_url} gave no link and checksum for it",
                "is AWS_ENDPOINT_URL set, and to a server that knows GetLayerVersionByArn?",
            )
        try:
            digest = base64.b64decode(content["CodeSha256"], validate=True)
        except (binascii.Error, ValueError):
            digest = b""
        if len(digest) != hashlib.sha256().digest_size:
            raise self._layer.fail(
                f"its checksum is not a SHA-256: {content['CodeSha256']!r}", None
            )
        return Described(
            content["Location"],
            digest,
            content.get("CodeSize"),
            tuple(answer.get("CompatibleRuntimes") or ()),
            tuple(answer.get("CompatibleArchitectures") or ()),
        )

    def download(self, described: Described, target: Path) -> None:
        """Write the archive into ``target``, once it is all there and the right one.

        :raises LambdactlError: it isn't, and then there is no ``target`` either.
        :raises ConnectionError: it broke off; another attempt may get it.
        """
        digest, size = hashlib.sha256(), 0
        limit = MAX_UNPACKED_BYTES if described.size is None else described.size
        try:
            with target.open("wb") as file:
                for piece in self._pieces(described.location):
                    size += len(piece)
                    if size > limit:
                        break
                    digest.update(piece)
                    file.write(piece)
            if described.size is not None and size < described.size:
                raise ConnectionError(f"{size} of {described.size} bytes came")
            if digest.digest() != described.sha256 or size > limit:
                raise self._layer.fail(
                    "what was downloaded is not what AWS has: its SHA-256 is another one",
                    "a proxy may have changed it; nothing of it was kept",
                )
        except BaseException:
            with contextlib.suppress(OSError):
                target.unlink()
            raise

    def _pieces(self, location: str) -> Iterator[bytes]:
        import urllib3.exceptions
        from botocore.awsrequest import AWSPreparedRequest
        from botocore.exceptions import BotoCoreError
        from botocore.httpsession import URLLib3Session
        from botocore.utils import get_environ_proxies

        # A file of this machine or a redirect to one is nothing that Lambda would send us to; and
        # plain HTTP is for who speaks it to the endpoint already.
        allowed = {"https", urlsplit(self._client.meta.endpoint_url).scheme}
        if urlsplit(location).scheme.lower() not in allowed:
            shown = location if len(location) < 80 else f"{location[:80]}..."
            raise self._layer.fail(f"AWS gave a link that is not HTTPS: {shown}", None)
        request = AWSPreparedRequest("GET", location, {}, None, True)
        session = URLLib3Session(
            verify=self._verify,
            proxies=get_environ_proxies(location),
            timeout=_TIMEOUTS_S,
        )
        try:
            answer = session.send(request)
            if answer.status_code != 200:
                # A link that is too old, or S3 in trouble. Lambda makes a new one.
                raise ConnectionError(f"the answer was HTTP {answer.status_code}")
            length = answer.headers.get("Content-Length", "")
            come = 0
            for piece in answer.raw.stream(_CHUNK):
                come += len(piece)
                yield piece
            if length.isdigit() and come < int(length):
                raise ConnectionError(f"{come} of {length} bytes came")
        except (BotoCoreError, urllib3.exceptions.HTTPError) as error:
            raise ConnectionError(str(error)) from error
        finally:
            session.close()

    def _connect(self) -> BaseClient:
        import boto3
        from botocore.config import Config
        from botocore.session import Session

        session = Session(profile=self._profile)
        _, shared, config = chosen(self._shell)
        session.set_config_variable("credentials_file", str(shared))
        session.set_config_variable("config_file", str(config))
        session.register_component("data_loader", _models(session.get_config_variable("data_path")))
        self._sign_in(session)
        bundle = self._shell.get("AWS_CA_BUNDLE") or session.get_config_variable("ca_bundle")
        self._verify: str | bool = bundle or True
        ignored = self._shell.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
        endpoint = None
        if not ignored:
            # https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
            endpoint = (
                self._shell.get("AWS_ENDPOINT_URL_LAMBDA") or self._shell.get("AWS_ENDPOINT_URL")
            ) or None
        client: BaseClient = boto3.Session(botocore_session=session).client(
            "lambda",
            region_name=self._layer.region,
            endpoint_url=endpoint,
            verify=self._verify,
            config=Config(
                connect_timeout=_TIMEOUTS_S[0],
                read_timeout=_TIMEOUTS_S[1],
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                ignore_configured_endpoint_urls=ignored,
            ),
        )
        return client

    def _sign_in(self, session: Session) -> None:
        """Credentials as the SDKs find them, where the environment is the user's ``shell``
        (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html)."""
        key, secret = self._shell.get("AWS_ACCESS_KEY_ID"), self._shell.get("AWS_SECRET_ACCESS_KEY")
        if key and secret:
            session.set_credentials(key, secret, self._shell.get("AWS_SESSION_TOKEN") or None)
            return
        providers: Any = session.get_component("credential_provider")
        providers.remove("env")
        if self._shell.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            providers.remove("iam-role")

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            raise self._refused(error.response) from error
        except BotoCoreError as error:
            raise self._unasked(error) from error
        except (OSError, ValueError) as error:
            # Of a credential process that isn't there, or an endpoint that is no URL.
            raise self._layer.fail(str(error), None) from error

    def _unasked(self, error: Exception) -> LambdactlError:
        """Why Lambda could not even be asked."""
        from botocore import exceptions as e

        fail = self._layer.fail
        again = f"aws sso login --profile {self._profile}" if self._profile else "aws sso login"
        if isinstance(error, (e.NoCredentialsError, e.PartialCredentialsError)):
            return fail(
                "there are no AWS credentials",
                "sign in to AWS, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY; once it is here it needs none",
            )
        expired = (e.UnauthorizedSSOTokenError, e.SSOTokenLoadError, e.TokenRetrievalError)
        if isinstance(error, expired):
            return fail(f"your sign-in to AWS has expired: {error}", again)
        if isinstance(error, e.ProfileNotFound):
            return fail(
                f"there is no AWS profile {self._profile}", "look at AWS_PROFILE and ~/.aws/config"
            )
        if isinstance(error, e.SSLError):
            return fail(
                f"{error}", "where a proxy has a certificate of its own, set AWS_CA_BUNDLE to it"
            )
        if isinstance(error, (e.ConnectionError, e.HTTPClientError, e.InvalidRegionError)):
            # Without the query, in which the ARN is once more.
            url = str(error.kwargs.get("endpoint_url", ""))
            said = str(error).replace(url, urlsplit(url).netloc) if url else str(error)
            return fail(f"AWS does not answer: {said}", self._unreachable())
        # A credential process that failed, a role that can't be assumed, a broken file.
        return fail(str(error), None)

    def _unreachable(self) -> str:
        import botocore.session

        session = botocore.session.get_session()
        known = [
            region
            for partition in session.get_available_partitions()
            for region in session.get_available_regions("lambda", partition)
        ]
        region = self._layer.region
        if region not in known and (meant := did_you_mean(region, known)):
            return f"its Region is {region}: {meant}"
        return "the first time it takes a network; once it is here it takes none"

    def _refused(self, response: Mapping[str, Any]) -> LambdactlError:
        """What Lambda says no for."""
        error = response.get("Error", {})
        code, said = str(error.get("Code", "")), str(error.get("Message", "")).strip()
        layer, fail = self._layer, self._layer.fail
        if code in _EXPIRED:
            return fail(
                f"your AWS credentials have expired: {said}", "sign in again, or get new ones"
            )
        if code in _UNKNOWN_KEYS:
            return fail(
                f"AWS does not know your credentials: {said}",
                "look at AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN, or at the profile's",
            )
        if code in _BAD_SIGNATURE:
            return fail(
                f"AWS refuses the signature: {said}",
                "look at AWS_SECRET_ACCESS_KEY, and at this machine's clock",
            )
        stand_in = layer.account == _PLACEHOLDER
        if code in _DENIED:
            # https://docs.aws.amazon.com/lambda/latest/dg/permissions-layer-cross-account.html
            hint = (
                "123456789012 stands for AWS::AccountId on this machine; write the account's own"
                if stand_in
                else "your credentials need lambda:GetLayerVersion for it; where it is another "
                "account's, that account must share this version "
                "(aws lambda add-layer-version-permission)"
            )
            return fail(f"AWS denies it: {said}", hint, UserError)
        if code == "ResourceNotFoundException":
            listing = (
                "aws lambda list-layer-versions "
                f"--layer-name {layer.arn.rpartition(':')[0]} --region {layer.region}"
            )
            hint = f"its versions: {listing}"
            return fail(f"AWS has no such layer version in {layer.region}", hint, UserError)
        if code in {"InvalidParameterValueException", "ValidationException"}:
            return fail(f"AWS refuses the ARN: {said}", "look at its parts", UserError)
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        # What is no answer of Lambda's is a page for people.
        words = code if said.startswith("<") else f"{code}: {said}"
        hint = (
            "try again; a stand-in that AWS_ENDPOINT_URL leads to may not know GetLayerVersionByArn"
        )
        return fail(f"AWS answered {words}", hint if status >= 500 else None)


@functools.cache
def _models(path: str | None) -> Loader:
    """AWS's descriptions of its services. To read them takes most of the time that a client does,
    and a function may have five layers."""
    from botocore.loaders import create_loader

    return create_loader(path)

"""Lambda's limits on what is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdactl.artifacts import sizes
from lambdactl.artifacts.model import Artifact, Package
from lambdactl.errors import Location, UserError
from lambdactl.manifest.model import App, Code, Function, Layer

MB = 1024 * 1024
WHERE = Location("lambdactl.yaml", 3, 1)


def app(tmp_path: Path) -> App:
    functions = {
        name: Function(name, Code("folder", tmp_path), where=WHERE) for name in ("page", "mail")
    }
    return App("shop", tmp_path, functions, {"deps": Layer("deps", tmp_path, where=WHERE)})


def made(name: str = "page", size: int = 1, unzipped: int = 1, **more: object) -> Artifact:
    kind = more.pop("kind", "function")
    return Artifact(name, kind, "x=", size, unzipped, **more)  # type: ignore[arg-type]


def layer(unzipped: int, **more: object) -> Artifact:
    return made("deps", unzipped=unzipped, kind="layer", **more)


def refused(tmp_path: Path, *artifacts: Artifact) -> UserError:
    with pytest.raises(UserError) as caught:
        sizes.check(app(tmp_path), artifacts)
    assert caught.value.where == WHERE
    assert "\n" not in str(caught.value)
    return caught.value


def test_what_lambda_takes_is_not_worth_a_word(tmp_path: Path) -> None:
    most = made(size=50 * MB, unzipped=250 * MB, layers=tuple("abcde"))
    image = made("mail", size=10 * 1024 * MB, kind="image")
    assert sizes.check(app(tmp_path), [most, image, layer(250 * MB)]) == ()


def test_a_large_zip_goes_through_s3(tmp_path: Path) -> None:
    large = made(size=50 * MB + 1)
    assert sizes.goes_through_s3(large)
    assert not sizes.goes_through_s3(made("image", size=60 * MB, kind="image"))
    (note,) = sizes.check(app(tmp_path), [large, made("mail")])
    assert note.startswith("page is 50.1 MB zipped")
    assert "S3" in note


def test_more_than_250_mb_with_layers_is_refused(tmp_path: Path) -> None:
    packages = tuple(Package(name, "1", n * MB) for n, name in enumerate("abcd"))
    deps = layer(200 * MB, packages=packages)
    fits = made(unzipped=50 * MB, layers=("deps",))
    assert sizes.check(app(tmp_path), [fits, deps]) == ()
    error = refused(tmp_path, made(unzipped=50 * MB + 1, layers=("deps",)), deps)
    assert error.message == (
        "page is 250.1 MB unzipped (50.1 MB + deps 200 MB); "
        "Lambda takes 250 MB, all layers included"
    )
    assert error.hint is not None
    assert "d 3 MB, c 2 MB, b 1 MB;" in error.hint


def test_a_layer_alone_may_be_too_large(tmp_path: Path) -> None:
    assert "the layer deps is 251 MB" in refused(tmp_path, layer(251 * MB)).message


def test_a_function_has_at_most_five_layers(tmp_path: Path) -> None:
    assert "has 6 layers" in refused(tmp_path, made(layers=tuple("abcdef"))).message


def test_an_image_has_at_most_10_gb(tmp_path: Path) -> None:
    error = refused(tmp_path, made(size=10 * 1024 * MB + 1, kind="image"))
    assert "page is 10.1 GB; Lambda takes images of up to 10 GB" in error.message


def test_all_that_is_too_large_is_counted(tmp_path: Path) -> None:
    large = [made(name, unzipped=300 * MB) for name in ("page", "mail")]
    assert "(and 1 more)" in refused(tmp_path, *large).message


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KB"),
        (250 * MB, "250 MB"),
        (250 * MB + 1, "250.1 MB"),
    ],
)
def test_a_size_over_a_limit_looks_so(size: int, words: str) -> None:
    assert sizes.shown(size) == words

"""Where the size of an artifact comes from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lambdactl.artifacts import why
from lambdactl.artifacts.model import Artifact, Package

PACKAGES = (
    Package("boto3", "1.35", 300, ("botocore", "s3transfer"), direct=True),
    Package("botocore", "1.35", 9000, ("Jmes.Path", "nowhere")),
    Package("jmes_path", "1.0", 20),
    Package("s3transfer", "0.1", 40, ("botocore",)),
)


def artifact(packages: tuple[Package, ...], own: int = 50) -> Artifact:
    size = own + sum(package.size for package in packages)
    return Artifact("f", "function", "", 1, size, packages=packages)


def test_largest_first_with_what_pulls_it_in() -> None:
    rows = list(why.lines(artifact(PACKAGES)))
    assert rows == [
        ("├── botocore 1.35", 9000, ""),
        ("│   ├── boto3 1.35", 0, "the project asks for it"),
        ("│   └── s3transfer 0.1", 0, ""),
        ("│       └── boto3 1.35", 0, "the project asks for it"),
        ("├── boto3 1.35", 300, "the project asks for it"),
        ("├── (the code itself)", 50, ""),
        ("├── s3transfer 0.1", 40, ""),
        ("│   └── boto3 1.35", 0, "the project asks for it"),
        ("└── jmes_path 1.0", 20, ""),
        ("    └── botocore 1.35", 0, ""),
        ("        ├── boto3 1.35", 0, "the project asks for it"),
        ("        └── s3transfer 0.1", 0, ""),
        ("            └── boto3 1.35", 0, "the project asks for it"),
    ]


def test_a_layer_of_dependencies_has_no_code_of_its_own() -> None:
    (row,) = why.lines(artifact((Package("six", "1.0", 30, direct=True),), own=0))
    assert row == ("└── six 1.0", 30, "the project asks for it")
    assert list(why.lines(artifact((), own=7))) == [("└── (the code itself)", 7, "")]


def test_the_same_for_scripts() -> None:
    document = why.document(artifact(PACKAGES))
    assert (document["unzipped"], document["own"]) == (9410, 50)
    assert document["packages"][0] == {
        "name": "botocore",
        "version": "1.35",
        "size": 9000,
        "direct": False,
        "pulled_in_by": ["boto3", "s3transfer"],
    }


NAMES = st.sampled_from(["a", "b", "c", "d"])


@given(
    st.lists(
        st.builds(
            Package,
            NAMES,
            st.just("1"),
            st.integers(0, 99),
            st.lists(NAMES, max_size=4).map(tuple),
            st.booleans(),
        ),
        max_size=4,
        unique_by=lambda package: package.name,
    )
)
def test_circles_end(packages: list[Package]) -> None:
    rows = list(why.lines(artifact(tuple(packages))))
    top = [size for text, size, _ in rows if text[0] in "├└"]
    assert top == sorted(top, reverse=True)
    assert len(top) == len(packages) + 1
    assert sum(text.startswith("└") for text, _, _ in rows) == 1

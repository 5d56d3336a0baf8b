"""What was left in an engine is found and removed; what belongs to somebody is not."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lambdactl.errors import EngineError
from lambdactl.execution.containers import labels
from lambdactl.execution.containers.engine import Engine, connect
from lambdactl.execution.work import WorkFolder
from tests.execution.containers.engines import answers, on_socket
from tests.execution.containers.owners import another, killed

IMAGE = "public.ecr.aws/lambda/python:3.11"


@pytest.fixture(autouse=True)
def own_tmp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="e") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.fixture
def living() -> Iterator[Path]:
    work = WorkFolder()
    yield work.path
    work.close()


@pytest.fixture
def dead(own_tmp: Path) -> Path:
    return killed(own_tmp)


def entry(number: int, owned: dict[str, str]) -> dict[str, Any]:
    return {"Id": f"id{number}", "Names": [f"/name{number}"], "Labels": owned}


@contextmanager
def engine_with(
    own_tmp: Path,
    containers: list[dict[str, Any]],
    *,
    networks: list[dict[str, Any]] | None = None,
    volumes: list[dict[str, Any]] | None = None,
) -> Iterator[Engine]:
    known = answers(
        containers__json=containers,
        networks=networks or [],
        volumes={"Volumes": volumes},
    )
    with on_socket(own_tmp / "e.sock", known) as host:
        yield connect({"DOCKER_HOST": host})


def found(own_tmp: Path, owned: dict[str, str], *, everyone: bool = False) -> bool:
    with engine_with(own_tmp, [entry(1, owned)]) as engine:
        return bool(labels.leftovers(engine, everyone=everyone))


def test_what_the_living_have_stays(own_tmp: Path, living: Path) -> None:
    assert not found(own_tmp, labels.labels(living, "orders"))
    assert found(own_tmp, labels.labels(living, "orders"), everyone=True)


def test_what_the_dead_had_is_left_with_and_without_their_folder(own_tmp: Path, dead: Path) -> None:
    owned = labels.labels(dead, "orders")
    assert found(own_tmp, owned)
    for path in dead.iterdir():
        path.unlink()
    assert found(own_tmp, owned)
    dead.rmdir()
    assert found(own_tmp, owned)


@pytest.mark.parametrize(
    ("part", "value", "left"),
    [
        (0, "another", False),
        (0, "", False),
        (1, "an-earlier-boot", True),
        (2, "0-0", False),
        (2, "", False),
    ],
    ids=["machine", "no machine", "boot", "temporary folder", "no temporary folder"],
)
def test_owners_elsewhere_are_left_alone(
    own_tmp: Path, dead: Path, part: int, value: str, left: bool
) -> None:
    owned = labels.labels(dead, "orders")
    parts = owned[labels.MARK].split("/")
    parts[part] = value
    owned[labels.MARK] = "/".join(parts)
    assert found(own_tmp, owned) == left
    assert found(own_tmp, owned, everyone=True)


@pytest.mark.parametrize("mark", ["", "x", "a/b/c/d/e"])
def test_marks_of_somebody_else(own_tmp: Path, dead: Path, mark: str) -> None:
    assert not found(own_tmp, {labels.OWNER: str(dead), labels.MARK: mark})


def test_a_folder_that_is_closed_to_us_may_have_a_living_owner(own_tmp: Path, dead: Path) -> None:
    own_tmp.chmod(0o755)
    dead.chmod(0)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        from lambdactl.execution.work import is_alive

        assert is_alive(dead)
    finally:
        os.seteuid(before)
        dead.chmod(0o700)


def test_each_kind_with_what_it_is_called(own_tmp: Path, dead: Path) -> None:
    owned = labels.labels(dead, "orders")
    with engine_with(
        own_tmp,
        [entry(1, owned)],
        networks=[{"Id": "n", "Name": "net", "Labels": owned}],
        volumes=[{"Name": "vol", "Labels": owned}],
    ) as engine:
        left = labels.leftovers(engine)
    assert [(one.kind, one.id, one.name) for one in left] == [
        ("container", "id1", "name1"),
        ("network", "n", "net"),
        ("volume", "vol", "vol"),
    ]
    assert {(one.function, one.owner) for one in left} == {("orders", dead)}


def test_an_engine_that_has_none_of_it(own_tmp: Path) -> None:
    with engine_with(own_tmp, []) as engine:
        assert labels.leftovers(engine) == []
        assert labels.sweep(engine) == []
    with pytest.raises(EngineError, match=r"nobody listens|no such socket"):
        labels.sweep(engine)


@pytest.fixture
def engine() -> Engine:
    return connect(os.environ)


def start(engine: Engine, owner: Path) -> str:
    container = engine.client.create_container(
        IMAGE, entrypoint=["sleep", "600"], labels=labels.labels(owner, "orders")
    )
    engine.client.start(container)
    return str(container["Id"])


def ids(engine: Engine, owner: Path) -> set[str]:
    only = {"label": [f"{labels.OWNER}={owner}"]}
    return {str(one["Id"]) for one in engine.client.containers(all=True, filters=only)}


@pytest.mark.container
def test_containers_networks_and_volumes_of_the_killed_are_swept(
    engine: Engine, own_tmp: Path, living: Path
) -> None:
    kept = start(engine, living)
    try:
        with another(own_tmp) as (process, owner):
            owned = labels.labels(owner, "orders")
            container = start(engine, owner)
            network = engine.client.create_network(f"lambdactl-{os.getpid()}", labels=owned)
            engine.client.connect_container_to_network(container, network["Id"])
            volume = engine.client.create_volume(labels=owned)
            assert not [one for one in labels.sweep(engine) if one.owner == owner]
            process.kill()
            process.wait()
            swept = {(one.kind, one.id) for one in labels.sweep(engine) if one.owner == owner}
        # Any other lambdactl that starts on this machine just now sweeps them as well.
        assert swept <= {
            ("container", container),
            ("network", network["Id"]),
            ("volume", volume["Name"]),
        }
        deadline = time.monotonic() + 10
        while labels.remove_owned(engine, owner) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not [one for one in labels.leftovers(engine, everyone=True) if one.owner == owner]
        assert ids(engine, owner) == set()
        assert ids(engine, living) == {kept}
    finally:
        assert labels.remove_owned(engine, living) == {}
    assert ids(engine, living) == set()


@pytest.mark.container
def test_what_can_not_be_removed_is_told(engine: Engine, own_tmp: Path, living: Path) -> None:
    with another(own_tmp) as (_, owner):
        owned = labels.labels(owner, "orders")
        network = engine.client.create_network(f"lambdactl-{os.getpid()}", labels=owned)
        container = start(engine, living)
        try:
            engine.client.connect_container_to_network(container, network["Id"])
            every = labels.leftovers(engine, everyone=True)
            (left,) = [one for one in every if one.owner == owner]
            assert "active endpoints" in labels.remove(engine, [left])[left]
            labels.remove_owned(engine, living)
            assert labels.remove(engine, [left]) == {}
            # Gone already: as good as removed.
            assert labels.remove(engine, [left]) == {}
        finally:
            labels.remove_owned(engine, living)
            labels.remove_owned(engine, owner)

"""Random identifiers from a stock."""

from __future__ import annotations

import os
import uuid

from lambdactl.execution.ids import new_hex, new_text, new_uuid


def test_uuids_are_of_version_4_and_all_different() -> None:
    made = [new_uuid() for _ in range(2000)]
    assert len(set(made)) == 2000
    for text in made:
        parsed = uuid.UUID(text)
        assert (parsed.version, parsed.variant, str(parsed)) == (4, uuid.RFC_4122, text)


def test_texts_have_the_length_that_was_asked_for() -> None:
    made = [(new_text(length), new_hex(length)) for length in range(1, 65) for _ in range(40)]
    assert all(len(text) == len(digits) for text, digits in made)
    assert len({text for text, _ in made[-400:]}) == 400


def test_a_child_does_not_hand_out_its_parents_ids() -> None:
    new_uuid(), new_text(15)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, f"{new_uuid()} {new_text(15)}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(read, 100).decode().split(" ")
    assert theirs[0] != new_uuid()
    assert theirs[1] != new_text(15)

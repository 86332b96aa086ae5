"""Ids of version 7, growing within a process."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from uuid import RFC_4122, UUID

import pytest

from pgconductor.store import uuid7
from pgconductor.store.uuid7 import uuid7_bytes


def test_they_are_uuids_of_version_7_and_of_now() -> None:
    for raw in uuid7_bytes(100):
        name = UUID(bytes=raw)
        assert (name.version, name.variant) == (7, RFC_4122)
        assert abs((name.int >> 80) / 1000 - time.time()) < 5


def test_each_is_greater_than_every_one_before() -> None:
    made = [raw for count in (1, 500, 1, 1, 2_000) for raw in uuid7_bytes(count)]
    assert all(earlier < later for earlier, later in pairwise(made))


def test_none_is_none() -> None:
    assert uuid7_bytes(0) == []


def test_threads_get_no_id_twice() -> None:
    with ThreadPoolExecutor(8) as threads:
        made = [raw for batch in threads.map(uuid7_bytes, [50] * 200) for raw in batch]
    assert len(set(made)) == len(made)


def test_they_grow_while_the_clock_stands_still_or_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns()
    before = uuid7_bytes(1)[0]
    for moment in (now, now, now - 3_600_000_000_000):
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment)
        batch = uuid7_bytes(1_000)
        assert before < batch[0]
        before = batch[-1]


def test_when_the_random_bits_run_over_the_time_moves_on(monkeypatch: pytest.MonkeyPatch) -> None:
    last = (1 << 122) - 1 - (1 << 40)
    last = (last >> 75) << 74 | (1 << 74) - 2  # half of the greatest time, random bits all but exhausted
    monkeypatch.setattr(uuid7, "_last", last)
    first = UUID(bytes=uuid7_bytes(1)[0])
    assert first.version == 7
    assert first.int >> 80 == (last >> 74) + 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_makes_ids_of_its_own() -> None:
    uuid7_bytes(1)
    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, b"".join(uuid7_bytes(100)))
        os._exit(0)
    os.close(write)
    mine = set(uuid7_bytes(100))
    with os.fdopen(read, "rb") as pipe:
        theirs = pipe.read()
    os.wait()
    assert len(theirs) == 1_600
    assert not mine & {theirs[at : at + 16] for at in range(0, 1_600, 16)}

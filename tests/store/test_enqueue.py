"""Enqueueing as values: which statements, in which order of locks, and what their rows mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import hypothesis
from hypothesis import strategies

from pgconductor.store.enqueue import EnqueueRequest, Item, Terms
from pgconductor.store.uuid7 import uuid7_bytes

PLAIN = Terms("send", "mail", 1, 0)
LATER = PLAIN._replace(delay_ms=1_000)


def item(terms: Terms = PLAIN, *, execution_id: bytes | None = None, supplied: bool = False) -> Item:
    return Item(execution_id or uuid7_bytes(1)[0], b"{}", terms, supplied)


def verbs(*items: Item, again: bool = False) -> list[str]:
    known = {"enqueue_alike": "ready_mail", "enqueue_mixed": "scheduled (", "enqueue_guarded": ".enqueue("}
    queries = EnqueueRequest("pgconductor", items, again=again).queries
    return [next(verb for verb, mark in known.items() if mark in query.text.replace('"', "")) for query in queries]


def test_items_under_the_same_terms_go_straight_into_the_queues_leaf() -> None:
    assert verbs(item(), item()) == ["enqueue_alike"]


def test_items_under_several_terms_or_for_later_are_one_statement_too() -> None:
    assert verbs(item(), item(PLAIN._replace(priority=5))) == ["enqueue_mixed"]
    assert verbs(item(LATER)) == ["enqueue_mixed"]
    assert verbs(item(PLAIN._replace(run_at=datetime.now(UTC)))) == ["enqueue_mixed"]


def test_terms_that_items_share_are_sent_once() -> None:
    (query,) = EnqueueRequest("pgconductor", [item(), item(LATER), item(), item(LATER)]).queries
    assert query.values["delays"] == [None, 1_000]
    assert query.values["terms"] == [1, 2, 1, 2]


def test_items_that_others_decide_about_are_guarded_and_the_rest_is_not() -> None:
    for terms in (PLAIN._replace(key="k"), PLAIN._replace(throttle_ms=1), PLAIN._replace(debounce_ms=1)):
        assert verbs(item(terms)) == ["enqueue_guarded"]
        assert verbs(item(), item(terms)) == ["enqueue_alike", "enqueue_guarded"]
    assert verbs(item(supplied=True)) == ["enqueue_guarded"]


def test_what_is_sent_again_is_guarded_whatever_it_is() -> None:
    assert verbs(item(), item(LATER), item(PLAIN._replace(key="k")), again=True) == ["enqueue_guarded"]


def test_rows_are_read_back_into_the_callers_order() -> None:
    items = [item(PLAIN._replace(key=key)) for key in "cab"] + [item(), item(PLAIN._replace(throttle_ms=1))]
    request = EnqueueRequest("pgconductor", items)
    sent = request.queries[-1].values["ids"].ids
    answers = {each: None if each == items[4].id else each[::-1] for each in sent}
    rows: Any = [[], [(answers[each],) for each in sent]]
    assert request.ids(rows) == [items[0].id[::-1], items[1].id[::-1], items[2].id[::-1], items[3].id, None]


def test_an_id_that_comes_twice_is_sent_once_and_answers_both() -> None:
    name = uuid7_bytes(1)[0]
    request = EnqueueRequest("pgconductor", [item(execution_id=name, supplied=True)] * 2)
    assert request.queries[0].values["ids"].ids == [name]
    assert request.ids([[(name,)]]) == [name, name]


@hypothesis.given(strategies.permutations(range(12)))
def test_locks_are_taken_in_one_order_however_the_items_come(order: list[int]) -> None:
    kinds = [{"key": "a"}, {"key": "b"}, {"throttle_ms": 1}, {"debounce_ms": 1, "key": "a"}]
    items = [
        item(PLAIN._replace(task=task, **kind))  # type: ignore[arg-type]
        for task in ("x", "y", "z")
        for kind in kinds
    ]
    request = EnqueueRequest("pgconductor", [items[at] for at in order])
    values = request.queries[0].values
    distinct = list(zip(values["tasks"], values["keys"], values["throttles"], values["debounces"], strict=True))
    taken = [distinct[position - 1] for position in values["terms"]]
    assert [task for task, *_ in taken] == sorted(task for task, *_ in taken)
    assert taken[:4] == [("x", "a", None, 1), ("x", "a", None, None), ("x", "b", None, None), ("x", None, 1, None)]


@hypothesis.given(strategies.lists(strategies.sampled_from("ab"), min_size=1, max_size=20))
def test_items_of_one_key_stay_in_the_callers_order(keys: list[str]) -> None:
    """The last call of a debounce, or of a replacement, must be the last that the server sees."""
    items = [item(PLAIN._replace(key=key)) for key in keys]
    sent = EnqueueRequest("pgconductor", items).queries[0].values["ids"].ids
    for key in "ab":
        mine = [each.id for each in items if each.terms.key == key]
        assert [each for each in sent if each in mine] == mine

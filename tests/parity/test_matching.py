"""Which element is which: few edits are told as few, thousands of elements in reasonable time."""

import random
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.compare.matching import Matching, match

KEYS = st.lists(st.integers(0, 5), max_size=14)


def matched(left: Sequence[Any], right: Sequence[Any]) -> Matching:
    return match(left, right, lambda at: {}, lambda at: {})


@pytest.mark.parametrize(
    ("left", "right", "pairs", "only_left", "only_right"),
    [
        ("abc", "abc", [(0, 0), (1, 1), (2, 2)], [], []),
        ("abc", "bc", [(1, 0), (2, 1)], [0], []),
        ("abc", "abcd", [(0, 0), (1, 1), (2, 2)], [], [3]),
        ("aab", "ab", [(0, 0), (2, 1)], [1], []),
        ("abc", "axc", [(0, 0), (1, 1), (2, 2)], [], []),
        ("abc", "cab", [(0, 1), (1, 2), (2, 0)], [], []),
        ("", "ab", [], [], [0, 1]),
        ("aabbaa", "bbaabb", [(2, 0), (3, 1), (4, 2), (5, 3)], [0, 1], [4, 5]),
    ],
)
def test_elements_find_their_counterparts(
    left: str, right: str, pairs: list[tuple[int, int]], only_left: list[int], only_right: list[int]
) -> None:
    found = matched(left, right)

    assert [(pair.left, pair.right) for pair in found.pairs] == pairs
    assert (found.only_left, found.only_right) == (only_left, only_right)


def test_a_pair_is_unsure_where_others_would_have_fitted() -> None:
    assert [pair.sure for pair in matched("aab", "ab").pairs] == [False, True]


def test_changed_elements_go_by_what_they_have_in_common() -> None:
    left = [{"id": 1, "a": 1, "b": 1}, {"id": 2, "a": 2, "b": 2}]
    right = [{"id": 2, "a": 2, "b": 9}, {"id": 3, "a": 5, "b": 5}, {"id": 1, "a": 9, "b": 1}]

    found = match(
        ["x", "y"],
        ["p", "q", "r"],
        lambda at: dict.fromkeys(left[at].items(), 1),
        lambda at: dict.fromkeys(right[at].items(), 1),
    )

    assert [(pair.left, pair.right) for pair in found.pairs] == [(0, 2), (1, 0)]
    assert found.only_right == [1]
    assert found.reordered


@settings(deadline=None)
@given(KEYS, KEYS)
def test_every_element_is_paired_once_or_left_over(left: list[int], right: list[int]) -> None:
    found = matched(left, right)

    assert sorted([pair.left for pair in found.pairs] + found.only_left) == list(range(len(left)))
    assert sorted([pair.right for pair in found.pairs] + found.only_right) == list(range(len(right)))


@settings(deadline=None)
@given(KEYS, st.integers(0, 13), st.integers(0, 5))
def test_one_insertion_is_one_element_left_over(left: list[int], at: int, key: int) -> None:
    right = [*left[:at], key, *left[at:]]

    found = matched(left, right)

    assert len(found.only_right) == 1
    assert found.only_left == []
    assert not found.reordered
    assert all(left[pair.left] == right[pair.right] for pair in found.pairs)


@settings(deadline=None)
@given(KEYS, st.randoms(use_true_random=False))
def test_a_shuffled_list_has_nothing_left_over(left: list[int], chance: random.Random) -> None:
    right = left.copy()
    chance.shuffle(right)

    found = matched(left, right)

    assert (found.only_left, found.only_right) == ([], [])
    assert all(left[pair.left] == right[pair.right] for pair in found.pairs)
    assert found.reordered == (left != right)


@pytest.mark.parametrize("kinds", [2, 50, 10**6], ids=["two kinds", "fifty kinds", "all different"])
def test_lists_with_nothing_in_common_are_matched_in_seconds(kinds: int) -> None:
    chance = random.Random(2)
    left, right = ([chance.randrange(kinds) for _ in range(20_000)] for _ in range(2))

    started = time.process_time()
    matched(left, right[:-7])

    assert time.process_time() - started < 3

"""Components are the same as those of the plainest union-find."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from journey_analytics.identity import components, smallest_member
from journey_analytics.warehouse import in_memory

LINKS = st.integers(1, 30).flatmap(
    lambda size: st.tuples(
        st.just(size), st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=40)
    )
)


def by_hand(size: int, links: list[tuple[int, int]]) -> list[int]:
    label = list(range(size))
    for _ in range(size):
        for left, right in links:
            label[left] = label[right] = min(label[left], label[right])
    return label


def found(size: int, links: list[tuple[int, int]]) -> list[int]:
    left, right = (np.array([link[side] for link in links], dtype=np.int64) for side in (0, 1))
    return smallest_member(size, left, right).tolist()


@given(LINKS)
def test_the_smallest_member_is_that_of_a_plain_union_find(case: tuple[int, list[tuple[int, int]]]) -> None:
    assert found(*case) == by_hand(*case)


@given(LINKS, st.randoms())
def test_the_order_and_direction_of_links_do_not_matter(case: tuple[int, list[tuple[int, int]]], dice: object) -> None:
    size, links = case
    shuffled = [(right, left) for left, right in links]
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert found(size, shuffled) == found(size, links)


def test_nobody_has_no_members_and_one_link_seen_many_times_is_one_link() -> None:
    assert found(0, []) == []
    assert found(3, []) == [0, 1, 2]
    assert [found(3, [(2, 1)] * times) for times in (255, 256, 512, 1024)] == [[0, 1, 1]] * 4


def test_a_long_chain_is_one_component() -> None:
    size = 100_000
    assert set(smallest_member(size, np.arange(1, size), np.arange(size - 1)).tolist()) == {0}


def test_a_component_is_named_after_its_user_before_its_address_before_its_device() -> None:
    house = in_memory()
    house.execute("create schema journeys")
    house.execute("""
        create table journeys.identity_sets as
        from (values (null, 'u2', 'm'), ('a', null, 'm'), ('b', null, null), ('c', 'u10', null))
            as t(anonymous_id, user_id, email_key)
    """)
    house.execute("""
        create table journeys.identity_edges as
        from (values ('user:u2', 'email:m'), ('device:a', 'email:m'), ('device:c', 'user:u10')) as t(from_id, to_id)
    """)
    components(house)
    rows = house.rows("select id, component from journeys.identity_components order by id")
    assert [tuple(row.values()) for row in rows] == [
        ("device:a", "user:u2"),
        ("device:b", "device:b"),
        ("device:c", "user:u10"),
        ("email:m", "user:u2"),
        ("user:u10", "user:u10"),
        ("user:u2", "user:u2"),
    ]

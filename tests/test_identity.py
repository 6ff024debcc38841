"""Components and merges are those of the plainest union-find, whatever the order and the pieces links come in."""

from __future__ import annotations

import datetime
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_analytics.identity import components, unionfind
from journey_analytics.identity.unionfind import BYTES_PER_ID, NEVER, Forest
from journey_analytics.warehouse import Warehouse, in_memory

Links = list[tuple[int, int]]

GRAPHS = st.integers(1, 30).flatmap(
    lambda size: st.tuples(
        st.just(size), st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=60)
    )
)


def by_hand(size: int, links: Links) -> tuple[list[int], list[int], list[tuple[int, ...]]]:
    """Names, the links that gave them, and merges with sizes: one set a component, one link after the other."""
    component = [{node} for node in range(size)]
    named_by = [NEVER] * size
    merges = []
    for number, (left, right) in enumerate(links):
        one, other = component[left], component[right]
        if one is other:
            continue
        kept, absorbed = sorted((one, other), key=min)
        events = [sum(node + 1 for node in side) for side in (kept, absorbed)]
        merges.append((number, min(kept), min(absorbed), len(kept), len(absorbed), *events))
        for node in absorbed:
            named_by[node] = number
        together = kept | absorbed
        for node in together:
            component[node] = together
    return [min(each) for each in component], named_by, merges


def found(size: int, links: Links, pieces: int = 1) -> tuple[list[int], list[int], list[tuple[int, ...]]]:
    """The same from the forest, with the links handed over in pieces."""
    forest = Forest(np.arange(1, size + 1))
    merges: list[tuple[int, ...]] = []
    start = 0
    for piece in np.array_split(np.array(links, dtype=np.int32).reshape(-1, 2), pieces):
        merged = forest.join(start, piece[:, 0], piece[:, 1])
        merges += zip(*(column.tolist() for column in merged.columns().values()), strict=True)
        start += len(piece)
    return forest.names(np.arange(size)).tolist(), forest.edge.tolist(), merges


@given(GRAPHS)
def test_names_and_merges_are_those_of_a_plain_union_find(graph: tuple[int, Links]) -> None:
    assert found(*graph) == by_hand(*graph)


@given(GRAPHS, st.integers(1, 9))
def test_it_does_not_matter_in_how_many_pieces_the_links_come(graph: tuple[int, Links], pieces: int) -> None:
    assert found(*graph, pieces) == found(*graph)


@given(GRAPHS, st.sampled_from([1, 10**9]))
def test_rounds_and_one_by_one_find_the_same(graph: tuple[int, Links], round_pays: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unionfind, "ROUND_PAYS", round_pays)
        assert found(*graph) == by_hand(*graph)


@given(GRAPHS)
def test_names_do_not_depend_on_the_order_of_links_and_each_id_ends_at_most_once(graph: tuple[int, Links]) -> None:
    size, links = graph
    names, _, merges = found(size, links)
    assert found(size, [(right, left) for left, right in reversed(links)])[0] == names
    assert sorted(absorbed for _, _, absorbed, *_ in merges) == [node for node in range(size) if names[node] != node]


def test_a_long_chain_and_a_large_star_are_one_component_each() -> None:
    size = 20_000
    chain = [(node, node + 1) for node in range(size - 1)]
    for links in (chain, chain[::-1], [(0, node) for node in range(1, size)]):
        assert set(found(size, links, 3)[0]) == {0}


def test_an_id_costs_as_many_bytes_as_the_module_says() -> None:
    forest = Forest(np.zeros(1000, dtype=np.int64))
    arrays = (forest.parent, forest.edge, forest.n_ids, forest.n_events)
    assert sum(array.nbytes for array in arrays) == 1000 * BYTES_PER_ID


def shop(rows: list[tuple[int, int, datetime.datetime]], size: int) -> Warehouse:
    """A database with ids 0..size-1 and links between them, numbered as journeys.identity_edges numbers them."""
    house = in_memory()
    house.execute("create schema journeys")
    ids = f"select i::integer as id_number, 1 as n_events from range({size}) as numbers (i)"
    house.execute(f"create table journeys.identity_ids as {ids}")
    house.execute("create table links (from_number integer, to_number integer, first_seen_at timestamp)")
    house.append("links", [dict(zip(("from_number", "to_number", "first_seen_at"), row, strict=True)) for row in rows])
    house.execute("""
        create table journeys.identity_edges as
        select (row_number() over (order by first_seen_at, from_number, to_number) - 1)::integer as edge_number, *
        from links
    """)
    return house


def built(house: Warehouse) -> list[dict[str, Any]]:
    components.components(house)
    return house.rows(f"from {components.TABLE} order by id_number")


def test_the_table_is_the_same_however_links_are_shuffled_and_chunked(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(5)
    pairs = {tuple(sorted(dice.sample(range(60), 2))) for _ in range(50)}
    rows = [(left, right, datetime.datetime(2026, 5, dice.randint(1, 5))) for left, right in sorted(pairs)]
    whole = built(shop(rows, 60))
    assert {row["component_number"] for row in whole} != {row["id_number"] for row in whole}
    for chunk in (1, 7, 1000):
        monkeypatch.setattr(components, "CHUNK", chunk)
        dice.shuffle(rows)
        assert built(shop(rows, 60)) == whole


def test_without_ids_the_table_is_there_and_empty() -> None:
    house = in_memory()
    house.execute("create schema journeys")
    house.execute("create table journeys.identity_ids (id_number integer, n_events bigint)")
    house.execute("create table journeys.identity_edges (edge_number integer, from_number integer, to_number integer)")
    assert built(house) == []
    assert [row["column_name"] for row in house.rows(f"describe {components.TABLE}")] == list(components.COLUMNS)

"""Union-find over numbered ids: links in the order in which they were learnt, to components and the merges on the way.

The smallest number of a component is its name, so the order of links decides which merges there were but never who
ends up with whom. Memory is a few whole numbers per id (`BYTES_PER_ID`) and one chunk of links at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

NEVER = -1
BYTES_PER_ID = 20
"""int32 parent, int32 edge, int32 n_ids, int64 n_events."""
ROUND_PAYS = 32
"""A round over all links is worth its price as long as it settles at least one in so many of them."""

Numbers = np.ndarray


@dataclass(frozen=True)
class Merges:
    """Moments at which two components became one, in the order of the links; a component ends at most once.

    edge : (n,) number of the link that did it
    kept, absorbed : (n,) names of the two components until then; the smaller one lives on
    n_kept_ids, n_absorbed_ids, n_kept_events, n_absorbed_events : (n,) their sizes until then
    """

    edge: Numbers
    kept: Numbers
    absorbed: Numbers
    n_kept_ids: Numbers
    n_absorbed_ids: Numbers
    n_kept_events: Numbers
    n_absorbed_events: Numbers

    def columns(self) -> dict[str, Numbers]:
        """The arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class Forest:
    """The components of the ids 0..size-1 after the links seen so far.

    Parameters
    ----------
    n_events : (size,) int64, events of each id; the forest keeps and changes it

    `parent` leads from an id towards the name of its component; `edge` is the link by which the id came to be of the
    component that `parent` names, NEVER where that is the id itself. `n_ids` and `n_events` are sizes, true of names.
    """

    def __init__(self, n_events: Numbers) -> None:
        self.parent = np.arange(len(n_events), dtype=np.int32)
        self.edge = np.full(len(n_events), NEVER, dtype=np.int32)
        self.n_ids = np.ones(len(n_events), dtype=np.int32)
        self.n_events = n_events

    def names(self, ids: Numbers) -> Numbers:
        """The names of the components of `ids` (n,), whose ways there are made short."""
        names: Numbers = self.parent[ids]
        places = np.flatnonzero(self.parent[names] != names)
        while len(places):
            far, parent = ids[places], names[places]
            self.edge[far], self.parent[far] = self.edge[parent], self.parent[parent]
            names[places] = self.parent[far]
            places = places[self.parent[names[places]] != names[places]]
        return names

    def join(self, first_edge: int, left: Numbers, right: Numbers) -> Merges:
        """Take in the next links (n_links,), in their order; the first of them is the link number `first_edge`."""
        left, right = self.names(left), self.names(right)
        apart = np.flatnonzero(left != right)
        names, local = np.unique(np.concatenate([left[apart], right[apart]]), return_inverse=True)
        sizes = self.n_ids[names], self.n_events[names]
        merges = _merged(apart + first_edge, local[: len(apart)], local[len(apart) :], *sizes)
        merges = replace(merges, kept=names[merges.kept], absorbed=names[merges.absorbed])
        self.n_ids[names], self.n_events[names] = sizes
        self.parent[merges.absorbed], self.edge[merges.absorbed] = merges.kept, merges.edge
        self.names(names)
        return merges


def _merged(edge: Numbers, left: Numbers, right: Numbers, n_ids: Numbers, n_events: Numbers) -> Merges:
    """What links between components 0..size-1 (n_links,) merge, in their order; the sizes (size,) grow with it.

    Links that come first for both their components are settled together, round by round: no earlier link touches either
    component, so they meet just as they would one by one. Where few are, in long chains, the rest goes one by one.
    """
    found: list[Merges] = []
    while len(edge):
        ready = _first_for_both(len(n_ids), left, right)
        if len(ready) * ROUND_PAYS < len(edge):
            found.append(_one_by_one(edge, left, right, n_ids, n_events))
            break
        kept, absorbed = np.minimum(left[ready], right[ready]), np.maximum(left[ready], right[ready])
        sizes = n_ids[kept], n_ids[absorbed], n_events[kept], n_events[absorbed]
        found.append(Merges(edge[ready], kept, absorbed, *sizes))
        n_ids[kept] += n_ids[absorbed]
        n_events[kept] += n_events[absorbed]
        name = np.arange(len(n_ids))
        name[absorbed] = kept
        left, right = name[left], name[right]
        apart = left != right
        edge, left, right = edge[apart], left[apart], right[apart]
    return _in_order(found)


def _first_for_both(size: int, left: Numbers, right: Numbers) -> Numbers:
    """The places of the links that come first for both their ends."""
    places = np.arange(len(left))
    first = np.full(size, len(left))
    np.minimum.at(first, left, places)
    np.minimum.at(first, right, places)
    return np.flatnonzero((first[left] == places) & (first[right] == places))


def _one_by_one(edge: Numbers, left: Numbers, right: Numbers, n_ids: Numbers, n_events: Numbers) -> Merges:
    """The same, link after link, with Python's lists, whose single numbers are faster than numpy's."""
    parent, ids, events = list(range(len(n_ids))), n_ids.tolist(), n_events.tolist()
    rows = []
    for number, one, other in zip(edge.tolist(), left.tolist(), right.tolist(), strict=True):
        while parent[one] != one:
            parent[one] = one = parent[parent[one]]
        while parent[other] != other:
            parent[other] = other = parent[parent[other]]
        if one != other:
            kept, absorbed = (one, other) if one < other else (other, one)
            rows.append((number, kept, absorbed, ids[kept], ids[absorbed], events[kept], events[absorbed]))
            parent[absorbed] = kept
            ids[kept] += ids[absorbed]
            events[kept] += events[absorbed]
    n_ids[:], n_events[:] = ids, events
    return Merges(*np.array(rows, dtype=np.int64).reshape(-1, len(fields(Merges))).T)


def _in_order(found: list[Merges]) -> Merges:
    """Several rounds' merges as one, by link."""
    if not found:
        return Merges(*np.zeros((len(fields(Merges)), 0), dtype=np.int64))
    rows = [np.concatenate(column) for column in zip(*(part.columns().values() for part in found), strict=True)]
    order = np.argsort(rows[0])
    return Merges(*(column[order] for column in rows))

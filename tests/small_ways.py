"""Ways a person can write down: ('ABA', True) is a way over A, B and A that converted."""

from __future__ import annotations

import numpy as np

from journey_analytics.credit.ways import Ways

PLACES = "ABD"


def ways_of(*taken: tuple[str, bool], places: str = PLACES, revenue: int = 100) -> Ways:
    """Ways of customers of their own, a second between touches; the last touch is at the end itself."""
    lengths = [len(way) for way, _ in taken]
    converted = np.array([is_converted for _, is_converted in taken], dtype=bool)
    return Ways(
        np.array([places.index(place) for way, _ in taken for place in way], dtype=np.int32),
        np.array([float(len(way) - 1 - spot) for way, _ in taken for spot in range(len(way))]),
        np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        converted,
        np.where(converted, revenue, 0),
        np.arange(len(taken), dtype=np.int32),
        len(places),
    )


def shown(ways: Ways, places: str = PLACES) -> list[str]:
    return [
        "".join(places[place] for place in ways.place[a:b]) for a, b in zip(ways.start, ways.start[1:], strict=False)
    ]

"""Journey Analytics: raw feeds become journeys, journeys become numbers, numbers become findings with their odds.

What exists is stated in YAML (`pipelines/`), what a row means in SQL (`sql/`), and what happens, in which order, in
Python (this package). The line from a feed to a published report is written once, in `pipelines/nightly.py`.

What belongs together has a room: `facts` (what the YAML says), `landing` (files to tables), `claims` (numbers to
findings), `report` (claims to one page), `funnels` (a definition to an answer), `sample` (the
made-up shop). Around them stand the modules they share.
"""

import typing as _typing

__all__ = ["Funnel", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> _typing.Any:
    """What the package offers is loaded when it is asked for: the database library takes a while."""
    if name == "Funnel":
        from journey_analytics.funnels.notebook import Funnel

        return Funnel
    raise AttributeError(f"module 'journey_analytics' has no attribute {name!r}")

"""What other tools take for granted about a funnel, said in our own switches, as each of them documents it.

A preset is data: it fills the keys that a definition does not write, and nothing else in the house knows a tool's name.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """What one tool's documentation says of its funnels.

    title : the tool's name
    sets : its switches, as they may be written; `then` is that of every exclusion, and `within` None says that the tool
        knows no time from step to step
    lacks : what it does besides, which no switch of ours can say
    """

    title: str
    sets: Mapping[str, Any]
    lacks: tuple[str, ...]


RULES = {
    "range": "date range", "count": "what is counted", "order": "order", "window": "window",
    "within": "time from step to step", "attempt": "attempt", "then": "exclusions", "ties": "ties",
}  # fmt: skip
"""The rules that a preset may set, in the order in which they are switched, and what each is called."""

PRESETS: Mapping[str, Preset] = {
    "posthog": Preset(
        "PostHog",
        {"range": "whole", "count": "customers", "order": "ordered", "window": "14 days", "within": None,
         "attempt": "best", "then": "remove", "ties": "listed"},
        ("who is one person is what PostHog's own merging of ids says",
         "a breakdown takes the first value seen at any step, ours the value at the first step"),
    ),
    "ga4": Preset(
        "Google Analytics 4",
        {"range": "whole", "count": "customers", "order": "ordered", "window": "unlimited"},
        ("an open funnel, which a user may enter at any step",
         "a single step that must follow directly; `order: strict` asks it of every step",
         "users who are modelled, sampled or withheld below a threshold"),
    ),
    "mixpanel": Preset(
        "Mixpanel",
        {"range": "entry", "count": "customers", "order": "ordered", "window": "7 days", "within": None,
         "attempt": "first", "then": "drop", "ties": {"any_order_within": "2 seconds"}},
        ("two seconds of grace for exclusions too",
         "steps in any order between anchored ones", "a window counted in sessions",
         "with optimised re-entry (`attempt: best`) times run from the latest entry, ours from the earliest"),
    ),
    "amplitude": Preset(
        "Amplitude",
        {"range": "entry", "count": "customers", "order": "ordered", "window": "1 day", "within": None,
         "attempt": "best", "ties": {"rounded_to": "1 second"}},
        ("two equal events within one second count once",
         "what an excluded event does to steps made before it: left as the definition says",
         "a segment's filter holds for the first step only; write it as that step's `where`"),
    ),
    "adobe": Preset(
        "Adobe Analytics",
        {"range": "whole", "count": "customers", "order": "ordered", "window": "unlimited"},
        ("a single touchpoint that must be the next hit; `order: strict` asks it of every step",
         "segments as touchpoints"),
    ),
    "clickhouse": Preset(
        "ClickHouse windowFunnel",
        {"range": "whole", "order": "ordered", "within": None, "attempt": "best", "ties": "listed"},
        ("without 'strict_once' one event may make several steps; ours makes one",
         "'strict_order' stops at events of other steps, ours (`order: strict`) at every event in scope",
         "'strict_deduplication' and 'allow_reentry'",
         "a DateTime is cut to the whole second, `rounded_to` takes the nearest"),
    ),
}  # fmt: skip
"""Every preset. The window of windowFunnel is an argument, so that the definition's own stays."""


def known(name: str) -> str:
    """The name of a preset.

    Raises
    ------
    ValueError : there is none of that name
    """
    if name in PRESETS:
        return name
    near = difflib.get_close_matches(str(name), PRESETS, n=1)
    raise ValueError(
        f"'{name}' is no preset"
        + (f"; did you mean '{near[0]}'?" if near else "")
        + f"; allowed is {', '.join(PRESETS)}"
    )


def filled(written: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A definition with what its preset says where it says nothing itself, and the keys that came so."""
    definition = dict(written)
    name = definition.get("preset")
    preset = PRESETS.get(name) if isinstance(name, str) else None
    if preset is None:
        return definition, ()
    taken = [key for key in preset.sets if key not in ("then", "within", *definition)]
    definition |= {key: preset.sets[key] for key in taken}
    exclude = definition.get("exclude")
    if "then" in preset.sets and isinstance(exclude, list):
        definition["exclude"] = [_excluded(each, preset.sets["then"]) for each in exclude]
        taken += ["exclude.then"] if definition["exclude"] != exclude else []
    return definition, tuple(taken)


def _excluded(exclusion: Any, then: str) -> Any:
    if isinstance(exclusion, str):
        return {"event": exclusion, "then": then}
    return {"then": then, **exclusion} if isinstance(exclusion, dict) else exclusion

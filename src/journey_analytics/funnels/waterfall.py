"""Why another tool's number is not ours: from our definition to the tool's, one rule after the other.

Every row is the funnel counted again with one more rule as the tool has it; the last row is the number of its preset.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from journey_analytics.errors import ConfigError
from journey_analytics.facts.funnelparts import in_words, ties_in_words
from journey_analytics.facts.funnels import Funnel, mistakes
from journey_analytics.facts.presets import PRESETS, RULES, Preset
from journey_analytics.funnels import planner, shares
from journey_analytics.funnels.engines import Row
from journey_analytics.funnels.log import Log
from journey_analytics.funnels.marks import Question
from journey_analytics.warehouse import Warehouse


@dataclass(frozen=True)
class Switched:
    """A funnel after one more rule is as the other tool has it; the first is ours, with no rule switched.

    rules : what was switched; several where one alone would make a funnel that cannot be
    was, becomes : their settings before and after, in words
    rows : the answer's rows for everyone
    before : the rows before the switch; the same where the setting was so already
    """

    rules: tuple[str, ...]
    was: str
    becomes: str
    funnel: Funnel
    rows: tuple[Row, ...]
    before: tuple[Row, ...]

    @property
    def differences(self) -> list[int]:
        """By how many each step's count changed."""
        return [row["n"] - old["n"] for row, old in zip(self.rows, self.before, strict=True)]

    @property
    def effect(self) -> str:
        """What the switch did: `already so`, `changes nothing`, or nothing to say beside the numbers."""
        if self.rules and self.was == self.becomes:
            return "already so"
        return "changes nothing" if self.rules and not any(self.differences) else ""


def switched(
    funnel: Funnel, preset: str, log: Log, warehouse: Warehouse, *, keep: Collection[str] = ()
) -> Iterator[Switched]:
    """Count our funnel, then with one rule after the other as a preset has it.

    Parameters
    ----------
    funnel : ours, with its as_of; its breakdown is left out
    preset : a name of `PRESETS`
    keep : rules that the other tool was set to as we are, by their names in `RULES`

    Yields
    ------
    ours first, then every rule that the preset sets, in the order of `RULES`

    Raises
    ------
    ConfigError : the tool's rules cannot be used on this funnel
    """
    now = funnel.model_copy(update={"breakdown": None})
    rows = _counted(now, log, warehouse)
    yield Switched((), "", "", now, rows, rows)
    pending: list[str] = []
    following = now
    for rule in _rules(PRESETS[preset], keep):
        pending.append(rule)
        following = _with(following, rule, preset)
        if any(mistakes(following)):
            continue
        was, becomes = _settings(now, pending), _settings(following, pending)
        after = rows if was == becomes else _counted(following, log, warehouse)
        yield Switched(tuple(pending), was, becomes, following, after, rows)
        now, rows, pending = following, after, []
    if pending:
        raise ConfigError(
            f"this funnel cannot be counted as {PRESETS[preset].title} does: {next(mistakes(following))}",
            do=" ".join(f"--keep {rule}" for rule in pending),
        )


COLUMNS = ("funnel", "rule", "was", "becomes", "effect", "step_number", "step", "n", "share_of_first", "n_difference")


def rows(name: str, preset: str, steps: Sequence[Switched]) -> Iterator[Row]:
    """One row per switch and step with the columns of `COLUMNS`: ours, every rule, and last all of them together."""
    whole = replace(steps[-1], rules=(), was="", becomes="", before=steps[0].rows)
    titles = ["ours", *(", ".join(RULES[rule] for rule in each.rules) for each in steps[1:]), PRESETS[preset].title]
    for title, each in zip(titles, [*steps, whole], strict=True):
        said = {"funnel": name, "rule": title, "was": each.was, "becomes": each.becomes, "effect": each.effect}
        for row in _steps(each):
            yield {**said, **{key: row[key] for key in COLUMNS if key in row}}


def as_json(name: str, preset: str, steps: Sequence[Switched]) -> dict[str, Any]:
    """The waterfall as one plain object."""
    return {
        "funnel": name, "as_of": steps[0].funnel.as_of.isoformat() if steps[0].funnel.as_of else None,
        "compared_with": preset, "rules": steps[0].funnel.rules(), "rules_compared_with": steps[-1].funnel.rules(),
        "waterfall": [
            {"rules": list(each.rules), "was": each.was or None, "becomes": each.becomes or None,
             "effect": each.effect or None, "steps": _steps(each)} for each in steps],
        "not_reproduced": list(PRESETS[preset].lacks),
    }  # fmt: skip


def _steps(each: Switched) -> list[dict[str, Any]]:
    kept = ("step_number", "step", "n", "share_of_first", "low", "high")
    return [
        {name: row[name] for name in kept} | {"n_difference": difference}
        for row, difference in zip(each.rows, each.differences, strict=True)
    ]


def _counted(funnel: Funnel, log: Log, warehouse: Warehouse) -> tuple[Row, ...]:
    _, rows, _ = planner.counted_by(Question(funnel, log), warehouse)
    return tuple(shares.shared(funnel, rows))


def _rules(preset: Preset, keep: Collection[str]) -> Iterator[str]:
    unknown = [rule for rule in keep if rule not in RULES]
    if unknown:
        raise ConfigError(f"'{unknown[0]}' is no rule that can be kept", allowed=", ".join(RULES))
    return (rule for rule in RULES if rule in preset.sets and rule not in keep)


def _with(funnel: Funnel, rule: str, preset: str) -> Funnel:
    """The funnel with one rule as the preset has it."""
    theirs = Funnel.model_validate({"steps": ["any"], "preset": preset})
    if rule == "then":
        then = PRESETS[preset].sets["then"]
        return _changed(funnel, exclude=tuple(each.model_copy(update={"then": then}) for each in funnel.exclude))
    if rule == "within":
        return _changed(funnel, steps=tuple(step.model_copy(update={"within": None}) for step in funnel.steps))
    return _changed(funnel, **{rule: getattr(theirs, rule)})


def _changed(funnel: Funnel, **values: Any) -> Funnel:
    return funnel.model_copy(update=values)


def _settings(funnel: Funnel, rules: list[str]) -> str:
    """What some rules of a funnel are, in words."""
    within = [f"{step.title} {in_words(step.within)}" for step in funnel.steps if step.within is not None]
    words = {
        "range": funnel.range, "count": funnel.count, "order": funnel.order, "window": in_words(funnel.window),
        "within": ", ".join(within) or "none", "attempt": funnel.attempt, "ties": ties_in_words(funnel.ties),
        "then": ", ".join(dict.fromkeys(each.then for each in funnel.exclude)) or "none",
    }  # fmt: skip
    return "; ".join(words[rule] for rule in rules)

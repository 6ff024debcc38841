"""What must hold between the parts of a set-up: whatever is named exists, and nothing is said twice."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping

from journey_analytics.errors import ConfigError
from journey_analytics.facts.expectations import FeedExpectation
from journey_analytics.facts.expressions import ExpressionError, checked_condition, condition_tree
from journey_analytics.facts.feeds import Source
from journey_analytics.facts.fields import When
from journey_analytics.facts.funnelparts import ANY_EVENT
from journey_analytics.facts.journeymap import EVENT_COLUMNS, SEGMENT_COLUMNS, JourneyMap
from journey_analytics.facts.yamlfile import Document, Location


def source_mistakes(source: Source, document: Document, name: str) -> Iterator[ConfigError]:
    """What is wrong with one feed's file beyond the shape of its parts; `name` is what `nightly.yml` calls it."""
    if source.source != name:
        yield ConfigError(f"says `source: {source.source}`", where=document.where(("source",)), allowed=name)
    landed = set(source.landed())
    for kind, texts in (
        ("rows", [rule.refuse for rule in source.rows]),
        ("out_of_scope", [rule.when for rule in source.out_of_scope]),
    ):
        for index, text in enumerate(texts):
            try:
                checked_condition(text, landed, settings={"as_of": "getvariable('as_of')"})
            except ExpressionError as error:
                yield ConfigError(str(error), where=document.where((kind, index)))
    for index, rule in enumerate(source.feed):
        try:
            FeedExpectation(**rule.model_dump())
        except ConfigError as error:
            yield ConfigError(error.reason, where=document.where(("feed", index)), allowed=error.allowed)


def map_mistakes(
    journey: JourneyMap, document: Document, sources: Mapping[str, Source] | None
) -> Iterator[ConfigError]:
    """What is wrong between the parts of the journey map; `sources` is None where they could not be read whole."""
    stages = [stage.id for stage in journey.stages]
    yield from _twice(journey, document)
    yield from _funnel_mistakes(journey, document)
    for index, stage in enumerate(stages):
        if not any(touchpoint.stage == stage for touchpoint in journey.touchpoints):
            yield ConfigError(
                f"no touchpoint uses the stage '{stage}'",
                where=document.where(("stages", index)),
                do="add a touchpoint to it, or remove the stage",
            )
    yield from _dangling(journey, document, stages, sources)
    for index, segment in enumerate(journey.segments):
        try:
            checked_condition(segment.where, SEGMENT_COLUMNS)
        except ExpressionError as error:
            yield ConfigError(str(error), where=document.where(("segments", index, "where")))
    yield from _conversion_mistakes(journey, document)
    if sources is not None:
        yield from _rule_mistakes(journey, document, sources)


def _funnel_mistakes(journey: JourneyMap, document: Document) -> Iterator[ConfigError]:
    """Funnels name touchpoints and stages that exist, and columns that events have."""
    known = {"touchpoint": [item.id for item in journey.touchpoints], "stage": [item.id for item in journey.stages]}
    for place, funnel in enumerate(journey.funnels):
        for part, selectors in (
            *((("steps", number), (step, *step.any_of)) for number, step in enumerate(funnel.steps)),
            *((("exclude", number), (each,)) for number, each in enumerate(funnel.exclude)),
        ):
            where = document.where(("funnels", place, *part))
            for selector in selectors:
                for kind, names in (("touchpoint", selector.touchpoint), ("stage", selector.stage)):
                    for name in names or ():
                        if name not in known[kind] and name != ANY_EVENT:
                            near = difflib.get_close_matches(name, known[kind], n=1)
                            hint = f"; did you mean '{near[0]}'?" if near else ""
                            yield ConfigError(f"the {kind} '{name}' does not exist{hint}", where=where)
                yield from _condition_mistakes(selector.where, where)
        where = document.where(("funnels", place))
        if funnel.funnel in [other.funnel for other in journey.funnels[:place]]:
            yield ConfigError(f"two funnels are called '{funnel.funnel}'", where=where, do="rename one")
        yield from _condition_mistakes(funnel.where, where)
        for name in (*funnel.hold, *([funnel.breakdown.by] if funnel.breakdown else []), funnel.sequence or "source"):
            if name not in EVENT_COLUMNS and not name.startswith("properties."):
                near = difflib.get_close_matches(name, EVENT_COLUMNS, n=1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                yield ConfigError(
                    f"events have no column '{name}'{hint}", where=where, allowed=", ".join(EVENT_COLUMNS)
                )


def _condition_mistakes(text: str | None, where: str) -> Iterator[ConfigError]:
    try:
        if text is not None:
            condition_tree(text, (*EVENT_COLUMNS, "properties.*"))
    except ExpressionError as error:
        yield ConfigError(str(error), where=where)


def _twice(journey: JourneyMap, document: Document) -> Iterator[ConfigError]:
    for kind in ("stages", "touchpoints", "promises", "recoveries", "segments"):
        ids = [item.id for item in getattr(journey, kind)]
        for index, name in enumerate(ids):
            where = document.where((kind, index, "id"))
            if name in ids[:index]:
                yield ConfigError(f"the id '{name}' is given twice", where=where, do="rename one")
            if kind == "segments" and name == "all":
                yield ConfigError("'all' is everyone, always", where=where, do="choose another id")
    asked: dict[str, str] = {}
    for index, touchpoint in enumerate(journey.touchpoints):
        for survey in touchpoint.surveys:
            if survey in asked:
                yield ConfigError(
                    f"the survey '{survey}' asks about both {asked[survey]} and {touchpoint.id}",
                    where=document.where(("touchpoints", index, "surveys")),
                    do="keep it at one touchpoint",
                )
            asked.setdefault(survey, touchpoint.id)


def _dangling(
    journey: JourneyMap, document: Document, stages: list[str], sources: Collection[str] | None
) -> Iterator[ConfigError]:
    """Names of stages and touchpoints that do not exist."""
    touchpoints = [touchpoint.id for touchpoint in journey.touchpoints]
    touchable = [*touchpoints, *(promise.id for promise in journey.promises), *(sources or ())]
    named: list[tuple[str, list[str], str, Location]] = []
    for index, touchpoint in enumerate(journey.touchpoints):
        named.append((touchpoint.stage, stages, "stage", ("touchpoints", index, "stage")))
    for index, promise in enumerate(journey.promises):
        if promise.stage:
            named.append((promise.stage, stages, "stage", ("promises", index, "stage")))
    for index, recovery in enumerate(journey.recoveries):
        named.append((recovery.expect, touchpoints, "touchpoint", ("recoveries", index, "expect")))
    for index, entry in enumerate(journey.calendar if sources is not None else ()):  # feeds are known, or not judged
        named += [(touched, touchable, "touchpoint", ("calendar", index, "touches")) for touched in entry.touches]
    channels = sorted({touchpoint.channel for touchpoint in journey.touchpoints})
    for name in journey.credit.direct:
        named.append((name, [*touchpoints, *channels], "touchpoint or channel", ("credit", "direct")))
    for name, known, kind, location in named:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            yield ConfigError(
                f"the {kind} '{name}' does not exist" + (f"; did you mean '{near[0]}'?" if near else ""),
                where=document.where(location),
                allowed=", ".join(known),
            )


def _conversion_mistakes(journey: JourneyMap, document: Document) -> Iterator[ConfigError]:
    event = journey.conversion.event
    rules = [when for touchpoint in journey.touchpoints for when in touchpoint.when]
    if not any(when.event is None or event in when.event for when in rules):
        yield ConfigError(
            f"no touchpoint recognises the conversion event '{event}'",
            where=document.where(("conversion",)),
            do=f"give one touchpoint the rule `when: {{event: {event}}}`",
        )


def _rule_mistakes(journey: JourneyMap, document: Document, sources: Collection[str]) -> Iterator[ConfigError]:
    """Rules over sources that are switched off are fine (a map outlives a feed); over misspelt ones, not."""
    for location, source in _sources_named(journey):
        near = difflib.get_close_matches(source, list(sources), n=1)
        if source not in sources and near:
            yield ConfigError(
                f"the rule names the source '{source}', which is not switched on; did you mean '{near[0]}'?",
                where=document.where(location),
                allowed=", ".join(sources),
            )


def _sources_named(journey: JourneyMap) -> Iterator[tuple[Location, str]]:
    """(where, source) of every rule on the map that names its source."""
    rules: list[tuple[Location, tuple[When, ...]]] = [
        (("bots", "when"), journey.bots.when or ()),
        (("internal", "when"), journey.internal.when or ()),
        (("complaints",), journey.complaints),
        *((("touchpoints", place, "when"), item.when) for place, item in enumerate(journey.touchpoints)),
        *((("promises", place), (*item.from_, *item.to)) for place, item in enumerate(journey.promises)),
        *(
            (("recoveries", place), (*item.after, *(item.unless or ())))
            for place, item in enumerate(journey.recoveries)
        ),
    ]
    if journey.conversion.source:
        yield ("conversion",), journey.conversion.source
    for location, whens in rules:
        yield from ((location, when.source) for when in whens if when.source)

"""The journey map as rows of `rules.*`: SQL models read what the team wrote and hold no business fact themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any

from journey_analytics.facts.fields import When
from journey_analytics.facts.journeymap import DAY, JourneyMap, Touchpoint
from journey_analytics.formats import THREE_MINOR_UNITS, WITHOUT_MINOR_UNITS
from journey_analytics.funnels import words
from journey_analytics.warehouse import Warehouse

SCHEMAS: Mapping[str, str] = {
    "settings": "name varchar, value varchar",
    "stages": "stage varchar, position integer, name varchar, wants varchar, owner varchar, "
    "within_seconds bigint, target_progressed double",
    "touchpoints": "touchpoint varchar, position integer, name varchar, stage varchar, channel varchar, owner varchar, "
    "importance varchar, effort varchar, playbook varchar, next_action varchar, target_progressed double, "
    "target_csat double, target_nps double, target_thumb double, target_stars double, complained_at_most double, "
    "out_of_order_at_most double",
    "surveys": "survey varchar, touchpoint varchar",
    "event_rules": "rule_id integer, kind varchar, subject varchar, subject_position integer, source varchar, "
    "event_name varchar, path_glob varchar, path_regex varchar, device varchar, campaign_glob varchar, "
    'property_tests struct("position" integer, allowed varchar[])[]',
    "promises": "promise varchar, position integer, name varchar, owner varchar, stage varchar, within_seconds bigint, "
    "due_property varchar, by_property varchar, target double, next_action varchar",
    "recoveries": "recovery varchar, position integer, name varchar, owner varchar, touchpoint varchar, "
    "within_seconds bigint, target double, next_action varchar",
    "segments": "segment varchar, position integer, name varchar, story varchar",
    "funnels": "funnel varchar, position integer, counted varchar, rules varchar[]",
    "exchange_rates": "currency varchar, rate double",
    "calendar": "event_on date, until_on date, kind varchar, name varchar, touches varchar[]",
    "internal_users": "user_id varchar",
}

COMMENTS: Mapping[str, str] = {
    "settings": "The settings of the night as name and value; SET VARIABLE them to run a model by hand.",
    "stages": "One row per stage of the journey map, in the order customers pass them.",
    "touchpoints": "One row per touchpoint of the journey map, with owner and targets (shares 0..1, NPS in points).",
    "surveys": "Which touchpoint a survey asks about.",
    "event_rules": "One row per rule, source and event name: which events a touchpoint, promise or recovery "
    "means. NULL is any.",
    "promises": "One row per promise to customers, with its deadline and target share kept.",
    "recoveries": "One row per recovery that ought to follow, with the touchpoint expected and its target share.",
    "segments": "One row per segment; everyone is in the segment 'all' besides.",
    "funnels": "One row per funnel of the journey map: what it counts, and every rule by which it does, in words.",
    "exchange_rates": "Units of the shop's currency for one unit of each currency.",
    "calendar": "Releases, campaigns, holidays and outages that the team noted.",
    "internal_users": "Accounts of the shop's own staff, left out of every number.",
}


def settings(journey: JourneyMap, as_of: datetime) -> dict[str, Any]:
    """The settings that SQL reads with getvariable(), by name. Durations in the unit that ends the name."""
    conversion_stage = _conversion_stage(journey)
    return {
        "as_of": as_of,
        "journey_gap_days": journey.journey.ends_after_silence / DAY,
        "session_gap_minutes": journey.session.gap / 60,
        "judged_days": journey.judged_over / DAY if journey.judged_over else None,
        "after_sale_days": journey.stages[-1].within / DAY,
        "out_of_order_days": journey.out_of_order.after_conversion_within / DAY,
        "survey_link_hours": journey.survey_link / 3600,
        "contact_hours": journey.contact.within / 3600,
        "contact_channel": journey.contact.channel,
        "complaint_days": journey.complaint_within / DAY,
        "bot_events_per_minute": journey.bots.events_per_minute_above,
        "device_shared_above": journey.identity.device_shared_above,
        "email_shared_above": journey.identity.email_shared_above,
        "order_shared_above": journey.identity.order_shared_above,
        "ticket_shared_above": journey.identity.ticket_shared_above,
        "hub_above": journey.identity.hub_above,
        "placeholder_ids": sorted(text.lower() for text in journey.identity.placeholders),
        "min_cell": journey.min_cell,
        "shop": journey.shop,
        "shop_currency": journey.currency,
        "conversion_stage_position": conversion_stage,
        "path_length": 8,
        "path_rows": 200,
        "minor_units": dict.fromkeys(sorted(WITHOUT_MINOR_UNITS), 1) | dict.fromkeys(sorted(THREE_MINOR_UNITS), 1000),
        "rule_properties": [f'$."{name}"' for name in tested_properties(journey)],
    }


_KINDS = {
    datetime: "timestamp", list: "varchar[]", dict: "map(varchar, integer)", float: "double", type(None): "double",
    int: "integer",
}  # fmt: skip


def set_variables(warehouse: Warehouse, values: Mapping[str, Any]) -> None:
    """Set the variables that SQL reads with getvariable(), each with its type."""
    for name, value in values.items():
        shown = _shown(value) if isinstance(value, dict) else value
        warehouse.execute(f"set variable {name} = $1::{_KINDS.get(type(value), 'varchar')}", [shown])


def load(warehouse: Warehouse, journey: JourneyMap, as_of: datetime) -> None:
    """Write `rules.*` of the publication being built and set the variables that SQL reads."""
    values = settings(journey, as_of)
    set_variables(warehouse, values)
    warehouse.execute("create schema if not exists rules")
    tables = _tables(journey, values)
    for name, columns in SCHEMAS.items():
        warehouse.execute(f"create or replace table rules.{name} ({columns})")
        warehouse.append(f"rules.{name}", tables[name])
        warehouse.execute(f"comment on table rules.{name} is '{COMMENTS[name].replace(chr(39), chr(39) * 2)}'")


def tested_properties(journey: JourneyMap) -> list[str]:
    """The names of the properties that any rule tests, sorted; a rule names them by their place in this list."""
    return sorted({name for _, _, _, when in _subjects(journey) for name in when.properties})


def _tables(journey: JourneyMap, values: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    rates = {journey.currency: 1.0, **journey.exchange_rates}
    return {
        "settings": [{"name": name, "value": _shown(value)} for name, value in values.items()],
        "stages": [
            {"stage": stage.id, "position": place, "name": stage.name or _in_words(stage.id), "wants": stage.wants,
             "owner": stage.owner, "within_seconds": int(stage.within), "target_progressed": stage.target}
            for place, stage in enumerate(journey.stages, 1)],
        "touchpoints": [
            {"touchpoint": point.id, "position": place, "name": point.name, "stage": point.stage,
             "channel": point.channel, "owner": point.owner, "importance": point.importance, "effort": point.effort,
             "playbook": point.playbook, "next_action": point.next_action, **_targets(point)}
            for place, point in enumerate(journey.touchpoints, 1)],
        "surveys": [
            {"survey": survey, "touchpoint": point.id} for point in journey.touchpoints for survey in point.surveys],
        "event_rules": list(_event_rules(journey)),
        "promises": [
            {"promise": promise.id, "position": place, "name": promise.name, "owner": promise.owner,
             "stage": promise.stage, "within_seconds": int(promise.within) if promise.within else None,
             "due_property": promise.due.removeprefix("properties.") if promise.due else None,
             "by_property": promise.by, "target": promise.target, "next_action": promise.next_action}
            for place, promise in enumerate(journey.promises, 1)],
        "recoveries": [
            {"recovery": item.id, "position": place, "name": item.name or _in_words(item.id), "owner": item.owner,
             "touchpoint": item.expect, "within_seconds": int(item.within), "target": item.target,
             "next_action": item.next_action}
            for place, item in enumerate(journey.recoveries, 1)],
        "segments": [{"segment": item.id, "position": place, "name": item.name, "story": item.story}
                     for place, item in enumerate(journey.segments, 1)],
        "funnels": [
            {"funnel": item.funnel, "position": place, "counted": item.count,
             "rules": words.rules(item if item.as_of else item.model_copy(update={"as_of": values["as_of"]}))}
            for place, item in enumerate(journey.funnels, 1)],
        "exchange_rates": [{"currency": currency, "rate": rate} for currency, rate in sorted(rates.items())],
        "calendar": [
            {"event_on": entry.on or entry.from_, "until_on": entry.on or entry.to, "kind": entry.kind,
             "name": entry.name, "touches": list(entry.touches)}
            for entry in journey.calendar],
        "internal_users": [{"user_id": user} for user in journey.internal.users],
    }  # fmt: skip


def _targets(point: Touchpoint) -> dict[str, float | None]:
    target = point.target
    return {
        "target_progressed": target.progressed, "target_csat": target.csat, "target_nps": target.nps,
        "target_thumb": target.thumb, "target_stars": target.stars, "complained_at_most": target.complained_at_most,
        "out_of_order_at_most": target.out_of_order_at_most,
    }  # fmt: skip


def _in_words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _subjects(journey: JourneyMap) -> Iterator[tuple[str, str, int, When]]:
    """(kind, subject, the subject's place, rule) of every rule on the map."""
    for place, point in enumerate(journey.touchpoints, 1):
        for when in point.when:
            yield "touchpoint", point.id, place, when
    yield "conversion", "conversion", 1, When(event=(journey.conversion.event,), source=journey.conversion.source)
    for kind, rules in (
        ("bot", journey.bots.when),
        ("internal", journey.internal.when),
        ("complaint", journey.complaints),
    ):
        for when in rules or ():
            yield kind, kind, 1, when
    for place, promise in enumerate(journey.promises, 1):
        for kind, rules in (("promise_from", promise.from_), ("promise_to", promise.to)):
            for when in rules:
                yield kind, promise.id, place, when
    for place, recovery in enumerate(journey.recoveries, 1):
        for kind, rules in (("recovery_after", recovery.after), ("recovery_unless", recovery.unless or ())):
            for when in rules:
                yield kind, recovery.id, place, when


def _event_rules(journey: JourneyMap) -> Iterator[dict[str, Any]]:
    properties = tested_properties(journey)
    for rule_id, (kind, subject, place, when) in enumerate(_subjects(journey), 1):
        tests = [
            {"position": properties.index(name) + 1, "allowed": list(allowed)}
            for name, allowed in sorted(when.properties.items())
        ]
        for event, device in product(when.event or (None,), when.device or (None,)):
            yield {
                "rule_id": rule_id, "kind": kind, "subject": subject, "subject_position": place, "source": when.source,
                "event_name": event, "path_glob": when.path, "path_regex": when.path_matches, "device": device,
                "campaign_glob": when.campaign, "property_tests": tests or None,
            }  # fmt: skip


def _conversion_stage(journey: JourneyMap) -> int:
    """The place of the stage in which buying happens: that of the first touchpoint which recognises the conversion."""
    places = {stage.id: place for place, stage in enumerate(journey.stages, 1)}
    recognises: Sequence[str] = [
        point.stage
        for point in journey.touchpoints
        for when in point.when
        if when.event and journey.conversion.event in when.event
    ]
    return places[recognises[0]] if recognises else len(places)


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}={number}' for key, number in value.items())}}}"
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)

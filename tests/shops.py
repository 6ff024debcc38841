"""Made-up shops for the report's tests: tables as the night leaves them, filled with invented rows.

`normal()` is a shop with five stages and 16 touchpoints, some of which fall short; the others are its edges: nothing
happened, one customer, one touchpoint, five hundred, names that attack, a feed that did not come.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from journey_analytics import stats

DDL = """
create schema rules; create schema ops; create schema journeys; create schema marts;
create table rules.settings(name text, value text);
create table rules.stages(stage text, position int, name text, wants text, owner text, within_seconds bigint, target_progressed double);
create table rules.touchpoints(touchpoint text, position int, name text, stage text, channel text, owner text, importance text,
  effort text, playbook text, next_action text, target_progressed double, target_csat double, target_nps double, target_thumb double,
  target_stars double, complained_at_most double, out_of_order_at_most double);
create table rules.promises(promise text, position int, name text, owner text, stage text, within_seconds bigint, due_property text,
  by_property text, target double, next_action text);
create table rules.recoveries(recovery text, position int, name text, owner text, touchpoint text, within_seconds bigint, target double,
  next_action text);
create table rules.segments(segment text, position int, name text, story text);
create table rules.calendar(event_on date, until_on date, kind text, name text, touches text[]);
create table ops.schema_version(version int);
create table ops.feeds(source text, is_required boolean, n_files bigint, n_read bigint, n_loaded bigint, n_duplicate bigint,
  n_rejected bigint, n_out_of_scope bigint, refused_share double, duplicate_share double, first_event_at timestamp,
  last_event_at timestamp, hours_since_last_event double, n_after_as_of bigint, status text, n_unmapped bigint, unmapped_share double);
create table ops.rejects(file_id text, source text, file text, row_number bigint, reasons text[], row text);
create table ops.checks(check_id text, scope text, subject text, expectation text, level text, is_met boolean, observed text,
  expected text, n_unexpected bigint, sample text);
create table ops.feed_days(source text, on_date date, n_rows bigint, n_refused bigint, n_duplicate bigint, rows_vs_same_weekday double);
create table journeys.identities(id_kind text, id text, customer_id text, valid_from timestamp, rule text);
create table journeys.shared_ids(id_kind text, id text, n_accounts bigint);
create table journeys.event_shapes(shape_id int, source text, event_name text, path text, device text, utm_campaign text,
  rule_values text[], n_events bigint, touchpoint text, stage text, channel text, is_conversion boolean, is_bot boolean,
  is_internal boolean, is_complaint boolean);
create table journeys.stage_entries(journey_id text, customer_id text, stage text, stage_position int, entered_at timestamp,
  window_ends_at timestamp, progressed_at timestamp, next_stage text, status text, is_matured boolean, is_judged boolean);
create table marts.stage_metrics(segment text, stage text, stage_position int, n_entered bigint, n_matured bigint,
  n_progressed bigint, n_dropped bigint, n_open bigint, progressed_share_of_matured double, progressed_low double,
  progressed_high double, progressed_share_km double, median_hours_to_progress double, n_csat bigint, n_satisfied bigint,
  csat_share double, csat_low double, csat_high double, n_nps bigint, n_promoters bigint, n_detractors bigint, nps double,
  nps_low double, nps_high double, n_contacted bigint, contact_share double, n_customers bigint, revenue_minor bigint, currency text);
create table marts.touchpoint_metrics(segment text, touchpoint text, stage text, channel text, n_touches bigint,
  n_customers bigint, n_journeys bigint, n_matured bigint, n_progressed bigint, progressed_share_of_matured double,
  progressed_low double, progressed_high double, n_open bigint, n_exits bigint, exit_share_of_dropped double, n_csat bigint,
  n_satisfied bigint, csat_share double, csat_low double, csat_high double, n_nps bigint, n_promoters bigint,
  n_detractors bigint, nps double, nps_low double, nps_high double, n_thumb bigint, n_thumb_good bigint, thumb_share double,
  thumb_low double, thumb_high double, n_stars bigint, n_stars_good bigint, stars_share double, stars_low double,
  stars_high double, mean_stars double, n_contacted bigint, induced_contact_share double, n_complaints bigint,
  complained_share double, complained_low double, complained_high double, n_out_of_order bigint, out_of_order_share double,
  out_of_order_low double, out_of_order_high double, credit_first double, credit_last double, credit_linear double,
  credit_linear_revenue_minor double, currency text);
create table marts.touchpoint_daily(touchpoint text, kpi text, cohort_on date, n_matured bigint, n_good bigint);
create table marts.satisfaction(scope text, id text, metric text, n_invited bigint, n_answered bigint, response_share double,
  n_good bigint, n_bad bigint, score double, low double, high double, mean_score double);
create table marts.transitions(from_touchpoint text, to_touchpoint text, n_transitions bigint, n_journeys bigint);
create table marts.paths(path text, n_steps bigint, n_journeys bigint, n_converted bigint, converted_share double,
  converted_low double, converted_high double, revenue_minor bigint);
create table marts.promises(promise text, by_value text, week_on date, n_due bigint, n_kept bigint, kept_share double,
  kept_low double, kept_high double, n_scored_when_kept bigint, csat_when_kept double, mean_score_when_kept double,
  n_scored_when_broken bigint, csat_when_broken double, mean_score_when_broken double, n_open bigint);
create table marts.promise_metrics(promise text, by_value text, n_due bigint, n_kept bigint, kept_share double, kept_low double,
  kept_high double, n_scored_when_kept bigint, csat_when_kept double, mean_score_when_kept double, n_scored_when_broken bigint,
  csat_when_broken double, mean_score_when_broken double, n_open bigint);
create table marts.recoveries(recovery text, segment text, n_due bigint, n_met bigint, met_share double, met_low double,
  met_high double, n_open bigint);
create table marts.coverage(stage text, channel text, n_touchpoints bigint, n_touches bigint, is_instrumented boolean);
create table marts.trend(on_date date, n_journeys_started bigint, n_journeys_matured bigint, n_converted bigint, revenue_minor bigint);
create table marts.findings(finding_id text, kind text, question text, subject text, title text, touchpoint text, stage text,
  channel text, segment text, owner text, status text, opened_on date, closed_on date, nights_open int, metric text,
  estimate double, low double, high double, n_matured bigint, n_good bigint, reference double, reference_source text,
  evidence text, onset_on date, value_at_risk_low bigint, value_at_risk_mid bigint, value_at_risk_high bigint, currency text,
  mix_share double, rate_share double, next_action text, caveat text, effort text, importance text, rank int);
"""

AS_OF = datetime.datetime(2026, 11, 3)
FIRST_DAY = datetime.date(2026, 7, 6)
JUDGED_DAYS = 56


class Shop:
    """An in-memory warehouse: `rows(sql)` and `scalar(sql)`, as the report asks for."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute(DDL)

    def rows(self, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
        cursor = self.connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def scalar(self, sql: str, parameters: Any = None) -> Any:
        rows = self.rows(sql, parameters)
        return next(iter(rows[0].values())) if rows else None

    def put(self, table: str, *rows: Mapping[str, Any]) -> None:
        for row in rows:
            names = ", ".join(row)
            marks = ", ".join("?" for _ in row)
            self.connection.execute(f"insert into {table} ({names}) values ({marks})", list(row.values()))

    def change(self, sql: str) -> None:
        self.connection.execute(sql)


@dataclass
class Touchpoint:
    """One made-up place of contact, with the share that moves on and the targets it is held to."""

    id: str
    name: str
    stage: str
    channel: str
    owner: str
    n: int
    progressed: float = 0.5
    target: float | None = None
    csat: tuple[str, float, int] | None = None
    csat_target: float | None = None
    n_open: int = 60
    effort: str = "medium"
    playbook: str | None = None
    next_action: str | None = None
    complained: float | None = None
    complained_at_most: float | None = None
    out_of_order: float | None = None
    out_of_order_at_most: float | None = None
    breaks: tuple[int, int, float] | None = None


@dataclass
class Stage:
    """One made-up stage of the map."""

    id: str
    name: str
    wants: str
    owner: str
    days: int
    n_matured: int
    progressed: float
    n_open: int
    target: float | None = None
    score: tuple[str, int, int, int] | None = None
    median_hours: float | None = None


@dataclass
class Plan:
    """What a shop is made of; `build` writes it into tables."""

    shop: str = "Sample shop"
    stages: Sequence[Stage] = ()
    touchpoints: Sequence[Touchpoint] = ()
    segments: Sequence[tuple[str, str, str, float, float]] = ()
    extras: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)


STAGES = (
    Stage(
        "awareness",
        "Awareness",
        "Is there something for me?",
        "Growth",
        14,
        2140,
        0.46,
        310,
        None,
        ("csat_5", 300, 240, 0),
        30.5,
    ),
    Stage("consideration", "Consideration", "Which one fits?", "Catalogue", 14, 1480, 0.41, 240, 0.38, None, 52.0),
    Stage("decision", "Decision", "Can I trust them?", "CRM", 7, 690, 0.62, 96, 0.6, ("csat_5", 160, 104, 0), 9.4),
    Stage(
        "purchase", "Purchase", "Pay and be done.", "Checkout team", 1, 520, 0.58, 14, 0.7, ("csat_5", 410, 180, 0), 0.2
    ),
    Stage(
        "post_purchase",
        "Post-purchase",
        "Get it, get help.",
        "Service",
        60,
        210,
        0.27,
        390,
        None,
        ("stars_5", 380, 262, 0),
        640.0,
    ),
)

TOUCHPOINTS = (
    Touchpoint("search_ad", "Search advertising", "awareness", "ads", "Growth", 820, 0.44, 0.4),
    Touchpoint("social_post", "Social posts", "awareness", "social", "Growth", 410, 0.39, 0.4),
    Touchpoint("home_page", "Home page", "awareness", "web", "Growth", 1610, 0.48, 0.45, ("csat_5", 0.8, 300), 0.75),
    Touchpoint(
        "product_page",
        "Product page",
        "consideration",
        "web",
        "Catalogue",
        1390,
        0.42,
        0.4,
        out_of_order=0.083,
        out_of_order_at_most=0.05,
        next_action="Leave out customers whose order is already paid.",
    ),
    Touchpoint("site_search", "Search on the site", "consideration", "web", "Catalogue", 560, 0.37, 0.35),
    Touchpoint(
        "newsletter",
        "Newsletter “Autumn sale”",
        "consideration",
        "email",
        "CRM",
        470,
        0.36,
        0.35,
        complained=0.064,
        complained_at_most=0.02,
        effort="small",
        next_action="Send it to customers who bought in the last 90 days only, and compare the complaints.",
    ),
    Touchpoint("reviews", "Customer reviews", "consideration", "review", "Catalogue", 28, 0.21, 0.4),
    Touchpoint("cart", "Cart", "decision", "web", "Checkout team", 655, 0.63, 0.6),
    Touchpoint("cart_reminder", "Reminder after an abandoned cart", "decision", "email", "CRM", 140, 0.31, 0.25),
    Touchpoint(
        "chat_before", "Chat before buying", "decision", "support", "Service", 96, 0.52, 0.5, ("thumb", 0.84, 70), 0.8
    ),
    Touchpoint(
        "payment_mobile",
        "Payment page, mobile",
        "purchase",
        "web",
        "Checkout team",
        312,
        0.38,
        0.7,
        ("csat_5", 0.36, 240),
        0.8,
        9,
        "medium",
        "https://wiki.example/payment",
        "Compare card entry on Android before and after release 5.12.",
        breaks=(79, 103, 0.2),
    ),
    Touchpoint(
        "payment_desktop",
        "Payment page, desktop",
        "purchase",
        "web",
        "Checkout team",
        208,
        0.81,
        0.75,
        ("csat_5", 0.81, 170),
        0.8,
        5,
    ),
    Touchpoint("order_email", "Order confirmation", "post_purchase", "email", "CRM", 205, 0.27, None, None, None, 380),
    Touchpoint(
        "delivery",
        "Delivery",
        "post_purchase",
        "store",
        "Logistics",
        190,
        0.28,
        None,
        ("stars_5", 0.69, 380),
        0.65,
        340,
    ),
    Touchpoint(
        "support_chat",
        "Chat with support",
        "post_purchase",
        "support",
        "Service",
        60,
        0.2,
        None,
        ("thumb", 0.58, 118),
        0.85,
        88,
        "large",
        "javascript:alert(1)",
        "Answer the first message within ten minutes: staff the hours from 18 to 21.",
    ),
    Touchpoint(
        "returns", "Returns portal", "post_purchase", "web", "Service", 14, 0.14, 0.3, ("csat_5", 0.5, 6), 0.7, 11
    ),
)

SEGMENTS = (
    ("mobile", "On a phone", "Buys on the way to work, with one thumb.", 0.55, 0.82),
    ("new", "New customers", "Has never bought here and does not know the delivery times.", 0.72, 0.93),
    ("returning", "Returning customers", "Knows what they want.", 0.28, 1.15),
)


def interval(good: int, n: int) -> tuple[float | None, float | None]:
    if n <= 0:
        return None, None
    low, high = stats.wilson_interval([good], [n])
    return float(low[0]), float(high[0])


def shares(prefix: str, good: int, n: int, share: str) -> dict[str, Any]:
    low, high = interval(good, n)
    return {share: good / n if n else None, f"{prefix}_low": low, f"{prefix}_high": high}


def normal() -> Shop:
    return build(Plan(stages=STAGES, touchpoints=TOUCHPOINTS, segments=SEGMENTS))


def build(plan: Plan) -> Shop:
    shop = Shop()
    _settings(shop, plan)
    _rules(shop, plan)
    _feeds(shop)
    for segment, share, factor in [("all", 1.0, 1.0), *[(key, part, rate) for key, _, _, part, rate in plan.segments]]:
        _stage_metrics(shop, plan, segment, share, factor)
        _touchpoint_metrics(shop, plan, segment, share, factor)
    _satisfaction(shop, plan)
    _daily(shop, plan)
    _coverage(shop, plan)
    _findings(shop, plan)
    if plan.extras:
        _flows(shop)
        _promises(shop)
        _identities(shop)
        _entries(shop, plan)
    _trend(shop, plan)
    return shop


def _settings(shop: Shop, plan: Plan) -> None:
    settings = {
        "shop": plan.shop, "shop_currency": "EUR", "as_of": AS_OF.isoformat(sep=" "), "judged_days": str(JUDGED_DAYS),
        "journey_gap_days": "30", "session_gap_minutes": "30", "after_sale_days": "60", "min_cell": "10",
        "conversion_stage_position": "4", **plan.settings,
    }  # fmt: skip
    shop.put("rules.settings", *({"name": key, "value": value} for key, value in settings.items()))
    shop.put("ops.schema_version", {"version": 1})


def _rules(shop: Shop, plan: Plan) -> None:
    for position, stage in enumerate(plan.stages, 1):
        shop.put("rules.stages", {
            "stage": stage.id, "position": position, "name": stage.name, "wants": stage.wants, "owner": stage.owner,
            "within_seconds": stage.days * 86_400, "target_progressed": stage.target,
        })  # fmt: skip
    for position, point in enumerate(plan.touchpoints, 1):
        kind = point.csat[0] if point.csat else ""
        column = {"csat_5": "target_csat", "thumb": "target_thumb", "stars_5": "target_stars"}.get(kind)
        shop.put("rules.touchpoints", {
            "touchpoint": point.id, "position": position, "name": point.name, "stage": point.stage, "channel": point.channel,
            "owner": point.owner, "importance": "medium", "effort": point.effort, "playbook": point.playbook,
            "next_action": point.next_action, "target_progressed": point.target, "complained_at_most": point.complained_at_most,
            "out_of_order_at_most": point.out_of_order_at_most, **({column: point.csat_target} if column else {}),
        })  # fmt: skip
    for position, (segment, title, story, _, _) in enumerate(plan.segments, 1):
        shop.put("rules.segments", {"segment": segment, "position": position, "name": title, "story": story})
    if not plan.extras:
        return
    shop.put("rules.promises", {
        "promise": "two_day_delivery", "position": 1, "name": "Two-day delivery", "owner": "Logistics", "stage": "post_purchase",
        "within_seconds": 172_800, "by_property": "region", "target": 0.95, "next_action": "Promise three days in the north.",
    }, {
        "promise": "pay_in_one_go", "position": 2, "name": "Pay in one go", "owner": "Checkout team", "stage": "purchase",
        "within_seconds": 900, "target": 0.9,
    })  # fmt: skip
    shop.put("rules.recoveries", {
        "recovery": "abandoned_cart", "position": 1, "name": "A reminder follows an abandoned cart", "owner": "CRM",
        "touchpoint": "cart_reminder", "within_seconds": 86_400, "target": 0.9,
        "next_action": "Check the segment filter of the campaign.",
    })  # fmt: skip
    shop.put(
        "rules.calendar",
        {"event_on": "2026-09-23", "kind": "release", "name": "5.12", "touches": ["payment_mobile", "payment_desktop"]},
        {"event_on": "2026-10-17", "kind": "release", "name": "5.13", "touches": ["payment_mobile"]},
        {
            "event_on": "2026-08-14",
            "until_on": "2026-08-14",
            "kind": "outage",
            "name": "Web tracking lost",
            "touches": ["web"],
        },
    )


def _feeds(shop: Shop) -> None:
    plan = (("web", 118_420, 1_204, 310, 402, True), ("email", 21_890, 96, 12, 3_310, False),
            ("support", 2_204, 0, 4, 0, False), ("orders", 3_940, 41, 6, 0, True), ("surveys", 5_120, 0, 22, 0, False))  # fmt: skip
    for source, read, duplicate, rejected, out_of_scope, is_required in plan:
        shop.put("ops.feeds", {
            "source": source, "is_required": is_required, "n_files": 120, "n_read": read, "n_duplicate": duplicate,
            "n_rejected": rejected, "n_out_of_scope": out_of_scope, "n_loaded": read - duplicate - rejected - out_of_scope,
            "refused_share": rejected / read, "duplicate_share": duplicate / read, "first_event_at": "2026-07-06 00:01:10",
            "last_event_at": "2026-11-02 23:57:41", "hours_since_last_event": 0.04, "n_after_as_of": 0, "status": "ok",
            "n_unmapped": read // 21, "unmapped_share": 1 / 21,
        })  # fmt: skip
    for number, (source, reason) in enumerate([("web", "event_time is missing")] * 4 + [("web", "unknown type")] * 2
                                              + [("orders", "total is not a number")] * 3 + [("surveys", "outside the scale")] * 5):  # fmt: skip
        shop.put(
            "ops.rejects",
            {
                "file_id": "a1",
                "source": source,
                "file": f"{source}/x",
                "row_number": number,
                "reasons": [reason],
                "row": "…",
            },
        )
    shop.put(
        "ops.checks",
        {"check_id": "web.refused_share", "scope": "feed", "subject": "web", "expectation": "refused_share", "level": "fail",
         "is_met": True, "observed": "0.0026", "expected": "at most 0.02", "n_unexpected": 0},
        {"check_id": "web.rows_vs_same_weekday", "scope": "feed", "subject": "web", "expectation": "rows_vs_same_weekday",
         "level": "warn", "is_met": False, "observed": "0.00 on 2026-08-14", "expected": "0.5 to 2", "n_unexpected": 1},
        {"check_id": "stage_metrics.unique", "scope": "mart", "subject": "marts.stage_metrics", "expectation": "unique",
         "level": "fail", "is_met": True, "observed": "0 duplicates", "expected": "none", "n_unexpected": 0},
    )  # fmt: skip
    for number, (source, event, n) in enumerate(
        (("web", "video_played", 3_120), ("web", "page", 2_010), ("email", "email_processed", 1_042))
    ):
        shop.put("journeys.event_shapes", {"shape_id": number, "source": source, "event_name": event, "path": "/blog/x", "n_events": n,
                                           "is_conversion": False, "is_bot": False, "is_internal": False, "is_complaint": False})  # fmt: skip


def _stage_metrics(shop: Shop, plan: Plan, segment: str, share: float, factor: float) -> None:
    for position, stage in enumerate(plan.stages, 1):
        matured, n_open = round(stage.n_matured * share), round(stage.n_open * share)
        moved = min(matured, round(matured * min(1, stage.progressed * factor)))
        kind, answered, good, _ = stage.score or ("", 0, 0, 0)
        answered, good = (round(answered * share), round(good * share)) if kind == "csat_5" else (0, 0)
        shop.put("marts.stage_metrics", {
            "segment": segment, "stage": stage.id, "stage_position": position, "n_entered": matured + n_open, "n_matured": matured,
            "n_progressed": moved, "n_dropped": matured - moved, "n_open": n_open,
            **shares("progressed", moved, matured, "progressed_share_of_matured"),
            "progressed_share_km": min(1.0, moved / matured * 1.02) if matured else None,
            "median_hours_to_progress": stage.median_hours if moved else None, "n_csat": answered, "n_satisfied": good,
            **shares("csat", good, answered, "csat_share"), "n_nps": 0, "n_promoters": 0, "n_detractors": 0,
            "n_contacted": round(matured * 0.03), "contact_share": 0.03 if matured else None, "n_customers": matured + n_open,
            "revenue_minor": moved * 6_490 if stage.id == "purchase" else 0, "currency": "EUR",
        })  # fmt: skip


def _touchpoint_metrics(shop: Shop, plan: Plan, segment: str, share: float, factor: float) -> None:
    for point in plan.touchpoints:
        n, n_open = round(point.n * share), round(point.n_open * share)
        moved = min(n, round(n * min(1, point.progressed * factor)))
        kind, rate, answered = point.csat or ("", 0.0, 0)
        answered = round(answered * share)
        good = round(answered * rate)
        customers = n + n_open
        row: dict[str, Any] = {
            "segment": segment, "touchpoint": point.id, "stage": point.stage, "channel": point.channel,
            "n_touches": round(customers * 1.7), "n_customers": customers, "n_journeys": customers, "n_matured": n,
            "n_progressed": moved, **shares("progressed", moved, n, "progressed_share_of_matured"), "n_open": n_open,
            "n_exits": (n - moved) // 2, "exit_share_of_dropped": 0.1, "n_csat": 0, "n_satisfied": 0, "n_nps": 0,
            "n_promoters": 0, "n_detractors": 0, "n_thumb": 0, "n_thumb_good": 0, "n_stars": 0, "n_stars_good": 0,
            "n_contacted": n // 30, "induced_contact_share": 1 / 30 if n else None, "n_complaints": 0, "n_out_of_order": 0,
            "credit_first": moved / 9, "credit_last": moved / 8, "credit_linear": moved / 7,
            "credit_linear_revenue_minor": moved * 900.0, "currency": "EUR",
        }  # fmt: skip
        if kind == "csat_5":
            row |= {"n_csat": answered, "n_satisfied": good, **shares("csat", good, answered, "csat_share")}
        if kind == "thumb":
            row |= {"n_thumb": answered, "n_thumb_good": good, **shares("thumb", good, answered, "thumb_share")}
        if kind == "stars_5":
            row |= {
                "n_stars": answered,
                "n_stars_good": good,
                **shares("stars", good, answered, "stars_share"),
                "mean_stars": 3.9,
            }
        if point.complained is not None:
            bad = round(customers * point.complained)
            row |= {"n_complaints": bad, **shares("complained", bad, customers, "complained_share")}
        if point.out_of_order is not None:
            touches = row["n_touches"]
            late = round(touches * point.out_of_order)
            row |= {"n_out_of_order": late, **shares("out_of_order", late, touches, "out_of_order_share")}
        shop.put("marts.touchpoint_metrics", row)


def _satisfaction(shop: Shop, plan: Plan) -> None:
    def put(scope: str, subject: str, kind: str, answered: int, good: int, bad: int) -> None:
        low, high = interval(good, answered)
        score: float | None = good / answered if answered else None
        if kind == "nps_10" and answered:
            lower, upper = stats.nps_interval([good], [bad], [answered])
            score, low, high = (good - bad) / answered * 100, float(lower[0]), float(upper[0])
        shop.put("marts.satisfaction", {
            "scope": scope, "id": subject, "metric": kind, "n_invited": answered * 3, "n_answered": answered,
            "response_share": 1 / 3 if answered else None, "n_good": good, "n_bad": bad, "score": score, "low": low, "high": high,
            "mean_score": 3.9 if answered and kind in {"csat_5", "stars_5"} else None,
        })  # fmt: skip

    for stage in plan.stages:
        if stage.score:
            kind, answered, good, _ = stage.score
            put("stage", stage.id, kind, answered, good, (answered - good) // 2)
    for point in plan.touchpoints:
        if point.csat:
            kind, rate, answered = point.csat
            good = round(answered * rate)
            put("touchpoint", point.id, kind, answered, good, (answered - good) // 2)
    if plan.extras and plan.stages:
        put("stage", plan.stages[-1].id, "nps_10", 212, 109, 43)


def _daily(shop: Shop, plan: Plan) -> None:
    draw = random.Random(4)
    rows = []
    for point in plan.touchpoints[:40]:
        per_day = point.n / JUDGED_DAYS
        for number in range(118):
            on = FIRST_DAY + datetime.timedelta(days=number)
            n = round(per_day * draw.uniform(0.7, 1.3))
            rate = point.progressed
            if point.breaks:
                start, end, broken = point.breaks
                rate = broken if start <= number < end else 0.76
            good = sum(draw.random() < rate for _ in range(n))
            rows.append((point.id, "progressed", on, n, good))
            if point.csat:
                answered = round(point.csat[2] / JUDGED_DAYS * draw.uniform(0.5, 1.5))
                kpi = {"csat_5": "csat", "stars_5": "stars"}.get(point.csat[0], point.csat[0])
                rows.append((point.id, kpi, on, answered, sum(draw.random() < point.csat[1] for _ in range(answered))))
    if rows:
        shop.connection.executemany("insert into marts.touchpoint_daily values (?, ?, ?, ?, ?)", rows)


def _coverage(shop: Shop, plan: Plan) -> None:
    channels = sorted({point.channel for point in plan.touchpoints})
    for stage in plan.stages:
        for channel in channels:
            here = [point for point in plan.touchpoints if (point.stage, point.channel) == (stage.id, channel)]
            shop.put("marts.coverage", {
                "stage": stage.id, "channel": channel, "n_touchpoints": len(here), "is_instrumented": bool(here),
                "n_touches": sum(round((point.n + point.n_open) * 1.7) for point in here) if here else None,
            })  # fmt: skip


def _findings(shop: Shop, plan: Plan) -> None:
    rank = 0
    for point in plan.touchpoints:
        series = [("progressed", "underperforming", round(point.n * point.progressed), point.n, point.target, 1)]
        if point.csat:
            kind = {"csat_5": "csat", "stars_5": "stars"}.get(point.csat[0], point.csat[0])
            series.append(
                (kind, "satisfaction", round(point.csat[1] * point.csat[2]), point.csat[2], point.csat_target, 1)
            )
        if point.complained is not None:
            n = point.n + point.n_open
            series.append(("complained", "overwhelming", round(n * point.complained), n, point.complained_at_most, -1))
        if point.out_of_order is not None:
            n = round((point.n + point.n_open) * 1.7)
            series.append(
                ("out_of_order", "out_of_order", round(n * point.out_of_order), n, point.out_of_order_at_most, -1)
            )
        for metric, kind, good, n, target, direction in series:
            if target is None:
                continue
            low, high = interval(good, n)
            status = "too_small" if n < 30 or low is None or high is None else "ok"
            if (
                status == "ok"
                and low is not None
                and high is not None
                and (high < target if direction > 0 else low > target)
            ):
                status = "open"
            rank += 1
            shop.put("marts.findings", {
                "finding_id": f"{point.id}:{metric}", "kind": kind, "question": "target", "subject": point.id, "title": point.name,
                "touchpoint": point.id, "stage": point.stage, "channel": point.channel, "segment": "all", "owner": point.owner,
                "status": status, "opened_on": AS_OF.date() if status == "open" else None, "metric": metric,
                "estimate": good / n if n else None, "low": low, "high": high, "n_matured": n, "n_good": good, "reference": target,
                "reference_source": "target", "next_action": point.next_action, "effort": point.effort, "importance": "high",
                "caveat": "Customers still inside their window are not counted." if metric == "progressed" else None, "rank": rank,
            })  # fmt: skip
    if plan.extras:
        _promise_findings(shop, rank)


def _promise_findings(shop: Shop, rank: int) -> None:
    rows = (("two_day_delivery:all", "promise_broken", "two_day_delivery", "Two-day delivery", "post_purchase", "Logistics", "kept", 690, 802, 0.95),
            ("two_day_delivery:north", "promise_broken", "two_day_delivery", "Two-day delivery: north", "post_purchase", "Logistics", "kept", 98, 160, 0.95),
            ("pay_in_one_go:all", "promise_broken", "pay_in_one_go", "Pay in one go", "purchase", "Checkout team", "kept", 480, 520, 0.9),
            ("abandoned_cart:returning", "missing", "abandoned_cart", "A reminder follows an abandoned cart", "decision", "CRM", "met", 4, 118, 0.9))  # fmt: skip
    for number, (finding_id, kind, subject, title, stage, owner, metric, good, n, target) in enumerate(rows, 1):
        low, high = interval(good, n)
        shop.put("marts.findings", {
            "finding_id": finding_id, "kind": kind, "question": "target", "subject": subject, "title": title, "stage": stage,
            "touchpoint": "cart_reminder" if kind == "missing" else None, "segment": "returning" if kind == "missing" else "all",
            "owner": owner, "status": "open" if high is not None and high < target else "ok", "metric": metric, "estimate": good / n,
            "low": low, "high": high, "n_matured": n, "n_good": good, "reference": target, "reference_source": "target",
            "next_action": "Check the segment filter of the campaign." if kind == "missing" else "Name three days in the promise for the north.",
            "effort": "small", "importance": "high", "rank": rank + number,
        })  # fmt: skip


def _flows(shop: Shop) -> None:
    for start, end, n in (("start", "search_ad", 780), ("start", "home_page", 990), ("start", "social_post", 380), ("search_ad", "product_page", 540),
                          ("home_page", "product_page", 770), ("home_page", "site_search", 410), ("product_page", "cart", 560), ("product_page", "exit", 610),
                          ("site_search", "product_page", 300), ("site_search", "exit", 120), ("cart", "payment_mobile", 310), ("cart", "payment_desktop", 205),
                          ("cart", "product_page", 90), ("cart", "cart_reminder", 80), ("cart_reminder", "cart", 44), ("payment_mobile", "order_email", 118),
                          ("payment_mobile", "exit", 160), ("payment_desktop", "order_email", 166), ("order_email", "delivery", 260),
                          ("delivery", "support_chat", 60), ("delivery", "exit", 190), ("support_chat", "exit", 52), ("returns", "exit", 6)):  # fmt: skip
        shop.put(
            "marts.transitions",
            {"from_touchpoint": start, "to_touchpoint": end, "n_transitions": n, "n_journeys": round(n * 0.96)},
        )
    for path, n, won in (("home_page > product_page > cart > payment_desktop", 140, 112), ("search_ad > product_page", 320, 0),
                         ("home_page > product_page > cart > payment_mobile", 170, 62), ("home_page", 310, 0), ("social_post > product_page", 96, 3),
                         ("home_page > site_search > product_page > cart > payment_desktop", 48, 39), ("social_post", 6, 0), ("other", 410, 58)):  # fmt: skip
        low, high = interval(won, n)
        shop.put("marts.paths", {"path": path, "n_steps": path.count(">") + 1, "n_journeys": n, "n_converted": won, "converted_share": won / n,
                                 "converted_low": low, "converted_high": high, "revenue_minor": won * 6490})  # fmt: skip


def _promises(shop: Shop) -> None:
    draw = random.Random(9)
    for promise, by_value, n, rate in (("two_day_delivery", "all", 802, 0.86), ("two_day_delivery", "north", 160, 0.61), ("two_day_delivery", "south", 420, 0.94),
                                       ("two_day_delivery", "west", 215, 0.93), ("two_day_delivery", "island", 7, 0.57), ("pay_in_one_go", "all", 520, 0.92)):  # fmt: skip
        scored = promise == "two_day_delivery"

        def row(
            n: int, good: int, promise: str = promise, by_value: str = by_value, scored: bool = scored
        ) -> dict[str, Any]:
            return {
                "promise": promise, "by_value": by_value, "n_due": n, "n_kept": good, **shares("kept", good, n, "kept_share"),
                "n_scored_when_kept": good // 2 if scored else 0, "csat_when_kept": 0.82 if scored and good > 1 else None,
                "mean_score_when_kept": 4.3 if scored and good > 1 else None, "n_scored_when_broken": (n - good) // 2 if scored else 0,
                "csat_when_broken": 0.24 if scored and n - good > 1 else None,
                "mean_score_when_broken": 2.2 if scored and n - good > 1 else None, "n_open": 12,
            }  # fmt: skip

        shop.put("marts.promise_metrics", row(n, round(n * rate)))
        for week in range(17):
            due = max(0, round(n / 8 * draw.uniform(0.8, 1.2)))
            kept = sum(draw.random() < (rate if week > 7 else min(1, rate + 0.08)) for _ in range(due))
            shop.put("marts.promises", {**row(due, kept), "week_on": FIRST_DAY + datetime.timedelta(weeks=week)})
    for segment, due, met in (("all", 402, 262), ("new", 284, 258), ("returning", 118, 4), ("mobile", 230, 148)):
        shop.put(
            "marts.recoveries",
            {
                "recovery": "abandoned_cart",
                "segment": segment,
                "n_due": due,
                "n_met": met,
                **shares("met", met, due, "met_share"),
                "n_open": 9,
            },
        )


def _identities(shop: Shop) -> None:
    rows = [
        ("anonymous_id", f"a{number}", f"user:{number}" if number % 3 else f"device:a{number}") for number in range(60)
    ]
    rows += [("user_id", str(number), f"user:{number}") for number in range(40)]
    shop.put(
        "journeys.identities",
        *({"id_kind": kind, "id": key, "customer_id": customer, "rule": "login"} for kind, key, customer in rows),
    )
    shop.put("journeys.shared_ids", {"id_kind": "anonymous_id", "id": "kiosk", "n_accounts": 14})


def _entries(shop: Shop, plan: Plan) -> None:
    draw = random.Random(2)
    start = AS_OF - datetime.timedelta(days=70)
    for position, stage in enumerate(plan.stages, 1):
        for number in range(120):
            entered = start + datetime.timedelta(hours=number)
            hours = draw.lognormvariate(0, 1.1) * (stage.median_hours or 1) / 1.6
            moved = draw.random() < stage.progressed and hours <= stage.days * 24
            shop.put("journeys.stage_entries", {
                "journey_id": f"j{number}", "customer_id": f"c{number}", "stage": stage.id, "stage_position": position, "entered_at": entered,
                "window_ends_at": entered + datetime.timedelta(days=stage.days), "is_matured": True, "is_judged": True,
                "progressed_at": entered + datetime.timedelta(hours=hours) if moved else None, "status": "progressed" if moved else "dropped",
            })  # fmt: skip


def _trend(shop: Shop, plan: Plan) -> None:
    if not plan.stages:
        return
    draw = random.Random(3)
    for number in range(120):
        on = FIRST_DAY + datetime.timedelta(days=number)
        started = draw.randint(22, 34)
        matured = started if number < 90 else 0
        converted = sum(draw.random() < 0.16 for _ in range(matured))
        shop.put("marts.trend", {"on_date": on, "n_journeys_started": started, "n_journeys_matured": matured, "n_converted": converted,
                                 "revenue_minor": converted * 6490})  # fmt: skip


def empty() -> Shop:
    """A shop whose map is drawn but whose feeds brought nothing."""
    shop = Shop()
    plan = Plan(stages=STAGES, touchpoints=TOUCHPOINTS, segments=SEGMENTS)
    _settings(shop, plan)
    _rules(shop, plan)
    for stage in range(1, 6):
        shop.put("marts.stage_metrics", {"segment": "all", "stage": STAGES[stage - 1].id, "stage_position": stage, "n_entered": 0, "n_matured": 0,
                                         "n_progressed": 0, "n_dropped": 0, "n_open": 0, "n_customers": 0, "n_csat": 0, "n_nps": 0, "n_contacted": 0})  # fmt: skip
    for point in TOUCHPOINTS:
        shop.put("marts.touchpoint_metrics", {"segment": "all", "touchpoint": point.id, "stage": point.stage, "channel": point.channel,
                                              "n_touches": 0, "n_customers": 0, "n_journeys": 0, "n_matured": 0, "n_progressed": 0, "n_open": 0})  # fmt: skip
    for source, is_required in (("web", True), ("orders", True), ("surveys", False)):
        shop.put("ops.feeds", {"source": source, "is_required": is_required, "n_files": 0, "n_read": 0, "n_loaded": 0, "n_duplicate": 0,
                               "n_rejected": 0, "n_out_of_scope": 0, "status": "missing", "n_after_as_of": 0, "n_unmapped": 0})  # fmt: skip
    return shop


def one_touchpoint() -> Shop:
    """One stage, one touchpoint, one customer."""
    stage = Stage("visit", "Visit", "See what there is.", "Owner", 7, 1, 0.0, 0)
    point = Touchpoint("page", "Any page", "visit", "web", "Owner", 1, 0.0, 0.5, n_open=0)
    return build(Plan("Corner shop", (stage,), (point,), extras=False))


def many_touchpoints(n: int = 500) -> Shop:
    """As many touchpoints as a large shop might draw on its map."""
    draw = random.Random(5)
    points = [
        Touchpoint(f"point_{number:03}", f"Touchpoint number {number}", STAGES[number % 5].id, ("web", "email", "support", "ads")[number % 4],
                   f"Team {number % 9}", draw.randint(5, 900), draw.uniform(0.3, 0.6), 0.42)
        for number in range(n)
    ]  # fmt: skip
    return build(Plan("Department store", STAGES, points, SEGMENTS))


ATTACKS = (
    "<img src=x onerror=window.__xss=1>",
    "</script><script>window.__xss=1</script>",
    '"><svg onload=window.__xss=1>',
    "{{7*7}}{% raw %}",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "@SUM(A1)",
    "\u202egnitekram\u202c \u200bhidden\x07",
    "<!--<script>",
    "line\u2028break",
    "שלום 123",
    "A name that goes on " + "and on " * 30,
    "' onmouseover='window.__xss=1",
    "=1+1",
    "-2+3",
    "${window.__xss=1}",
)


def hostile() -> Shop:
    """The normal shop, with names that attack the page, the spreadsheet and the reader."""
    stages = [Stage(**{**vars(stage), "name": ATTACKS[number], "wants": ATTACKS[number + 3], "owner": ATTACKS[number + 5]})
              for number, stage in enumerate(STAGES)]  # fmt: skip
    points = [
        Touchpoint(**{**vars(point), "name": ATTACKS[number % len(ATTACKS)], "owner": ATTACKS[(number + 1) % len(ATTACKS)],
                      "next_action": ATTACKS[(number + 2) % len(ATTACKS)], "playbook": "javascript:window.__xss=1"})
        for number, point in enumerate(TOUCHPOINTS)
    ]  # fmt: skip
    segments = [
        (key, ATTACKS[number], ATTACKS[number + 1], part, rate)
        for number, (key, _, _, part, rate) in enumerate(SEGMENTS)
    ]
    shop = build(Plan(ATTACKS[0], stages, points, segments))
    shop.put("journeys.event_shapes", {"shape_id": 99, "source": ATTACKS[1], "event_name": ATTACKS[2], "n_events": 90_000,
                                       "is_bot": False, "is_internal": False, "is_conversion": False})  # fmt: skip
    shop.put(
        "ops.rejects",
        {"file_id": "a", "source": "web", "file": ATTACKS[0], "row_number": 1, "reasons": [ATTACKS[1]], "row": "=x"},
    )
    shop.put("ops.checks", {"check_id": ATTACKS[0], "scope": "feed", "subject": ATTACKS[1], "expectation": ATTACKS[2], "level": "warn",
                            "is_met": False, "observed": ATTACKS[3], "expected": ATTACKS[5], "n_unexpected": 1, "sample": "ada@example.org"})  # fmt: skip
    shop.put(
        "rules.calendar", {"event_on": "2026-09-01", "kind": ATTACKS[0], "name": ATTACKS[1], "touches": [ATTACKS[2]]}
    )
    return shop


def unfit() -> Shop:
    """The normal shop on a night when a required feed did not come and a check froze the flags."""
    shop = normal()
    shop.change(
        "update ops.feeds set status = 'missing', n_files = 0, n_read = 0, n_loaded = 0 where source = 'orders'"
    )
    shop.put("ops.checks", {"check_id": "orders.rows_read", "scope": "feed", "subject": "orders", "expectation": "rows_read", "level": "freeze",
                            "is_met": False, "observed": "0", "expected": "at least 1", "n_unexpected": 1})  # fmt: skip
    return shop


SHOPS = {
    "normal": normal, "empty": empty, "one_touchpoint": one_touchpoint, "many": many_touchpoints, "hostile": hostile, "unfit": unfit,
}  # fmt: skip

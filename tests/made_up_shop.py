"""A made-up shop in memory: an empty schema filled by a plan, as a night would leave it to its report."""

from __future__ import annotations

import datetime
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa
from made_up_plans import STEPS, WAYS, Point, Segment, Stage

from journey_analytics import stats
from journey_analytics.claims import findings

AS_OF = datetime.datetime(2026, 11, 3)
FIRST_DAY = datetime.date(2026, 7, 6)
JUDGED_DAYS = 56
KPI = {"csat_5": "csat", "stars_5": "stars", "thumb": "thumb"}


class Shop:
    """An in-memory warehouse with the part of its interface that findings and the report use."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        for name in ("made_up_shop.sql", "made_up_funnels.sql"):
            self.connection.execute(Path(__file__).with_name(name).read_text())
        self._waiting: dict[str, list[Mapping[str, Any]]] = defaultdict(list)

    def rows(self, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
        self.settle()
        cursor = self.connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def execute(self, sql: str) -> None:
        self.settle()
        self.connection.execute(sql)

    def append(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self._waiting[table].extend(rows)

    def put(self, table: str, **row: Any) -> None:
        self._waiting[table].append(row)

    def settle(self) -> None:
        for table, rows in self._waiting.items():
            names = list(dict.fromkeys(name for row in rows for name in row))
            incoming = pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows])
            self.connection.register("incoming", incoming)
            self.connection.execute(f"insert into {table} by name select * from incoming")
        self._waiting.clear()


def shares(name: str, low: str, good: int, n: int) -> dict[str, Any]:
    """A share and its bounds as columns: shares("kept_share", "kept", 3, 4) has kept_share, kept_low and kept_high."""
    if not n:
        return {name: None, f"{low}_low": None, f"{low}_high": None}
    bounds = stats.wilson_interval(good, n)
    return {name: good / n, f"{low}_low": float(bounds[0][0]), f"{low}_high": float(bounds[1][0])}


def build(
    name: str,
    stages: Sequence[Stage],
    points: Sequence[Point],
    segments: Sequence[Segment] = (),
    *,
    small: bool = False,
) -> Shop:
    """A shop of these stages and touchpoints; a small one has neither promises nor flows."""
    shop = Shop()
    draw_map(shop, name, stages, points, segments)
    feeds(shop)
    for segment, part, rate in [("all", 1.0, 1.0), *[(key, part, rate) for key, _, _, part, rate in segments]]:
        for position, stage in enumerate(stages, 1):
            count_stage(shop, segment, position, stage, part, rate)
        for point in points:
            count_point(shop, segment, point, part, rate)
    scores(shop, stages, points)
    days(shop, points, small)
    if not small:
        promises(shop)
        flows(shop)
        entries(shop, stages)
    findings.find(cast("Any", shop))
    return shop


def draw_map(
    shop: Shop, name: str, stages: Sequence[Stage], points: Sequence[Point], segments: Sequence[Segment]
) -> None:  # fmt: skip
    """What journey.yml would say."""
    settings = f"shop={name}|shop_currency=EUR|as_of={AS_OF}|judged_days={JUDGED_DAYS}|journey_gap_days=30|min_cell=10"
    for setting in settings.split("|"):
        shop.put("rules.settings", name=setting.partition("=")[0], value=setting.partition("=")[2])
    for position, stage in enumerate(stages, 1):
        shop.put(
            "rules.stages", stage=stage.id, position=position, name=stage.name, wants=stage.wants, owner=stage.owner,
            within_seconds=stage.days * 86_400, target_progressed=stage.target,
        )  # fmt: skip
    for position, point in enumerate(points, 1):
        targets = {"target_progressed": point.target}
        if point.score:
            targets[f"target_{KPI[point.score[0]]}"] = point.score[3]
        shop.put(
            "rules.touchpoints", touchpoint=point.id, position=position, name=point.name, stage=point.stage,
            channel=point.channel, owner=point.owner, importance="medium", effort="small", playbook=point.playbook,
            next_action=point.next_action, complained_at_most=point.complained and point.complained[1],
            out_of_order_at_most=point.out_of_order and point.out_of_order[1], **targets,
        )  # fmt: skip
    for position, (segment, title, story, _, _) in enumerate(segments, 1):
        shop.put("rules.segments", segment=segment, position=position, name=title, story=story)


def feeds(shop: Shop) -> None:
    """What arrived, what was refused, what no rule knew."""
    for source, read, refused, is_required in (
        ("web", 118_420, 310, True),
        ("orders", 3_940, 6, True),
        ("surveys", 5_120, 22, False),
    ):
        shop.put(
            "ops.feeds", source=source, is_required=is_required, n_files=120, n_read=read, n_duplicate=40,
            n_rejected=refused,
            n_out_of_scope=2, n_loaded=read - 42 - refused, refused_share=refused / read, duplicate_share=40 / read,
            first_event_at="2026-07-06 00:01:10", last_event_at="2026-11-02 23:57:41", hours_since_last_event=0.04,
            n_after_as_of=0, status="ok", n_unmapped=read // 21, unmapped_share=1 / 21,
        )  # fmt: skip
    for source, reason, n in (("web", "event_time is missing", 4), ("surveys", "outside the scale", 5)):
        for number in range(n):
            shop.put("ops.rejects", file_id="a", source=source, file="f", row_number=number, reasons=[reason], row="{}")
    check(shop, "web", "refused_share", "fail", True, "0.0026", "at most 0.02")
    check(shop, "web", "rows_vs_same_weekday", "warn", False, "0.00 on 2026-08-14", "0.5 to 2")
    for number, (event, n) in enumerate((("video_played", 3_120), ("page", 2_010))):
        shop.put("journeys.event_shapes", shape_id=number, source="web", event_name=event, n_events=n, is_bot=False)
    for number in range(60):
        known = number % 3 > 0
        customer = f"user:{number}" if known else f"device:a{number}"
        shop.put("journeys.identities", id_kind="device", id=f"a{number}", customer_id=customer, rule="login")
    shop.put("journeys.shared_ids", id_kind="device", id="kiosk", rule="accounts", n_accounts=14)
    shop.put("rules.calendar", event_on="2026-09-23", kind="release", name="5.12", touches=["payment_mobile"])
    shop.put(
        "rules.calendar",
        event_on="2026-08-14",
        until_on="2026-08-16",
        kind="outage",
        name="Tracking lost",
        touches=["web"],
    )


def check(shop: Shop, subject: str, expectation: str, level: str, is_met: bool, observed: str, expected: str) -> None:
    shop.put(
        "ops.checks", check_id=f"{subject}.{expectation}", scope="feed", subject=subject, expectation=expectation,
        level=level, is_met=is_met, observed=observed, expected=expected, n_unexpected=0, sample="ada@example.org",
    )  # fmt: skip


def count_stage(shop: Shop, segment: str, position: int, stage: Stage, part: float, rate: float) -> None:
    n, n_open = round(stage.n * part), round(stage.n_open * part)
    moved = min(n, round(n * stage.moved * rate))
    shop.put(
        "marts.stage_metrics", segment=segment, stage=stage.id, stage_position=position, n_customers=n + n_open,
        n_entered=n + n_open, n_matured=n, n_progressed=moved, n_dropped=n - moved, n_open=n_open, n_contacted=n // 30,
        contact_share=1 / 30, progressed_share_km=moved / n * 0.99 if n else None, currency="EUR",
        median_hours_to_progress=stage.hours if moved else None, revenue_minor=moved * 6_490,
        **shares("progressed_share_of_matured", "progressed", moved, n),
    )  # fmt: skip


def count_point(shop: Shop, segment: str, point: Point, part: float, rate: float) -> None:
    n, customers = round(point.n * part), round((point.n + point.n_open) * part)
    moved, touches = min(n, round(n * point.moved * rate)), round(customers * 1.7)
    row: dict[str, Any] = shares("progressed_share_of_matured", "progressed", moved, n)
    if point.score:
        kind, share, answers, _ = point.score
        kpi, answered = KPI[kind], round(answers * part)
        good = round(answered * share)
        row |= {f"n_{kpi}": answered, "n_satisfied" if kpi == "csat" else f"n_{kpi}_good": good}
        row |= shares(f"{kpi}_share", kpi, good, answered)
    if point.complained:
        bad = round(customers * point.complained[0])
        row |= {"n_complaints": bad, **shares("complained_share", "complained", bad, customers)}
    if point.out_of_order:
        late = round(touches * point.out_of_order[0])
        row |= {"n_out_of_order": late, **shares("out_of_order_share", "out_of_order", late, touches)}
    shop.put(
        "marts.touchpoint_metrics", segment=segment, touchpoint=point.id, stage=point.stage, channel=point.channel,
        n_touches=touches, n_customers=customers, n_journeys=customers, n_matured=n, n_progressed=moved,
        n_open=customers - n, n_exits=(n - moved) // 2, exit_share_of_dropped=0.1, n_contacted=n // 30,
        induced_contact_share=1 / 30, currency="EUR", credit_linear=moved / 7, **row,
    )  # fmt: skip


def scores(shop: Shop, stages: Sequence[Stage], points: Sequence[Point]) -> None:
    asked = [("stage", stage.id, *stage.score) for stage in stages if stage.score]
    asked += [
        ("touchpoint", point.id, point.score[0], point.score[2], round(point.score[1] * point.score[2]))
        for point in points
        if point.score
    ]
    for scope, subject, kind, n, good in asked:
        shop.put(
            "marts.satisfaction", scope=scope, id=subject, metric=kind, n_invited=n * 3, n_answered=n,
            response_share=1 / 3,
            n_good=good, n_bad=(n - good) // 2, score=good / n, low=shares("x", "x", good, n)["x_low"],
            high=shares("x", "x", good, n)["x_high"], mean_score=None if kind == "thumb" else 3.9,
        )  # fmt: skip
    if len(stages) > 1:
        low, high = stats.nps_interval(109, 43, 212)
        shop.put(
            "marts.satisfaction", scope="stage", id=stages[-1].id, metric="nps_10", n_invited=636, n_answered=212,
            n_good=109,
            n_bad=43, response_share=1 / 3, score=6600 / 212, low=float(low[0]), high=float(high[0]), mean_score=7.9,
        )  # fmt: skip
    for stage in stages:
        for channel in sorted({point.channel for point in points}):
            here = [point for point in points if (point.stage, point.channel) == (stage.id, channel)]
            touches = sum(point.n + point.n_open for point in here) if here else None
            shop.put(
                "marts.coverage", stage=stage.id, channel=channel, n_touchpoints=len(here), is_instrumented=bool(here),
                n_touches=touches,
            )  # fmt: skip


def days(shop: Shop, points: Sequence[Point], small: bool) -> None:
    """Every day of every series: the mobile payment page breaks on day 80 and is repaired on day 104."""
    draw = random.Random(4)
    for number in range(118):
        on = FIRST_DAY + datetime.timedelta(days=number)
        for point in points[:40]:
            n = round(point.n / JUDGED_DAYS * draw.uniform(0.7, 1.3))
            rate = (0.2 if 79 <= number < 103 else 0.76) if point.id == "payment_mobile" else point.moved
            good = sum(draw.random() < rate for _ in range(n))
            shop.put(
                "marts.touchpoint_daily", touchpoint=point.id, kpi="progressed", cohort_on=on, n_matured=n, n_good=good
            )
            if point.score:
                n = round(point.score[2] / JUDGED_DAYS * draw.uniform(0.5, 1.5))
                good = sum(draw.random() < point.score[1] for _ in range(n))
                kpi = KPI[point.score[0]]
                shop.put("marts.touchpoint_daily", touchpoint=point.id, kpi=kpi, cohort_on=on, n_matured=n, n_good=good)
        started = 1 if small and number == 0 else 0 if small else draw.randint(22, 34)
        matured = started if number < 90 else 0
        shop.put(
            "marts.trend", on_date=on, n_journeys_started=started, n_journeys_matured=matured, n_converted=matured // 6,
            revenue_minor=matured * 900,
        )  # fmt: skip


def promises(shop: Shop) -> None:
    shop.put(
        "rules.promises", promise="two_day_delivery", position=1, name="Two-day delivery", owner="Logistics",
        stage="after",
        within_seconds=172_800, by_property="region", target=0.95,
    )  # fmt: skip
    shop.put(
        "rules.promises",
        promise="pay_at_once",
        position=2,
        name="Pay in one go",
        owner="Checkout",
        stage="purchase",
        target=0.9,
    )
    regions = (("all", 802, 690), ("north", 160, 98), ("south", 420, 399), ("west", 215, 190), ("island", 7, 3))
    for promise, by_value, n, kept in (
        *(("two_day_delivery", *row) for row in regions),
        ("pay_at_once", "all", 520, 480),
    ):
        said = {
            "n_scored_when_kept": kept // 2, "csat_when_kept": 0.82, "mean_score_when_kept": 4.3, "n_open": 12,
            "n_scored_when_broken": (n - kept) // 2, "csat_when_broken": 0.24, "mean_score_when_broken": 2.2,
        }  # fmt: skip
        whole = {"n_due": n, "n_kept": kept, **shares("kept_share", "kept", kept, n)}
        shop.put("marts.promise_metrics", promise=promise, by_value=by_value, **whole, **said)
        for week in range(17):
            due, good = n // 8, max(0, kept // 8 - week % 4)
            part = {"n_due": due, "n_kept": good, **shares("kept_share", "kept", good, due)}
            on = FIRST_DAY + datetime.timedelta(weeks=week)
            shop.put("marts.promises", promise=promise, by_value=by_value, week_on=on, **part, **said)
    shop.put(
        "rules.recoveries", recovery="abandoned_cart", position=1, name="A reminder follows an abandoned cart",
        owner="CRM",
        touchpoint="cart_reminder", within_seconds=86_400, target=0.9,
    )  # fmt: skip
    for segment, due, met in (("all", 402, 262), ("new", 284, 258), ("returning", 118, 4), ("mobile", 230, 208)):
        share = shares("met_share", "met", met, due)
        shop.put(
            "marts.recoveries", recovery="abandoned_cart", segment=segment, n_due=due, n_met=met, n_open=9, **share
        )


def flows(shop: Shop) -> None:
    for step in STEPS.replace("\n", "|").split("|"):
        start, end, n = step.split()
        shop.put("marts.transitions", from_touchpoint=start, to_touchpoint=end, n_transitions=int(n), n_journeys=int(n))
    for way in WAYS.replace("\n", "|").split("|"):
        path, _, numbers = way.partition("=")
        n, won = map(int, numbers.split(","))
        share = shares("converted_share", "converted", won, n)
        shop.put(
            "marts.paths", path=path, n_steps=path.count(">") + 1, n_journeys=n, n_closed=n, n_converted=won, **share
        )


def entries(shop: Shop, stages: Sequence[Stage]) -> None:
    draw = random.Random(2)
    for position, stage in enumerate(stages, 1):
        for number in range(120):
            entered = AS_OF - datetime.timedelta(days=70) + datetime.timedelta(hours=number)
            hours = draw.lognormvariate(0, 1.1) * stage.hours / 1.6
            moved = draw.random() < stage.moved and hours <= stage.days * 24
            shop.put(
                "journeys.stage_entries", journey_id=f"j{number}", customer_id=f"c{number}", stage=stage.id,
                stage_position=position, entered_at=entered,
                window_ends_at=entered + datetime.timedelta(days=stage.days),
                progressed_at=entered + datetime.timedelta(hours=hours) if moved else None, is_matured=True,
                is_judged=True,
            )  # fmt: skip

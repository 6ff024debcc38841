"""What is planted in the made-up shop, counted by hand over its raw files: each truth is there, each decoy is none."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from rawfeeds import ROOT, SAMPLE, agent, calls, moment, objects, orders, path, rows, tickets

from journey_analytics.facts.config import load_project
from journey_analytics.sample.shop import SamplePlan, truths
from journey_analytics.stats import wilson_interval

PLAN = SamplePlan()
JUDGED_FROM = datetime(2026, 9, 8)  # 56 days before the sample ends


def high(good: int, n: int) -> float:
    return float(wilson_interval([good], [n])[1][0])


def low(good: int, n: int) -> float:
    return float(wilson_interval([good], [n])[0][0])


def test_the_truths_are_written_as_the_plan_says() -> None:
    assert json.loads((SAMPLE / "truths.json").read_text()) == truths(PLAN)


def payments(device: str, first: str, last: str) -> tuple[int, int]:
    """(who paid within a day, who saw the payment page) of account and day, from `first` to before `last`."""
    paid = defaultdict(list)
    for row in orders().values():
        if row["paid_at"]:
            paid[row["user_id"]].append(moment(row["paid_at"]))
    shown = {}
    for call in calls():
        on_phone = "Mobile" in agent(call)
        if path(call) == "/checkout/payment" and on_phone == (device == "mobile"):
            shown.setdefault((call["userId"], call["timestamp"][:10]), moment(call["timestamp"]))
    chosen = {who: at for who, at in shown.items() if first <= who[1] < last}
    day = timedelta(days=1)
    return sum(any(at <= then <= at + day for then in paid[who]) for (who, _), at in chosen.items()), len(chosen)


def test_the_payment_page_fails_on_phones_from_day_80_to_day_104_and_nowhere_else() -> None:
    good, n = payments("mobile", "2026-09-23", "2026-10-17")
    assert n > 100
    assert good / n < 0.26
    for healthy in (("mobile", "2026-07-06", "2026-09-23"), ("mobile", "2026-10-17", "2026-11-02")):
        good, n = payments(*healthy)
        assert n > 60
        assert good / n > 0.65
    good, n = payments("desktop", "2026-09-23", "2026-10-17")
    assert good / n > 0.75
    good, n = payments("mobile", "2026-09-08", "2026-11-02")
    assert high(good, n) < 0.58, "the whole judged period lies clearly below the target of 0.60"


def test_the_autumn_sale_annoys_and_the_other_campaigns_do_not() -> None:
    touched, complained = defaultdict(set), defaultdict(set)
    for _, event in objects("email"):
        if event["event"] == "delivered":
            touched[event["category"]].add(event["email"])
        elif event["event"] in ("unsubscribe", "spamreport"):
            complained[event["category"]].add(event["email"])
    n = {campaign: len(people) for campaign, people in touched.items()}
    assert low(len(complained["autumn_sale"]), n["autumn_sale"]) > 0.05
    for campaign in ("summer_sale", "harvest_days", "winback", "cart-24h"):
        assert low(len(complained[campaign]), n[campaign]) < 0.02, campaign
        assert len(complained[campaign]) / n[campaign] < 0.03, campaign


def test_chats_are_answered_slowly_and_rated_badly_and_e_mails_are_not() -> None:
    recent = [t for t in tickets() if moment(t["created_at"]) >= JUDGED_FROM and "metric_set" in t]
    quick, good = {}, {}
    for channel, within in (("chat", 10), ("email", 24 * 60)):
        waits = [t["metric_set"]["reply_time_in_minutes"]["calendar"] for t in recent if t["via"]["channel"] == channel]
        thumbs = [t["satisfaction_rating"]["score"] for t in recent if t["via"]["channel"] == channel]
        quick[channel] = (sum(wait <= within for wait in waits), len(waits))
        good[channel] = (thumbs.count("good"), thumbs.count("good") + thumbs.count("bad"))
    assert min(quick["chat"][1], good["chat"][1]) >= 60
    assert high(*quick["chat"]) < 0.65
    assert high(*good["chat"]) < 0.70
    assert high(*quick["email"]) > 0.95
    assert high(*good["email"]) > 0.90


def test_parcels_to_the_north_come_late_and_cost_two_stars() -> None:
    kept, stars = defaultdict(list), defaultdict(list)
    given = {
        row["order_id"]: int(row["score"])
        for row in rows("surveys")
        if row["survey"] == "delivery_stars" and row["score"]
    }
    for row in orders().values():
        if row["delivered_at"]:
            in_time = moment(row["delivered_at"]) <= moment(row["paid_at"]) + timedelta(days=2)
            kept[row["region"]].append(in_time)
            if given.get(row["order_id"], 11) <= 5:
                stars[in_time].append(given[row["order_id"]])
    assert high(sum(kept["north"]), len(kept["north"])) < 0.65
    assert all(high(sum(kept[region]), len(kept[region])) > 0.95 for region in ("south", "east", "west"))
    assert 1.7 < sum(stars[True]) / len(stars[True]) - sum(stars[False]) / len(stars[False]) < 2.5
    assert len(stars[False]) >= 30


def abandoned() -> Iterator[tuple[bool, bool]]:
    """(had bought before, was reminded) of every cart of an account that was not paid within a day."""
    address = {row["user_id"]: row["email"] for row in orders().values()}
    address |= {c["userId"]: c["traits"]["email"].strip().lower() for c in calls() if c["type"] == "identify"}
    paid, reminded = defaultdict(list), defaultdict(list)
    for row in orders().values():
        if row["paid_at"]:
            paid[row["user_id"]].append(moment(row["paid_at"]))
    begin = datetime(1970, 1, 1)
    for _, event in objects("email"):
        if event["category"] == "cart-24h" and event["event"] == "delivered":
            reminded[event["email"]].append(begin + timedelta(seconds=event["timestamp"]))
    day = timedelta(days=1)
    for call in calls():
        if call.get("event") == "Product Added" and call["timestamp"] < "2026-11-02" and "userId" in call:
            at, who = moment(call["timestamp"]), call["userId"]
            if not any(at <= then <= at + day for then in paid[who]):
                mails = reminded[address.get(who, "")]
                yield any(then < at for then in paid[who]), any(at <= then <= at + day for then in mails)


def test_nobody_who_has_bought_before_is_reminded_of_a_cart() -> None:
    met = Counter(abandoned())
    assert met[(True, False)] > 100
    assert met[(True, True)] == 0
    assert low(met[(False, True)], met[(False, True)] + met[(False, False)]) > 0.85


def test_product_pages_follow_people_who_have_just_paid() -> None:
    paid = defaultdict(list)
    for row in orders().values():
        if row["paid_at"]:
            paid[row["user_id"]].append(moment(row["paid_at"]))
    views = [c for c in calls() if c.get("name") == "Product" and moment(c["timestamp"]) >= JUDGED_FROM]
    day = timedelta(days=1)
    after = sum(any(t < moment(c["timestamp"]) <= t + 2 * day for t in paid[c.get("userId", "")]) for c in views)
    assert low(after, len(views)) > 0.09


def followed(page: str, onward: str, days: int) -> tuple[int, int]:
    """(views of a page that the same person followed by `onward` within so many days, views of it)."""
    owner = {call["anonymousId"]: call["userId"] for call in calls() if "userId" in call}
    views, steps = [], defaultdict(list)
    for call in calls():
        who = call.get("userId") or owner.get(call["anonymousId"], call["anonymousId"])
        if path(call) == page:
            views.append((who, moment(call["timestamp"])))
        elif onward in (call.get("event"), path(call)):
            steps[who].append(moment(call["timestamp"]))
    window = timedelta(days=days)
    return sum(any(at <= then <= at + window for then in steps[who]) for who, at in views), len(views)


def test_each_decoy_is_seen_and_followed_exactly_as_often_as_the_truths_say() -> None:
    counted = {
        "size_guide": followed("/help/sizes", "Product Added", 14),
        "compare_page": followed("/compare", "Product Added", 14),
        "voucher_page": followed("/vouchers", "/checkout", 7),
        "wishlist": followed("/wishlist", "/checkout", 7),
    }
    said = {decoy["touchpoint"]: (decoy["n_good"], decoy["n_judged"]) for decoy in truths(PLAN)["decoys"]}
    assert counted == said


def test_each_decoy_lies_below_its_target_and_must_still_not_be_flagged() -> None:
    target = {point.id: point.target.progressed for point in load_project(ROOT).journey.touchpoints}
    for decoy in truths(PLAN)["decoys"]:
        good, n, wanted = decoy["n_good"], decoy["n_judged"], target[decoy["touchpoint"]]
        assert good / n < wanted, decoy
        assert n < 30 or high(good, n) > wanted + 0.02, decoy


def test_every_truth_names_something_that_is_on_the_map() -> None:
    journey = load_project(ROOT).journey
    known = {
        *(t.id for t in journey.touchpoints),
        *(p.id for p in journey.promises),
        *(r.id for r in journey.recoveries),
    }
    subjects = {truth["subject"] for truth in truths(PLAN)["truths"] if truth["kind"] != "data"}
    assert subjects <= known

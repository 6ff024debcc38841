"""The made-up shop on disk: `journey sample` and `data/sample/generate.py` write it from here.

`write_sample` turns a plan into a complete project folder: five feeds, the journey map that goes with them, the
sample-only key, and `truths.json`, which says what an honest report must find in them and what it must not.
"""

import json
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from journey_analytics.errors import InputError
from journey_analytics.facts.config import home
from journey_analytics.sample.after import draw_shop
from journey_analytics.sample.feeds import FEEDS, write_feeds
from journey_analytics.sample.world import DECOYS, SamplePlan

__all__ = ["SamplePlan", "SampleSummary", "truths", "write_sample"]

SAMPLE_KEY = "6f1d0c52a3b94e7788c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627"


@dataclass(frozen=True)
class SampleSummary:
    """What was written: rows over all feeds, files, bytes, and where."""

    rows: int
    files: int
    bytes: int
    out: Path

    def __str__(self) -> str:
        return f"{self.rows:,} rows in {self.files} files, {self.bytes / 1e6:.1f} MB, under {self.out}"


def write_sample(plan: SamplePlan, out: Path, processes: int | None = None) -> SampleSummary:
    """Write the shop of a plan as a project folder.

    Parameters
    ----------
    plan : the size of the shop and the truths planted in it
    out : the project folder; feeds go to `out/data/sample/<feed>/`, replacing the files of an earlier shop there
    processes : how many processes write days; the bytes do not depend on it

    Raises
    ------
    InputError : when the plan has no customers or no days
    """
    if plan.customers < 1 or plan.days < 1:
        raise InputError(
            f"a shop of {plan.customers} customers over {plan.days} days has nothing in it",
            where="journey sample",
            allowed="at least 1 customer and 1 day",
            do="journey sample --customers 2500 --days 120 --out DIR",
        )
    folder = out / "data" / "sample"
    for feed in FEEDS:
        for old in sorted((folder / feed).glob("*.*")):
            old.unlink()
    rows = write_feeds(draw_shop(plan), folder, processes)
    (folder / "pseudonymisation.key").write_text(f"# sample only: never use this key for real people\n{SAMPLE_KEY}\n")
    (folder / "truths.json").write_text(json.dumps(truths(plan), indent=2) + "\n")
    _copy_pipelines(out)
    files = [file for feed in FEEDS for file in sorted((folder / feed).iterdir())]
    return SampleSummary(rows, len(files), sum(file.stat().st_size for file in files), out)


def _copy_pipelines(out: Path) -> None:
    """Copy the sample's journey map, night and sources, unless `out` is where they come from."""
    source = home() / "pipelines"
    if source.resolve() == (out / "pipelines").resolve():
        return
    for file in sorted([*source.glob("*.yml"), *source.glob("sources/*.yml")]):
        target = out / "pipelines" / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def truths(plan: SamplePlan) -> dict[str, Any]:
    """Say what an honest report of this shop finds, and what it must not."""

    def on(day: int) -> str:
        return str(plan.starts_on + timedelta(days=day - 1))

    def truth(name: str, kind: str, subject: str, says: str, **facts: Any) -> dict[str, Any]:
        return {"id": name, "kind": kind, "subject": subject, "says": says, **facts}

    broken, repaired = plan.payment_breaks_on_day, plan.payment_repaired_on_day
    lost = plan.web_lost_on_day
    return {
        "as_of": f"{on(plan.days + 1)}T00:00:00",
        "truths": [
            truth("payment_page_mobile_broken", "underperforming", "payment_page_mobile",
                  "the payment page fails on phones", from_on=on(broken), until_on=on(repaired)),
            truth("autumn_sale_annoys", "overwhelming", "autumn_sale", "many of those who got it complain",
                  sent_on=[on(day) for day in plan.annoying_sent_on_days]),
            truth("autumn_sale_drives_away", "underperforming", "autumn_sale", "few of those who got it come back"),
            truth("chat_answers_slowly", "promise_broken", "chat_answer", "half of the chats wait over ten minutes"),
            truth("chat_dissatisfies", "satisfaction", "support_chat", "about half of the thumbs point down",
                  metric="thumb"),
            truth("late_region", "promise_broken", "two_day_delivery", "half of the parcels there come late",
                  by_value=plan.late_region, stars_lower_when_broken=2.0),
            truth("returning_get_no_reminder", "missing", "abandoned_cart", "who has bought before gets no reminder",
                  segment="returning"),
            truth("shown_after_paying", "out_of_order", "product_page", "product pages follow people who have paid",
                  from_on=on(plan.shown_after_paying_from_day)),
            truth("web_tracking_lost", "data", "web", "one day's web tracking never arrived", on=on(lost)),
        ],
        "decoys": [
            {"touchpoint": decoy.touchpoint, "n_judged": decoy.n, "n_good": decoy.n_good,
             "why": "too few to judge" if decoy.n < 30 else "under its target, but the interval reaches it"}
            for decoy in DECOYS
        ],
    }  # fmt: skip

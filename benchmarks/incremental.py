"""One more day: what a night that adds about 1 % of new events costs, against building everything, in one run.

    python benchmarks/incremental.py                      2 and 10 million events
    python benchmarks/incremental.py --events 50000000    another size

The last day of a made-up shop is held back; the first night lands and builds everything else, the second what the last
day brought. Both include landing and publishing.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from night import EVENTS_PER_CUSTOMER, WORK, measured, step

from journey_analytics.facts.config import load_project
from journey_analytics.night import Night
from journey_analytics.sample.shop import SamplePlan, write_sample
from journey_analytics.warehouse import Warehouse

STEPS = ("land", "begin", "judge_feeds", "build", "judge_marts", "find", "report", "publish")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[2_000_000, 10_000_000], help="feed rows of each shop")
    parser.add_argument("--work", type=Path, default=WORK, help="where the shops and their databases are put")
    parser.add_argument("--keep", action="store_true", help="leave them there; a kept shop is used again")
    parser.add_argument("--tables", action="store_true", help="also print what each table costs")
    arguments = parser.parse_args()
    for events in arguments.events:
        folder = arguments.work / f"incremental-{events}"
        if not folder.exists():
            measured(make_shop, folder, events)
        shutil.rmtree(folder / "warehouse", ignore_errors=True)
        shutil.rmtree(folder / "reports", ignore_errors=True)
        held = hold_last_day(folder)
        whole = measured(run_night, folder, arguments.tables)
        for path in held:
            path.rename(path.with_name(path.name.removeprefix(".")))
        print_table(events, whole, measured(run_night, folder, arguments.tables))
        if not arguments.keep:
            shutil.rmtree(folder)


def make_shop(folder: Path, events: int) -> list[dict[str, Any]]:
    write_sample(SamplePlan(customers=max(1, events // EVENTS_PER_CUSTOMER)), folder)
    return []


def hold_last_day(folder: Path) -> list[Path]:
    """Hide the files of the shop's last day; returns where they are."""
    files = [path for path in (folder / "data" / "sample").glob("*/*") if path.name[0].isdigit()]
    last = max(path.name[:10] for path in files)
    return [path.rename(path.with_name(f".{path.name}")) for path in files if path.name.startswith(last)]


def run_night(folder: Path, with_tables: bool) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    if with_tables:
        time_statements(parts)
    with Night(load_project(folder)) as night:
        before = night.warehouse.scalar("select coalesce(sum(n_loaded), 0)::bigint from work.ops.loads")
        for name in STEPS:
            with step(rows, name.replace("_", " ")):
                getattr(night, name)()
        landed = int(night.warehouse.scalar("select sum(n_loaded) from work.ops.loads") - before)
    total = {"step": "the night", "seconds": sum(r["seconds"] for r in rows), "cpu": sum(r["cpu"] for r in rows)}
    return [*rows, {**total, "rows": landed, "peak_mb": max(r["peak_mb"] for r in rows)}, *parts]


def time_statements(rows: list[dict[str, Any]]) -> None:
    """Time every statement of a night by its first line."""
    original = Warehouse.execute

    def execute(self: Warehouse, sql: str, parameters: Any = None) -> None:
        with step(rows, " ".join(sql.split())[:70]):
            original(self, sql, parameters)

    Warehouse.execute = execute  # type: ignore[method-assign]


def print_table(events: int, whole: list[dict[str, Any]], more: list[dict[str, Any]]) -> None:
    print(f"\n## {events:,} events\n\n| step | everything: seconds | cpu | one more day: seconds | cpu | peak MB |")
    print("|---|---:|---:|---:|---:|---:|")
    count = len(STEPS) + 1
    for a, b in zip(whole[:count], more[:count], strict=True):
        name = f"{a['step']} | {a['seconds']:.1f} | {a['cpu']:.1f} | {b['seconds']:.1f} | {b['cpu']:.1f}"
        print(f"| {name} | {b['peak_mb']:,.0f} |")
    a, b = whole[count - 1], more[count - 1]
    print(
        f"\nthe day brought {b['rows']:,} rows, {b['rows'] / a['rows']:.2%} of what was there; its night takes "
        f"{b['seconds'] / a['seconds']:.1%} of the seconds and {b['cpu'] / a['cpu']:.1%} of the cpu seconds"
    )
    for part in sorted(more[count:], key=lambda row: -row["cpu"])[:40]:
        print(f"{part['seconds']:8.2f} {part['cpu']:8.2f}  {part['step']}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""The night on large shops: seconds, rows per second and peak memory of every step, against floors of the same run.

    python benchmarks/night.py                       2 and 10 million events
    python benchmarks/night.py --events 500000       another size

Each size is measured in a process of its own. The floors are what DuckDB needs for the same files without any of our
work: reading them typed into a table of a new file, and scanning the finished events once.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from journey_analytics.facts.config import load_project
from journey_analytics.night import Night
from journey_analytics.sample.shop import SamplePlan, write_sample

EVENTS_PER_CUSTOMER = 36  # feed rows of the sample, of all five feeds, over its 120 days
WORK = Path(__file__).parent / "work"

FLOORS = {
    "web": {
        "messageId": "varchar", "type": "varchar", "event": "varchar", "name": "varchar", "anonymousId": "varchar",
        "userId": "varchar", "timestamp": "timestamp", "receivedAt": "timestamp", "context": "json",
        "properties": "json", "traits": "json",
    },
    "email": {
        "sg_event_id": "varchar", "sg_message_id": "varchar", "email": "varchar", "timestamp": "bigint",
        "event": "varchar", "category": "varchar", "url": "varchar",
    },
    "support": {
        "id": "bigint", "created_at": "timestamp", "updated_at": "timestamp", "status": "varchar", "via": "json",
        "requester": "json", "tags": "json", "satisfaction_rating": "json", "metric_set": "json",
    },
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[2_000_000, 10_000_000], help="feed rows of each shop")
    parser.add_argument("--keep", action="store_true", help="leave the shops and their databases in benchmarks/work")
    arguments = parser.parse_args()
    for events in arguments.events:
        print(f"\n## {events:,} events\n")
        folder = WORK / str(events)
        made = measured(make_shop, folder, events)
        night = measured(run_night, folder)
        floors = measured(run_floors, folder)
        print_table(made, night, floors)
        if not arguments.keep:
            shutil.rmtree(folder)


def measured(act: Callable[..., list[dict[str, Any]]], *arguments: Any) -> list[dict[str, Any]]:
    """Run in a forked process, so that one measurement's memory is not another's."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        sender.send_bytes(json.dumps(act(*arguments)).encode())
        os._exit(0)
    rows: list[dict[str, Any]] = json.loads(receiver.recv_bytes())
    os.waitpid(child, 0)
    return rows


@contextmanager
def step(rows: list[dict[str, Any]], name: str) -> Iterator[dict[str, Any]]:
    """Time one step; its peak memory is the highest resident size since it began."""
    reset_peak()
    row: dict[str, Any] = {"step": name, "rows": None}
    wall, cpu = time.perf_counter(), cpu_seconds()
    yield row
    rows.append({**row, "seconds": time.perf_counter() - wall, "cpu": cpu_seconds() - cpu, "peak_mb": peak_mb()})


def make_shop(folder: Path, events: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    if folder.exists():
        shutil.rmtree(folder)
    with step(rows, "write the feeds") as row:
        write_sample(SamplePlan(customers=max(1, events // EVENTS_PER_CUSTOMER)), folder)
        row["rows"] = events
    return rows


def run_night(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    with Night(load_project(folder)) as night:
        with step(rows, "land") as row:
            night.land()
        row["rows"] = landed = int(night.warehouse.scalar("select sum(n_read) from work.ops.loads"))
        rows[-1]["rows"] = landed
        for name in ("begin", "judge_feeds", "build", "judge_marts", "find", "report", "publish"):
            with step(rows, name.replace("_", " ")):
                getattr(night, name)()
            rows[-1]["rows"] = landed
    total = {
        "step": "the night",
        "rows": landed,
        "seconds": sum(r["seconds"] for r in rows),
        "cpu": sum(r["cpu"] for r in rows),
    }
    return [*rows, {**total, "peak_mb": max(r["peak_mb"] for r in rows)}]


def run_floors(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    target = folder / "floor.duckdb"
    connection = duckdb.connect(str(target))
    with step(rows, "floor: read the same files into a table") as row:
        total = 0
        for feed, columns in FLOORS.items():
            read = (
                f"read_json('{folder}/data/sample/{feed}/*.jsonl.gz', format = 'newline_delimited', columns = {columns}"
            )
            connection.execute(f"create table {feed} as from {read}, ignore_errors = true)")
        for feed in ("orders", "surveys"):
            read = (
                f"read_csv('{folder}/data/sample/{feed}/*.csv', header = true, all_varchar = true, union_by_name = true"
            )
            connection.execute(f"create table {feed} as from {read}, ignore_errors = true)")
        for feed in (*FLOORS, "orders", "surveys"):
            total += connection.execute(f"select count(*) from {feed}").fetchone()[0]
        connection.execute("checkpoint")
        row["rows"] = total
    connection.close()
    target.unlink()
    published = duckdb.connect(str(folder / "warehouse" / "journey.duckdb"), read_only=True)
    with step(rows, "floor: scan the finished events") as row:
        row["rows"] = published.execute(
            "select count(customer_id), max(event_at), count(touchpoint) from journeys.events"
        ).fetchone()[0]
    return rows


def print_table(*parts: list[dict[str, Any]]) -> None:
    print("| step | seconds | cpu seconds | rows | rows/s | peak MB |\n|---|---:|---:|---:|---:|---:|")
    for row in (row for part in parts for row in part):
        rate = f"{row['rows'] / row['seconds']:,.0f}" if row["rows"] else ""
        measures = f"{row['seconds']:.1f} | {row['cpu']:.1f} | {row['rows'] or 0:,} | {rate} | {row['peak_mb']:,.0f}"
        print(f"| {row['step']} | {measures} |")
    night, floor = parts[1][-1], parts[2][0]
    ratio = night["seconds"] / floor["seconds"]
    print(f"\nthe night takes {ratio:.2f} times as long as reading the same files into a table")
    sys.stdout.flush()


def cpu_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def reset_peak() -> None:
    """Linux forgets the highest resident size when 5 is written here; elsewhere a peak is the whole process's."""
    path = Path("/proc/self/clear_refs")
    if path.exists():
        path.write_text("5", encoding="ascii")


def peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()

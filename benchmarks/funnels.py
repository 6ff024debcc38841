"""The plain funnel against the peers: one sorted table, the same question, every side in turn.

    make peers                                      the peers' own environment, once
    python benchmarks/funnels.py                    10 million events, 4 and 8 steps, a 7-day window, three rounds
    python benchmarks/funnels.py --events 50000000 --sides ours   one size larger, ours alone

Every side is a process of its own that opens its own store, asks once to warm up and then is timed; reading the answer
is part of it. Ours and the partitioned SQL read one DuckDB file; ClickHouse (chdb) reads a MergeTree in the same order,
with customers as text as in our published file, and beside it with customers as integers; polars and pandas have the
columns in memory already, customers as integers. All sides must count the same, ties apart: only ours and the
partitioned SQL have a rule for those.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
WORK = HERE / "work" / "funnels"
PEERS = HERE / ".venv" / "bin" / "python"
STEPS = [f"event_{number:02}" for number in range(8)]  # the most frequent of 27: 40 % of the events, and 54 %
WEEK = 7 * 86_400 * 1_000_000

EVENTS = """
    create or replace table events as
    with drawn as (
        select i, hash(i, 1) as of_customer, hash(i, 2) as of_time, hash(i, 3) as of_name from range($events) as t (i)),
    placed as (
        select i, cast(floor(power((of_customer % 1000000) / 1e6, 1.6) * $events / 15) as integer) as customer,
            cast(of_time % (90 * 86400000000) as bigint) as moment, (of_name % 1000) / 1000.0 as share from drawn)
    select 'c' || lpad(customer::varchar, 8, '0') as customer_id,
        timestamp '2026-01-01' + to_microseconds(moment) as event_at, 'e' || i as event_id,
        'event_' || lpad(cast(floor(power(share, 2) * 27) as integer)::varchar, 2, '0') as event_name
    from placed order by customer_id, event_at, event_id
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--sides", nargs="+", choices=sorted(SIDES), default=list(SIDES))
    parser.add_argument(
        "--one", nargs=2, metavar=("SIDE", "STEPS"), help="measure one side once; what each round calls"
    )
    arguments = parser.parse_args()
    if arguments.one:
        side, n_steps = arguments.one
        print(json.dumps(SIDES[side](int(n_steps))))
        return
    make_events(arguments.events)
    for n_steps in arguments.steps:
        measured: dict[str, list[dict[str, Any]]] = {side: [] for side in arguments.sides}
        for _ in range(arguments.rounds):
            for side in arguments.sides:
                measured[side].append(run_side(side, n_steps))
        print_table(arguments.events, n_steps, measured)
    shutil.rmtree(WORK)


def make_events(events: int) -> None:
    import duckdb

    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    with duckdb.connect(str(WORK / "events.duckdb")) as connection:
        connection.execute(EVENTS.replace("$events", str(events)))
        connection.execute(f"""copy (
            select customer_id, cast(substr(customer_id, 2) as uinteger) as customer,
                cast(epoch_us(event_at) as ubigint) as moment, event_name from events
            ) to '{WORK / "events.parquet"}' (format parquet)""")


def run_side(side: str, n_steps: int) -> dict[str, Any]:
    python = sys.executable if side in ("ours", "partitioned SQL") else str(PEERS)
    command = [python, __file__, "--one", side, str(n_steps)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def timed(act: Callable[[], list[int]]) -> dict[str, Any]:
    """Ask once to warm up, and once on the clock. Peak memory is the process's."""
    act()
    wall, cpu = time.perf_counter(), time.process_time()
    counts = act()
    spent = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return {**spent, "counts": counts, "peak_mb": peak_mb()}


def peak_mb() -> float:
    """The highest resident size since this program began; what getrusage says begins with the parent's."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def ours(n_steps: int, engine: int = 0) -> dict[str, Any]:
    import duckdb

    from journey_analytics.facts.funnels import Funnel
    from journey_analytics.funnels import planner
    from journey_analytics.funnels.log import Log
    from journey_analytics.funnels.marks import Question
    from journey_analytics.warehouse import Warehouse

    warehouse = Warehouse(duckdb.connect(str(WORK / "events.duckdb"), read_only=True))
    columns = {"customer_id": "VARCHAR", "event_at": "TIMESTAMP", "event_id": "VARCHAR", "event_name": "VARCHAR"}
    funnel = Funnel.model_validate({"steps": STEPS[:n_steps], "window": "7 days", "as_of": "2027-01-01"})
    question = Question(funnel, Log("events", columns, ("event_id",)))
    return timed(lambda: [row["n"] for row in planner.ENGINES[engine].steps(question, warehouse)])


def partitioned(n_steps: int) -> dict[str, Any]:
    return ours(n_steps, -1)


def clickhouse(n_steps: int, customer: str, kind: str) -> dict[str, Any]:
    from chdb import session

    with contextlib.redirect_stderr(io.StringIO()):
        store = session.Session(str(WORK / f"clickhouse_{kind}"))
        if "bench" not in str(store.query("show databases", "CSV")):
            store.query("create database if not exists bench engine = Atomic")
            store.query(
                f"create table bench.events (customer {kind}, moment UInt64, "
                "event_name LowCardinality(String)) engine = MergeTree order by (customer, moment)"
            )
            parquet = WORK / "events.parquet"
            store.query(f"insert into bench.events select {customer}, moment, event_name from file('{parquet}')")
            store.query("optimize table bench.events final")
    steps = STEPS[:n_steps]
    conditions = ", ".join(f"event_name = '{step}'" for step in steps)
    names = ", ".join(f"'{step}'" for step in steps)
    asked = f"""select level, count() from (
            select customer, windowFunnel({WEEK})(moment, {conditions}) as level from bench.events
            where event_name in ({names}) group by customer)
        group by level order by level"""

    def ask() -> list[int]:
        levels = dict(tuple(map(int, line.split(","))) for line in str(store.query(asked, "CSV")).split())
        return [sum(count for level, count in levels.items() if level >= step) for step in range(1, n_steps + 1)]

    return timed(ask)


def polars(n_steps: int) -> dict[str, Any]:
    import polars as pl

    frame = pl.read_parquet(WORK / "events.parquet", columns=["customer", "moment", "event_name"])
    place = {step: number for number, step in enumerate(STEPS[:n_steps], 1)}

    def ask() -> list[int]:
        step = pl.col("event_name").replace_strict(place, default=0, return_dtype=pl.UInt8).alias("step")
        rows = frame.lazy().with_columns(step).filter(pl.col("step") > 0)
        rows = rows.with_columns(pl.when(pl.col("step") == 1).then(pl.col("moment")).alias("start"))
        for number in range(2, n_steps + 1):
            before = pl.when(pl.col("step") == number - 1).then(pl.col("start")).forward_fill().over("customer")
            rows = rows.with_columns(
                pl.when(pl.col("step") == number).then(before).otherwise(pl.col("start")).alias("start")
            ).with_columns(
                pl.when((pl.col("step") != number) | (pl.col("moment") - pl.col("start") <= WEEK)).then(pl.col("start"))
            )
        levels = rows.filter(pl.col("start").is_not_null()).group_by("customer").agg(pl.col("step").max()).collect()
        return [int((levels["step"] >= number).sum()) for number in range(1, n_steps + 1)]

    return timed(ask)


def pandas(n_steps: int) -> dict[str, Any]:
    import pandas as pd

    frame = pd.read_parquet(WORK / "events.parquet", columns=["customer", "moment", "event_name"])
    frame["event_name"] = frame["event_name"].astype("category")
    place = {step: number for number, step in enumerate(STEPS[:n_steps], 1)}

    def ask() -> list[int]:
        rows = frame[frame["event_name"].isin(list(place))].copy()
        rows["step"] = rows["event_name"].map(place).astype("int8")
        rows["start"] = rows["moment"].astype("float64").where(rows["step"] == 1)
        for number in range(2, n_steps + 1):
            before = rows["start"].where(rows["step"] == number - 1).groupby(rows["customer"]).ffill()
            goes_on = (rows["step"] == number) & (rows["moment"] - before <= WEEK)
            rows["start"] = rows["start"].where(rows["step"] != number, before.where(goes_on))
        levels = rows[rows["start"].notna()].groupby("customer")["step"].max()
        return [int((levels >= number).sum()) for number in range(1, n_steps + 1)]

    return timed(ask)


SIDES: dict[str, Callable[[int], dict[str, Any]]] = {
    "ours": ours,
    "partitioned SQL": partitioned,
    "ClickHouse, text customers": lambda n_steps: clickhouse(n_steps, "customer_id", "String"),
    "ClickHouse, integer customers": lambda n_steps: clickhouse(n_steps, "customer", "UInt32"),
    "polars": polars,
    "pandas": pandas,
}


def print_table(events: int, n_steps: int, measured: dict[str, list[dict[str, Any]]]) -> None:
    print(f"\n{events:,} events, {n_steps} steps, 7 days, median of {len(next(iter(measured.values())))} rounds\n")
    print("| side | seconds | cpu seconds | ours / side | cpu | peak MB | reached the steps |")
    print("|---|---:|---:|---:|---:|---:|---|")
    middle = {
        side: {name: statistics.median(row[name] for row in rows) for name in ("seconds", "cpu", "peak_mb")}
        for side, rows in measured.items()
    }
    first = middle.get("ours", next(iter(middle.values())))
    for side, row in middle.items():
        ratios = f"{first['seconds'] / row['seconds']:.2f} | {first['cpu'] / row['cpu']:.2f}"
        counts = " ".join(f"{count:,}" for count in measured[side][0]["counts"])
        print(f"| {side} | {row['seconds']:.2f} | {row['cpu']:.2f} | {ratios} | {row['peak_mb']:,.0f} | {counts} |")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

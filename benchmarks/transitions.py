"""Transitions between touchpoints against pm4py: the same touches, the same pairs and counts.

    make peers                                  the peers' own environment, once
    python benchmarks/transitions.py            3 million touches, three rounds

Ours is the SELECT of marts.transitions as it stands in sql/, and beside it the pass that finds each touch's predecessor
first (one row back, over the sorted table), since pm4py has to find it too. pm4py gets a frame that is in memory and
formatted already; formatting is shown apart.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

HERE = Path(__file__).parent
WORK = HERE / "work"
FILE = WORK / "transitions.duckdb"
PEERS = HERE / ".venv" / "bin" / "python"

TOUCHES = """
    create schema journeys;
    create table journeys.touches as
    with drawn as (
        select printf('j%09d', i // 6) as journey_id, i % 6 + 1 as touch_number, hash(i, 1) % 1000 as at_random,
            timestamp '2026-01-01' + to_seconds((i // 6) % 7000000 + (i % 6) * 60) as touched_at
        from range($touches) as t (i))
    select journey_id, touch_number, touched_at,
        'touchpoint_' || lpad(cast(floor(power(at_random / 1000.0, 2) * 27) as integer)::varchar, 2, '0') as touchpoint,
        lag(touchpoint) over (partition by journey_id order by touch_number) as previous_touchpoint
    from drawn order by journey_id, touch_number;
    create table journeys.journeys as
    select journey_id, arg_max(touchpoint, touch_number) as exit_touchpoint, false as is_open
    from journeys.touches group by journey_id order by journey_id
"""
LOOKING_BACK = """
    with beside as (
        select journey_id, touchpoint, lag(journey_id) over () as journey_before, lag(touchpoint) over () as before
        from journeys.touches)
    select before, touchpoint, count(*) as n from beside where journey_before = journey_id group by before, touchpoint
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--touches", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=sorted(SIDES), help="measure one side only; what each round calls")
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(SIDES[arguments.side]()))
        return
    WORK.mkdir(exist_ok=True)
    FILE.unlink(missing_ok=True)
    with duckdb.connect(str(FILE)) as connection:
        for statement in TOUCHES.replace("$touches", str(arguments.touches)).split(";"):
            connection.execute(statement)
    measured: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for _ in range(arguments.rounds):
        for side in SIDES:
            measured[side].append(run_side(side))
    print_table(arguments.touches, measured)
    FILE.unlink()


def run_side(side: str) -> dict[str, float]:
    python = str(PEERS) if side.startswith("pm4py") else sys.executable
    done = subprocess.run([python, __file__, "--side", side], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def timed(act: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = act()
    return result, {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def ours(sql: str) -> dict[str, float]:
    connection = duckdb.connect(str(FILE), read_only=True)
    rows, spent = timed(lambda: connection.execute(sql).fetchall())
    inside = [row for row in rows if row[0] != "start" and row[1] not in ("exit", "open")]
    return {**spent, "n_pairs": len(inside), "n_transitions": sum(row[2] for row in inside)}


def mart() -> dict[str, float]:
    return ours((HERE.parent / "sql" / "marts" / "transitions.sql").read_text(encoding="utf-8"))


def pm4py_dfg() -> dict[str, float]:
    import pm4py

    frame = duckdb.connect(str(FILE), read_only=True).execute(
        "select journey_id, touchpoint, touched_at from journeys.touches"
    ).df()  # fmt: skip
    log, formatted = timed(
        lambda: pm4py.format_dataframe(
            frame, case_id="journey_id", activity_key="touchpoint", timestamp_key="touched_at"
        )
    )
    (pairs, _, _), spent = timed(lambda: pm4py.discover_dfg(log))
    return {**spent, "format": formatted["seconds"], "n_pairs": len(pairs), "n_transitions": sum(pairs.values())}


SIDES: dict[str, Callable[[], dict[str, float]]] = {
    "ours: marts.transitions": mart,
    "ours: predecessors found too": lambda: ours(LOOKING_BACK),
    "pm4py: discover_dfg": pm4py_dfg,
}


def print_table(touches: int, measured: dict[str, list[dict[str, float]]]) -> None:
    print(f"\n{touches:,} touches, median of {len(next(iter(measured.values())))} rounds\n")
    print("| side | seconds | cpu seconds | pm4py / side | cpu | pairs | transitions |\n|---|--:|--:|--:|--:|--:|--:|")
    middle = {
        side: {key: statistics.median(row[key] for row in rows) for key in rows[0]} for side, rows in measured.items()
    }
    peer = middle["pm4py: discover_dfg"]
    for side, row in middle.items():
        ratios = f"{peer['seconds'] / row['seconds']:.0f} | {peer['cpu'] / row['cpu']:.0f}"
        counts = f"{row['n_pairs']:,.0f} | {row['n_transitions']:,.0f}"
        print(f"| {side} | {row['seconds']:.2f} | {row['cpu']:.2f} | {ratios} | {counts} |")
    print(f"\npm4py's formatting of the frame, apart: {peer['format']:.1f} seconds")


if __name__ == "__main__":
    main()

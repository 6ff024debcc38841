"""Credit and transitions against the peers: the same touches in one DuckDB file, the same answers, in turn.

    make peers                                  the peers' own environment, once
    python benchmarks/credit.py                 3 million touches, three rounds

Each side is a process of its own, so that neither pays for the other's imports or memory. Credit is what both can do:
first, last and linear, and the Markov chain of order 1, from the table of touches to a share per channel. Transitions
are the counts of pairs of touches that follow each other, from the same table. Beside them stands our whole
`marts.credit`: eight methods with the intervals that the peers do not give.
"""

from __future__ import annotations

import argparse
import json
import resource
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
PEERS = HERE / ".venv" / "bin" / "python"

TOUCHES = """
    create schema journeys;
    create schema marts;
    create table journeys.credit_touches as
    with drawn as (
        select i // 4 as journey, i % 4 as turn, hash(i, 1) % 1000 as at_random, hash(i // 4, 2) % 1000 as of_journey
        from range($touches) as t (i)),
    merged as (
        select *, case when of_journey < 350 then journey - journey % 3 else journey end as way,
            case when of_journey < 350 then (journey % 3) * 4 + turn else turn end as place
        from drawn)
    select printf('j%09d', way) as journey_id, printf('c%08d', way // 2) as customer_id, place + 1 as touch_number,
        'channel_' || lpad(cast(floor(power(at_random / 1000.0, 2) * 15) as integer)::varchar, 2, '0') as touchpoint,
        'web' as channel, '(none)' as campaign, (20 - place) * 3600 as seconds_before_end,
        hash(way, 3) % 100 < 30 as is_converted,
        case when hash(way, 3) % 100 < 30 then hash(way, 4) % 9000 + 1000 else 0 end as revenue_minor
    from merged order by customer_id, journey_id, touch_number
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--touches", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=sorted(SIDES), help="measure one side only; what each round calls")
    parser.add_argument("--file", type=Path, default=WORK / "credit.duckdb")
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(SIDES[arguments.side](arguments.file)))
        return
    make_touches(arguments.file, arguments.touches)
    measured: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for _ in range(arguments.rounds):
        for side in SIDES:
            measured[side].append(run_side(side, arguments.file))
    print_table(arguments.touches, measured)
    arguments.file.unlink()


def make_touches(file: Path, touches: int) -> None:
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    with duckdb.connect(str(file)) as connection:
        for statement in TOUCHES.replace("$touches", str(touches)).split(";"):
            connection.execute(statement)


def run_side(side: str, file: Path) -> dict[str, float]:
    python = sys.executable if side.startswith("ours") else str(PEERS)
    command = [python, __file__, "--side", side, "--file", str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def timed(act: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = act()
    spent = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return result, {**spent, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def ours_credit(file: Path) -> dict[str, float]:
    import numpy as np

    from journey_analytics.credit import markov, rules, table
    from journey_analytics.credit.ways import Ways
    from journey_analytics.facts.journeymap import CreditRule
    from journey_analytics.warehouse import Warehouse

    warehouse = Warehouse(duckdb.connect(str(file), read_only=True))

    def model(ways: Ways) -> list[float]:
        ones = np.ones(ways.n_ways)
        for rule in ("first", "last", "linear"):
            rules.credit_by_place(ways, rules.weights(ways, rule), ones)  # type: ignore[arg-type]
        chain = markov.chain_of(ways)
        return [float(share) for share in markov.shares_of(markov.removal_effects(chain, markov.move_counts(chain)))]

    (places, ways), read = timed(lambda: table.read_ways(warehouse, CreditRule()))
    shares, modelled = timed(lambda: model(ways))
    return told(read, modelled, {place.touchpoint: share for place, share in zip(places, shares, strict=True)})


def peer_credit(file: Path) -> dict[str, float]:
    import ChannelAttribution

    connection = duckdb.connect(str(file), read_only=True)

    def paths() -> Any:
        return connection.execute("""
            with paths as (
                select string_agg(touchpoint, ' > ' order by touch_number) as path,
                    max(is_converted::int) as is_converted
                from journeys.credit_touches group by journey_id)
            select path, sum(is_converted)::double as conversions, sum(1 - is_converted)::double as nulls
            from paths group by path""").df()

    def model(grouped: Any) -> dict[str, float]:
        ChannelAttribution.heuristic_models(grouped, "path", "conversions", flg_pro=False)
        found = ChannelAttribution.markov_model(
            grouped, "path", "conversions", var_null="nulls", order=1, flg_pro=False, verbose=False
        )
        total = found["total_conversions"].sum()
        names, credited = found["channel_name"], found["total_conversions"]
        return {str(name).strip(): float(value / total) for name, value in zip(names, credited, strict=True)}

    grouped, read = timed(paths)
    shares, modelled = timed(lambda: model(grouped))
    return told(read, modelled, shares)


def told(read: dict[str, float], modelled: dict[str, float], shares: dict[str, float]) -> dict[str, float]:
    """One side's figures: reading the table into what its models take, the models, both together."""
    both = {name: read[name] + modelled[name] for name in ("seconds", "cpu")}
    return {
        **both, "model_seconds": modelled["seconds"], "model_cpu": modelled["cpu"], "peak_mb": modelled["peak_mb"],
        **{f"share {name}": share for name, share in shares.items()},
    }  # fmt: skip


def ours_whole(file: Path) -> dict[str, float]:
    from journey_analytics.credit import table
    from journey_analytics.facts.journeymap import CreditRule
    from journey_analytics.warehouse import Warehouse

    copy = file.with_suffix(".copy.duckdb")
    copy.write_bytes(file.read_bytes())
    warehouse = Warehouse(duckdb.connect(str(copy)))
    _, spent = timed(lambda: table.build(warehouse, CreditRule()))
    warehouse.close()
    copy.unlink()
    return spent


SIDES: dict[str, Callable[[Path], dict[str, float]]] = {
    "ours: credit": ours_credit,
    "ChannelAttribution: credit": peer_credit,
    "ours: marts.credit with intervals": ours_whole,
}


def print_table(touches: int, measured: dict[str, list[dict[str, float]]]) -> None:
    print(f"\n{touches:,} touches, median of {len(measured['ours: credit'])} rounds\n")
    print("| side | seconds | cpu seconds | of it models: seconds | cpu seconds | peak MB |")
    print("|---|---:|---:|---:|---:|---:|")
    middle = {
        side: {key: statistics.median(row[key] for row in rows) for key in rows[0]} for side, rows in measured.items()
    }
    for side, row in middle.items():
        models = f"{row['model_seconds']:.2f} | {row['model_cpu']:.2f}" if "model_cpu" in row else " | "
        print(f"| {side} | {row['seconds']:.2f} | {row['cpu']:.2f} | {models} | {row['peak_mb']:,.0f} |")
    ours, peer = middle["ours: credit"], middle["ChannelAttribution: credit"]
    apart = max(abs(ours[name] - peer.get(name, 0.0)) for name in ours if name.startswith("share "))
    times = {name: peer[name] / ours[name] for name in ("seconds", "cpu", "model_seconds", "model_cpu")}
    print(
        f"\nas fast as ChannelAttribution, times: models {times['model_seconds']:.1f} (cpu {times['model_cpu']:.1f}), "
        f"with reading the table {times['seconds']:.1f} (cpu {times['cpu']:.1f}); "
        f"its simulated shares lie within {apart:.4f} of our exact ones"
    )


if __name__ == "__main__":
    main()

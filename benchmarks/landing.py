"""Landing beside DuckDB's own reading of the same files, typed, into a table of a new file.

    python benchmarks/landing.py                                  2 million rows, three rounds
    python benchmarks/landing.py --rows 10000000 --formats jsonl  another size
    python benchmarks/landing.py --dlt                            dlt beside it, on a million rows

The rows are the web calls of a made-up shop: 23 columns, nested in JSON, flat in Parquet. Ours lands them with the
sample's contract, quarantine and dedupe. Both ways take turns, each time in a process of its own; medians are told.
dlt runs in an environment of its own: see requirements.txt.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import yaml
from night import WORK, measured, step

from journey_analytics import ledger
from journey_analytics.facts.config import load_project
from journey_analytics.landing import land
from journey_analytics.sample.shop import SamplePlan, write_sample
from journey_analytics.warehouse import open_night

ROWS_PER_CUSTOMER = 23  # web calls of the sample
FILES = 8
NOW = datetime(2026, 12, 1)
DLT_ROWS = 1_000_000
DLT_PYTHON = Path(__file__).parent / ".venv" / "bin" / "python"

JSON_COLUMNS = {
    "messageId": "varchar", "type": "varchar", "event": "varchar", "name": "varchar", "anonymousId": "varchar",
    "userId": "varchar", "timestamp": "timestamp", "receivedAt": "timestamp",
    "context": "struct(page struct(path varchar, url varchar, referrer varchar), "
               "campaign struct(source varchar, medium varchar, name varchar), userAgent varchar, "
               "location struct(country varchar), ip varchar)",
    "traits": "struct(email varchar)",
    "properties": "struct(product_id varchar, category varchar, order_id varchar, query varchar, n_results bigint)",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--formats", nargs="+", default=["jsonl", "parquet"], choices=["jsonl", "gz", "parquet", "csv"])
    parser.add_argument("--memory-limit", default="2GB")
    parser.add_argument("--dlt", action="store_true", help="measure dlt on a million rows too")
    parser.add_argument("--keep", action="store_true", help="leave the files and databases in benchmarks/work")
    arguments = parser.parse_args()
    folder = WORK / f"landing-{arguments.rows}"
    measured(prepare, folder, arguments.rows, arguments.formats)
    rounds = []
    for _ in range(arguments.rounds):
        for kind in arguments.formats:
            rounds += measured(run_floor, folder / kind, kind, arguments.memory_limit)
            rounds += measured(run_ours, folder / kind, kind, arguments.memory_limit)
    print_table(rounds, arguments.formats)
    if arguments.dlt:
        print_dlt(folder)
    if not arguments.keep:
        shutil.rmtree(folder)


def prepare(folder: Path, rows: int, formats: list[str]) -> list[dict[str, Any]]:
    """Write the same calls in every format, each with a project around them."""
    shutil.rmtree(folder, ignore_errors=True)
    write_sample(SamplePlan(customers=max(1, rows // ROWS_PER_CUSTOMER)), folder / "shop")
    packed = sorted((folder / "shop/data/sample/web").glob("*.gz"))
    for kind in {"jsonl", *formats}:
        make_project(folder, folder / kind, kind)
    for number in range(FILES):
        with (folder / f"jsonl/data/sample/web/{number}.jsonl").open("wb") as target:
            for path in packed[number::FILES]:
                with gzip.open(path, "rb") as source:
                    shutil.copyfileobj(source, target)
    for kind in formats:
        feed = folder / kind / "data/sample/web"
        if kind == "gz":
            for path in packed:
                shutil.copy(path, feed)
        elif kind in ("parquet", "csv"):
            for number in range(FILES):
                sql = flat_json(folder / f"jsonl/data/sample/web/{number}.jsonl")
                duckdb.execute(f"copy ({sql}) to '{feed}/{number}.{kind}' (format {kind})")
    shutil.rmtree(folder / "shop")
    return []


def make_project(shop: Path, project: Path, kind: str) -> None:
    """The sample's project with its web feed alone."""
    shutil.copytree(shop / "shop/pipelines", project / "pipelines")
    (project / "data/sample/web").mkdir(parents=True)
    shutil.copy(shop / "shop/data/sample/pseudonymisation.key", project / "data/sample")
    nightly, feed = project / "pipelines/nightly.yml", project / "pipelines/sources/web.yml"
    nightly.write_text(nightly.read_text().replace("sources: [web, email, support, orders, surveys]", "sources: [web]"))
    told = yaml.safe_load(feed.read_text())
    told |= {"lands": "web/*", "format": "jsonl" if kind in ("jsonl", "gz") else kind}
    if kind in ("parquet", "csv"):
        for column in told["columns"].values():
            column.pop("from", None)
    feed.write_text(yaml.safe_dump(told, sort_keys=False))


def flat_json(files: Path | str) -> str:
    """DuckDB's own typed reading of the calls, one column per declared column."""
    told = yaml.safe_load((Path(__file__).parents[1] / "pipelines/sources/web.yml").read_text())["columns"]
    paths = {name: column.get("from", name).split(".") for name, column in told.items()}
    columns = ", ".join('"' + '"."'.join(path) + f'" as {name}' for name, path in paths.items())
    read = f"read_json('{files}', format = 'newline_delimited', columns = {JSON_COLUMNS}, ignore_errors = true)"
    return f"select {columns} from {read}"


def run_floor(project: Path, kind: str, memory_limit: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    files = f"{project}/data/sample/web/*"
    read = {"parquet": f"from read_parquet('{files}')", "csv": f"from read_csv('{files}', header = true)"}
    target = project / "floor.duckdb"
    with step(rows, f"{kind} floor") as row:
        connection = duckdb.connect(str(target), config={"memory_limit": memory_limit})
        connection.execute(f"create table web as {read.get(kind) or flat_json(files)}")
        connection.execute("checkpoint")
        row["rows"] = connection.execute("select count(*) from web").fetchone()[0]
        connection.close()
    target.unlink()
    return rows


def run_ours(project: Path, kind: str, memory_limit: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    with step(rows, f"{kind} ours") as row:
        warehouse = open_night(project / "warehouse", memory_limit=memory_limit)
        ledger.ensure(warehouse)
        landed = land.land(warehouse, load_project(project), NOW)
        warehouse.execute("checkpoint work")
        warehouse.close()
        row["rows"] = landed[0].counts["n_read"]
    shutil.rmtree(project / "warehouse")
    return rows


def print_table(rounds: list[dict[str, Any]], formats: list[str]) -> None:
    print("\n| format | way | rows | seconds | cpu seconds | peak MB | seconds / floor | cpu / floor |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for kind in formats:
        floor = median(rounds, f"{kind} floor")
        for way, name in (("floor", "DuckDB alone"), ("ours", "landing")):
            row = median(rounds, f"{kind} {way}")
            shares = " | ".join(f"{row[measure] / floor[measure]:.2f}" for measure in ("seconds", "cpu"))
            told = f"{row['rows']:,} | {row['seconds']:.1f} | {row['cpu']:.1f} | {row['peak_mb']:,.0f}"
            print(f"| {kind} | {name} | {told} | {shares} |")
    sys.stdout.flush()


def median(rounds: list[dict[str, Any]], name: str) -> dict[str, Any]:
    those = [row for row in rounds if row["step"] == name]
    return {measure: statistics.median(row[measure] for row in those) for measure in those[0] if measure != "step"}


def print_dlt(folder: Path) -> None:
    """dlt with its defaults on a million of the lines, and ours on the same."""
    if not DLT_PYTHON.exists():
        print("\ndlt is not there: make peers")
        return
    project = folder / "million"
    shutil.copytree(folder / "jsonl/pipelines", project / "pipelines")
    (project / "data/sample/web").mkdir(parents=True)
    shutil.copy(folder / "jsonl/data/sample/pseudonymisation.key", project / "data/sample")
    with (project / "data/sample/web/million.jsonl").open("wb") as target:
        target.writelines(lines_of(folder / "jsonl/data/sample/web", DLT_ROWS))
    rounds = measured(run_floor, project, "jsonl", "2GB") + measured(run_ours, project, "jsonl", "2GB")
    print_table(rounds, ["jsonl"])
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([DLT_PYTHON, Path(__file__).with_name("landing_dlt.py"), project], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"| jsonl | dlt | {DLT_ROWS:,} | {time.perf_counter() - began:.1f} | {cpu:.1f} | | "
          f"| {cpu / median(rounds, 'jsonl floor')['cpu']:.2f} |")  # fmt: skip


def lines_of(folder: Path, count: int) -> Iterator[bytes]:
    """The first lines that are whole JSON; dlt stops at any other."""
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            for line in file:
                try:
                    json.loads(line)
                except ValueError:
                    continue
                yield line
                count -= 1
                if not count:
                    return


if __name__ == "__main__":
    main()

"""The quarantine on the command line: refused rows shown, counted by reason, exported, and landed again."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from journey_analytics import ledger, publish
from journey_analytics.cli.nights import finish, night_of
from journey_analytics.cli.shared import HERE, JsonOption, ProjectOption, plain, print_json, print_table
from journey_analytics.errors import ConfigError, LockHeld
from journey_analytics.facts.config import Project, load_project
from journey_analytics.landing import rejects as quarantine
from journey_analytics.landing.rejects import COLUMNS, Filter
from journey_analytics.progress import printable
from journey_analytics.report.exports import raw
from journey_analytics.warehouse import Warehouse, open_night, open_published

KINDS = (".csv", ".jsonl", ".parquet")


def rejects(
    project: ProjectOption = HERE, source: Annotated[str | None, typer.Option(help="Only this feed.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only rows with a reason that contains this text.")] = None,
    file: Annotated[str | None, typer.Option(help="Only files whose name contains this text.")] = None,
    limit: int = 20,
    summary: Annotated[bool, typer.Option("--summary", help="Count the reasons instead of listing rows.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write all of them to FILE.csv, .jsonl or .parquet.")] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="After a fix: land their feeds again from the files.")
    ] = False,
    json_: JsonOption = False,
) -> None:  # fmt: skip
    """Show refused rows with their reasons, count or export them, or land them again after a fix."""
    loaded = load_project(project.resolve())
    if source is not None and source not in loaded.sources:
        raise ConfigError(
            f"the source '{source}' is not switched on", allowed=", ".join(loaded.sources), do="journey rejects"
        )
    which = Filter(source, reason, file)
    if replay:
        _replay(project, which, json_)
        return
    with _quarantine(loaded) as warehouse:
        if out is not None:
            _export(warehouse, which, out, json_)
        elif summary:
            _summary(warehouse, which, json_)
        else:
            _list(warehouse, which, limit, json_)


@contextmanager
def _quarantine(project: Project) -> Iterator[Warehouse]:
    """A database whose ops.rejects is the quarantine: the private one; while a night holds that, the published one."""
    private = project.warehouse / "work.duckdb"
    try:
        if not private.is_file():
            raise LockHeld("there is no private database")
        with publish.lock(project.warehouse):
            warehouse = open_night(project.warehouse)
            try:
                ledger.ensure(warehouse)
                warehouse.execute("use work")
                yield warehouse
            finally:
                warehouse.close()
    except LockHeld:
        warehouse = open_published(project.warehouse / publish.PUBLISHED)
        try:
            yield warehouse
        finally:
            warehouse.close()


def _list(warehouse: Warehouse, which: Filter, limit: int, json_: bool) -> None:
    rows, count = quarantine.listed(warehouse, which, limit), quarantine.count(warehouse, which)
    if json_:
        print_json({"n_rejects": count, "rejects": rows})
        return
    for row in rows:
        print(f"{printable(row['file'])}:{row['row_number']}: {printable('; '.join(row['reasons']))}")
        print(f"    {printable(row['row'] or '')[:300]}")
    print(f"{len(rows)} of {count} refused rows; --summary counts the reasons, --out FILE.csv writes all of them")


def _summary(warehouse: Warehouse, which: Filter, json_: bool) -> None:
    rows, count = quarantine.summary(warehouse, which), quarantine.count(warehouse, which)
    if json_:
        print_json({"n_rejects": count, "reasons": rows})
        return
    print_table(rows, ["n_rows", "source", "reason", "n_files", "example"])
    print(f"{count} refused rows; a row with several reasons is counted under each")


def _export(warehouse: Warehouse, which: Filter, out: Path, json_: bool) -> None:
    """Write beside the file, then put it in its place, so that nobody finds half of one."""
    if out.suffix not in KINDS:
        raise ConfigError(f"'{out.name}' has no known ending", where="--out", allowed=", ".join(KINDS))
    partial = out.with_name(f".{out.name}.part")
    try:
        {".csv": _to_csv, ".jsonl": _to_jsonl, ".parquet": _to_parquet}[out.suffix](warehouse, which, partial)
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
    count = quarantine.count(warehouse, which)
    if json_:
        print_json({"n_rejects": count, "out": str(out)})
    else:
        print(f"{count} refused rows written to {out}")


def _to_csv(warehouse: Warehouse, which: Filter, path: Path) -> None:
    """Cells that a spreadsheet would run as a formula are guarded by an apostrophe."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for page in quarantine.pages(warehouse, which):
            writer.writerows([raw(_joined(row[name])) for name in COLUMNS] for row in page)


def _joined(value: Any) -> Any:
    return "; ".join(value) if isinstance(value, list) else value


def _to_jsonl(warehouse: Warehouse, which: Filter, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for page in quarantine.pages(warehouse, which):
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in page)


def _to_parquet(warehouse: Warehouse, which: Filter, path: Path) -> None:
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    sql = f"select {columns} from ops.rejects where {which.where} order by source, file, row_number"
    warehouse.frame(sql, which.parameters or None).to_parquet(path, index=False)


def _replay(project: Path, which: Filter, json_: bool) -> None:
    if which.reason or which.file:
        raise ConfigError(
            "a replay is of whole feeds", where="--replay", allowed="--source",
            do="leave out --reason and --file: a row that lands can make another one its duplicate",
        )  # fmt: skip
    with night_of(project, None, json_) as night:
        replayed = night.replay(which.source)
    if json_:
        print_json({"replayed": [{**plain(item), "n_elsewhere": item.n_elsewhere} for item in replayed]})
        raise typer.Exit(night.exit_code)
    for item in replayed:
        elsewhere = f", {item.n_elsewhere:,} duplicates or out of scope" if item.n_elsewhere else ""
        print(
            f"{item.source}: of {item.n_before:,} refused rows, {item.n_loaded:,} are now loaded{elsewhere}, "
            f"{item.n_refused:,} are still refused"
        )
    print("journey run publishes them" if replayed else "no row is in quarantine")
    finish(night, json_)

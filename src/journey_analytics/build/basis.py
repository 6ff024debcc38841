"""What a night rests on: the last publication, as long as the same code and the same map made it.

A night copies the last publication and changes what has changed. That is only right where building everything anew
would give the same; so a publication carries a fingerprint of all that shapes a table besides the rows themselves, and
of every landed file how many rows of it went in. Anything else than the fingerprint expected, and the night builds
everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from journey_analytics.build.models import Model
from journey_analytics.facts.config import Project
from journey_analytics.facts.expressions import quoted
from journey_analytics.warehouse import Warehouse

PACKAGE = Path(__file__).resolve().parents[1]

COMMENTS = {
    "ops.basis": "One row: what shaped this publication besides the rows that landed, and up to when.",
    "ops.landed": "One row per landed file with rows: which of its rows this publication rests on.",
}
_LANDED = "source varchar, file_id varchar, n_rows bigint, sum_of_row_numbers hugeint"


@dataclass(frozen=True)
class Basis:
    """The publication that a night starts from: its as_of, and what of each landed file went into it."""

    as_of: datetime
    landed: Mapping[tuple[str, str], tuple[int, int]]


def fingerprint(warehouse: Warehouse, project: Project, models: Mapping[str, Model]) -> str:
    """A text that changes whenever the same landed rows could make another publication.

    An erasure changes it too: rows that are deleted from a copied file can still be read in its bytes.
    """
    erasures = project.erasures.read_bytes() if project.erasures.is_file() else b""
    parts = [warehouse.scalar("select version()"), project.digest]
    parts += [hashlib.sha256(secret or b"").hexdigest() for secret in (project.key, erasures)]
    parts += [f"{path.relative_to(PACKAGE)} {path.read_text('utf-8')}" for path in sorted(PACKAGE.rglob("*.py"))]
    parts += [f"{table} {model.sql} {model.notes!r}" for table, model in sorted(models.items())]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def read(warehouse: Warehouse, expected: str, as_of: datetime) -> Basis | str:
    """What the attached copy of the last publication rests on, or the reason why a night cannot start from it."""
    known = "select count(*) from duckdb_tables() where database_name = 'next' and schema_name = 'ops'"
    if warehouse.scalar(f"{known} and table_name in ('basis', 'landed')") != 2:
        return "the last publication does not say what it rests on"
    said = warehouse.rows("select * from ops.basis")[0]
    if said["fingerprint"] != expected:
        return "the journey map, a contract, a model, the key or the code has changed, or somebody was erased"
    if said["as_of"] > as_of:
        return f"the last publication reaches further, up to {said['as_of']:%Y-%m-%d %H:%M}"
    rows = warehouse.rows("select * from ops.landed")
    landed = {(row["source"], row["file_id"]): (row["n_rows"], int(row["sum_of_row_numbers"])) for row in rows}
    return Basis(said["as_of"], landed)


def write(warehouse: Warehouse, project: Project, expected: str, as_of: datetime) -> None:
    """Say in the publication being built what it rests on."""
    warehouse.execute("create or replace table ops.basis (fingerprint varchar, as_of timestamp)")
    warehouse.append("ops.basis", [{"fingerprint": expected, "as_of": as_of}])
    counts = " union all ".join(
        f"select '{name}' as source, file_id, count(*) as n_rows, sum(row_number) as sum_of_row_numbers "
        f"from work.landing.{quoted(name)} group by file_id"
        for name in project.sources
    )
    warehouse.execute(f"create or replace table ops.landed ({_LANDED})")
    warehouse.execute(f"insert into ops.landed {counts} order by all")
    for table, comment in COMMENTS.items():
        warehouse.execute(f"comment on table {table} is '{comment}'")


def changed_files(warehouse: Warehouse, basis: Basis) -> dict[str, set[str]]:
    """By feed, the files whose landed rows are not those that the basis rests on: new ones, changed ones, gone ones."""
    now = {
        (row["source"], row["file_id"]): (row["n_rows"], int(row["sum_of_row_numbers"]))
        for row in warehouse.rows("select * from ops.landed")
    }
    changed: dict[str, set[str]] = {}
    for source, file_id in now.keys() | basis.landed.keys():
        if now.get((source, file_id)) != basis.landed.get((source, file_id)):
            changed.setdefault(source, set()).add(file_id)
    return changed

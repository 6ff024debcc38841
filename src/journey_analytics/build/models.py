"""`sql/` as models: which there are, what their columns mean, and in which order they are built.

A model is one SELECT in `sql/<schema>/<name>.sql` with a `.yml` beside it. The order is read from the SQL.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from journey_analytics import repeats
from journey_analytics.credit import table as credit
from journey_analytics.errors import ConfigError
from journey_analytics.facts.expectations import ModelCheck, SqlCheck
from journey_analytics.facts.expressions import reading_instead, referenced_tables
from journey_analytics.facts.fields import Strict
from journey_analytics.facts.yamlfile import read_yaml
from journey_analytics.funnels import night as funnels
from journey_analytics.identity import components

SEGMENTS_TABLE = "journeys.journey_segments"


@dataclass(frozen=True)
class Generated:
    """A table that Python writes: what one row is, what the columns mean, and what it reads."""

    meaning: str
    columns: Mapping[str, str]
    reads: frozenset[str]


GENERATED: Mapping[str, Generated] = {
    components.TABLE: Generated(components.MEANING, components.COLUMNS, components.READS),
    SEGMENTS_TABLE: Generated(
        "One row per journey and segment; every journey is in the segment 'all'.",
        {"journey_id": "The journey", "segment": "A segment of the journey map, or all"},
        frozenset({"journeys.journeys"}),
    ),
    credit.TABLE: Generated(credit.HEADER, credit.COLUMNS, credit.READS),
    repeats.TABLE: Generated(repeats.MEANING, repeats.COLUMNS, repeats.READS),
    funnels.TABLE: Generated(funnels.MEANING, funnels.COLUMNS, funnels.READS),
    **{each.TABLE: Generated(each.MEANING, each.COLUMNS, funnels.READS | {funnels.TABLE}) for each in funnels.TABLES},
}
TWINS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "journeys.unstitched_placements": ("journeys.placements", {"journeys.events": "journeys.unstitched_events"}),
}
"""Models asked a second time of other rows: the model, and what it reads instead."""
NO_MODELS = ("checks", "macros")
"""Folders of sql/ whose files make no table."""
PUBLISHED_SCHEMAS = ("journeys", "marts", "rules", "ops")
"""Schemas of the published file; `landing` and `staging` are views that only the night sees."""
CANONICAL = (
    "source", "event_id", "event_name", "event_at", "received_at", "loaded_at", "anonymous_id", "user_id", "email_key",
    "session_hint", "path", "referrer", "utm_source", "utm_medium", "utm_campaign", "device", "country", "order_id",
    "ticket_id", "revenue_minor", "currency", "score", "score_kind", "invitation_id", "comment", "properties",
    "file_id", "row_number",
)  # fmt: skip
"""The columns in which every staging model ends; `loaded_at` is added from the ledger."""


class Interval(Strict):
    """Two columns that the build adds: the bounds of an estimate."""

    of: str
    low: str
    high: str
    good: str
    n: str
    bad: str | None = None
    method: str = Field(pattern="^(wilson|nps)$")


class Check(Strict):
    """An expectation of the finished table."""

    expect: str
    columns: tuple[str, ...] = ()
    column: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    values: tuple[str, ...] = Field(default=(), alias="in")
    otherwise: str = "fail"


class Notes(Strict):
    """The `.yml` beside a model: what a row is, what every column means, and what its rows depend on.

    `incremental` is what lets a night build only what is new: `row`, each landed row gives its events by itself;
    `customer`, a customer's rows depend on that customer's events and on the journey map alone, never on as_of.
    `sorted` are the columns by which the rows stand in order in the file, whichever way a night has built them.
    """

    description: str
    columns: dict[str, str]
    key: tuple[str, ...] = ()
    intervals: tuple[Interval, ...] = ()
    checks: tuple[Check, ...] = ()
    incremental: Literal["row", "customer"] | None = None
    sorted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """One model: its table, its SELECT, its notes, and the tables it reads."""

    table: str
    path: Path
    sql: str
    notes: Notes
    reads: frozenset[str]

    @property
    def header(self) -> str:
        """The comment that opens the file, without its dashes."""
        lines = []
        for line in self.sql.splitlines():
            if not line.startswith("--"):
                break
            lines.append(line.removeprefix("--").removeprefix(" "))
        return "\n".join(lines).strip()


def discover(folders: Sequence[Path]) -> dict[str, Model]:
    """Every model below the folders, by table name; a later folder's model replaces an earlier one of the same name.

    Raises
    ------
    ConfigError : a model has no `.yml`, or one that breaks its form; a folder has two models of one name
    """
    models: dict[str, Model] = {}
    for folder in folders:
        for path in sorted([*folder.glob("*/*.sql"), *folder.glob("staging/*/*.sql")]):
            if path.parent.name not in NO_MODELS:
                table = f"{path.relative_to(folder).parts[0]}.{path.stem}"
                _refuse_twice(models.get(table), path, folder)
                sql = path.read_text(encoding="utf-8").rstrip().removesuffix(";")
                models[table] = Model(table, path, sql, read_notes(path.with_suffix(".yml")), referenced_tables(sql))
    for twin, (table, instead) in TWINS.items():
        if table in models:
            models.setdefault(twin, _twin(twin, models[table], instead))
    return models


def _twin(name: str, model: Model, instead: Mapping[str, str]) -> Model:
    """A model under another name that reads other tables, and means the same."""
    swapped = ", ".join(f"{other} instead of {table}" for table, other in instead.items())
    header = [f"What {model.table} says when it reads {swapped}.", "", *model.header.splitlines()]
    sql = "\n".join([*(f"-- {line}".rstrip() for line in header), reading_instead(model.sql, instead)])
    return Model(name, model.path, sql, model.notes, referenced_tables(sql))


def _refuse_twice(known: Model | None, path: Path, folder: Path) -> None:
    if known is not None and known.path.is_relative_to(folder):
        places = [each.relative_to(folder).as_posix() for each in (known.path, path)]
        raise ConfigError(f"{' and '.join(places)} are two models of one name", where="sql/", do="keep one of them")


def read_notes(path: Path) -> Notes:
    """Read the `.yml` beside a model."""
    if not path.is_file():
        raise ConfigError(
            "is missing: every model says what its columns mean", where=f"{path.parent.name}/{path.name}", do="write it"
        )
    document = read_yaml(path)
    try:
        return Notes.model_validate(document.value or {})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise ConfigError(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}", where=document.where(problem["loc"])
        ) from error


def checks_of(models: Mapping[str, Model]) -> dict[str, list[ModelCheck]]:
    """What the models' notes expect of the finished tables, for `judge`."""
    found: dict[str, list[ModelCheck]] = {}
    for table, model in models.items():
        wanted = [
            ModelCheck(
                table,
                check.expect,
                check.columns,
                check.column,
                check.at_least,
                check.at_most,
                check.values,
                check.otherwise,
            )
            for check in model.notes.checks
        ]
        if wanted and not table.startswith("staging."):
            found[table] = wanted
    return found


def sql_checks(folders: Sequence[Path]) -> list[SqlCheck]:
    """The questions of `sql/checks/`: each returns offending rows."""
    checks: dict[str, SqlCheck] = {}
    for folder in folders:
        for path in sorted((folder / "checks").glob("*.sql")):
            sql = path.read_text(encoding="utf-8").rstrip().removesuffix(";")
            said = {
                key.strip(): value.strip()
                for key, _, value in (line[2:].partition(":") for line in sql.splitlines() if line.startswith("--"))
            }
            checks[path.stem] = SqlCheck(path.stem, said.get("Question", path.stem), said.get("Level", "fail"), sql)
    return list(checks.values())


def build_order(models: Mapping[str, Model], wanted: Collection[str] | None = None) -> list[str]:
    """The tables in an order in which each finds what it reads; with `wanted`, only those and what they need."""
    reads: dict[str, frozenset[str]] = {table: model.reads for table, model in models.items()}
    reads.update({table: generated.reads for table, generated in GENERATED.items()})
    reads["staging.events"] = frozenset(table for table in models if table.startswith("staging."))
    graph = {table: [source for source in sources if source in reads] for table, sources in reads.items()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise ConfigError(
            f"models read each other in a circle: {' → '.join(error.args[1])}", do="break the circle"
        ) from error
    if wanted is None:
        return order
    needed: set[str] = set()
    pending = [table for table in order if table in wanted]
    while pending:
        table = pending.pop()
        if table not in needed:
            needed.add(table)
            pending.extend(graph[table])
    return [table for table in order if table in needed]


def undocumented(models: Mapping[str, Model]) -> Iterator[str]:
    """Models whose file does not open with its grain."""
    for table, model in models.items():
        if "Grain: one row per" not in model.header:
            yield table

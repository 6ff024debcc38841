"""One feed as `pipelines/sources/<source>.yml` states it: where it lands, its columns, and what must hold of it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from journey_analytics.facts.arrivals import Complete, Fetch
from journey_analytics.facts.contracts import ColumnRules, FeedRules
from journey_analytics.facts.dialects import Csv
from journey_analytics.facts.fields import Name, Strict, Text, Texts
from journey_analytics.facts.paths import parsed

# Every landing table has these besides its own columns: where a row came from.
ORIGIN = ("file_id", "row_number")

# One step from a JSON record to the object it stands in: `from: ^.created_at`.
ABOVE = "^"

ColumnType = Literal[
    "text", "integer", "number", "boolean", "date", "timestamp", "epoch_seconds", "epoch_milliseconds",
    "epoch_microseconds", "url", "properties", "score", "money", "content",
]  # fmt: skip

IdKind = Literal["device", "user", "email", "order", "ticket"]

# What a column of this name holds, where its file does not say it.
IDENTIFYING: Mapping[str, IdKind] = MappingProxyType({
    "anonymous_id": "device", "user_id": "user", "email_key": "email", "order_id": "order", "ticket_id": "ticket",
})  # fmt: skip


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"'{value}' is not a time zone; allowed are names such as UTC or Europe/Berlin") from error
    return value


class Column(ColumnRules):
    """One column: what it is called in the file, its type, and what may stand in it."""

    type: ColumnType
    from_: Texts | None = Field(default=None, alias="from")
    required: bool = False
    event_time: bool = False
    personal: Literal["email", "drop"] | None = None
    identifies: IdKind | None = None
    keep_query: tuple[Text, ...] = ()
    keep: tuple[Text, ...] = ()
    pairs: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Column:
        if self.keep_query and self.type != "url":
            raise ValueError("`keep_query` belongs to a column of type url")
        if (self.keep or self.pairs) and self.type != "properties":
            raise ValueError("`keep` and `pairs` belong to a column of type properties")
        if self.type == "properties":
            _check_kept(self.keep)
        self.check_rules(self.type, must_hold=self.required or self.event_time)
        if self.identifies and (self.type != "text" or self.personal == "drop"):
            raise ValueError("`identifies` belongs to a column of type text that lands")
        if self.personal and (self.values or self.not_answered or self.event_time or self.type != "text"):
            raise ValueError("a personal column is of type text, and has no `values` and no `event_time`")
        if self.event_time and self.type not in ("timestamp", "date") and not self.type.startswith("epoch_"):
            raise ValueError(f"the event time is a time, and not of type {self.type}")
        return self

    def paths(self, name: str) -> tuple[str, ...]:
        """Where the file has the value of the column called `name`: the first of these places that holds one."""
        return self.from_ or (name,)


class OutOfScope(Strict):
    """Valid rows that this tool does not need: counted, not loaded."""

    when: Text
    because: Text


class RowRule(Strict):
    """Rows that are refused, with the reason that is kept beside them."""

    refuse: Text
    because: Text


class FeedRule(Strict):
    """One expectation of the feed's nightly profile."""

    expect: Literal[
        "rows_vs_same_weekday",
        "refused_share",
        "duplicate_share",
        "hours_since_last_event",
        "unmapped_share",
        "rows_read",
        "null_share",
        "new_event_names",
        "hours_to_arrive",
        "clamped_share",
    ]
    column: Name | None = None
    between: tuple[float, float] | None = None
    at_most: float | None = None
    at_least: float | None = None
    otherwise: Literal["warn", "fail", "freeze"] = "warn"

    @model_validator(mode="after")
    def _has_a_bound(self) -> FeedRule:
        if self.between is None and self.at_most is None and self.at_least is None:
            raise ValueError(f"'{self.expect}' needs a bound: between, at_most or at_least")
        if (self.expect == "null_share") != (self.column is not None):
            raise ValueError("`null_share` names its `column`, and no other expectation does")
        return self


class Source(FeedRules):
    """The whole of one source file."""

    source: Name
    lands: Annotated[tuple[Text, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]
    format: Literal["jsonl", "json", "csv", "parquet"]
    records: Text | None = None
    csv: Csv = Csv()
    complete: Complete | None = None
    fetch: Fetch | None = None
    time_zone: Annotated[str, AfterValidator(_zone)] | None = None
    required: bool = False
    timeless: bool = False
    key: tuple[Name, ...] = ()
    columns: dict[Name, Column] = Field(min_length=1)
    out_of_scope: tuple[OutOfScope, ...] = ()
    rows: tuple[RowRule, ...] = ()
    feed: tuple[FeedRule, ...] = ()

    @field_validator("lands")
    @classmethod
    def _stays_inside(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for glob in value:
            if glob.startswith(("/", "~")) or ".." in glob.split("/") or "://" in glob:
                raise ValueError(
                    f"'{glob}' leaves the landing folder; allowed is a path below it, such as web/*.jsonl.gz"
                )
            if any("**" in part and part != "**" for part in glob.split("/")):
                raise ValueError(f"'{glob}' is not a pattern; allowed are * within a name and ** for any folders")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Source:
        unknown = [name for name in self.key if name not in self.columns]
        if unknown:
            raise ValueError(f"the key names {', '.join(unknown)}, which is not among the columns")
        dropped = [name for name in self.key if self.columns[name].personal == "drop"]
        if dropped:
            raise ValueError(f"the key names {', '.join(dropped)}, which is dropped as personal")
        for name, column in self.columns.items():
            if column.currency and not column.currency.isupper() and column.currency not in self.columns:
                raise ValueError(f"the currency of {name} is the column {column.currency}, which does not exist")
        hashed = [name for name, column in self.columns.items() if column.type == "content"]
        if hashed and (self.key != (hashed[0],) or (self.format == "csv" and not self.csv.header)):
            raise ValueError("a column of type content is the whole `key` of a feed whose columns have names")
        if self.latest_by is not None and self.latest_by not in self.landed():
            raise ValueError(f"`latest_by` names the column {self.latest_by}, which does not land")
        for rule in self.feed:
            if rule.column is not None and rule.column not in self.landed():
                raise ValueError(
                    f"null_share is of the column {rule.column}; allowed is one that lands: {', '.join(self.landed())}"
                )
        timed = [name for name, column in self.columns.items() if column.event_time]
        if self.timeless and timed:
            raise ValueError(f"the feed is `timeless`, but {', '.join(timed)} carries `event_time: true`")
        if not self.timeless and len(timed) != 1:
            raise ValueError(
                f"exactly one column carries `event_time: true`, but {len(timed)} do; "
                "a list whose rows have no time, such as a customer master, says `timeless: true`"
            )
        landing = [landed_name(name, column) for name, column in self.columns.items() if column.personal != "drop"]
        twice = sorted({name for name in landing if [*landing, *ORIGIN].count(name) > 1})
        if twice:
            raise ValueError(f"two columns would land as {', '.join(twice)}; rename one, and read it with `from:`")
        if self.records is not None and self.format != "json":
            raise ValueError("`records` belongs to a feed of `format: json`; in any other format a record is one row")
        if self.csv != Csv() and self.format != "csv":
            raise ValueError("`csv` belongs to a feed of `format: csv`")
        if self.fetch is not None:
            _check_fetched(self.fetch, self)
        if self.is_json:
            _check_paths(self.columns, self.records)
        return self

    @property
    def folder(self) -> str:
        """The folder, below the landing folder, under which all files of the first pattern of `lands` stand."""
        *folders, _ = self.lands[0].split("/")
        return "/".join(itertools.takewhile(lambda part: not set("*?[") & set(part), folders))

    @property
    def is_json(self) -> bool:
        """Whether a record is a JSON object, so that a column may come from any depth of it."""
        return self.format in ("jsonl", "json")

    @property
    def event_time(self) -> str | None:
        """The name of the column that says when the row happened; None where rows have no time."""
        return next((name for name, column in self.columns.items() if column.event_time), None)

    def landed(self) -> dict[str, Column]:
        """The columns as they land: a personal e-mail becomes a key, what is dropped is gone."""
        landed: dict[str, Column] = {}
        for name, column in self.columns.items():
            if column.personal == "drop":
                continue
            landed[landed_name(name, column)] = column
        return landed

    def identifying(self) -> dict[str, IdKind]:
        """The landed columns whose values are ids of a person or of something that is one person's, by their kind."""
        kinds = {
            name: "email" if column.personal == "email" else column.identifies or IDENTIFYING.get(name)
            for name, column in self.landed().items()
            if column.type == "text"
        }
        return {name: kind for name, kind in kinds.items() if kind is not None}


def _check_kept(keep: tuple[str, ...]) -> None:
    if not keep:
        raise ValueError("a column of type properties lists under `keep` the keys that may land; no other does")
    for path in keep:
        if not _is_path(path):
            raise ValueError(
                f"'{path}' is not a key; allowed are the keys of a JSON object, nested ones joined by dots"
            )
        if any(other.startswith(f"{path}.") for other in keep):
            raise ValueError(f"`keep` names both {path} and keys below it; name the keys below it alone")


def _check_fetched(fetch: Fetch, source: Source) -> None:
    if fetch.table is not None and source.format != "parquet":
        raise ValueError("a table is fetched into Parquet files, so its feed says `format: parquet`")
    if fetch.since is not None and not source.key:
        raise ValueError("`since` fetches the latest rows twice, so the feed needs a `key` that tells them apart")
    if source.folder == "":
        raise ValueError("what is fetched needs a folder of its own; `lands` begins with one, such as web/*.jsonl.gz")


def climbed(path: str) -> tuple[int, str]:
    """How many levels a path climbs above its record, and the path from there: `^.^.id` is (2, "id")."""
    keys = path.split(".")
    steps = next((place for place, key in enumerate(keys) if key != ABOVE), len(keys))
    return steps, ".".join(keys[steps:])


def _check_paths(columns: dict[str, Column], records: str | None) -> None:
    levels = len(records.split(".")) if records else 0
    if records is not None and not _is_path(records):
        raise ValueError(f"`records: {records}` is not a path to a list; allowed are keys joined by dots")
    for path in (path for name, column in columns.items() for path in column.paths(name)):
        steps, inside = climbed(path)
        parsed(inside)
        if steps > levels:
            climbs = f"'{path}' climbs {steps} level{'s' * (steps > 1)} above its record"
            if not levels:
                raise ValueError(
                    f"{climbs}, but its record stands in nothing; `records` of `format: json` names a list"
                )
            raise ValueError(f"{climbs}, but `records` leads through {levels}; allowed is one {ABOVE} for each key")


def _is_path(path: str) -> bool:
    return all(path.split(".")) and not set('"\\') & set(path)


def landed_name(name: str, column: Column) -> str:
    """The name a column has in `landing.<source>`."""
    if column.personal != "email":
        return name
    return "email_key" if name == "email" else name if name.endswith("_key") else f"{name}_key"


def any_personal(sources: dict[str, Any]) -> bool:
    """Whether any feed carries an e-mail address, so that a pseudonymisation key is needed."""
    return any(column.personal == "email" for source in sources.values() for column in source.columns.values())

"""How a feed's files arrive: when one is whole, and where they are fetched from; declared in the feed's YAML."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from journey_analytics.facts.fields import Strict, Text, parse_duration

STORES = ("s3", "gs", "gcs", "az", "abfs", "abfss")
NAMED = "{file}"

_NAME = r"[A-Za-z_][A-Za-z0-9_$]{0,62}"
_STORE = re.compile(rf"(?:{'|'.join(STORES)})://[^/@?#\s*]+(?:/[^@?#*]*)?")


def _unchanged_for(value: Any) -> float:
    told = re.fullmatch(r"\s*unchanged_for\s+(.+)", value) if isinstance(value, str) else None
    if told is None:
        raise ValueError(f"'{value}' says nothing of when a file is whole; allowed is: unchanged_for 10 minutes")
    return parse_duration(told[1])


class Complete(Strict):
    """When a file is whole: it has not changed for a while (`ready_when`, in seconds), or another file says so.

    `marker` is the name of a file in the same folder, such as `_SUCCESS`; `{file}.done` stands for one marker a file.
    """

    ready_when: Annotated[float, BeforeValidator(_unchanged_for)] | None = None
    marker: Text | None = Field(default=None, pattern=r"^[^/\\]+$")

    @model_validator(mode="after")
    def _says_something(self) -> Complete:
        if self.ready_when is None and self.marker is None:
            raise ValueError("`complete` says `ready_when: unchanged_for 10 minutes`, `marker: _SUCCESS`, or both")
        if self.marker in (".", "..", NAMED):
            raise ValueError(f"'{self.marker}' is not the name of another file; allowed is _SUCCESS or {NAMED}.done")
        return self

    def marker_of(self, name: str) -> str | None:
        """What the marker of a file of this name is called; None where none is needed."""
        return None if self.marker is None else self.marker.replace(NAMED, name)


class Fetch(Strict):
    """Where a feed's files come from: an object store (`from`, `match`), or a table of a database.

    Credentials and endpoints come from the environment alone; `postgres` names the variable that holds the DSN.
    """

    from_: Text | None = Field(default=None, alias="from")
    match: Text = "**"
    duckdb: Text | None = None
    postgres: Text | None = Field(default=None, pattern=r"^[A-Z][A-Z0-9_]*$")
    table: Text | None = Field(default=None, pattern=rf"^({_NAME}\.)?{_NAME}$")
    since: Text | None = Field(default=None, pattern=rf"^{_NAME}$")

    @model_validator(mode="after")
    def _is_one_way(self) -> Fetch:
        ways = [name for name in ("from_", "duckdb", "postgres") if getattr(self, name) is not None]
        if len(ways) != 1:
            raise ValueError(
                "`fetch` says one of: from (an object store), duckdb (a file), postgres (a variable's name)"
            )
        if self.from_ is not None:
            self._check_store(self.from_)
        elif self.table is None:
            raise ValueError(f"`fetch: {{{ways[0]}: …}}` needs `table: schema.table`")
        return self

    def _check_store(self, address: str) -> None:
        if self.table is not None or self.since is not None:
            raise ValueError("`table` and `since` belong to `duckdb` and `postgres`")
        if not _STORE.fullmatch(address) or ".." in address.split("/"):
            raise ValueError(
                f"'{address.split('@')[-1]}' is not a place that is fetched from; allowed are s3://bucket/prefix/, "
                "gs://bucket/prefix/ and az://container/prefix/, without a key, a pattern or a query"
            )
        if ".." in self.match.split("/") or self.match.startswith("/"):
            raise ValueError(f"'{self.match}' leaves its prefix; allowed is a pattern below it, such as *.jsonl.gz")

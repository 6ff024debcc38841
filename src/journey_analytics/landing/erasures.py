"""Who was erased, and how they stay erased.

An erasure is written down in a file of its own (`erasures:` in nightly.yml, readable by its owner alone), which
outlives every database. Of each id it holds a tombstone: a keyed hash, from which nobody can tell the id, but by which
it is known again when a feed delivers it once more. Rows with such an id are taken out before anything else is done
with them, and counted.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from journey_analytics.errors import ConfigError
from journey_analytics.facts.config import Project
from journey_analytics.facts.expressions import quoted
from journey_analytics.facts.feeds import Source
from journey_analytics.landing.contract import contract_query
from journey_analytics.landing.privacy import hmac_of_bytes, padded_keys
from journey_analytics.warehouse import Warehouse

Ids = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Erasure:
    """One erasure: when, by whom and why, how much it took, and tombstones instead of ids.

    `key` names the key of the tombstones without giving it away; `n_ids` counts ids by their kind.
    """

    erased_at: str
    erased_by: str
    reason: str
    key: str
    n_ids: Mapping[str, int]
    tombstones: Sequence[str]
    n_rows: int = 0
    n_refused: int = 0
    n_rewritten: int = 0


@dataclass(frozen=True)
class InForce:
    """The erasures that tonight's rows are held against: tombstones by the key they were made with."""

    keys: Mapping[str, bytes] = field(default_factory=dict)
    tombstones: Mapping[str, Sequence[str]] = field(default_factory=dict)


def key_name(key: bytes) -> str:
    """How a key is called in the file of erasures."""
    return hmac.new(key, b"the name of this key", hashlib.sha256).hexdigest()[:16]


def tombstone(key: bytes, kind: str, value: str) -> str:
    """The keyed hash of an id of one kind."""
    return hmac.new(key, f"erased\0{kind}\0{value}".encode(), hashlib.sha256).hexdigest()


def tombstones_of(key: bytes, ids: Ids) -> list[str]:
    """The tombstones of ids, in an order that says nothing of them."""
    return sorted(tombstone(key, kind, value) for kind, values in ids.items() for value in values)


def read_erasures(project: Project) -> list[Erasure]:
    """Every erasure so far, the oldest first; none where the file is not there.

    Raises
    ------
    ConfigError : the file cannot be read; going on without it would bring the erased back
    """
    path = project.erasures
    try:
        if not path.exists():
            return []
        return [Erasure(**one) for one in json.loads(path.read_text(encoding="utf-8"))["erasures"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            "the file of erasures cannot be read; without it the erased would come back", where=path.name,
            allowed="the file as journey forget wrote it", do="mend its permissions, or put a copy of it back",
        ) from error  # fmt: skip


def write_erasures(project: Project, erasures: Sequence[Erasure]) -> None:
    """Replace the file whole; nobody but its owner can read it, and it is on disk when this returns."""
    path = project.erasures
    beside = path.with_name(f".{path.name}.tmp")
    beside.unlink(missing_ok=True)
    text = json.dumps({"version": 1, "erasures": [asdict(one) for one in erasures]}, indent=1) + "\n"
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def in_force(warehouse: Warehouse, project: Project) -> InForce:
    """Copy the erasures to `work.ops.erasures`, and say what rows are to be held against.

    Raises
    ------
    ConfigError : the file is gone although there were erasures, or a key that it needs is
    """
    erasures = read_erasures(project)
    known = int(warehouse.scalar("select count(*) from work.ops.erasures"))
    if len(erasures) < known:
        raise ConfigError(
            f"the file of erasures holds {len(erasures)}, but {known} were made", where=project.erasures.name,
            allowed="the file as journey forget left it", do="put it back: without it the erased would come back",
        )  # fmt: skip
    warehouse.execute("delete from work.ops.erasures")
    warehouse.append("work.ops.erasures", [_audit_row(place, one) for place, one in enumerate(erasures, start=1)])
    keys = {key_name(key): key for key in (project.key, *project.retired_keys) if key is not None}
    lost = [one for one in erasures if one.key not in keys]
    if lost:
        variable = project.nightly.key.environment
        raise ConfigError(
            f"{len(lost)} erasures were made under another key, so the erased could not be recognised",
            where=project.erasures.name, allowed="the key of tonight, or one that was in force before it",
            do=f'export {variable}_RETIRED="<the earlier key>" beside {variable}',
        )  # fmt: skip
    by_key: dict[str, list[str]] = {}
    for one in erasures:
        by_key.setdefault(one.key, []).extend(one.tombstones)
    return InForce(keys, by_key)


def _audit_row(place: int, one: Erasure) -> dict[str, Any]:
    return {
        "erasure": place, "erased_at": one.erased_at, "erased_by": one.erased_by, "reason": one.reason,
        "n_ids": sum(one.n_ids.values()), "n_rows": one.n_rows, "n_refused": one.n_refused,
        "n_rewritten": one.n_rewritten,
    }  # fmt: skip


@contextmanager
def key_set(warehouse: Warehouse, key: bytes | None) -> Iterator[None]:
    """The HMAC key as variables for the length of a block; no model ever sees it."""
    before = warehouse.rows("select getvariable('key_inner') as i, getvariable('key_outer') as o")[0]
    inner, outer = padded_keys(key) if key is not None else (None, None)
    _set_key(warehouse, inner, outer)
    try:
        yield
    finally:
        _set_key(warehouse, before["i"], before["o"])


def _set_key(warehouse: Warehouse, inner: bytes | None, outer: bytes | None) -> None:
    warehouse.execute("set variable key_inner = $1::blob", [inner])
    warehouse.execute("set variable key_outer = $1::blob", [outer])


def take_out(warehouse: Warehouse, project: Project, source: Source, force: InForce) -> None:
    """Move the rows of the erased out of `staged`, and leave in `erased` which they were.

    Needs `incoming`: under an earlier key the same rows carry other keyed hashes, so they are read again with it.
    """
    warehouse.execute("create or replace temp table erased (_file_index integer, _row_number bigint)")
    for name, tombstones in force.tombstones.items():
        key = force.keys[name]
        with _tombstones(warehouse, tombstones), key_set(warehouse, key):
            if key == project.key:
                _find(warehouse, source, "staged")
            else:
                warehouse.execute(f"create or replace temp table staged_before as {contract_query(source)}")
                _find(warehouse, source, "staged_before")
                warehouse.execute("drop table staged_before")
    if force.tombstones:
        warehouse.execute("""
            delete from staged where (_file_index, _row_number) in (select (_file_index, _row_number) from erased)""")


def _find(warehouse: Warehouse, source: Source, relation: str) -> None:
    for name, kind in source.identifying().items():
        column = quoted(name)
        warehouse.execute(f"""
            insert into erased
            with known as (select distinct {column} as value from {relation} where {column} is not null),
            found as (select value from known where {_tombstone_of(kind, "value")} in (from tombstones))
            select _file_index, _row_number from {relation}
            where {column} in (from found)
                and (_file_index, _row_number) not in (select (_file_index, _row_number) from erased)
        """)


def still_told(warehouse: Warehouse, force: InForce) -> list[tuple[str, str]]:
    """(feed, kind of id) wherever `staging.events` tells of somebody erased: no column was said to hold the id."""
    told = []
    columns = {"anonymous_id": "device", "user_id": "user", "email_key": "email", "order_id": "order",
               "ticket_id": "ticket"}  # fmt: skip
    for name, tombstones in force.tombstones.items():
        with _tombstones(warehouse, tombstones), key_set(warehouse, force.keys[name]):
            for column, kind in columns.items():
                rows = warehouse.rows(f"""
                    with known as (select distinct source, {column} as value from staging.events
                        where {column} is not null)
                    select distinct source from known where {_tombstone_of(kind, "value")} in (from tombstones)
                    order by source""")
                told += [(row["source"], kind) for row in rows]
    return told


def _tombstone_of(kind: str, value: str) -> str:
    return hmac_of_bytes(f"encode('erased') || '\\x00'::blob || encode('{kind}') || '\\x00'::blob || encode({value})")


@contextmanager
def _tombstones(warehouse: Warehouse, tombstones: Iterable[str]) -> Iterator[None]:
    warehouse.execute("create or replace temp table tombstones (hash varchar)")
    warehouse.append("tombstones", [{"hash": one} for one in sorted(set(tombstones))])
    try:
        yield
    finally:
        warehouse.execute("drop table tombstones")

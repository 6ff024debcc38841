"""A person erased: found by what they are known as, taken out of everything, and kept out.

What goes: the rows that carry one of the person's ids, in the landing tables and in quarantine; with `rewrite`, the
records in the delivered files too. The next publication is built without them; earlier ones go at their retention, or
when they are withdrawn. What stays: tombstones, and the counts. Ids that several people share name nobody and stay.
"""

from __future__ import annotations

import hashlib
import hmac
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from journey_analytics import ledger, publish
from journey_analytics.errors import ConfigError
from journey_analytics.facts.config import Project
from journey_analytics.facts.expressions import quoted
from journey_analytics.facts.feeds import IDENTIFYING, Source, landed_name
from journey_analytics.landing.contract import contract_query, happened_at
from journey_analytics.landing.deliveries import files_of, name_of
from journey_analytics.landing.erasures import (
    Erasure,
    Ids,
    InForce,
    in_force,
    key_name,
    key_set,
    read_erasures,
    take_out,
    tombstone,
    tombstones_of,
    write_erasures,
)
from journey_analytics.landing.packed import UnreadableFile
from journey_analytics.landing.privacy import masked
from journey_analytics.landing.readers import read_file, schema_of, table_of
from journey_analytics.landing.rewriting import can_be_rewritten, rewrite_without
from journey_analytics.warehouse import Warehouse, attach_next, compact, open_night, open_published


@dataclass
class Forgotten:
    """What an erasure took, or would take: rows by feed, refused rows, ids by kind, files, publications that remain.

    `left` are files that may still hold the person and that a human has to look at; `erased_at` is when the person was
    erased before, None where this is the first time.
    """

    n_ids: Mapping[str, int]
    rows: dict[str, int] = field(default_factory=dict)
    n_refused: int = 0
    rewritten: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    publications: list[publish.Publication] = field(default_factory=list)
    erased_at: str | None = None


def find_ids(project: Project, *, customer: str | None, email: str | None, user: str | None) -> Ids:
    """Every id of one person, by its kind, as the latest publication that knows them tells.

    Raises
    ------
    ConfigError : nobody or several people are known by what was given, or it is shared by several; there is no key
    """
    if customer is email is user is None:
        raise ConfigError("nobody is named", allowed="--customer ID, --email ADDRESS or --user ID", do="name somebody")
    if project.key is None:
        raise ConfigError(
            "there is no pseudonymisation key, and tombstones are made with it", where="nightly.yml (key)",
            do=f"export {project.nightly.key.environment}, then run a night: all feeds are landed again with it",
        )  # fmt: skip
    wanted = list(_wanted(project.key, customer, email, user))
    for publication in publish.publications(project.warehouse):
        warehouse = open_published(project.warehouse / publication.database)
        try:
            ids = _ids_in(warehouse, wanted)
        finally:
            warehouse.close()
        if ids:
            return ids
    names = {tombstone(project.key, kind, value) for kind, value in wanted}
    if any(names & set(one.tombstones) for one in read_erasures(project)):
        return {kind: [value for other, value in wanted if other == kind] for kind, _ in wanted}
    raise ConfigError(
        "nobody is known by that in any publication", allowed="a customer_id, or an id, of journeys.identities",
        do="look at how the id is spelt; whoever has only just landed is known after the next night",
    )  # fmt: skip


def _wanted(key: bytes, customer: str | None, email: str | None, user: str | None) -> Iterator[tuple[str, str]]:
    """(kind, id) for everything that was given; a login that is an address landed as its keyed hash."""
    if customer is not None:
        kind, _, value = customer.partition(":")
        yield kind, value
    if email is not None:
        yield "email", _keyed(key, email)
    if user is not None:
        yield "user", _keyed(key, user) if "@" in user else user


def _keyed(key: bytes, address: str) -> str:
    return hmac.new(key, address.strip(" \t\r\n").lower().encode(), hashlib.sha256).hexdigest()


def _ids_in(warehouse: Warehouse, wanted: list[tuple[str, str]]) -> Ids:
    """The ids of the one customer whom a publication knows by what is wanted; empty where it knows nobody."""
    customers: set[str] = set()
    for kind, value in wanted:
        rows = warehouse.rows(
            "select customer_id, rule from journeys.identities where id_kind = $1 and id = $2", [kind, value]
        )
        if any(row["rule"] == "shared" for row in rows):
            raise ConfigError(
                f"that {kind} id is shared by several people, so it names none of them", where="journeys.shared_ids",
                do="name the person by --customer or --user",
            )  # fmt: skip
        customers.update(row["customer_id"] for row in rows)
    if len(customers) > 1:
        raise ConfigError("what was given names several customers", do="erase them one by one")
    if not customers:
        return {}
    (customer,) = customers
    ids: dict[str, list[str]] = {}
    for row in warehouse.rows(
        "select id_kind, id from journeys.identities where customer_id = $1 and rule <> 'shared' order by all",
        [customer],
    ):
        ids.setdefault(row["id_kind"], []).append(row["id"])
    return ids


def forget(
    project: Project, ids: Ids, *, by: str, reason: str, now: datetime, dry_run: bool = False, rewrite: bool = False
) -> Forgotten:
    """Erase a person from the private database and, with `rewrite`, from the delivered files; note it for ever.

    The tombstones are on disk before a single row goes: whatever ends this half-way, the rest goes when it is run
    again, or with the next night.

    Raises
    ------
    LockHeld : a night is running
    ConfigError : the file of erasures is damaged or gone, or was made under a key that is not there; or no feed says
        which of its columns holds an id of these kinds, so that no row could be found
    """
    assert project.key is not None
    _check_findable(project, ids)
    with publish.lock(project.warehouse):
        nightly = project.nightly
        warehouse = open_night(project.warehouse, memory_limit=nightly.memory_limit, threads=nightly.threads)
        try:
            ledger.ensure(warehouse)
            with warehouse.transaction():
                in_force(warehouse, project)
            told = Forgotten({kind: len(values) for kind, values in ids.items()})
            told.publications = holding(project, ids)
            before = _before(project, ids)
            told.erased_at = before.erased_at if before else None
            if dry_run:
                _take_rows(warehouse, project, ids, told, keep=True)
                return told
            made = before or Erasure(
                f"{now:%Y-%m-%dT%H:%M:%S}", by, masked(reason), key_name(project.key), told.n_ids,
                tombstones_of(project.key, ids),
            )  # fmt: skip
            others = [one for one in read_erasures(project) if one != before]
            write_erasures(project, [*others, made])
            with warehouse.transaction():
                _take_rows(warehouse, project, ids, told, keep=False)
            if rewrite:
                for name, is_done in _rewrite(warehouse, project):
                    (told.rewritten if is_done else told.left).append(name)
            n_rows = made.n_rows + sum(told.rows.values())
            counted = replace(
                made, n_rows=n_rows, n_refused=made.n_refused + told.n_refused,
                n_rewritten=made.n_rewritten + len(told.rewritten),
            )  # fmt: skip
            write_erasures(project, [*others, counted])
            with warehouse.transaction():
                in_force(warehouse, project)
            attach_next(warehouse, project.warehouse, fresh=True)
            shutil.rmtree(project.reports / ".next", ignore_errors=True)
        finally:
            warehouse.close()
        compact(project.warehouse, memory_limit=nightly.memory_limit)
        told.left += sorted(path.name for path in project.warehouse.glob("work.duckdb*.damaged-*"))
    return told


def _check_findable(project: Project, ids: Ids) -> None:
    """Before anything is noted: a tombstone of an id that no column is known to hold would take nothing out."""
    told = {kind for source in project.sources.values() for kind in source.identifying().values()}
    if not told & set(ids):
        raise ConfigError(
            f"no feed says which of its columns holds {' or '.join(sorted(ids))} ids, so none of the rows is found",
            where="sources/*.yml", allowed="`identifies: user` (device, email, order, ticket) at the column",
            do="say so in the feeds' YAML, run a night, then erase; nothing has been changed",
        )  # fmt: skip


def _before(project: Project, ids: Ids) -> Erasure | None:
    """The erasure that covers all these ids already."""
    assert project.key is not None
    names = set(tombstones_of(project.key, ids))
    return next((one for one in read_erasures(project) if names <= set(one.tombstones)), None)


def holding(project: Project, ids: Ids) -> list[publish.Publication]:
    """The publications on disk that know one of these ids."""
    return [item for item in publish.publications(project.warehouse) if _holds(project.warehouse / item.database, ids)]


def _holds(database: Path, ids: Ids) -> bool:
    warehouse = open_published(database)
    try:
        return any(
            warehouse.scalar(
                "select count(*) from journeys.identities where id_kind = $1 and list_contains($2::varchar[], id)",
                [kind, list(values)],
            )
            for kind, values in ids.items()
        )
    finally:
        warehouse.close()


def withdraw(project: Project, ids: Ids) -> int:
    """Remove the publications, but for the live one, that know one of these ids. Returns how many went."""
    with publish.lock(project.warehouse):
        live = publish.current(project.reports)
        gone = [item for item in holding(project, ids) if live is None or item.run_id != live.run_id]
        publish.withdraw(project.warehouse, project.reports, gone)
    return len(gone)


def _take_rows(warehouse: Warehouse, project: Project, ids: Ids, told: Forgotten, *, keep: bool) -> None:
    """Count the person's rows in every landing table and in quarantine; delete them unless `keep`."""
    warehouse.execute("create or replace temp table gone_ids (kind varchar, id varchar)")
    pairs = [{"kind": kind, "id": value} for kind, values in ids.items() for value in values]
    warehouse.append("gone_ids", pairs)
    tables = warehouse.rows("""
        select table_name, list(column_name) as names from duckdb_columns()
        where database_name = 'work' and schema_name = 'landing' group by table_name order by table_name""")
    for table in tables:
        name, source = table["table_name"], project.sources.get(table["table_name"])
        columns = source.identifying() if source else {n: IDENTIFYING[n] for n in table["names"] if n in IDENTIFYING}
        _mark(warehouse, "gone_rows", f"work.landing.{quoted(name)}", {quoted(c): kind for c, kind in columns.items()})
        _mark(warehouse, "gone_rejects", _rejects_of(name), _quarantined(source, columns))
        n_rows = int(warehouse.scalar("select count(*) from gone_rows"))
        n_refused = int(warehouse.scalar("select count(*) from gone_rejects"))
        told.n_refused += n_refused
        if n_rows:
            told.rows[name] = n_rows
        if n_rows + n_refused and not keep:
            _delete(warehouse, name, source)


def _rejects_of(name: str) -> str:
    return f"(select * from work.ops.rejects where source = '{name}')"


def _quarantined(source: Source | None, columns: Mapping[str, str]) -> dict[str, str]:
    """How a refused row tells an id: by the name its column has in the feed's file."""
    names = {landed_name(name, column): name for name, column in source.columns.items()} if source else {}
    told = {names.get(landed, landed): kind for landed, kind in columns.items()}
    return {f"""try(json_extract_string("row", '$."{name}"'))""": kind for name, kind in told.items()}


def _mark(warehouse: Warehouse, table: str, relation: str, columns: Mapping[str, str]) -> None:
    tests = [f"{column} in (select id from gone_ids where kind = '{kind}')" for column, kind in columns.items()]
    warehouse.execute(f"""
        create or replace temp table {table} as
        select file_id, row_number from {relation} as rows where {" or ".join(tests) or "false"}""")


def _delete(warehouse: Warehouse, name: str, source: Source | None) -> None:
    """Take the marked rows out, and carry them in the ledger from loaded or refused to erased."""
    for table, relation, count in (
        ("gone_rows", f"work.landing.{quoted(name)}", "n_loaded"),
        ("gone_rejects", "work.ops.rejects", "n_rejected"),
    ):
        warehouse.execute(f"""
            delete from {relation}
            where (file_id, row_number) in (select (file_id, row_number) from {table})""")
        warehouse.execute(f"""
            update work.ops.loads as loads
            set {count} = {count} - gone.n, n_erased = coalesce(n_erased, 0) + gone.n
            from (select file_id, count(*) as n from {table} group by file_id) as gone
            where loads.file_id = gone.file_id""")
        warehouse.execute(f"""
            update work.ops.load_notes set sample = null where file_id in (select file_id from {table})""")
    if source is not None:
        warehouse.execute(f"""
            update work.ops.loads as loads
            set first_event_at = left_over.first_at, last_event_at = left_over.last_at
            from (
                select gone.file_id, min({happened_at(source)}) as first_at, max({happened_at(source)}) as last_at
                from (select distinct file_id from gone_rows) as gone
                left join work.landing.{quoted(name)} as landed on gone.file_id = landed.file_id
                group by gone.file_id) as left_over
            where loads.file_id = left_over.file_id""")


def _rewrite(warehouse: Warehouse, project: Project) -> Iterator[tuple[str, bool]]:
    """Rewrite every delivered file that holds a record of somebody erased; its name, and whether that could be done."""
    force = in_force(warehouse, project)
    for source in project.sources.values():
        for path in files_of(project, source):
            records = _records_of_erased(warehouse, project, source, path, force)
            if records and can_be_rewritten(path, source):
                rewrite_without(path, source, records)
                yield name_of(project, path), True
            elif records:
                yield name_of(project, path), False


def _records_of_erased(
    warehouse: Warehouse, project: Project, source: Source, path: Path, force: InForce
) -> Counter[int]:
    """The numbers of the records in a file that carry an id of somebody erased; none where it cannot be read whole."""
    found: Counter[int] = Counter()
    try:
        for batch in read_file(path, source, 0):
            with (
                key_set(warehouse, project.key),
                warehouse.offered("incoming", table_of([batch], schema_of(source))),
            ):
                warehouse.execute(f"create or replace temp table staged as {contract_query(source)}")
                take_out(warehouse, project, source, force)
            found.update(row["_row_number"] for row in warehouse.rows("select _row_number from erased"))
    except UnreadableFile:
        return Counter()
    return found

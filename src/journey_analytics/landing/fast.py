"""Most rows by the fast way: plain rows land as they are read, and the rest is handed back for the contract.

A row lands here only where it is plain (see `plain`), gives no key twice, and no other row that was read or landed
before may have its key.
"""

from __future__ import annotations

from typing import Any

from journey_analytics.facts.expressions import quoted
from journey_analytics.facts.feeds import Source
from journey_analytics.landing.contract import gives_a_key_twice, keys_of_objects
from journey_analytics.landing.plain import key_hash, key_query, plain_query
from journey_analytics.landing.readers import rest_of, schema_of, table_of
from journey_analytics.warehouse import Warehouse

# A chunk of fewer rows is not worth the statements; every chunk after it goes through the contract too.
LEAST_ROWS = 20_000


def _begin(warehouse: Warehouse, source: Source) -> None:
    """Note the keys that have landed before; no shape of a record is known yet."""
    warehouse.execute("create or replace temp table known_shapes (_shape ubigint, _is_odd boolean)")
    warehouse.execute("create or replace temp table seen_keys (_key_hash ubigint)")
    if source.key:
        warehouse.execute(f"""
            insert into seen_keys
            select {key_hash(source)} as _key_hash from work.landing.{quoted(source.source)}""")


def land_plain(warehouse: Warehouse, source: Source, batches: list[Any], *, is_first: bool) -> list[Any]:
    """Land what is plain of a chunk of `readers.read_file`'s batches, and give back the rest, in the same order.

    Needs the table `staged_files`, and every chunk of a load from the first one on: none may be left out in between.
    """
    if is_first:
        _begin(warehouse, source)
    incoming = table_of(batches, schema_of(source))
    with warehouse.offered("incoming", incoming):
        _find_careful(warehouse, source)
        columns = ", ".join(quoted(name) for name in source.landed())
        warehouse.execute(f"""
            insert into work.landing.{quoted(source.source)}
            select {columns}, _file_id, _row_number
            from ({plain_query(source)}) as plain join staged_files on _index = _plain_file
            where not exists (
                from careful where careful._file_index = _plain_file and careful._row_number = plain._row_number)""")
    return rest_of(incoming, _landed_of(warehouse, source, batches))


def _landed_of(warehouse: Warehouse, source: Source, batches: list[Any]) -> dict[str, Any]:
    """`file_index` and `row_number` of the rows of some batches that have landed."""
    numbers = [(batch.column("file_index")[0].as_py(), batch.column("row_number")) for batch in batches]
    first = {place: rows[0].as_py() for place, rows in reversed(numbers)}
    last = {place: rows[-1].as_py() for place, rows in numbers}
    ids = {row["_index"]: row["_file_id"] for row in warehouse.rows("select _index, _file_id from staged_files")}
    chosen = [
        f"""select {place} as file_index, row_number from work.landing.{quoted(source.source)}
        where file_id = '{ids[place]}' and row_number between {first[place]} and {last[place]}"""
        for place in sorted(first)
    ]
    return warehouse.arrays(" union all ".join(chosen))


def _find_careful(warehouse: Warehouse, source: Source) -> None:
    """`careful`: rows of `incoming` that give a key twice, or whose key another row may have too."""
    warehouse.execute("create or replace temp table careful (_file_index integer, _row_number bigint)")
    if not source.key and not source.is_json:
        return
    warehouse.execute(f"create or replace temp table chunk_keys as {key_query(source)}")
    if source.is_json:
        _learn_shapes(warehouse, source)
    warehouse.execute("""
        insert into careful
        with shared as (
            select _key_hash from chunk_keys where _key_hash is not null group by _key_hash having count(*) > 1
            union
            select _key_hash from seen_keys semi join chunk_keys using (_key_hash))
        select _file_index, _row_number from chunk_keys semi join shared using (_key_hash)
        union
        select _file_index, _row_number from chunk_keys semi join (from known_shapes where _is_odd) using (_shape)""")
    warehouse.execute("insert into seen_keys select _key_hash from chunk_keys where _key_hash is not null")


def _learn_shapes(warehouse: Warehouse, source: Source) -> None:
    """Look at one record of every shape that is new: where it gives a key twice, all of that shape do."""
    warehouse.execute(f"""
        insert into known_shapes
        with examples as (
            select _shape, min(_file_index) as file_index, arg_min(_row_number, _file_index) as row_number
            from chunk_keys anti join known_shapes using (_shape) group by _shape)
        select _shape, coalesce({gives_a_key_twice(keys_of_objects(source))}, true)
        from incoming join examples using (file_index, row_number)""")

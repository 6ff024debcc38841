"""Rows with the same key: one of them lands, and it is always the same one.

Of rows that say the same, the first is kept. Of rows that differ, the first is kept too, unless the contract says
`latest_by`: then the one received last is kept, and of those received together the one with the greatest hash, in
whichever order they came; a row that has landed gives way to it. What was left out although it differs is counted.
"""

from __future__ import annotations

from journey_analytics.facts.expressions import quoted
from journey_analytics.facts.feeds import Source, landed_name
from journey_analytics.landing.contract import happened_at
from journey_analytics.landing.rowrules import LANDS
from journey_analytics.warehouse import Warehouse


def begin(warehouse: Warehouse, source: Source) -> None:
    """No landed row has given way yet."""
    table = f"work.landing.{quoted(source.source)}"
    warehouse.execute(f"create or replace temp table gave_way as from {table} limit 0")


def put_back(warehouse: Warehouse, source: Source) -> None:
    """Undo what a load that is begun again has taken from files of earlier nights."""
    warehouse.execute(f"""
        insert into work.landing.{quoted(source.source)}
        from gave_way where file_id not in (select _file_id from staged_files)""")


def find(warehouse: Warehouse, source: Source) -> None:
    """`repeated`: rows of `staged` that do not land since another row has their key; landed rows that give way go."""
    warehouse.execute("create or replace temp table repeated (_file_index integer, _row_number bigint)")
    if not source.key:
        return
    warehouse.execute(f"create or replace temp table same_key as {_same_key(source)}")
    warehouse.execute(
        "insert into repeated select _file_index, _row_number from same_key where not is_kept and file_id is null"
    )
    _note(warehouse, source)
    if source.latest_by is not None:
        _make_way(warehouse, source)


def settle(warehouse: Warehouse, source: Source) -> None:
    """Count what gave way as duplicates of its file: in `chunk_counts`, or an earlier file's in its ledger."""
    warehouse.execute("""
        insert into chunk_counts by name
        select file_id, count(*) as n_duplicate from gave_way
        where file_id in (select _file_id from staged_files) group by file_id""")
    at = happened_at(source)
    warehouse.execute(f"""
        update work.ops.loads set n_loaded = n_loaded - changed.n, n_duplicate = n_duplicate + changed.n,
            first_event_at = changed.first_at, last_event_at = changed.last_at
        from (
            select gone.file_id, gone.n, min({at}) as first_at, max({at}) as last_at
            from (select file_id, count(*) as n from gave_way group by file_id) as gone
            left join work.landing.{quoted(source.source)} as still on still.file_id = gone.file_id
            where gone.file_id not in (select _file_id from staged_files) group by gone.file_id, gone.n) as changed
        where loads.file_id = changed.file_id""")


def _same_key(source: Source) -> str:
    """The SELECT of all rows, staged and landed, that share their key with a staged one, and which of them is kept."""
    keys = [quoted(landed_name(name, source.columns[name])) for name in source.key]
    key = ", ".join(keys)
    latest = quoted(source.latest_by) if source.latest_by is not None else "null"
    said = [name for name in map(quoted, source.landed()) if name not in (*keys, latest)]
    content = f"sha256(to_json([{', '.join(f'{name}::varchar' for name in said)}])::varchar)" if said else "''"
    facts = f"{content} as content, {latest} as latest, {happened_at(source)} as happened"
    best = "latest desc nulls last, content desc, place" if source.latest_by is not None else "place"
    return f"""
        with kept as (from staged where {LANDS}),
        landed as materialized (
            select {key}, {facts}, null::integer as _file_index, row_number as _row_number, file_id
            from work.landing.{quoted(source.source)} semi join kept using ({key})),
        shared as (
            select {key} from kept group by {key} having count(*) > 1
            union
            select {key} from landed),
        told as (
            select {key}, {facts}, _file_index, _row_number, null as file_id from kept semi join shared using ({key})
            union all by name
            from landed),
        placed as (
            select *, row_number() over (
                partition by {key} order by file_id is null, _file_index, file_id, _row_number) as place
            from told),
        said as (
            select *, row_number() over (
                partition by {key}, content order by latest nulls last, place) = 1 as is_first_to_say_so
            from placed),
        ranked as (
            select *, row_number() over (partition by {key} order by is_first_to_say_so desc, {best}) as rank from said)
        select _file_index, _row_number, file_id, rank = 1 as is_kept,
            coalesce(_file_index, first_value(_file_index) over best_first) as told_in,
            content <> first_value(content) over best_first as differs,
            abs(epoch(happened) - epoch(first_value(happened) over best_first)) >= 86400 as is_far
        from ranked window best_first as (partition by {key} order by rank)
    """


def _note(warehouse: Warehouse, source: Source) -> None:
    """Count rows that are left out although they differ: with their file, or the one tonight that pushed them out."""
    warehouse.execute(
        """insert into chunk_notes
        select told_in, case when coalesce(is_far, false) then 'reused_key' else 'conflict' end, $1,
            case when coalesce(is_far, false) then 'warn' else 'evolve' end, count(*), null
        from same_key where not is_kept and differs and told_in is not null group by all""",
        [", ".join(source.key)],
    )


def _make_way(warehouse: Warehouse, source: Source) -> None:
    """Take out landed rows that are not the ones to keep."""
    table = f"work.landing.{quoted(source.source)}"
    warehouse.execute(f"""
        insert into gave_way
        select landed.* from {table} as landed
        join same_key on same_key.file_id = landed.file_id and same_key._row_number = landed.row_number
        where not same_key.is_kept""")
    if warehouse.scalar("select count(*) from gave_way"):
        warehouse.execute(f"""
            delete from {table} where (file_id, row_number) in (select (file_id, row_number) from gave_way)""")

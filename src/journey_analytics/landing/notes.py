"""What is worth counting although no row was refused for it: `ops.load_notes`.

A note is one of NOTES. It stands with its file, so that it goes when the file goes, and it comes back the same when the
file is landed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from journey_analytics.facts.expressions import quoted
from journey_analytics.facts.feeds import Source
from journey_analytics.landing.deliveries import File
from journey_analytics.landing.privacy import masked_name
from journey_analytics.landing.rowrules import LANDS
from journey_analytics.warehouse import Warehouse

NOTES = MappingProxyType(
    {
        "ambiguous_time": "local times that the clocks showed twice; the later instant was taken",
        "clamped_time": "times ahead of the night by less than the clock tolerance; the night's start was taken",
        "conflict": "rows left out although they differ from the row with the same key that is kept",
        "content_key": "rows without an id of their own, known by what they say",
        "missing_column": "rows of a file without this column, which is empty for them",
        "new_column": "rows of a file with a column that the contract does not list and no earlier file had",
        "new_type": "values of another type than the column's; empty was taken",
        "new_value": "values that the contract does not list; they landed as they are",
        "not_answered": "codes that mean blank; empty was taken",
        "reused_key": "such rows that happened a day or more from the row that is kept: the id may be used again",
        "unlisted_column": "rows of a file with a column that the contract does not list, as earlier files had it",
    }
)
"""Every note, and what its number counts."""

_KEPT = """create or replace temp table chunk_notes (
    _file_index integer, note varchar, subject varchar, follows varchar, n bigint, sample varchar)"""


def begin(warehouse: Warehouse) -> None:
    """Forget what was counted of files that are about to be read again."""
    warehouse.execute(_KEPT)


def count(warehouse: Warehouse) -> None:
    """Count the notes of the rows of `staged` that have landed: in scope, not refused, no duplicate."""
    warehouse.execute(f"""
        insert into chunk_notes
        with landed as (
            select _file_index, unnest(_notes) as said
            from staged
            where _notes is not null and {LANDS} and not exists (
                from repeated
                where repeated._file_index = staged._file_index and repeated._row_number = staged._row_number))
        select _file_index, said.note, said.subject, said.follows, count(*), min(said.sample)
        from landed group by all""")


def settle(warehouse: Warehouse, source: Source, files: Sequence[File]) -> None:
    """Write the notes of the files that loaded, those of their columns among them."""
    rows = [
        {"_file_index": index, **note, "subject": masked_name(note["subject"]), "n": file.n_read}
        for index, file in enumerate(files) if file.is_good and file.n_read
        for note in file.notes
    ]  # fmt: skip
    warehouse.append("chunk_notes", rows)
    forget(warehouse, "select _file_id from staged_files")
    warehouse.execute(
        """insert into work.ops.load_notes
        select _file_id, $1, _file, note, subject, follows, sum(n)::bigint, min(sample)
        from chunk_notes join staged_files on _index = _file_index group by all""",
        [source.source],
    )
    if any(column.type == "content" for column in source.columns.values()):
        warehouse.execute(
            f"""insert into work.ops.load_notes
            select file_id, $1, _file, 'content_key', $2, 'evolve', count(*), null
            from work.landing.{quoted(source.source)} join staged_files on file_id = _file_id group by all""",
            [source.source, source.key[0]],
        )


def forget(warehouse: Warehouse, file_ids: str) -> None:
    """Take out the notes of these files; `file_ids` is a SELECT of one column."""
    warehouse.execute(f"delete from work.ops.load_notes where file_id in ({file_ids})")


def told(warehouse: Warehouse, source: Source) -> list[tuple[str, bool]]:
    """What the feed's files hold that the contract does not know, in words; and whether that is a warning."""
    rows = warehouse.rows(
        """select note, subject, follows, sum(n)::bigint as n, count(distinct file) as n_files, min(sample) as sample
        from work.ops.load_notes where source = $1 and (note like 'new%' or note in ('missing_column', 'reused_key'))
        group by all""",
        [source.source],
    )
    return [(_in_words(source.source, row), row["follows"] != "evolve") for row in rows]


def _in_words(source: str, row: dict[str, object]) -> str:
    n, subject, sample = f"{row['n']:,}", quoted(str(row["subject"])), row["sample"]
    match row["note"]:
        case "reused_key":
            return f"{source}: {n} rows repeat a key ({row['subject']}) a day or more later with other content"
        case "new_column" if sample:
            return f"{source}: {n} rows hold keys that the contract does not list, such as {sample}; they do not land"
        case "new_column":
            return f"{source}: the column {subject} is new ({n} rows); it does not land"
        case "missing_column":
            return f"{source}: the column {subject} is gone ({n} rows); it is empty for them"
        case "new_value":
            return f"{source}: {subject} has {n} values that its contract does not list, such as {sample}"
        case _:
            return f"{source}: {subject} has {n} values of another type, such as {sample}; they are empty"

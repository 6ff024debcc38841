"""What a file's own column names say of the contract: columns that are new, gone, or required and not there.

A CSV header and a Parquet schema are looked at before the file is read. A column that the contract does not list is
`unlisted` in the feed's first file, by name, and wherever an earlier file had it; where none had, it is `new`. An
optional column is `missing` where an earlier file had it. In JSON, whose objects need not have the same keys, keys are
looked at row by row, and only where the contract says what a new one does (see `rowrules`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from journey_analytics.errors import InputError
from journey_analytics.facts.expressions import quoted
from journey_analytics.facts.feeds import Source, landed_name
from journey_analytics.landing.deliveries import File
from journey_analytics.landing.packed import UnreadableFile
from journey_analytics.landing.privacy import masked_name
from journey_analytics.landing.readers import names_in
from journey_analytics.warehouse import Warehouse

REFUSED_FILES = "files_with_new_columns"
"""The variable that holds the indexes of the files whose rows a new column refuses."""


def compare(warehouse: Warehouse, source: Source, files: Sequence[File]) -> None:
    """Note of every file which columns are unlisted, new or missing.

    Raises
    ------
    InputError : a file has some of the contract's columns, but lacks a required one; nothing was kept
    """
    unlisted = _unlisted_before(warehouse, source)
    had: set[str] = set()
    refused = []
    for index, file in sorted(enumerate(files), key=lambda pair: pair[1].name):
        names = _names(file, source)
        if not names:
            continue
        _refuse_gaps(file, names, source)
        notes = [*_notes_of_new(file, names, source, unlisted), *_notes_of_missing(warehouse, file, names, source, had)]
        had |= {name for name, column in source.columns.items() if set(names) & _places(column.paths(name))}
        file.notes.extend(notes)
        if any(note["follows"] == "reject_row" for note in notes):
            refused.append(index)
        unlisted[file.name] = {note["subject"] for note in notes if note["note"] in ("unlisted_column", "new_column")}
    warehouse.execute(f"set variable {REFUSED_FILES} = $1::integer[]", [refused])


def _names(file: File, source: Source) -> list[str]:
    """The file's column names; none where it is refused, cannot be read, or is of a format without them."""
    try:
        return names_in(file.path, source) if file.is_good else []
    except UnreadableFile:
        return []


def _refuse_gaps(file: File, names: Sequence[str], source: Source) -> None:
    """A file of another shape is refused by its reader; one that was right but for a column is a broken contract."""
    present = set(names)
    if not present & {place for name, column in source.columns.items() for place in _places(column.paths(name))}:
        return
    gone = [
        " or ".join(column.paths(name))
        for name, column in source.columns.items()
        if column.required and not present & _places(column.paths(name))
    ]
    if gone:
        has = ", ".join(map(masked_name, sorted(present)))[:300]
        raise InputError(
            f"the required column {', '.join(gone)} is gone; the file has {has}",
            where=file.name, allowed="a file with every column that the contract requires",
            do=f"ask the owner of {source.source} to deliver it again, or mend `columns:` in its YAML "
            "(`from:` takes a new name); nothing of tonight was kept",
        )  # fmt: skip


def _places(paths: Sequence[str]) -> set[str]:
    """A column's places by whole name, and by the first step of a path into a nested one."""
    return {*paths, *(path.partition(".")[0].partition("[")[0] for path in paths)}


def _notes_of_new(
    file: File, names: Sequence[str], source: Source, unlisted: dict[str, set[str]]
) -> Iterator[dict[str, Any]]:
    listed = {place for name, column in source.columns.items() for place in _places(column.paths(name))}
    earlier = [known for name, known in unlisted.items() if name < file.name]
    for name in names:
        if name in listed or name in source.ignored:
            continue
        is_new = bool(earlier) and not any(name in known for known in earlier)
        follows = (source.on_new_column or "evolve") if is_new else "evolve"
        yield _note("new_column" if is_new else "unlisted_column", name, follows)


def _notes_of_missing(
    warehouse: Warehouse, file: File, names: Sequence[str], source: Source, had: Collection[str]
) -> Iterator[dict[str, Any]]:
    for name, column in source.columns.items():
        if column.personal == "drop" or set(names) & _places(column.paths(name)):
            continue
        landed = quoted(landed_name(name, column))
        sql = f"""select exists (from work.landing.{quoted(source.source)} join work.ops.loads using (file_id)
            where loads.file < $1 and {landed} is not null)"""
        if name in had or warehouse.scalar(sql, [file.name]):
            yield _note("missing_column", name, "warn")


def _note(note: str, subject: str, follows: str) -> dict[str, Any]:
    return {"note": note, "subject": subject, "follows": follows, "sample": None}


def _unlisted_before(warehouse: Warehouse, source: Source) -> dict[str, set[str]]:
    """By file that has loaded: the columns it had that the contract does not list."""
    known: dict[str, set[str]] = {
        row["file"]: set()
        for row in warehouse.rows(
            "select file from work.ops.loads where source = $1 and status = 'loaded'", [source.source]
        )
    }
    rows = warehouse.rows(
        "select file, subject from work.ops.load_notes "
        "where source = $1 and note in ('unlisted_column', 'new_column')", [source.source],
    )  # fmt: skip
    for row in rows:
        known.setdefault(row["file"], set()).add(row["subject"])
    return known

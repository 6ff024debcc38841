"""The door to the databases: locked towards the outside, and opened again after damage."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from journey_analytics.errors import ConfigError, JourneyError, ResourceError
from journey_analytics.warehouse import DatabaseError, in_memory, open_night, open_published, scan_whole


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A warehouse with one table of 100,000 rows."""
    warehouse = open_night(tmp_path / "warehouse")
    warehouse.execute("create table work.numbers as select range as n, md5(range::varchar) as text from range(100000)")
    warehouse.close()
    return tmp_path / "warehouse"


@pytest.mark.parametrize(
    "sql",
    [
        "copy (select 1) to '{out}/x.csv'",
        "attach '{out}/x.duckdb' as other",
        "export database '{out}/all'",
        "select * from read_text('/etc/passwd')",
        "select * from read_csv('/etc/passwd')",
        "select * from glob('/etc/*')",
        "select * from '/etc/passwd'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        "set TimeZone = 'Europe/Berlin'",
        "create secret (type s3)",
        "select getenv('HOME')",
        "select * from secret",
    ],
)
def test_a_nights_connection_reaches_nothing_outside(folder: Path, tmp_path: Path, sql: str) -> None:
    secret = [1]
    warehouse = open_night(folder)
    with pytest.raises(DatabaseError):
        warehouse.execute(sql.format(out=tmp_path))
    warehouse.close()
    assert (secret, sorted(path.name for path in tmp_path.iterdir())) == ([1], ["warehouse"])


def cut(raw: bytes) -> bytes:
    return raw[:5000]


def flipped(raw: bytes) -> bytes:
    return raw[:4200] + bytes([raw[4200] ^ 255]) + raw[4201:]


@pytest.mark.parametrize("damage", [cut, flipped, lambda raw: b"", lambda raw: b"not a database" * 99])
def test_a_damaged_private_database_is_set_aside_and_a_new_one_begun(
    folder: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = folder / "work.duckdb"
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    (folder / "work.duckdb.wal").write_bytes(b"a log that goes with it")
    warehouse = open_night(folder)
    assert warehouse.rows("select * from duckdb_tables() where database_name = 'work'") == []
    assert "is kept as work.duckdb.damaged-20" in str(warehouse.recovered)
    warehouse.close()
    kept = sorted(folder.glob("work.duckdb*damaged-*"))
    assert [each.read_bytes() for each in kept] == [damaged, b"a log that goes with it"]


def test_a_sound_private_database_stays(folder: Path) -> None:
    warehouse = open_night(folder)
    assert (warehouse.recovered, warehouse.scalar("select count(*) from work.numbers")) == (None, 100_000)
    warehouse.close()


def test_a_database_that_another_program_holds_is_left_alone(folder: Path) -> None:
    warehouse = open_night(folder)
    code = f"from journey_analytics.warehouse import open_night, Path; open_night(Path({str(folder)!r}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ResourceError: work.duckdb: the private database cannot be opened" in other.stderr
    assert "do: close the program that holds it" in other.stderr
    assert not list(folder.glob("*damaged*"))
    warehouse.close()


def with_a_bit_flipped_in_each_block(path: Path) -> Iterator[None]:
    whole = path.read_bytes()
    for place in range(12_288 + 1000, len(whole), 262_144):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        yield


def test_a_block_that_is_found_damaged_later_says_what_to_do(folder: Path) -> None:
    told = []
    for _ in with_a_bit_flipped_in_each_block(folder / "work.duckdb"):
        warehouse = open_night(folder)
        try:
            warehouse.rows("select sum(n), max(text) from work.numbers")
        except ResourceError as error:
            told.append(error.do)
        except DatabaseError:
            assert warehouse.recovered, "a table is missing after a recovery only"
        warehouse.close()
    assert told
    assert {"move work.duckdb away" in do for do in told} == {True}


def test_half_a_publication_that_is_damaged_is_begun_anew(folder: Path) -> None:
    (folder / "next.duckdb").write_bytes(b"half a publication")
    warehouse = open_night(folder)
    warehouse.execute("create table things as select 1 as x")
    assert (warehouse.scalar("select x from next.things"), warehouse.recovered) == (1, None)
    warehouse.close()


def test_a_folder_that_cannot_be_made_is_an_error_of_the_set_up(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made"):
        open_night(tmp_path / "file" / "warehouse")


def test_a_transaction_keeps_all_or_nothing() -> None:
    warehouse = in_memory()
    warehouse.execute("create table t (x integer)")
    with pytest.raises(DatabaseError), warehouse.transaction():
        warehouse.append("t", [{"x": 1}, {"x": "no number"}])
    with warehouse.transaction():
        warehouse.append("t", [{"x": None}])
    assert warehouse.rows("select * from t") == [{"x": None}]


def test_a_published_file_is_read_only_and_its_damage_is_found(folder: Path) -> None:
    with pytest.raises(ConfigError, match="nothing has been published"):
        open_published(folder / "journey.duckdb")
    published = open_published(folder / "work.duckdb")
    with pytest.raises(DatabaseError):
        published.execute("create table x (y integer)")
    published.close()
    assert scan_whole(folder / "work.duckdb") == 100_000
    n_found = 0
    for _ in with_a_bit_flipped_in_each_block(folder / "work.duckdb"):
        try:
            assert scan_whole(folder / "work.duckdb") == 100_000
        except JourneyError:
            n_found += 1
    assert n_found > 0

"""A table of another database lands like a file: only what is new is exported, and what has been exported stays."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from postgres_server import BINARIES, Postgres, running
from shop_builder import NOW, WEB, Shop, make_shop

from journey_analytics.errors import ConfigError, ConfigErrors, InputError, ResourceError
from journey_analytics.landing import fetching, land

TICKETS = {
    "id": {"type": "text", "required": True},
    "at": {**WEB["columns"]["at"], "from": "changed_at"},
    "status": {"type": "text"},
    "channel": {"type": "text", "from": "via.channel"},
    "n": {"type": "integer"},
}


def night(shop: Shop) -> int:
    """Fetch and land, as a night does; how many files were fetched."""
    with shop.opened() as warehouse:
        (fetched,) = fetching.fetch(warehouse, shop.project(), NOW)
        land.land(warehouse, shop.project(), NOW)
    for failure in fetched.failed:
        raise failure
    return fetched.n_new


def exports(shop: Shop) -> list[str]:
    return sorted(path.name for path in (shop.landing / "crm").glob("*"))


def rows(shop: Shop) -> list[tuple[Any, ...]]:
    found = shop.rows('select id, "at"::varchar, status, channel, n from work.landing.web order by "at", id')
    return [tuple(row.values()) for row in found]


class Crm:
    """A DuckDB file that another team fills."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run(
            "create table tickets (id bigint, changed_at timestamp, status varchar, via struct(channel varchar), "
            "n integer, secret varchar, odd interval)"
        )

    def run(self, sql: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(sql)

    def add(self, number: int, at: str, status: str = "open") -> None:
        self.run(
            f"insert into tickets values ({number}, '{at}', '{status}', {{'channel': 'chat'}}, {number}, 'x', null)"
        )


@pytest.fixture
def crm(tmp_path: Path) -> Crm:
    (tmp_path / "shop").mkdir()
    return Crm(tmp_path / "shop" / "crm.duckdb")


def shop_of(crm: Crm, **fetch: Any) -> Shop:
    folder = crm.path.parent
    shop = Shop(folder) if (folder / "pipelines").is_dir() else make_shop(folder / "made")
    if shop.root != folder:
        for each in shop.root.iterdir():
            each.rename(folder / each.name)
        shop = Shop(folder)
    told = {"duckdb": "crm.duckdb", "table": "main.tickets", "since": "changed_at", **fetch}
    shop.source(
        format="parquet", lands="crm/*.parquet", key=["id", "at"], columns=TICKETS,
        fetch={name: value for name, value in told.items() if value is not None},
    )  # fmt: skip
    return shop


def test_new_rows_of_a_table_are_exported_once_and_land_like_a_file(crm: Crm) -> None:
    shop = shop_of(crm)
    crm.add(1, "2026-03-01 10:00:00")
    assert night(shop) == 1
    crm.add(2, "2026-03-02 10:00:00")
    crm.add(1, "2026-03-03 10:00:00", "solved")
    assert (night(shop), night(shop)) == (1, 0)
    assert exports(shop) == ["tickets-000001.parquet", "tickets-000002.parquet"]
    assert rows(shop) == [
        ("1", "2026-03-01 10:00:00", "open", "chat", 1), ("2", "2026-03-02 10:00:00", "open", "chat", 2),
        ("1", "2026-03-03 10:00:00", "solved", "chat", 1),
    ]  # fmt: skip
    assert pq.read_schema(shop.landing / "crm" / "tickets-000001.parquet").names == [
        "id",
        "changed_at",
        "status",
        "via",
        "n",
    ]


def test_a_row_that_comes_late_with_the_highest_value_so_far_is_not_missed(crm: Crm) -> None:
    shop = shop_of(crm)
    crm.add(1, "2026-03-01 10:00:00")
    night(shop)
    crm.add(2, "2026-03-01 10:00:00")
    assert (night(shop), night(shop)) == (1, 0)
    assert [row[0] for row in rows(shop)] == ["1", "2"]
    assert sum(entry["n_duplicate"] for entry in shop.ledger().values()) == 1


def test_the_archive_knows_where_to_go_on_also_when_the_private_database_is_gone(crm: Crm) -> None:
    shop = shop_of(crm)
    crm.add(1, "2026-03-01 10:00:00")
    night(shop)
    shutil.rmtree(shop.root / "warehouse")
    crm.run("delete from tickets")
    crm.add(2, "2026-03-02 10:00:00")
    assert night(shop) == 1
    assert [row[0] for row in rows(shop)] == ["1", "2"]


def test_a_table_without_since_is_exported_whole_and_only_when_it_changes(crm: Crm) -> None:
    shop = shop_of(crm, since=None)
    crm.add(1, "2026-03-01 10:00:00")
    crm.add(2, "2026-03-02 10:00:00")
    assert (night(shop), night(shop)) == (1, 0)
    crm.run("delete from tickets where id = 1")
    assert night(shop) == 1
    assert (exports(shop), [row[0] for row in rows(shop)]) == (["tickets.parquet"], ["2"])


@pytest.mark.parametrize(
    ("fetch", "said"),
    [
        ({"table": "main.nothing"}, "there is no table main.nothing"),
        ({"since": "later"}, "the table main.tickets lacks the column later"),
        ({"since": "via"}, "in which nothing is later than another"),
        ({"duckdb": "gone.duckdb"}, "there is no such file"),
        ({"duckdb": "pipelines/nightly.yml"}, "is no DuckDB file that can be read"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(crm: Crm, fetch: dict[str, str], said: str) -> None:
    crm.add(1, "2026-03-01 10:00:00")
    with pytest.raises(InputError, match=said):
        night(shop_of(crm, **fetch))


def test_rows_without_a_value_to_go_on_from_are_not_passed_over_in_silence(crm: Crm) -> None:
    crm.add(1, "2026-03-01 10:00:00")
    crm.run("insert into tickets (id) values (2)")
    with pytest.raises(InputError, match="1 rows have no changed_at, so no night would ever fetch them"):
        night(shop_of(crm))


def test_a_file_that_another_program_writes_to_ends_in_40(crm: Crm) -> None:
    shop = shop_of(crm)
    writer = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", writer, str(crm.path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    try:
        with pytest.raises(ResourceError, match="another program is writing to it"):
            night(shop)
    finally:
        process.communicate("")


@pytest.mark.parametrize("place", ["../crm.duckdb", "/crm.duckdb", "link.duckdb"])
def test_x08_a_file_outside_of_what_may_be_read_is_not_opened(tmp_path: Path, crm: Crm, place: str) -> None:
    shop = shop_of(crm, duckdb=place.replace("/crm", f"{tmp_path}/crm") if place.startswith("/") else place)
    crm.path.rename(tmp_path / "crm.duckdb")
    (shop.root / "link.duckdb").symlink_to(tmp_path / "crm.duckdb")
    with pytest.raises(ConfigError, match="lies outside of what may be read"):
        night(shop)
    nightly = (shop.root / "pipelines" / "nightly.yml").read_text()
    shop.write("nightly.yml", f"{nightly}read_from: ['{tmp_path}']\n")
    assert night(shop) == 0


def test_x14_a_foreign_file_reaches_nothing_outside_itself(tmp_path: Path, crm: Crm) -> None:
    (tmp_path / "secret.csv").write_text("id,changed_at\n1,2026-03-01\n")
    crm.run(f"create view spy as select *, null as status from read_csv('{tmp_path / 'secret.csv'}')")
    with pytest.raises(InputError, match="cannot be read"):
        night(shop_of(crm, table="main.spy"))


@pytest.mark.parametrize(
    ("fetch", "said"),
    [
        ({"table": 'main."x"; drop table y'}, "table"),
        ({"table": "a.b.c"}, "table"),
        ({"since": "a, b"}, "since"),
        ({"table": None}, "needs `table: schema.table`"),
        ({"duckdb": None, "postgres": "postgres://user:secret@host/db"}, "postgres"),
    ],
)
def test_x07_what_is_no_name_of_a_table_is_refused_before_the_night(crm: Crm, fetch: dict[str, Any], said: str) -> None:
    shop = shop_of(crm, **fetch)
    with pytest.raises(ConfigErrors, match=said) as refused:
        shop.project()
    assert "secret" not in str(refused.value)


def test_a_feed_of_a_table_is_of_parquet_and_has_a_key_where_it_is_taken_in_parts(crm: Crm) -> None:
    shop = shop_of(crm)
    told = {"duckdb": "crm.duckdb", "table": "tickets", "since": "changed_at"}
    shop.source(lands="crm/*", fetch=told)
    with pytest.raises(ConfigErrors, match="says `format: parquet`"):
        shop.project()
    shop.source(lands="crm/*", fetch=told, format="parquet", key=[])
    with pytest.raises(ConfigErrors, match="so the feed needs a `key`"):
        shop.project()


# --- Postgres


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    if not BINARIES:
        pytest.skip("no Postgres server is installed here: apt-get install postgresql")
    with running() as server:
        yield server


@pytest.fixture
def desk(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("DESK_DSN", postgres.dsn)
    postgres.sql("""drop schema if exists desk cascade; create schema desk; create table desk.tickets
        (id numeric(30), changed_at timestamptz, status text, via jsonb, n bigint, tags text[], secret text)""")
    columns = {**TICKETS, "tags": {"type": "text"}}
    return make_shop(
        tmp_path / "shop", format="parquet", lands="crm/*.parquet", key=["id", "at"], columns=columns,
        fetch={"postgres": "DESK_DSN", "table": "desk.tickets", "since": "changed_at"},
    )  # fmt: skip


def test_new_rows_of_a_postgres_table_are_exported_once_and_keep_what_they_say(desk: Shop, postgres: Postgres) -> None:
    postgres.sql("""insert into desk.tickets values (18446744073709551617,
        '2026-03-01 10:00:00.123456+02', 'ü''"', '{"channel": "chat"}',
        9007199254740993, '{a,"b,c"}', 'secret')""")
    assert night(desk) == 1
    postgres.sql(
        "insert into desk.tickets values (2, '2026-03-01 10:00:00.123456+02', null, '{}', null, null, 'secret')"
    )
    postgres.sql("insert into desk.tickets values (3, '2026-03-02 10:00+00', '', null, null, '{}', 'secret')")
    assert (night(desk), night(desk)) == (1, 0)
    assert rows(desk) == [
        ("18446744073709551617", "2026-03-01 08:00:00.123456", "ü'\"", "chat", 9007199254740993),
        ("2", "2026-03-01 08:00:00.123456", None, None, None), ("3", "2026-03-02 10:00:00", None, None, None),
    ]  # fmt: skip
    assert [row["tags"] for row in desk.rows('select tags from work.landing.web order by "at", id')] == [
        '["a", "b,c"]',
        None,
        "[]",
    ]
    assert b"secret" not in b"".join(path.read_bytes() for path in (desk.landing / "crm").glob("*"))


def test_a_postgres_table_without_since_is_exported_whole(desk: Shop, postgres: Postgres) -> None:
    desk.source(
        format="parquet", lands="crm/*.parquet", columns=TICKETS,
        fetch={"postgres": "DESK_DSN", "table": "desk.tickets"},
    )  # fmt: skip
    postgres.sql("insert into desk.tickets (id, changed_at) select i, '2026-03-01' from generate_series(1, 70000) t(i)")
    assert (night(desk), night(desk)) == (1, 0)
    assert desk.rows("select count(*) as n from work.landing.web")[0]["n"] == 70_000


def test_a_postgres_database_that_cannot_be_reached_ends_in_40_and_tells_no_secret(
    desk: Shop, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_DSN", "postgresql://reader:a-secret@127.0.0.1:9/postgres")
    with pytest.raises(ResourceError, match="the Postgres database that DESK_DSN names cannot be read") as unreachable:
        night(desk)
    monkeypatch.setenv("DESK_DSN", postgres.dsn.replace("/postgres", "/nothing"))
    with pytest.raises(ResourceError, match="cannot be read") as missing:
        night(desk)
    assert "a-secret" not in f"{unreachable.value} {missing.value}"
    monkeypatch.delenv("DESK_DSN")
    with pytest.raises(ConfigError, match="the environment variable DESK_DSN is not set"):
        night(desk)


def test_a_postgres_table_that_is_not_there_says_so(desk: Shop, postgres: Postgres) -> None:
    postgres.sql("drop table desk.tickets")
    with pytest.raises(InputError, match=r"there is no table desk\.tickets"):
        night(desk)

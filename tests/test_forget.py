"""A person who asks to be forgotten is gone from everything, stays gone, and leaves nothing by which they are known."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shop_builder import KEY, NIGHTLY, NOW, Shop, make_shop
from test_cli import journey

from journey_analytics import publish
from journey_analytics.errors import ConfigError
from journey_analytics.facts.feeds import Source
from journey_analytics.forget import forget
from journey_analytics.landing.erasures import Ids, read_erasures
from journey_analytics.landing.rewriting import rewrite_without
from journey_analytics.night import Night
from journey_analytics.warehouse import open_published

TEXTS = {"anonymous_id": "varchar", "user_id": "varchar", "email_key": "varchar", "session_hint": "varchar",
         "path": "varchar", "referrer": "varchar", "utm_source": "varchar", "utm_medium": "varchar",
         "utm_campaign": "varchar", "device": "varchar", "country": "varchar", "order_id": "varchar",
         "ticket_id": "varchar", "revenue_minor": "bigint", "currency": "varchar", "score": "double",
         "score_kind": "varchar", "invitation_id": "varchar", "comment": "varchar", "properties": "json"}  # fmt: skip


def feed(name: str, kind: str, *ids: str, **facts: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "id": {"type": "text", "required": True},
        "at": {"type": "timestamp", "required": True, "event_time": True},
        "n": {"type": "integer"},
        **{column: {"type": "text"} for column in ids},
        "email": {"type": "text", "personal": "email"},
    }
    return {"source": name, "lands": f"{name}/*", "format": kind, "key": ["id"], "columns": columns, **facts}


FEEDS = {
    "web": feed("web", "jsonl", "anonymous_id", "user_id", "order_id", required=True),
    "orders": feed("orders", "csv", "order_id"),
    "tickets": feed("tickets", "parquet", "ticket_id", "order_id"),
}


def key_of(address: str) -> str:
    return hmac.new(KEY.encode(), address.encode(), hashlib.sha256).hexdigest()


ADA: Ids = {"device": ["ada-phone"], "user": ["u-ada"], "email": [key_of("ada@example.org")], "order": ["o-ada"],
            "ticket": ["t-ada"]}  # fmt: skip


def web(number: int, who: str, **facts: Any) -> dict[str, Any]:
    event = {"id": f"w{number}", "at": f"2026-03-0{1 + number % 8}T10:00:00Z", "anonymous_id": f"{who}-phone"}
    return {**event, "user_id": f"u-{who}", "email": f"{who}@example.org", **facts}


def deliver(shop: Shop, *, again: bool = False) -> None:
    """Two people, one tablet that both use, and something of Ada in every feed, also where it is refused or double."""
    first = [web(1, "ada"), web(2, "bob"), web(3, "ada", n="a lot"), web(4, "ada", anonymous_id="tablet")]
    first += [web(5, "bob", anonymous_id="tablet")]
    first += [{"id": "w6", "at": "2026-03-02T10:00:00Z", "anonymous_id": "ada-phone"}]
    shop.deliver("web/1.jsonl.gz", first)
    order = {"id": "w8", "at": "2026-03-03T10:00:00Z", "order_id": "o-ada"}
    shop.deliver("web/2.jsonl", [web(1, "ada"), web(7, "cyd"), order])
    shop.deliver("orders/1.csv", (
        "id,at,n,order_id,email\n1,2026-03-03T10:00:00Z,1,o-ada,ADA@example.org \n"
        '2,2026-03-03T11:00:00Z,1,"o-\r\nbob",bob@example.org\n3,2026-03-04T10:00:00Z,,o-ada,\n'
    ))  # fmt: skip
    path = shop.deliver("tickets/1.parquet", b"")
    tickets = {"id": ["1", "2"], "at": ["2026-03-05T10:00:00Z"] * 2, "ticket_id": ["t-ada", "t-bob"]}
    pq.write_table(pa.table({**tickets, "email": ["ada@example.org", "bob@example.org"]}), path)
    if again:
        shop.deliver("web/3.jsonl", [web(9, "ada"), web(10, "dan")])


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return three_feeds(tmp_path / "shop")


def three_feeds(folder: Path) -> Shop:
    shop = make_shop(folder)
    shop.write("nightly.yml", {**NIGHTLY, "sources": list(FEEDS)})
    for name, source in FEEDS.items():
        shop.write(f"sources/{name}.yml", source)
        held = {*source["columns"], "email_key"} - {"email"}
        parts = [f"{column if column in held else f'null::{kind}'} as {column}" for column, kind in TEXTS.items()]
        sql = f"""-- Events of {name}.
--
-- Grain: one row per landed row.
select '{name}' as source, id as event_id, 'page' as event_name, "at" as event_at, null::timestamp as received_at,
    {", ".join(parts)}, file_id, row_number
from landing.{name}"""
        path = shop.root / "sql" / "staging" / f"stg_{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(sql)
        path.with_suffix(".yml").write_text("description: One row per landed row.\ncolumns: {}\n")
    deliver(shop)
    return shop


def erased(shop: Shop, ids: Ids = ADA, **how: Any) -> Any:
    return forget(shop.project(), ids, by="tester", reason="case 7", now=NOW, **how)


def night(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    """Every table that a night builds, where a row came from left out."""
    with Night(shop.project(), now=NOW) as tonight:
        tonight.land()
        tonight.begin()
        tonight.build()
        tables = tonight.warehouse.rows(
            "select schema_name || '.' || table_name as name from duckdb_tables() "
            "where database_name = 'next' and schema_name in ('journeys', 'marts') order by all"
        )
        return {
            table["name"]: [
                {name: value for name, value in row.items() if name not in ("file_id", "row_number")}
                for row in tonight.warehouse.rows(f"from {table['name']} order by all")
            ]
            for table in tables
        }


def everything_kept(shop: Shop) -> str:
    """All that the private database knows, but for where files came from."""
    with shop.opened() as warehouse:
        tables = warehouse.rows(
            "select schema_name || '.' || table_name as name from duckdb_tables() where database_name = 'work'"
        )
        return json.dumps([warehouse.rows(f"from work.{table['name']}") for table in tables], default=str)


def ids_of(shop: Shop, table: str) -> list[str]:
    return sorted(row["id"] for row in shop.rows(f"select id from work.landing.{table}"))


def test_a_person_is_gone_from_landing_tables_quarantine_and_ledger_and_nobody_else_is(shop: Shop) -> None:
    shop.land()
    assert (ids_of(shop, "web"), len(shop.reasons())) == (["w1", "w2", "w4", "w5", "w6", "w7", "w8"], 1)
    told = erased(shop)
    assert (told.rows, told.n_refused) == ({"orders": 2, "tickets": 1, "web": 4}, 1)
    assert (ids_of(shop, "web"), ids_of(shop, "orders"), ids_of(shop, "tickets")) == (["w2", "w5", "w7"], ["2"], ["2"])
    kept = everything_kept(shop)
    assert [value for values in ADA.values() for value in values if value in kept] == []
    assert shop.reasons() == []
    parts = ("n_loaded", "n_duplicate", "n_rejected", "n_out_of_scope", "n_late", "n_erased")
    assert [sum(file[part] for part in parts) - file["n_read"] for file in shop.ledger().values()] == [0] * 4


def test_of_what_was_erased_no_byte_is_left_in_the_private_database(shop: Shop) -> None:
    shop.land()
    path = shop.root / "warehouse" / "work.duckdb"
    assert b"ada-phone" in path.read_bytes()
    erased(shop)
    assert [part for part in (b"ada-phone", b"u-ada", ADA["email"][0].encode()) if part in path.read_bytes()] == []


def test_the_erased_stay_erased_when_a_feed_delivers_them_again(shop: Shop) -> None:
    shop.land()
    erased(shop)
    deliver(shop, again=True)
    shop.deliver("orders/2.csv", "id,at,n,order_id,email\n9,2026-03-05T10:00:00Z,x,,ada@example.org\n")
    shop.land()
    assert (ids_of(shop, "web"), shop.reasons()) == (["w10", "w2", "w5", "w7"], [])
    again = {name: (row["n_read"], row["n_erased"], row["n_rejected"]) for name, row in shop.ledger().items()}
    assert (again["web/3.jsonl"], again["orders/2.csv"]) == ((2, 1, 0), (1, 1, 0))


def test_the_erased_stay_erased_when_the_private_database_is_lost(shop: Shop) -> None:
    shop.land()
    erased(shop)
    before = {name: ids_of(shop, name) for name in FEEDS}
    shutil.rmtree(shop.root / "warehouse")
    shop.land()
    assert {name: ids_of(shop, name) for name in FEEDS} == before
    assert shop.rows("select n_ids, n_rows, reason, erased_by from work.ops.erasures") == [
        {"n_ids": 5, "n_rows": 7, "reason": "case 7", "erased_by": "tester"}
    ]


def test_the_night_after_equals_a_full_rebuild_from_files_that_never_held_the_person(
    shop: Shop, tmp_path: Path
) -> None:
    shop.land()
    shutil.copytree(shop.root, tmp_path / "rewritten")
    erased(shop)
    after = night(shop)
    assert any("u-bob" in str(rows) for rows in after.values())
    assert "ada" not in str(after)
    other = Shop(tmp_path / "rewritten")
    erased(other, rewrite=True)
    other.project().erasures.unlink()
    shutil.rmtree(other.root / "warehouse")
    assert night(other) == after


def test_rewritten_files_keep_every_byte_of_everybody_else(shop: Shop) -> None:
    shop.land()
    told = erased(shop, rewrite=True)
    assert sorted(told.rewritten) == ["orders/1.csv", "tickets/1.parquet", "web/1.jsonl.gz", "web/2.jsonl"]
    assert (shop.landing / "orders" / "1.csv").read_bytes() == (
        b'id,at,n,order_id,email\n2,2026-03-03T11:00:00Z,1,"o-\r\nbob",bob@example.org\n'
    )
    lines = gzip.decompress((shop.landing / "web" / "1.jsonl.gz").read_bytes()).decode()
    assert lines == json.dumps(web(2, "bob")) + "\n" + json.dumps(web(5, "bob", anonymous_id="tablet")) + "\n"
    assert pq.read_table(shop.landing / "tickets" / "1.parquet").to_pylist() == [
        {"id": "2", "at": "2026-03-05T10:00:00Z", "ticket_id": "t-bob", "email": "bob@example.org"}
    ]
    shop.land()
    assert [row["n_erased"] for row in shop.ledger().values()] == [0] * 4
    assert (ids_of(shop, "web"), erased(shop, rewrite=True).rewritten) == (["w2", "w5", "w7"], [])


@pytest.mark.parametrize(
    ("csv", "text", "kept"),
    [
        ({"header": False, "skip": 2}, "made by\nx\n1,ada\n2,bob", "made by\nx\n2,bob"),
        ({"delimiter": ";", "encoding": "cp1252"}, 'k;n\n1;"ü\n;x"\n2;ü\r\n', "k;n\n2;ü\r\n"),
        ({"escape": "\\", "nulls": ["\\N"]}, 'k,n\n1,\\N\n2,"a\\"\n,b"\n', 'k,n\n2,"a\\"\n,b"\n'),
        ({"line_end": "any", "encoding": "utf-16"}, "k,n\r1,a\r2,b\r", "k,n\r2,b\r"),
    ],
)
def test_csv_of_any_dialect_is_rewritten_record_by_record(
    shop: Shop, csv: dict[str, Any], text: str, kept: str
) -> None:
    columns = {"k": {"type": "text"}, "n": {"type": "text"}}
    feed = {"source": "web", "lands": "x", "format": "csv", "timeless": True, "csv": csv, "columns": columns}
    encoding = csv.get("encoding", "utf-8")
    path = shop.deliver("web/x.csv", text.encode(encoding))
    rewrite_without(path, Source.model_validate(feed), {1})
    assert path.read_bytes() == kept.encode(encoding)
    assert [other.name for other in path.parent.iterdir() if other.name.startswith(".")] == []


def test_a_dry_run_counts_the_same_and_changes_nothing(shop: Shop) -> None:
    shop.land()
    before = everything_kept(shop)
    would = erased(shop, dry_run=True)
    assert (everything_kept(shop), shop.project().erasures.exists()) == (before, False)
    does = erased(shop)
    assert (would.rows, would.n_refused, would.n_ids) == (does.rows, does.n_refused, does.n_ids)


def test_erasing_twice_is_erasing_once(shop: Shop) -> None:
    shop.land()
    erased(shop)
    again = erased(shop)
    assert (again.erased_at, again.rows, again.n_refused) == ("2026-03-10T02:00:00", {}, 0)
    (one,) = read_erasures(shop.project())
    assert (one.n_rows, one.n_refused) == (7, 1)


def test_a_tombstone_tells_nobody_who_it_was_and_only_its_owner_reads_it(shop: Shop) -> None:
    shop.land()
    forget(shop.project(), ADA, by="tester", reason="asked by ada@example.org, +49 171 2345678", now=NOW)
    path = shop.project().erasures
    text = path.read_text()
    assert [value for values in ADA.values() for value in values if value in text] == []
    assert read_erasures(shop.project())[0].reason == "asked by [e-mail], [phone]"
    plain = [hashlib.sha256(value.encode()).hexdigest() for values in ADA.values() for value in values]
    assert not set(plain) & set(read_erasures(shop.project())[0].tombstones)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_under_a_new_key_the_erased_are_known_by_the_earlier_one_or_the_night_stops(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.land()
    erased(shop)
    monkeypatch.setenv("JOURNEY_KEY", "another key, of at least thirty-two characters")
    with pytest.raises(ConfigError, match="under another key") as refused:
        shop.land()
    assert "JOURNEY_KEY_RETIRED" in refused.value.do
    monkeypatch.setenv("JOURNEY_KEY_RETIRED", KEY.replace(" ", "-"))
    with pytest.raises(ConfigError, match="under another key"):
        shop.land()


def test_a_retired_key_recognises_also_those_known_by_their_address_alone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNEY_KEY", "k1" * 20)
    shop.land()
    address = hmac.new(b"k1" * 20, b"ada@example.org", hashlib.sha256).hexdigest()
    erased(shop, {"email": [address]})
    assert (ids_of(shop, "tickets"), ids_of(shop, "orders")) == (["2"], ["2", "3"])
    monkeypatch.setenv("JOURNEY_KEY", "k2" * 20)
    monkeypatch.setenv("JOURNEY_KEY_RETIRED", "k0" * 20 + " " + "k1" * 20)
    shop.land()
    assert (ids_of(shop, "tickets"), ids_of(shop, "orders")) == (["2"], ["2", "3"])


@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_without_the_file_of_erasures_no_night_brings_the_erased_back(shop: Shop, harm: str) -> None:
    shop.land()
    erased(shop)
    path = shop.project().erasures
    path.unlink() if harm == "gone" else path.write_text(path.read_text()[:100])
    with pytest.raises(ConfigError, match="erasures"):
        shop.land()


def test_whom_no_feed_s_columns_could_tell_is_not_said_to_be_erased(shop: Shop) -> None:
    with pytest.raises(ConfigError, match="no feed says which of its columns holds till ids"):
        forget(shop.project(), {"till": ["7"]}, by="me", reason="", now=NOW)
    assert not list(read_erasures(shop.project()))


def test_a_feed_that_does_not_say_which_column_holds_an_id_stops_the_night(shop: Shop) -> None:
    ids = ("user_id", "anonymous_id", "email")
    columns = {name: kind for name, kind in FEEDS["web"]["columns"].items() if name not in ids}
    shop.write("sources/web.yml", {**FEEDS["web"], "columns": {**columns, "who": {"type": "text", "from": "user_id"}}})
    path = shop.root / "sql" / "staging" / "stg_web.sql"
    sql = path.read_text().replace("user_id as user_id", "who as user_id")
    for gone in ("anonymous_id", "email_key"):
        sql = sql.replace(f"{gone} as {gone}", f"null::varchar as {gone}")
    path.write_text(sql)
    shop.land()
    erased(shop)
    with pytest.raises(ConfigError, match="feeds still tell of somebody who was erased: web \\(user\\)") as refused:
        night(shop)
    assert "identifies: user" in refused.value.do
    who = {"type": "text", "from": "user_id", "identifies": "user"}
    shop.write("sources/web.yml", {**FEEDS["web"], "columns": {**columns, "who": who}})
    assert "u-ada" not in str(night(shop))
    assert ids_of(shop, "web") == ["w2", "w5", "w6", "w7"]


# --- the command


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The shop after one night."""
    shop = three_feeds(tmp_path_factory.mktemp("forget") / "shop")
    assert journey("run", "--project", str(shop.root)) in (0, 2)
    return shop


@pytest.fixture
def published(finished: Shop, tmp_path: Path) -> Shop:
    """A copy of it."""
    return Shop(Path(shutil.copytree(finished.root, tmp_path / "copy", symlinks=True)))


def customers(shop: Shop) -> set[str]:
    warehouse = open_published(shop.root / "warehouse" / publish.PUBLISHED)
    try:
        return {row["customer_id"] for row in warehouse.rows("select customer_id from journeys.identities")}
    finally:
        warehouse.close()


def test_forget_now_publishes_without_the_person_and_leaves_no_publication_that_knows_them(
    published: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, folder = ["--project", str(published.root)], published.root
    assert "user:u-ada" in customers(published)
    assert journey("forget", *root, "--email", "Ada@Example.org", "--reason", "case [7]", "--now", "--json") in (0, 2)
    told = json.loads(capsys.readouterr().out)
    assert (told["n_publications_withdrawn"], told["n_publications_left"]) == (1, 0)
    assert told["n_ids"] == {"device": 1, "email": 1, "user": 1, "order": 1, "ticket": 1}
    assert "user:u-ada" not in customers(published)
    assert "user:u-bob" in customers(published)
    files = [path for name in ("warehouse", "reports") for path in (folder / name).rglob("*") if path.is_file()]
    left = b"".join(path.read_bytes() for path in files)
    assert [value for values in ADA.values() for value in values if value.encode() in left] == []
    assert journey("forget", *root, "--list") == 0
    assert "case [7]" in capsys.readouterr().out
    assert journey("forget", *root, "--email", "ada@example.org") == 0
    assert "erased before" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nobody is named"),
        (["--customer", "user:u-eve"], "nobody is known by that"),
        (["--user", "u-ada", "--email", "bob@example.org"], "names several customers"),
    ],
)
def test_who_cannot_be_told_is_not_erased_and_not_repeated(
    published: Shop, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert journey("forget", "--project", str(published.root), *arguments) == 10
    told = capsys.readouterr()
    assert said in told.err
    assert "u-eve" not in told.err + told.out
    assert not published.project().erasures.exists()

"""Canaries in every field of every kind of feed: a night later, nothing that was written holds one."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shop_builder import NIGHTLY, Shop, make_shop
from test_cli import journey
from test_forget import TEXTS

from journey_analytics.canaries import pattern_of, read_canaries, scan
from journey_analytics.errors import ConfigError

COLUMNS: dict[str, Any] = {
    "id": {"type": "text", "required": True},
    "at": {"type": "timestamp", "required": True, "event_time": True},
    "who": {"type": "text"},
    "kind": {"type": "text", "values": ["view", "buy"], "on_new_value": "reject_row"},
    "page": {"type": "url", "keep_query": ["utm_source"]},
    "n": {"type": "integer"},
    "price": {"type": "number"},
    "day": {"type": "date"},
    "seen": {"type": "epoch_seconds"},
    "is_new": {"type": "boolean"},
    "vote": {"type": "score", "scale": "nps_10", "on_new_type": "warn"},
    "paid": {"type": "money", "currency": "EUR"},
    "props": {"type": "properties", "keep": ["a", "items.a"]},
    "email": {"type": "text", "personal": "email"},
    "note": {"type": "text", "personal": "drop"},
}
ADDRESSES = [
    "zoe.canary@example.org", "ZOE.CANARY@EXAMPLE.ORG", "zoe.canary+shop@mail.example.org", "zoe.canary%40example.org",
    "zoe.canary%2540example.org", "zoe.canary＠example.org", "zoé.canary@exämple.org",
    '"Z" <zoe.canary@example.org>', "mailto:zoe.canary@example.org?subject=x", "user-zoe.canary@example.org-7",
]  # fmt: skip
PHONES = ["+49 171 5550199", "+491715550199", "0049 171 5550199", "(030) 555-0199", "030 5550199", "555-555-0199"]
IPS = ["203.0.113.77", "2001:db8:0:0:0:8a2e:370:7334", "2001:db8::7334", "seen at 203.0.113.77, twice"]
SHAPED = [*ADDRESSES, *PHONES, *IPS, "call +49 171 5550199 or zoe.canary@example.org"]
WORDS = ["Zenobia Quillfeather", "please mend my left knee"]
WANTED = ["zoe.canary", "zoé.canary", "canary%", "1715550199", "5550199", "203.0.113.77", "2001:db8"]
WANTED += ["Quillfeather", "left knee"]


def valid(name: str) -> dict[str, Any]:
    return {"id": name, "at": "2026-03-01T10:00:00Z", "who": f"u{name}", "kind": "view", "page": "/tea", "n": 1,
            "price": 2.5, "day": "2026-03-01", "seen": 1772359200, "is_new": True, "vote": 9, "paid": "3.50",
            "props": {"a": "tea"}, "email": f"{name}@shop.example", "note": "none"}  # fmt: skip


def planted() -> list[dict[str, Any]]:
    """One row a canary and field, and one with all that nobody listed; words only where no text lands."""
    rows: list[dict[str, Any]] = []
    for place, canary in enumerate([*SHAPED, *WORDS]):
        is_shaped = canary in SHAPED
        fields = [name for name in COLUMNS if is_shaped or name not in ("id", "who", "page")]
        if canary[1:].isdigit():  # a number to call without a space is a number, where a column holds numbers
            fields = [name for name in fields if name not in ("n", "price", "paid")]
        rows += [{**valid(f"{place}-{name}"), name: canary} for name in fields]
        url = f"https://{'zoe.canary:secret@' if is_shaped else ''}shop.example/tea?name={canary}&utm_source=x#{canary}"
        rows.append({**valid(f"{place}-url"), "page": url})
        held = {"a": canary, "items": [{"a": canary, "b": canary}]} if is_shaped else {}
        rows.append({**valid(f"{place}-props"), "props": {**held, "b": canary, canary: {"a": canary}}})
        rows.append({**valid(f"{place}-more"), "name": canary, canary: canary, "deep": {"comment": [canary]}})
    return rows


def as_csv(rows: list[dict[str, Any]]) -> str:
    def field(value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return '"' + text.replace('"', '""') + '"'

    return "".join(",".join(field(row[name]) for name in COLUMNS) + "\n" for row in rows)


def deliver(shop: Shop) -> None:
    rows = planted()
    header = ",".join(COLUMNS) + "\n"
    escaped = json.dumps(rows, ensure_ascii=True).replace("@", "\\u0040")
    shop.deliver("lines/1.jsonl.gz", rows)
    shop.deliver("lines/zoe.canary@example.org.jsonl", "".join(json.dumps(row) + "\n" for row in json.loads(escaped)))
    shop.deliver("lines/+49 171 5550199/203.0.113.77.jsonl", [valid("in a folder called after somebody")])
    odd = [json.dumps(row, ensure_ascii=False)[:-20] for row in rows] + [*SHAPED, *WORDS]
    odd += [f'["{canary}"]' for canary in (*SHAPED, *WORDS)] + [f'{{"{canary}' for canary in (*SHAPED, *WORDS)]
    shop.deliver("lines/broken.jsonl", "\n".join(odd).encode() + b"\n\xff " + "\n".join(WORDS).encode("utf-16"))
    shop.deliver("lines/cut.jsonl.gz", b"")
    (shop.landing / "lines" / "cut.jsonl.gz").write_bytes(gzip.compress("\n".join(odd).encode())[:-30])
    shop.deliver("documents/1.json", json.dumps(rows, ensure_ascii=False))
    shop.deliver("documents/2.json", escaped)
    shop.deliver("documents/3.json", json.dumps({canary: [{canary: 1}] for canary in (*SHAPED, *WORDS)}))
    shop.deliver("table/1.csv", header + as_csv(rows))
    shop.deliver("table/wide.csv", header + "".join(f'"{c}",{c},"{c}"\n' for c in (*SHAPED, *WORDS) if '"' not in c))
    shop.deliver("table/without header.csv", as_csv(rows))
    shop.deliver("table/twice.csv", ",".join([*COLUMNS, *WORDS, *WORDS, *SHAPED[:2]]) + "\n" + as_csv(rows))
    told = [
        {name: row[name] if isinstance(row[name], str) else json.dumps(row[name]) for name in COLUMNS} for row in rows
    ]
    texts = {name: [row[name] for row in told] for name in COLUMNS}
    pq.write_table(pa.table({**texts, SHAPED[0]: ["x"] * len(rows)}),
                   shop.deliver("rows/1.parquet", b""))  # fmt: skip
    pq.write_table(pa.table({word: ["x"] for word in (*WORDS, SHAPED[0])}), shop.deliver("rows/2.parquet", b""))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop full of canaries after one night; what the night said is in `said.log`."""
    shop = make_shop(tmp_path_factory.mktemp("canaries") / "shop")
    feeds = {"lines": "jsonl", "documents": "json", "table": "csv", "rows": "parquet"}
    shop.write("nightly.yml", {**NIGHTLY, "sources": list(feeds)})
    for name, kind in feeds.items():
        feed = {"source": name, "lands": f"{name}/**/*", "format": kind, "columns": COLUMNS, "key": ["id"]}
        shop.write(f"sources/{name}.yml", feed)
        told = {"user_id": "who", "path": "page", "email_key": "email_key", "properties": "props",
                "score": "vote::double", "revenue_minor": "paid"}  # fmt: skip
        parts = [f"{told.get(column, f'null::{kind}')} as {column}" for column, kind in TEXTS.items()]
        path = shop.root / "sql" / "staging" / f"stg_{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"-- Events of {name}.\n--\n-- Grain: one row per landed row.\nselect '{name}' as source, id as event_id, "
            f"""kind as event_name, "at" as event_at, null::timestamp as received_at, {", ".join(parts)}, """
            f"file_id, row_number from landing.{name}"
        )
        path.with_suffix(".yml").write_text("description: One row per landed row.\ncolumns: {}\n")
    deliver(shop)
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        commands = (["run"], ["rejects", "--limit", "5000"], ["doctor"], ["runs"])
        codes = [journey(*command, "--project", str(shop.root)) for command in commands]
    (shop.root / "said.log").write_text(said.getvalue())
    assert codes[0] in (0, 2), said.getvalue()[-3000:]
    return shop


def test_a_night_later_no_artefact_holds_a_canary(finished: Shop) -> None:
    texts = dict(enumerate(WANTED, start=1))
    assert scan(finished.project(), texts, [finished.root / "said.log"]) == []


def test_every_kind_of_feed_landed_and_refused_rows_all_the_same(finished: Shop) -> None:
    counts = finished.rows("""
        select source, sum(n_loaded) > 100 as some_loaded, sum(n_rejected) > 100 as some_refused
        from work.ops.loads group by source order by source""")
    assert [(row["some_loaded"], row["some_refused"]) for row in counts] == [(True, True)] * 4
    refused = finished.rows("select file, reason from work.ops.loads where status = 'refused' order by file")
    assert len(refused) >= 4


def test_two_files_called_after_people_stay_two(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    names = ["web/ada@example.org.jsonl", "web/bob@example.org.jsonl"]
    for number, name in enumerate(names):
        shop.deliver(name, [{"id": f"e{number}", "at": "2026-03-01T10:00:00Z"}])
    shop.land()
    assert [name.partition("~")[0] for name in shop.ledger()] == ["web/[e-mail]"] * 2
    assert len(set(shop.ledger())) == 2
    assert shop.ids() == ["e0", "e1"]


def test_what_the_command_finds_it_tells_by_place_and_line_and_never_by_itself(
    finished: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shop(Path(shutil.copytree(finished.root, tmp_path / "copy", symlinks=True)))
    listed = tmp_path / "list.txt"
    listed.write_text("# people\nZoe.Canary@example.org\n\n+49 (171) 555 01 99\nZenobia Quillfeather\n")
    root = ["--project", str(shop.root)]
    assert journey("canaries", str(listed), *root) == 0
    assert "3 texts searched for, 0 places" in capsys.readouterr().out
    with shop.opened() as warehouse:
        warehouse.execute("create table work.ops.slip as select 'to zoe.canary%40example.org' as t")
    (shop.root / "reports" / "extra.txt").write_text("call 0171/5550199 or +49 171 5550199")
    assert journey("canaries", str(listed), *root, "--also", str(shop.root / "in")) == 60
    told = capsys.readouterr()
    assert "warehouse/work.duckdb: ops.slip.t: line 2 of the list, 1 times" in told.out
    assert "reports/extra.txt: its bytes: line 4 of the list, 1 times" in told.out
    assert "in/lines/…" in told.out
    assert [part for part in ("canary", "Quillfeather", "5550199") if part in (told.out + told.err).lower()] == []


@pytest.mark.parametrize(("text", "said"), [("", "the list is empty"), ("# x\nAda\n", "line 2 is too short")])
def test_a_list_that_means_nobody_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_canaries(path)


def test_a_number_to_call_is_found_whatever_stands_between_its_figures() -> None:
    pattern = pattern_of("+49 171 5550199")
    assert [bool(re.search(pattern, text)) for text in ("(49)171/555-0199", "491715550199", "49171555019")] == [
        True,
        True,
        False,
    ]

"""Whatever a feed's files hold, a night ends in a listed exit code, and every row of every file is accounted for."""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shop_builder import NOW, WEB, Shop, make_shop

from journey_analytics import ledger
from journey_analytics.errors import JourneyError
from journey_analytics.facts.config import Project
from journey_analytics.landing import land
from journey_analytics.warehouse import Warehouse, in_memory

MANY = 25 if os.environ.get("JOURNEY_SLOW") == "small" else 400
PARTS = ("n_loaded", "n_duplicate", "n_rejected", "n_out_of_scope", "n_erased", "n_late")
COLUMNS = {
    **WEB["columns"],
    "score": {"type": "score", "scale": "nps_10", "not_answered": ["11"]},
    "total": {"type": "money", "currency": "user", "at_least": 0},
    "kind": {"type": "text", "values": ["a"], "on_new_value": "freeze"},
    "page": {"type": "url", "keep_query": ["q"]},
}
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["e1", "2026-03-01T00:00:00Z", "2026-03-10T09:00:00Z", "", "null", "NaN", "1e999", "9/10", "-1",
                     "5", "a@b.de", "\x00", "\u202e", "\ud83d\ude00", "=1+1", "x" * 5000]),
)  # fmt: skip
VALUES = st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.floats(), st.lists(TEXTS, max_size=2))
ROWS = st.lists(st.dictionaries(st.sampled_from([*COLUMNS, "more"]), VALUES, max_size=6), max_size=6)


def as_jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode("utf-8", "surrogatepass")


def as_json(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps({"data": rows}).encode("utf-8", "surrogatepass")


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    lines = [",".join([*COLUMNS, "more"]), *(",".join(str(row.get(name, "")) for name in COLUMNS) for row in rows)]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    texts = [{name: ascii(value) for name, value in row.items()} for row in rows]
    names = {"id", "at", *(name for row in texts for name in row)}
    out = io.BytesIO()
    pq.write_table(pa.table({name: [row.get(name) for row in texts] for name in sorted(names)}), out)
    return out.getvalue()


FORMATS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "jsonl": as_jsonl, "json": as_json, "csv": as_csv, "parquet": as_parquet,
}  # fmt: skip


@st.composite
def files(draw: st.DrawFn, kind: str) -> bytes:
    """Bytes that are anything, a file of the format, or one with a piece cut out, put in or turned over."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.binary(max_size=200))
    content = FORMATS[kind](draw(ROWS))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(content)))
        end = min(len(content), place + draw(st.integers(0, 9)))
        content = content[:place] + draw(st.binary(max_size=5)) + content[end:]
    return gzip.compress(content) if draw(st.integers(0, 4)) == 0 else content


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Shop, Project]]:
    found = {}
    for kind in FORMATS:
        more = {"records": "data"} if kind == "json" else {}
        shop = make_shop(
            tmp_path_factory.mktemp(kind) / "shop", format=kind, columns=COLUMNS, on_new_column="warn",
            out_of_scope=[{"when": "n = 5", "because": "x"}], **more,
        )  # fmt: skip
        found[kind] = shop, shop.project()
    return found


def a_night(shop: Shop, project: Project, contents: list[bytes]) -> tuple[int, list[dict[str, Any]], int]:
    """(exit code, ledger, landed rows) of a night with these files."""
    for path in (shop.landing / "web").glob("*"):
        path.unlink()
    for number, content in enumerate(contents):
        packed = ".gz" if content[:2] == b"\x1f\x8b" else ""
        path = shop.deliver(f"web/{number}.x", content)
        path.rename(f"{path}{packed}")
    warehouse, code = memory(), 0
    try:
        land.land(warehouse, project, NOW)
    except JourneyError as error:
        code = error.exit_code
    loads = warehouse.rows("select * from work.ops.loads order by file")
    n_landed = int(warehouse.scalar("select count(*) from work.landing.web")) if loads else 0
    warehouse.close()
    return code, loads, n_landed


def memory() -> Warehouse:
    warehouse = in_memory()
    warehouse.execute("attach ':memory:' as work")
    ledger.ensure(warehouse)
    return warehouse


def is_accounted_for(shop: Shop, project: Project, contents: list[bytes]) -> bool:
    """Whether the parts of every file add up to its rows, and those of the ledger to what has landed."""
    code, loads, n_landed = a_night(shop, project, contents)
    add_up = all(sum(entry.get(part) or 0 for part in PARTS) == entry["n_read"] for entry in loads)
    say_why = all(entry["status"] == "loaded" or (entry["reason"] and entry["n_read"] == 0) for entry in loads)
    is_kept = len(loads) == len(contents) if code == 0 else not loads
    return code in {0, 20} and is_kept and add_up and say_why and n_landed == sum(entry["n_loaded"] for entry in loads)


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_bytes_end_in_a_listed_exit_code_and_no_row_is_lost(
    shops: dict[str, tuple[Shop, Project]], kind: str, data: st.DataObject
) -> None:
    contents = data.draw(st.lists(files(kind), min_size=1, max_size=2))
    assert is_accounted_for(*shops[kind], contents)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_very_many_bytes_end_in_a_listed_exit_code_and_no_row_is_lost(
    shops: dict[str, tuple[Shop, Project]], kind: str, data: st.DataObject
) -> None:
    contents = data.draw(st.lists(files(kind), min_size=1, max_size=3))
    assert is_accounted_for(*shops[kind], contents)

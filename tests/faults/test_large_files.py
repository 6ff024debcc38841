"""Files without measure, long, deep or many of them, land in memory that does not grow with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shop_builder import WEB, Shop, make_shop, row

IS_SMALL = os.environ.get("JOURNEY_SLOW") == "small"
VALUE_BYTES = 20_000_000 if IS_SMALL else 100_000_000
FILE_BYTES = 60_000_000 if IS_SMALL else 300_000_000
N_FILES = 1_500 if IS_SMALL else 10_000
# The interpreter and its libraries, the database's own limit, and the chunks under way, which are the larger part.
MEMORY_BYTES = 700_000_000 if IS_SMALL else 1_100_000_000

LAND = """
import resource, sys
from pathlib import Path
from shop_builder import NOW, Shop
from journey_analytics import ledger
from journey_analytics.landing.land import land
from journey_analytics.warehouse import open_night
shop = Shop(Path(sys.argv[1]))
warehouse = open_night(shop.root / "warehouse", memory_limit="200MB", threads=2)
ledger.ensure(warehouse)
land(warehouse, shop.project(), NOW)
warehouse.close()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def memory_of_landing(shop: Shop) -> int:
    """Land a shop's files in a process of its own; the bytes of memory that it took at most."""
    tests = Path(__file__).parents[1]
    told = subprocess.run(
        [sys.executable, "-c", LAND, str(shop.root)], check=True, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(tests)},
    )  # fmt: skip
    return int(told.stdout)


def accounted(shop: Shop) -> tuple[int, int, int]:
    """(rows read, rows landed, rows refused), which must add up for every file."""
    for entry in shop.ledger().values():
        assert entry["n_read"] == sum(
            entry[f"n_{what}"] for what in ("loaded", "duplicate", "rejected", "out_of_scope")
        )
    rows = shop.rows("select sum(n_read), sum(n_loaded), sum(n_rejected) from work.ops.loads")
    return tuple(int(value) for value in rows[0].values())  # type: ignore[return-value]


def as_lines(file: IO[bytes], rows: Iterator[dict[str, Any]]) -> None:
    file.writelines(json.dumps(each).encode() + b"\n" for each in rows)


def as_document(file: IO[bytes], rows: Iterator[dict[str, Any]]) -> None:
    file.write(b'{"rows": [')
    file.writelines((b"," if number else b"") + json.dumps(each).encode() for number, each in enumerate(rows))
    file.write(b"]}")


def as_csv(file: IO[bytes], rows: Iterator[dict[str, Any]]) -> None:
    file.write(b"id,at,user\n")
    file.writelines(f"{each['id']},{each['at']},{each['user']}\n".encode() for each in rows)


def as_parquet(file: IO[bytes], rows: Iterator[dict[str, Any]]) -> None:
    schema = pa.schema([(name, pa.string()) for name in ("id", "at", "user")])
    with pq.ParquetWriter(file, schema) as writer:
        batch: list[dict[str, Any]] = []
        for each in rows:
            batch.append(each)
            if len(batch) == 20_000:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                batch = []
        writer.write_table(pa.Table.from_pylist(batch, schema))


Written = Callable[[IO[bytes], Iterator[dict[str, Any]]], None]
FORMATS: dict[str, tuple[Written, dict[str, Any]]] = {
    "jsonl": (as_lines, {}), "json": (as_document, {"records": "rows"}), "csv": (as_csv, {}),
    "parquet": (as_parquet, {}),
}  # fmt: skip


def shop_with(folder: Path, format: str, rows: Iterator[dict[str, Any]]) -> Shop:
    write, told = FORMATS[format]
    columns = {name: WEB["columns"][name] for name in ("id", "at", "user")}
    shop = make_shop(folder / "shop", format=format, key=[], columns=columns, **told)
    (shop.landing / "web").mkdir()
    with (shop.landing / "web" / f"a.{format}").open("wb") as file:
        write(file, rows)
    return shop


@pytest.mark.slow
@pytest.mark.parametrize("format", list(FORMATS))
def test_s19_one_very_large_file_lands_in_bounded_memory(tmp_path: Path, format: str) -> None:
    words = " ".join(str(number) for number in range(60))
    count = FILE_BYTES // 240
    shop = shop_with(tmp_path, format, ({**row(number), "user": f"{number} {words}"} for number in range(count)))
    assert memory_of_landing(shop) < MEMORY_BYTES
    assert accounted(shop) == (count, count, 0)


@pytest.mark.slow
@pytest.mark.parametrize("format", list(FORMATS))
def test_r08_a_value_of_a_hundred_megabytes_costs_its_row_alone(tmp_path: Path, format: str) -> None:
    rows = [row(1), {**row(2), "user": "x" * VALUE_BYTES}, row(3)]
    shop = shop_with(tmp_path, format, iter(rows))
    assert memory_of_landing(shop) < MEMORY_BYTES
    assert accounted(shop) == (3, 2, 1)
    assert shop.reasons()[0][0].startswith("is longer than 1,000,000")


@pytest.mark.slow
def test_s19_ten_thousand_small_files_land_in_bounded_memory_and_are_looked_at_once(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", lands="web/**/*.jsonl")
    for number in range(N_FILES):
        shop.deliver(f"web/{number % 100}/{number}.jsonl", [row(number), {**row(number), "id": f"other{number}"}])
    assert memory_of_landing(shop) < MEMORY_BYTES
    assert accounted(shop) == (2 * N_FILES, 2 * N_FILES, 0)
    assert shop.land()[0].n_new_files == 0


@pytest.mark.parametrize("format", ["jsonl", "json"])
def test_r08_a_row_nested_a_hundred_thousand_deep_lands_or_is_refused_and_the_others_land(
    tmp_path: Path, format: str
) -> None:
    columns = {name: WEB["columns"][name] for name in ("id", "at", "user")}
    shop = make_shop(tmp_path / "shop", format=format, columns=columns)
    deep = '{"user":' * 100_000 + "1" + "}" * 100_000
    texts = [
        json.dumps(row(1)),
        '{"id": "2", "at": "2026-03-01T10:00:00Z", "x": ' + deep + "}",
        "[" * 100_000 + "]" * 100_000,
    ]
    texts.append(json.dumps(row(3)))
    shop.deliver("web/a", "\n".join(texts) + "\n" if format == "jsonl" else "[" + ",".join(texts) + "]")
    shop.land()
    assert (shop.ids(), shop.reasons()) == (["2", "e1", "e3"], [["is not a JSON object"]])

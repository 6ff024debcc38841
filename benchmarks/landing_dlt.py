"""The lines of one file into a DuckDB table by dlt, as its documentation begins; run by landing.py."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt


def main(project: Path) -> None:
    pipeline = dlt.pipeline(
        "landing", pipelines_dir=str(project / "dlt"), dataset_name="landing",
        destination=dlt.destinations.duckdb(str(project / "dlt.duckdb")),
    )  # fmt: skip
    pipeline.run(calls(project / "data/sample/web/million.jsonl"), table_name="web")


def calls(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""A minimal shop in a folder: a map with one stage, feeds as a test needs them, and a way to land them and look."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from journey_analytics import ledger
from journey_analytics.facts.config import Project, load_project
from journey_analytics.landing import land
from journey_analytics.landing.land import Landed
from journey_analytics.warehouse import Warehouse, open_night

NOW = datetime(2026, 3, 10, 2, 0)
KEY = "a key for tests, never for people"

NIGHTLY = {"landing": "in", "sources": ["web"], "key": {"file": "pipelines/key", "sample_only": True}}
JOURNEY = {
    "shop": "Test shop",
    "currency": "EUR",
    "conversion": {"event": "paid"},
    "stages": [{"id": "buying", "wants": "A tent.", "within": "7 days", "owner": "Shop"}],
    "touchpoints": [
        {
            "id": "till",
            "name": "Till",
            "stage": "buying",
            "channel": "web",
            "owner": "Shop",
            "when": {"source": "web", "event": ["paid", "page"]},
        }
    ],
}
WEB: Mapping[str, Any] = {
    "source": "web",
    "lands": "web/*",
    "format": "jsonl",
    "time_zone": "UTC",
    "key": ["id"],
    "columns": {
        "id": {"type": "text", "required": True},
        "at": {"type": "timestamp", "required": True, "event_time": True},
        "user": {"type": "text"},
        "email": {"type": "text", "personal": "email"},
        "ip": {"type": "text", "personal": "drop"},
        "n": {"type": "integer"},
    },
}


class _Plain(yaml.SafeDumper):
    """Writes everything out: a set-up has no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@dataclass
class Shop:
    """A project folder that tests change and land."""

    root: Path

    @property
    def landing(self) -> Path:
        return self.root / "in"

    def project(self) -> Project:
        return load_project(self.root)

    def write(self, name: str, value: Any) -> None:
        """One YAML file below pipelines/; text as it is, anything else dumped."""
        path = self.root / "pipelines" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            value if isinstance(value, str) else yaml.dump(value, Dumper=_Plain, sort_keys=False), encoding="utf-8"
        )

    def source(self, **changes: Any) -> None:
        """The feed `web` with some of its parts changed."""
        self.write("sources/web.yml", {**WEB, **changes})

    def deliver(self, name: str, content: bytes | str | Iterable[Mapping[str, Any]]) -> Path:
        """One file of the landing folder: bytes and text as they are, rows as JSON lines; packed if it ends in .gz."""
        if not isinstance(content, bytes | str):
            content = "".join(json.dumps(row) + "\n" for row in content)
        raw = content.encode() if isinstance(content, str) else content
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    @contextmanager
    def opened(self) -> Iterator[Warehouse]:
        warehouse = open_night(self.root / "warehouse", threads=1)
        try:
            ledger.ensure(warehouse)
            yield warehouse
        finally:
            warehouse.close()

    def land(self, now: datetime = NOW) -> list[Landed]:
        """Land what is there, as one night would."""
        with self.opened() as warehouse:
            return land.land(warehouse, self.project(), now)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with self.opened() as warehouse:
            return warehouse.rows(sql)

    def landed(self, columns: str = "*") -> list[dict[str, Any]]:
        return self.rows(f"select {columns} from work.landing.web order by file_id, row_number")

    def ids(self) -> list[str]:
        return sorted(row["id"] for row in self.landed("id"))

    def reasons(self) -> list[list[str]]:
        rows = self.rows("select reasons from work.ops.rejects order by file, row_number")
        return [row["reasons"] for row in rows]

    def ledger(self) -> dict[str, dict[str, Any]]:
        return {row["file"]: row for row in self.rows("select * from work.ops.loads order by file")}


def make_shop(root: Path, **source: Any) -> Shop:
    """A shop with the feed `web`; `source` changes parts of it."""
    os.environ.pop("JOURNEY_KEY", None)
    shop = Shop(root)
    shop.landing.mkdir(parents=True)
    shop.write("nightly.yml", NIGHTLY)
    shop.write("journey.yml", JOURNEY)
    shop.write("key", KEY + "\n")
    shop.source(**source)
    return shop


def row(number: int, **facts: Any) -> dict[str, Any]:
    """One valid event of the feed `web`."""
    return {"id": f"e{number}", "at": f"2026-03-01T10:{number % 60:02d}:00Z", "user": f"u{number}", **facts}


def text_csv(*records: str, header: str = "id,at,user,email,ip,n") -> str:
    return "\n".join([header, *records]) + "\n"

"""A small shop whose feeds arrive over several nights in a random way, and a look at everything it publishes."""

from __future__ import annotations

import gzip
import json
import random
from datetime import datetime
from pathlib import Path
from typing import Any

from journey_analytics.facts.config import load_project
from journey_analytics.night import Night
from journey_analytics.sample.feeds import FEEDS
from journey_analytics.sample.shop import SamplePlan, write_sample
from journey_analytics.warehouse import open_published

NOW = datetime(2026, 11, 29)
WALL_CLOCK = {"ops.runs"}


def run_night(
    shop: Path, *, as_of: datetime | None = None, now: datetime = NOW, rebuild: bool = False
) -> list[str]:  # fmt: skip
    """A night without judging, findings and report: what is left is the tables. Returns what it told."""
    told: list[str] = []
    project = load_project(shop)
    with Night(project, as_of=as_of, now=now, told=lambda _, detail: told.append(detail), rebuild=rebuild) as night:
        night.land()
        night.begin()
        night.build()
        page = night.project.reports / ".next" / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text("no report")
        night.publish()
    return told


def published(shop: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every published table, row for row and column for column, in an order of its own."""
    house = open_published(shop / "warehouse" / "journey.duckdb")
    try:
        tables = house.rows(
            "select schema_name || '.' || table_name as name from duckdb_tables() where not internal order by 1"
        )
        return {
            name: [tuple(row.items()) for row in house.rows(f"from {name} order by all")]
            for name in (table["name"] for table in tables)
            if name not in WALL_CLOCK
        }
    finally:
        house.close()


def differences(found: dict[str, list[Any]], expected: dict[str, list[Any]]) -> dict[str, str]:
    """By table, the first rows that are not the same; nothing where all are."""
    wrong = dict.fromkeys(found.keys() ^ expected.keys(), "is there once only")
    for name in found.keys() & expected.keys():
        if found[name] != expected[name]:
            only_here = [row for row in found[name] if row not in expected[name]][:2]
            only_there = [row for row in expected[name] if row not in found[name]][:2]
            counts = f"{len(found[name])} rows, expected {len(expected[name])}"
            wrong[name] = f"{counts}; {only_here} instead of {only_there}"
    return wrong


class History:
    """The deliveries of a small shop, dealt out over nights by a seed.

    Most lines come on their day. Some come nights later, in files whose names sort before or after; some come again;
    some files are delivered anew under their name with lines taken out; and some calls say late who a device's user is,
    so that customers merge and devices turn out to be shared.
    """

    def __init__(self, folder: Path, seed: int, *, nights: int = 4, customers: int = 25, days: int = 16) -> None:
        self.shop = folder
        self.nights = nights
        self._draw = random.Random(seed)
        write_sample(SamplePlan(customers=customers, days=days, seed=seed), folder, 1)
        self._landing = folder / "data" / "sample"
        self._due: list[dict[Path, bytes]] = [{} for _ in range(nights)]
        files = [path for feed in FEEDS for path in sorted((self._landing / feed).iterdir())]
        dates = sorted({path.name[:10] for path in files})
        cuts = [len(dates) // 2, *sorted(self._draw.sample(range(len(dates) // 2 + 1, len(dates)), nights - 2))]
        for path in files:
            night = sum(dates.index(path.name[:10]) >= cut for cut in cuts)
            self._deal_out(path, night)
            path.unlink()
        for night in range(1, nights):
            self._add_logins(night)

    def deliver(self, night: int) -> None:
        """Put what is due into the landing folder."""
        for path, content in self._due[night].items():
            path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)

    def _deal_out(self, path: Path, due: int) -> None:
        raw = path.read_bytes()
        lines = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode().splitlines(keepends=True)
        head = [lines.pop(0)] if path.suffix == ".csv" else []
        later = self.nights - 1 > due
        held = [line for line in lines if later and self._draw.random() < 0.1]
        now = [line for line in lines if line not in held]
        self._put(due, path, head + now)
        if held:
            name = f"{self._draw.choice(['a', 'z'])}-{path.name}"
            self._put(self._draw.randrange(due + 1, self.nights), path.with_name(name), head + held)
        if later and self._draw.random() < 0.3:  # the same again, whole or in part
            again = now if self._draw.random() < 0.5 else now[: len(now) // 2]
            name = f"{self._draw.choice(['0', 'x'])}-again-{path.name}"
            self._put(self._draw.randrange(due, self.nights), path.with_name(name), head + again)
        if later and self._draw.random() < 0.3:  # corrected
            kept = [line for line in now if self._draw.random() < 0.8]
            self._put(self._draw.randrange(due + 1, self.nights), path, head + kept)

    def _add_logins(self, night: int) -> None:
        calls = [line for due in self._due for path, content in due.items() if path.parent.name == "web"
                 for line in content.decode().splitlines() if '"userId"' in line and line.endswith("}")]  # fmt: skip
        lines = []
        for number in range(3):
            one, other = (json.loads(self._draw.choice(calls)) for _ in range(2))
            lines.append(json.dumps({**one, "userId": other["userId"], "messageId": f"login-{night}-{number}"}) + "\n")
        self._put(night, self._landing / "web" / f"logins-{night}.jsonl.gz", lines)

    def _put(self, night: int, path: Path, lines: list[str]) -> None:
        self._due[night][path] = "".join(lines).encode()

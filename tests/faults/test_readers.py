"""Analysts who read while nights publish see one whole night or the one before it, and never an error."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from faults import nights
from teashop import write_tea_shop

from journey_analytics.warehouse import open_published

NIGHTS = 3 if os.environ.get("JOURNEY_SLOW") == "small" else 10


class Reader(threading.Thread):
    """Opens the published file again and again, and notes what it saw."""

    def __init__(self, database: Path) -> None:
        super().__init__()
        self.database = database
        self.seen: list[tuple[int, int]] = []
        self.errors: list[Exception] = []
        self.ending = threading.Event()

    def run(self) -> None:
        while not self.ending.is_set():
            try:
                published = open_published(self.database)
                customers = published.scalar("select count(distinct customer_id) from journeys.events")
                files = published.scalar("select count(*) from ops.loads")
                published.close()
                self.seen.append((int(customers), int(files)))
            except Exception as error:  # noqa: BLE001 (every kind of error is what this test looks for)
                self.errors.append(error)


@pytest.mark.slow
def test_a_reader_that_polls_through_nights_in_a_row_never_sees_an_error_or_a_mixture(tmp_path: Path) -> None:
    shop = write_tea_shop(tmp_path / "shop")
    assert nights.run_in_process(nights.night, shop) in (0, 2)
    reader = Reader(shop / "warehouse" / "journey.duckdb")
    reader.start()
    try:
        for number in range(NIGHTS):
            day = f"2026-03-{number + 2:02d}"
            text = f"visit_id,who,what,page,seen_at\nx{number},guest{number},view,/tea,{day}T09:00:00Z\n"
            (shop / "landing" / "web" / f"{day}.csv").write_text(text, encoding="utf-8")
            assert nights.run_in_process(nights.night, shop) in (0, 2)
    finally:
        reader.ending.set()
        reader.join()
    assert reader.errors == []
    assert len(reader.seen) > 10 * NIGHTS
    assert all(customers == files + 1 for customers, files in reader.seen), (
        "one file, one more customer: never a mixture"
    )
    assert reader.seen == sorted(reader.seen)
    assert reader.seen[-1] == (NIGHTS + 2, NIGHTS + 1)

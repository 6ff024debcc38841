"""What README.md tells people to type works as it is typed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from teashop import README, shell_block

from journey_analytics.warehouse import open_published


def paste(text: str, folder: Path) -> str:
    """Paste commands into a shell in a folder that stands for the checkout; what was printed."""
    environment = {name: value for name, value in os.environ.items() if name != "JOURNEY_KEY"}
    done = subprocess.run(
        ["bash", "-c", text.replace("../.venv/bin/", f"{Path(sys.executable).parent}/")],
        cwd=folder, capture_output=True, text=True, check=False, env={**environment, "TZ": "UTC"},
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def pasted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The worked example of a hand-written feed pasted; (its folder, what was printed)."""
    folder = tmp_path_factory.mktemp("checkout")
    printed = paste(shell_block(), folder)
    return folder / "teashop", printed


@pytest.fixture(scope="module")
def two_feeds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The worked examples of a ready-made and of a drafted feed pasted, one after the other."""
    folder = tmp_path_factory.mktemp("checkout")
    printed = paste(shell_block("landing/segment") + shell_block("landing/till"), folder)
    return folder / "shop", printed


def test_a_ready_made_feed_and_a_drafted_one_end_in_one_report(two_feeds: tuple[Path, str]) -> None:
    shop, printed = two_feeds
    assert (shop / "reports" / "latest" / "index.html").is_file(), printed
    published = open_published(shop / "warehouse" / "journey.duckdb")
    found = published.rows("select customer_id, status, revenue_minor from journeys.journeys order by customer_id")
    nights = published.scalar("select count(*) from ops.runs")
    published.close()
    assert [tuple(row.values()) for row in found] == [
        ("user:ada", "converted", 5990),
        ("user:bob", "converted", 1250),
        ("user:eve", "converted", 800),
    ]
    assert nights == 2, "the ready-made feed ran a night of its own first"


def test_the_drafted_feed_tells_what_it_wants_checked(two_feeds: tuple[Path, str]) -> None:
    assert "check total: a decimal comma, not a thousands mark?" in two_feeds[1]
    assert "check cashier_note: looks like free text" in two_feeds[1]
    assert "asked for a bag" not in (two_feeds[0] / "pipelines" / "sources" / "till.yml").read_text(encoding="utf-8")


def test_the_worked_example_ends_in_a_report_and_a_database(pasted: tuple[Path, str]) -> None:
    shop, printed = pasted
    assert (shop / "reports" / "latest" / "index.html").is_file(), printed
    assert (shop / "warehouse" / "journey.duckdb").is_file(), printed


def test_the_worked_example_shows_the_row_that_was_refused_and_why(pasted: tuple[Path, str]) -> None:
    assert "web/2026-03-01.csv:5: seen_at is not a time such as 2026-03-04T05:06:07Z: xx a xx" in pasted[1]


def test_the_worked_example_knows_who_bought(pasted: tuple[Path, str]) -> None:
    published = open_published(pasted[0] / "warehouse" / "journey.duckdb")
    found = published.rows("select customer_id, status from journeys.journeys order by customer_id")
    published.close()
    assert found == [{"customer_id": "user:ada", "status": "converted"}, {"customer_id": "user:bob", "status": "open"}]


def test_every_query_of_the_readme_runs_on_a_published_file(pasted: tuple[Path, str]) -> None:
    block = next(text for text in re.findall(r"```sql\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL))
    published = open_published(pasted[0] / "warehouse" / "journey.duckdb")
    queries = [query for query in block.split(";") if "select" in query.lower()]
    for query in queries:
        assert isinstance(published.rows(query), list)
    published.close()
    assert len(queries) == 6

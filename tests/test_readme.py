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


@pytest.fixture(scope="module")
def pasted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The worked example pasted into a shell in an empty folder; (the folder, what was printed)."""
    folder = tmp_path_factory.mktemp("checkout")
    commands = Path(sys.executable).parent
    text = shell_block().replace("../.venv/bin/", f"{commands}/")
    done = subprocess.run(
        ["bash", "-c", text], cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "TZ": "UTC"}
    )
    return folder / "shop", done.stdout + done.stderr


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

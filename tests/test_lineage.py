"""The lineage that sql/README.md shows is the one the SQL has."""

from __future__ import annotations

from pathlib import Path

from journey_analytics import lineage
from journey_analytics.build import models

SQL = Path(__file__).parents[1] / "sql"


def test_the_lineage_of_the_readme_is_what_the_sql_says_now() -> None:
    readme = (SQL / "README.md").read_text(encoding="utf-8")
    assert readme == lineage.written(readme, models.discover([SQL])), "run: python -m journey_analytics.lineage"


def test_every_model_is_in_the_lineage_after_what_it_reads() -> None:
    found = models.discover([SQL])
    rows = [line.split("|")[1].strip().lstrip("[").split("]")[0] for line in lineage.table(found).splitlines()[2:]]
    assert set(found) <= set(rows)
    for name, model in found.items():
        assert all(rows.index(read) < rows.index(name) for read in model.reads if read in rows)

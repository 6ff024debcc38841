"""A real shop's night, run whole in a folder of its own: its project copied, the shared data linked, nothing else."""

from __future__ import annotations

import json
import runpy
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from journey_analytics.facts.config import home, load_project
from journey_analytics.night import Night
from journey_analytics.warehouse import Warehouse, open_published

HERE = Path(__file__).resolve().parent
REAL_DATA = HERE.parents[2] / "shared" / "data"


@dataclass
class Published:
    """What a night left behind: the folder, how it ended, the published file, and the report's own JSON."""

    folder: Path
    exit_code: int
    run_id: str
    warehouse: Warehouse
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def latest(self) -> Path:
        return self.folder / "reports" / "latest"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self.warehouse.rows(sql)]

    def row(self, sql: str) -> tuple[Any, ...]:
        (only,) = self.rows(sql)
        return only

    def scalar(self, sql: str) -> Any:
        return self.warehouse.scalar(sql)


def copy_of(shop: str, folder: Path, *, data: Path = REAL_DATA) -> Path:
    """The shop's project in a folder of its own, with `data` linked into it."""
    if not (data / shop).is_dir():
        pytest.skip(f"the rows of {shop} are not here: they may be studied but not passed on, see tests/real/README.md")
    project = folder / shop
    shutil.copytree(HERE / shop, project)
    (project / "data").symlink_to(data, target_is_directory=True)
    return project


def night_of(project: Path, *, as_of: datetime | None = None) -> Published:
    """Run the whole night, as pipelines/nightly.py tells it, and open what it published."""
    nightly: Callable[[Night], None] = runpy.run_path(str(home() / "pipelines" / "nightly.py"))["nightly"]
    with Night(load_project(project), as_of=as_of) as night:
        nightly(night)
    assert night.published is not None
    return Published(
        project, night.exit_code, night.published.run_id, open_published(project / "warehouse" / "journey.duckdb"),
        json.loads((project / "reports" / "latest" / "report.json").read_text(encoding="utf-8")),
    )  # fmt: skip

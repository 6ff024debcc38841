"""What became of earlier nights: the ledger, and the way back."""

from __future__ import annotations

from typing import Any

from journey_analytics import doctor, ledger, publish
from journey_analytics.cli.shared import HERE, JsonOption, ProjectOption, print_json, print_table
from journey_analytics.errors import JourneyError
from journey_analytics.facts.config import Project, load_project
from journey_analytics.warehouse import open_published


def runs(project: ProjectOption = HERE, limit: int = 20, json_: JsonOption = False) -> None:
    """Print the ledger of nights, newest first, as the published database knows it."""
    loaded = load_project(project.resolve())
    rows = _ledger_rows(loaded, limit)
    live = publish.current(loaded.reports)
    kept = {item.run_id for item in publish.publications(loaded.warehouse)}
    for row in rows:
        row["is_live"] = live is not None and row["run_id"] == live.run_id
        row["is_kept"] = row["run_id"] in kept
    if json_:
        print_json({"runs": rows})
        return
    print_table(
        rows,
        [
            "attempt",
            "run_id",
            "status",
            "exit_code",
            "as_of",
            "started_at",
            "ended_at",
            "is_live",
            "is_kept",
            "message",
        ],
    )


def rollback(project: ProjectOption = HERE, json_: JsonOption = False) -> None:
    """Put the previous publication back: database, report and latest.json."""
    loaded = load_project(project.resolve())
    with publish.lock(loaded.warehouse):
        restored = publish.rollback(loaded.warehouse, loaded.reports)
    if json_:
        print_json({"run_id": restored.run_id, "as_of": restored.as_of, "report": restored.report})
        return
    print(f"live again: run {restored.run_id}, data before {restored.as_of}")


def _ledger_rows(project: Project, limit: int) -> list[dict[str, Any]]:
    """The ledger from the private database, or from the published one while a night holds the private one."""
    try:
        with publish.lock(project.warehouse):
            return doctor.ledger_rows(project.warehouse, limit)
    except JourneyError:
        warehouse = open_published(project.warehouse / publish.PUBLISHED)
        try:
            return ledger.runs(warehouse, limit)
        finally:
            warehouse.close()

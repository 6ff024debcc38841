"""Which model reads which: the part of `sql/README.md` that is written from the SQL itself.

python -m journey_analytics.lineage        writes that part again; a test holds the two together
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from journey_analytics.build import models
from journey_analytics.facts.config import home

START, END = "<!-- lineage: written by python -m journey_analytics.lineage -->", "<!-- end of lineage -->"

MEANINGS = {
    "staging.events": "One row per event of every feed that is on: the union of the staging models.",
    **{table: generated.meaning for table, generated in models.GENERATED.items()},
}


def table(found: Mapping[str, models.Model]) -> str:
    """A Markdown table in build order: the model, what one row is, and what it reads."""
    lines = ["| model | one row is | it reads |", "|---|---|---|"]
    for name in models.build_order(found):
        if name in found:
            model = found[name]
            grain = re.search(r"Grain: one row per (.+?)(?:\. |\.$|$)", model.header.replace("\n", " "))
            meaning, reads = f"one per {grain[1]}" if grain else model.notes.description, model.reads
            shown = f"[{name}]({model.path.relative_to(home() / 'sql').as_posix()})"
        else:
            reads = models.GENERATED[name].reads if name in models.GENERATED else frozenset()
            meaning, shown = MEANINGS[name], name
        lines.append(f"| {shown} | {meaning} | {', '.join(sorted(reads)) or 'the staging models'} |")
    return "\n".join(lines)


def written(readme: str, found: Mapping[str, models.Model]) -> str:
    """The README's text with its lineage part as the SQL says it now."""
    before, _, rest = readme.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{table(found)}\n\n{END}{after}"


def main() -> None:
    """Write the lineage part of sql/README.md again."""
    path: Path = home() / "sql" / "README.md"
    path.write_text(written(path.read_text(encoding="utf-8"), models.discover([home() / "sql"])), encoding="utf-8")


if __name__ == "__main__":
    main()

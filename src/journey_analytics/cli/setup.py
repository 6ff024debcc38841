"""A new shop, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from journey_analytics.cli.shared import HERE, JsonOption, ProjectOption, plain, print_json
from journey_analytics.doctor import examine
from journey_analytics.errors import ConfigError


def sample(
    out: Annotated[Path, typer.Option(help="Where the project folder is written.")],
    customers: Annotated[int, typer.Option(min=1)] = 2500, days: Annotated[int, typer.Option(min=1, max=3650)] = 120,
    json_: JsonOption = False,
) -> None:  # fmt: skip
    """Write a made-up shop of any size: feeds, journey map and sources, ready for `journey run --project`."""
    from journey_analytics.sample.shop import SamplePlan, write_sample

    if out.exists() and any(out.iterdir()):
        raise ConfigError("is not empty", where=str(out), allowed="a new or empty folder", do="choose another --out")
    summary = write_sample(SamplePlan(customers=customers, days=days), out)
    if json_:
        print_json({"out": str(out), **plain(summary)})
        return
    print(f"{summary}\nnext: journey run --project {out}")


def doctor(project: ProjectOption = HERE, json_: JsonOption = False) -> None:
    """Say what is wrong with a set-up and how to mend it; exit code 10 where something is."""
    findings = examine(project.resolve())
    if json_:
        print_json({"is_well": all(item.is_well for item in findings), "examined": [plain(item) for item in findings]})
    else:
        for item in findings:
            print(
                f"{'ok  ' if item.is_well else 'BAD '} {item.what}" + (f"\n     {item.remedy}" if item.remedy else "")
            )
    if not all(item.is_well for item in findings):
        raise typer.Exit(ConfigError.exit_code)

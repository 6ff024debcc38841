"""Feeds: which there are, what their columns are, and a new one drafted from a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from journey_analytics.build.models import Model, discover
from journey_analytics.cli.shared import HERE, JsonOption, ProjectOption, print_json, print_table
from journey_analytics.draft.files import checks, source_yaml, staging_sql, staging_yml
from journey_analytics.draft.guesses import draft
from journey_analytics.draft.samples import FORMATS, read_sample
from journey_analytics.errors import ConfigError
from journey_analytics.facts.config import home
from journey_analytics.facts.feeds import Source, landed_name
from journey_analytics.facts.ready import described, ready_made
from journey_analytics.facts.yamlfile import read_yaml

app = typer.Typer(help="Make a feed of your own.", no_args_is_help=True, rich_markup_mode=None)


def sources(
    feed: Annotated[str | None, typer.Argument(help="Only this one, with its columns.")] = None,
    project: ProjectOption = HERE, json_: JsonOption = False,
) -> None:  # fmt: skip
    """List the ready-made feeds and the project's own; with a name, its columns and what its rows become."""
    files = {**ready_made(), **_own(project.resolve())}
    if feed is not None and feed not in files:
        raise ConfigError(f"there is no feed '{feed}'", allowed=", ".join(files), do="journey sources")
    on = _switched_on(project.resolve())
    wanted = {feed: files[feed]} if feed else files
    folders = dict.fromkeys(each.resolve() for each in (home() / "sql", project / "sql") if each.is_dir())
    staging = discover(list(folders))
    rows = [_told(name, path, name in on, staging.get(f"staging.stg_{name}")) for name, path in wanted.items()]
    if json_:
        print_json({"sources": rows})
    elif feed:
        _print_one(rows[0])
    else:
        print_table(rows, ["source", "is_on", "made", "format", "lands", "holds"])


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="What the feed is called, such as shop_events.")],
    like: Annotated[Path, typer.Option(help="A file of it: CSV, JSON, JSON lines or Parquet, plain or packed.")],
    format_: Annotated[str | None, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")] = None,
    project: ProjectOption = HERE, json_: JsonOption = False,
) -> None:  # fmt: skip
    """Draft a feed's source YAML and staging model from a file of it, for you to finish."""
    root = project.resolve()
    _check_new(name, format_, like)
    found = draft(read_sample(like, format_))
    if found.event_time is None:
        raise ConfigError(
            "has no column that looks like a time", where=like.name,
            allowed="a column of times such as 2026-03-04T05:06:07Z, of dates, or of seconds since 1970",
            do="write the feed by hand: README.md, Your own feeds",
        )  # fmt: skip
    lands, is_inside = _lands(root, name, like)
    texts = {
        root / "pipelines" / "sources" / f"{name}.yml": source_yaml(name, lands, found),
        root / "sql" / "staging" / f"stg_{name}.sql": staging_sql(name, found),
        root / "sql" / "staging" / f"stg_{name}.yml": staging_yml(name, found),
    }
    _write(texts, root)
    written = [path.relative_to(root).as_posix() for path in texts]
    marked = [check for text in texts.values() for check in checks(text)]
    folder = _landing(root)
    steps = [] if is_inside else [f"put its files where they land: {folder}/{lands}"]
    steps += [f"add {name} to `sources:` in pipelines/nightly.yml", "journey doctor", "journey run"]
    if json_:
        print_json({"written": written, "check": marked, "next": steps})
        return
    print("\n".join([*(f"wrote {path}" for path in written), *(f"check {check}" for check in marked)]))
    print("\n".join(f"next  {step}" for step in steps))


def _check_new(name: str, format_: str | None, like: Path) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
        raise ConfigError(
            f"'{name}' is not the name of a feed", allowed="small letters, digits and _, such as shop_events"
        )
    if name in ready_made():
        raise ConfigError(
            f"'{name}' is a ready-made feed", allowed="a name of its own",
            do=f"name it in nightly.yml, or change parts of it with `extends: {name}`",
        )  # fmt: skip
    if format_ is not None and format_ not in FORMATS:
        raise ConfigError(f"'{format_}' is not a format", where="--format", allowed=", ".join(FORMATS))
    if not like.is_file():
        raise ConfigError("is not a file", where=str(like), allowed="a file of the feed", do="name it with --like")


def _write(texts: dict[Path, str], root: Path) -> None:
    there = [path.relative_to(root).as_posix() for path in texts if path.exists()]
    if there:
        raise ConfigError(f"{', '.join(there)} exists already", do="choose another name, or move it away")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _landing(root: Path) -> str:
    """The project's landing folder, or what a new project would call it."""
    nightly = root / "pipelines" / "nightly.yml"
    value = read_yaml(nightly).value if nightly.is_file() else None
    return str(value.get("landing", "landing")) if isinstance(value, dict) else "landing"


def _lands(root: Path, name: str, like: Path) -> tuple[str, bool]:
    """The pattern of the feed's files below the landing folder, and whether the file lies there already."""
    landing, path = (root / _landing(root)).resolve(), like.resolve()
    pattern = "*" + "".join(path.suffixes[-2:] if path.suffix in (".gz", ".bz2", ".zst") else path.suffixes[-1:])
    if path.is_relative_to(landing):
        return (path.parent.relative_to(landing) / pattern).as_posix(), True
    return f"{name}/{pattern}", False


def _own(root: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted((root / "pipelines" / "sources").glob("*.yml"))}


def _switched_on(root: Path) -> set[str]:
    nightly = root / "pipelines" / "nightly.yml"
    value = read_yaml(nightly).value if nightly.is_file() else None
    listed = value.get("sources", []) if isinstance(value, dict) else []
    return {str(name) for name in listed} if isinstance(listed, list) else set()


def _told(name: str, path: Path, is_on: bool, model: Model | None) -> dict[str, Any]:
    """What there is to say of a feed; of one whose file is wrong, that it is."""
    made = "ready" if ready_made().get(name) == path else "own"
    try:
        source = described(path)
    except (ConfigError, ValueError):
        return {"source": name, "is_on": is_on, "made": made, "holds": "its file is not in order: journey doctor"}
    notes = model.notes.columns if model else {}
    return {
        "source": name, "is_on": is_on, "made": made, "format": source.format, "lands": ", ".join(source.lands),
        "holds": _first_sentence(path), "key": list(source.key), "time_zone": source.time_zone,
        "required": source.required, "columns": list(_columns(source)),
        "becomes": {column: says for column, says in notes.items() if not says.startswith("Always empty")},
    }  # fmt: skip


def _columns(source: Source) -> Iterator[dict[str, Any]]:
    for name, column in source.columns.items():
        yield {
            "column": name, "from": " or ".join(column.paths(name)), "type": column.type,
            "required": column.required, "event_time": column.event_time, "personal": column.personal,
            "lands_as": None if column.personal == "drop" else landed_name(name, column),
        }  # fmt: skip


def _first_sentence(path: Path) -> str:
    """What a feed's file says of itself in its first lines."""
    comment = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        comment += line.removeprefix("#")
    return re.split(r"(?<=[a-z)])\. ", comment.strip().removeprefix("Ready-made: "))[0].rstrip(".")


def _print_one(row: dict[str, Any]) -> None:
    print(f"{row['source']}: {row['holds']}")
    if "columns" not in row:
        return
    print(f"lands: {row['lands']}    format: {row['format']}    key: {', '.join(row['key']) or 'none'}\n")
    print_table(row["columns"], ["column", "from", "type", "required", "event_time", "personal", "lands_as"])
    print("\nits rows become events with")
    print_table([{"column": name, "meaning": says} for name, says in row["becomes"].items()], ["column", "meaning"])

"""Ready-made feeds: described in the tool's own home, and switched on in a project by their name alone.

A project's own `pipelines/sources/<name>.yml` stands in the place of the ready-made one of that name. With `extends:`
it says only what differs: its own keys win, and among the columns each one it names.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path

from journey_analytics.errors import ConfigError
from journey_analytics.facts.feeds import Source
from journey_analytics.facts.yamlfile import Document, read_yaml


def home() -> Path:
    """The folder that holds the tool's own `sql/` and `pipelines/`: the checkout, or what the wheel shipped."""
    checkout = Path(__file__).resolve().parents[3]
    return (
        checkout
        if (checkout / "pyproject.toml").is_file() and (checkout / "sql").is_dir()
        else Path(__file__).parents[1] / "_shipped"
    )


def ready_made() -> dict[str, Path]:
    """The ready-made feeds by name, each with its file."""
    return {path.stem: path for path in sorted((home() / "pipelines" / "sources" / "ready").glob("*.yml"))}


def source_file(folder: Path, name: str) -> Path | None:
    """The file of a feed: in the project's `sources/` folder, else ready-made; None where there is neither."""
    own = folder / f"{name}.yml"
    return own if own.is_file() else ready_made().get(name)


def extend(document: Document) -> Document | None:
    """Put the ready-made feed that a source file `extends` under it, in place.

    Returns
    -------
    the ready-made feed's own document, which shapes the night too; None where the file extends nothing

    Raises
    ------
    ConfigError : there is no such ready-made feed
    """
    name = document.value.pop("extends", None)
    if name is None:
        return None
    path = ready_made().get(str(name))
    if path is None:
        raise ConfigError(
            f"extends '{name}', which is no ready-made feed{_meant(str(name), ready_made())}",
            where=document.where(("extends",)), allowed=", ".join(ready_made()), do="journey sources",
        )  # fmt: skip
    below = read_yaml(path)
    columns = document.value.get("columns", {})
    if isinstance(columns, dict):
        document.value["columns"] = {**below.value["columns"], **columns}
    document.value = {**below.value, "source": document.path.stem, **document.value}
    return below


def described(path: Path) -> Source:
    """A feed as its file describes it, on top of what the file extends.

    Raises
    ------
    ConfigError, ValueError : the file cannot be read, or does not describe a feed
    """
    document = read_yaml(path)
    if isinstance(document.value, dict):
        extend(document)
    return Source.model_validate(document.value)


def missing_source(folder: Path, name: str) -> ConfigError:
    """What to say of a source that nothing describes."""
    present = sorted(path.stem for path in folder.glob("*.yml"))
    return ConfigError(
        f"the source '{name}' has no file sources/{name}.yml{_meant(name, [*present, *ready_made()])}",
        where="nightly.yml", allowed=", ".join([*present, "what `journey sources` lists"]),
        do="make it with `journey source new`, or switch the source off in nightly.yml",
    )  # fmt: skip


def _meant(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""

"""A project's set-up: `nightly.yml`, `journey.yml` and the sources it switches on, read, checked and put together.

Every mistake is found before any work starts, and all of them are told at once, each with its file, line and remedy.
"""

from __future__ import annotations

import copy
import difflib
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from journey_analytics.errors import ConfigError, ConfigErrors
from journey_analytics.facts.feeds import Source, any_personal
from journey_analytics.facts.fields import Duration, Name, Strict, Text, Texts
from journey_analytics.facts.journeymap import JourneyMap
from journey_analytics.facts.keys import KeyFile, Keys, read_keys
from journey_analytics.facts.mapchecks import map_mistakes, source_mistakes
from journey_analytics.facts.ready import extend, missing_source, source_file
from journey_analytics.facts.ready import home as home
from journey_analytics.facts.yamlfile import Document, Location, read_yaml

Model = TypeVar("Model", bound=BaseModel)


class Keep(Strict):
    """How much history stays on disk."""

    publications: int = Field(default=7, ge=1)


class Nightly(Strict):
    """The whole of `nightly.yml`."""

    landing: Text
    warehouse: Text = "warehouse"
    read_from: Texts = ()
    reports: Text = "reports"
    erasures: Text = "erasures.json"
    sources: tuple[Name, ...] = Field(min_length=1)
    key: KeyFile = KeyFile()
    memory_limit: Text | None = Field(default=None, pattern=r"^\d+(\.\d+)?\s?(MB|GB)$")
    threads: int | None = Field(default=None, ge=1, le=256)
    look_back: Duration = 30 * 86_400.0
    keep: Keep = Keep()


@dataclass(frozen=True)
class Project:
    """One shop's folder, read and checked.

    `sources` keeps the order of `nightly.yml`; `key` is the pseudonymisation key, or None where no feed needs one;
    `retired_keys` are those in force before it; `digest` is the sha256 of every YAML file that shaped the night;
    `warnings` are what a night tells before it goes on all the same.
    """

    root: Path
    nightly: Nightly
    journey: JourneyMap
    sources: Mapping[str, Source]
    key: bytes | None
    digest: str
    retired_keys: tuple[bytes, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def landing(self) -> Path:
        """Where files are delivered."""
        return self.root / self.nightly.landing

    @property
    def warehouse(self) -> Path:
        """Where the databases live."""
        return self.root / self.nightly.warehouse

    @property
    def reports(self) -> Path:
        """Where reports are published."""
        return self.root / self.nightly.reports

    @property
    def erasures(self) -> Path:
        """The file that says who was erased, without saying who they are."""
        return self.root / self.nightly.erasures

    @property
    def sql_folders(self) -> list[Path]:
        """Where models stand: the tool's own first, the project's own (which may replace them by name) after."""
        own = self.root / "sql"
        shipped = home() / "sql"
        return [shipped] if own.resolve() == shipped.resolve() or not own.is_dir() else [shipped, own]


def load_project(root: Path) -> Project:
    """Read and check a project's set-up.

    Raises
    ------
    ConfigErrors : every mistake found, with file, line, what is allowed and what to do; nothing has been changed
    """
    folder = root / "pipelines"
    if not os.path.isdir(folder):  # noqa: PTH112, a folder that may not be looked into is simply not there
        raise ConfigErrors([ConfigError(
            "has no folder pipelines/", where=str(root), allowed="a project folder with pipelines/nightly.yml",
            do="name it with --project DIR, or make one with: journey sample --out DIR",
        )])  # fmt: skip
    try:
        return _load(root, folder)
    except OSError as error:
        name = Path(error.filename).name if error.filename else "pipelines"
        raise ConfigErrors(
            [ConfigError(f"cannot be read: {error.strerror}", where=name, do="mend its permissions")]
        ) from error


def _load(root: Path, folder: Path) -> Project:
    mistakes: list[ConfigError] = []
    documents: dict[Path, Document] = {}
    nightly = _read(folder / "nightly.yml", Nightly, documents, mistakes)
    journey = _read(folder / "journey.yml", JourneyMap, documents, mistakes)
    sources: dict[str, Source] = {}
    written = documents.get(folder / "nightly.yml")
    named = nightly or (_salvaged(written, Nightly) if written else None)
    for name in named.sources if named else ():
        path = source_file(folder / "sources", name)
        if path is None:
            mistakes.append(missing_source(folder / "sources", name))
            continue
        source = _read(path, Source, documents, mistakes)
        if source is not None:
            sources[name] = source
            mistakes.extend(source_mistakes(source, documents[path], name))
    drawn = documents.get(folder / "journey.yml")
    salvaged = _salvaged(drawn, JourneyMap) if drawn else None
    if drawn and salvaged:
        known = sources if nightly and len(sources) == len(nightly.sources) else None
        mistakes.extend(map_mistakes(salvaged, drawn, known))
    keys = Keys()
    if nightly is not None:
        mistakes.extend(_folder_mistakes(root, nightly))
        keys = read_keys(root, nightly.key, is_needed=any_personal(sources))
        mistakes.extend(keys.mistakes)
    if mistakes or nightly is None or journey is None:
        raise ConfigErrors(mistakes)
    digest = hashlib.sha256(b"\0".join(document.path.read_bytes() for document in documents.values())).hexdigest()
    return Project(root, nightly, journey, sources, keys.current, digest, keys.retired, keys.warnings)


def _read(path: Path, model: type[Model], documents: dict[Path, Document], mistakes: list[ConfigError]) -> Model | None:
    try:
        document = read_yaml(path)
    except ConfigError as error:
        mistakes.append(error)
        return None
    if document.value is None:
        document.value = {}
    if isinstance(document.value, dict):
        documents[path] = document
    try:
        if model is Source and isinstance(document.value, dict):
            extended = extend(document)
            documents.update({extended.path: extended} if extended else {})
    except ConfigError as error:
        mistakes.append(error)
        return None
    return validated(document, model, mistakes)


def validated(document: Document, model: type[Model], mistakes: list[ConfigError]) -> Model | None:
    """A YAML document as a model; what is wrong with it is added to `mistakes`, each with its line."""
    if not isinstance(document.value, dict):
        mistakes.append(ConfigError(
            f"holds {'a list' if isinstance(document.value, list) else 'one value'}", where=document.where(()),
            allowed=f"the keys {', '.join(_keys(model))}",
        ))  # fmt: skip
        return None
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        mistakes.extend(_explained(error, document, model))
        return None


# What may stand in for a required value that is wrong, so that the checks between the parts can be made all the same.
_STAND_INS: Mapping[str, Any] = {
    "name": "x", "wants": "x", "owner": "x", "channel": "x", "within": "1 day", "target": 0.5, "shop": "x",
    "currency": "EUR", "kind": "other", "when": {"event": "x"}, "from": {"event": "x"}, "to": {"event": "x"},
    "after": {"event": "x"},
}  # fmt: skip


def _salvaged(document: Document, model: type[Model]) -> Model | None:
    """A file without its mistakes, every part in its place; None where that cannot be had."""
    value = copy.deepcopy(document.value)
    for _ in range(3):
        try:
            return model.model_validate(value)
        except ValidationError as error:
            for problem in _problems(error):
                _leave_out(value, problem["loc"])
    return None


def _problems(error: ValidationError) -> list[Any]:
    """What is wrong; not that a list is too short because its items, which are wrong too, were not counted."""
    problems = error.errors(include_url=False, include_context=False)
    inner = [problem["loc"] for problem in problems]
    return [
        problem
        for problem in problems
        if problem["type"] != "too_short"
        or not any(loc[: len(problem["loc"])] == problem["loc"] != loc for loc in inner)
    ]


def _leave_out(part: Any, location: Location) -> None:
    """Take the innermost key of `location` out of nested values, or put its stand-in there."""
    innermost: tuple[dict[str, Any], str] | None = None
    for step in location:
        if isinstance(part, dict) and isinstance(step, str):
            innermost, part = (part, step), part.get(step)
        elif isinstance(part, list) and isinstance(step, int) and step < len(part):
            part = part[step]
        else:
            break
    if innermost is None:
        return
    held, key = innermost
    held.pop(key, None)
    if key in _STAND_INS and len(location) > 1:
        held[key] = _STAND_INS[key]


def _explained(error: ValidationError, document: Document, model: type[BaseModel]) -> Iterator[ConfigError]:
    for problem in _problems(error):
        location: Location = tuple(part for part in problem["loc"] if not (isinstance(part, str) and "[" in part))
        name = ".".join(str(part) for part in location)
        if problem["type"] == "extra_forbidden":
            allowed = _allowed_keys(model, location[:-1])
            near = difflib.get_close_matches(str(location[-1]), allowed, n=1)
            yield ConfigError(
                f"the key '{location[-1]}' is unknown" + (f"; did you mean '{near[0]}'?" if near else ""),
                where=document.where(location), allowed=", ".join(sorted(allowed)),
            )  # fmt: skip
            continue
        if problem["type"] == "missing":
            yield ConfigError(f"the key '{location[-1]}' is missing", where=document.where(location[:-1]), do="add it")
            continue
        message = problem["msg"].removeprefix("Value error, ")
        yield ConfigError(f"{name}: {message}" if name else message, where=document.where(location))


def _allowed_keys(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that may stand at `location` below `model`: followed through the models' own annotations."""
    current = model
    for part in location:
        if isinstance(part, str) and part in _keys(current):
            inner = _model_inside(_keys(current)[part])
            if inner is not None:
                current = inner
    return list(_keys(current))


def _keys(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _model_inside(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_inside(inner)
        if found is not None:
            return found
    return None


def _folder_mistakes(root: Path, nightly: Nightly) -> Iterator[ConfigError]:
    landing = root / nightly.landing
    if not landing.is_dir():
        yield ConfigError(
            f"the landing folder '{nightly.landing}' does not exist", where="nightly.yml",
            allowed="a folder below the project", do="create it, or correct `landing:`",
        )  # fmt: skip
    written = {"warehouse": root / nightly.warehouse, "reports": root / nightly.reports}
    others = {"project": root, "pipelines": root / "pipelines", "landing": landing}
    for name, folder in written.items():
        for other, taken in {**others, **written}.items():
            if other != name and folder.resolve() == taken.resolve():
                yield ConfigError(
                    f"the {name} folder is the {other} folder", where="nightly.yml",
                    allowed="a folder that nothing else is kept in", do=f"correct `{name}:`",
                )  # fmt: skip
    twice = sorted({name for name in nightly.sources if nightly.sources.count(name) > 1})
    if twice:
        yield ConfigError(f"the source {', '.join(twice)} is given twice", where="nightly.yml", do="keep one of them")
    for name, folder in written.items():
        nearest = next((parent for parent in (folder, *folder.parents) if parent.exists()), root)
        if not nearest.is_dir() or not os.access(nearest, os.W_OK):
            yield ConfigError(
                f"the {name} folder '{folder.name}' cannot be written", where="nightly.yml",
                allowed="a folder this user may write to", do=f"mend its permissions, or correct `{name}:`",
            )  # fmt: skip

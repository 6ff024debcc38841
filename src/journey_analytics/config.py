"""A project's set-up: `nightly.yml`, `journey.yml` and the sources it switches on, read, checked and put together.

Every mistake is found before any work starts, and all of them are told at once, each with its file, line and remedy.
"""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from journey_analytics.errors import ConfigError, ConfigErrors
from journey_analytics.expressions import ExpressionError, checked_condition
from journey_analytics.feeds import Source, any_personal
from journey_analytics.fields import Name, Strict, Text, When
from journey_analytics.journeymap import JourneyMap
from journey_analytics.yamlfile import Document, Location, read_yaml

SEGMENT_COLUMNS = (
    "device", "country", "entry_touchpoint", "entry_channel", "utm_source", "utm_campaign", "is_first_journey",
    "journey_number", "is_converted", "n_touches", "furthest_stage", "status", "revenue_minor",
)  # fmt: skip

Model = TypeVar("Model", bound=BaseModel)


class KeyFile(Strict):
    """Where the pseudonymisation key comes from."""

    environment: Text = "JOURNEY_KEY"
    file: Text | None = None
    sample_only: bool = False


class Keep(Strict):
    """How much history stays on disk."""

    publications: int = Field(default=7, ge=1)


class Nightly(Strict):
    """The whole of `nightly.yml`."""

    landing: Text
    warehouse: Text = "warehouse"
    reports: Text = "reports"
    sources: tuple[Name, ...] = Field(min_length=1)
    key: KeyFile = KeyFile()
    memory_limit: Text | None = Field(default=None, pattern=r"^\d+(\.\d+)?\s?(MB|GB)$")
    threads: int | None = Field(default=None, ge=1, le=256)
    keep: Keep = Keep()


@dataclass(frozen=True)
class Project:
    """One shop's folder, read and checked.

    `sources` keeps the order of `nightly.yml`; `key` is the pseudonymisation key, or None where no feed needs one;
    `digest` is the sha256 of every YAML file that shaped the night.
    """

    root: Path
    nightly: Nightly
    journey: JourneyMap
    sources: Mapping[str, Source]
    key: bytes | None
    digest: str

    @property
    def landing(self) -> Path:
        return self.root / self.nightly.landing

    @property
    def warehouse(self) -> Path:
        return self.root / self.nightly.warehouse

    @property
    def reports(self) -> Path:
        return self.root / self.nightly.reports

    @property
    def sql_folders(self) -> list[Path]:
        """Where models stand: the tool's own first, the project's own (which may replace them by name) after."""
        own = self.root / "sql"
        shipped = home() / "sql"
        return [shipped] if own.resolve() == shipped.resolve() or not own.is_dir() else [shipped, own]


def home() -> Path:
    """The folder that holds the tool's own `sql/` and `pipelines/`: the checkout, or what the wheel shipped."""
    checkout = Path(__file__).resolve().parents[2]
    return checkout if (checkout / "pyproject.toml").is_file() and (checkout / "sql").is_dir() else Path(__file__).parent / "_shipped"


def load_project(root: Path) -> Project:
    """Read and check a project's set-up.

    Raises
    ------
    ConfigErrors : every mistake found, with file, line, what is allowed and what to do; nothing has been changed
    """
    mistakes: list[ConfigError] = []
    folder = root / "pipelines"
    if not folder.is_dir():
        raise ConfigErrors([ConfigError(
            "has no folder pipelines/", where=str(root), allowed="a project folder with pipelines/nightly.yml",
            do="name it with --project DIR, or make one with: journey sample --out DIR",
        )])  # fmt: skip
    documents: list[Document] = []
    nightly = _read(folder / "nightly.yml", Nightly, documents, mistakes)
    journey = _read(folder / "journey.yml", JourneyMap, documents, mistakes)
    journey_document = documents[-1] if documents and journey else None
    sources: dict[str, Source] = {}
    for name in nightly.sources if nightly else ():
        path = folder / "sources" / f"{name}.yml"
        if not path.is_file():
            mistakes.append(_missing_source(path, name))
            continue
        source = _read(path, Source, documents, mistakes)
        if source is not None:
            sources[name] = source
            mistakes.extend(_source_mistakes(source, documents[-1], name))
    if journey is not None and journey_document is not None:
        mistakes.extend(_map_mistakes(journey, journey_document, sources if nightly and len(sources) == len(nightly.sources) else None))
    key = None
    if nightly is not None:
        mistakes.extend(_folder_mistakes(root, nightly))
        key = _read_key(root, nightly.key, mistakes) if any_personal(sources) else None
    if mistakes or nightly is None or journey is None:
        raise ConfigErrors(mistakes)
    digest = hashlib.sha256(b"\0".join(document.path.read_bytes() for document in documents)).hexdigest()
    return Project(root, nightly, journey, sources, key, digest)


def _read(path: Path, model: type[Model], documents: list[Document], mistakes: list[ConfigError]) -> Model | None:
    try:
        document = read_yaml(path)
    except ConfigError as error:
        mistakes.append(error)
        return None
    documents.append(document)
    try:
        return model.model_validate(document.value if document.value is not None else {})
    except ValidationError as error:
        mistakes.extend(_explained(error, document, model))
        return None


def _explained(error: ValidationError, document: Document, model: type[BaseModel]) -> Iterator[ConfigError]:
    for problem in error.errors(include_url=False):
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


def _missing_source(path: Path, name: str) -> ConfigError:
    present = sorted(other.stem for other in path.parent.glob("*.yml"))
    near = difflib.get_close_matches(name, present, n=1)
    return ConfigError(
        f"the source '{name}' has no file sources/{name}.yml" + (f"; did you mean '{near[0]}'?" if near else ""),
        where="nightly.yml", allowed=", ".join(present) or "none yet", do="write it, or switch the source off in nightly.yml",
    )  # fmt: skip


def _folder_mistakes(root: Path, nightly: Nightly) -> Iterator[ConfigError]:
    landing = root / nightly.landing
    if not landing.is_dir():
        yield ConfigError(
            f"the landing folder '{nightly.landing}' does not exist", where="nightly.yml",
            allowed="a folder below the project", do="create it, or correct `landing:`",
        )  # fmt: skip
    for name, folder in (("warehouse", root / nightly.warehouse), ("reports", root / nightly.reports)):
        nearest = next((parent for parent in (folder, *folder.parents) if parent.exists()), root)
        if not nearest.is_dir() or not os.access(nearest, os.W_OK):
            yield ConfigError(
                f"the {name} folder '{folder.name}' cannot be written", where="nightly.yml",
                allowed="a folder this user may write to", do=f"mend its permissions, or correct `{name}:`",
            )  # fmt: skip


def _source_mistakes(source: Source, document: Document, name: str) -> Iterator[ConfigError]:
    if source.source != name:
        yield ConfigError(f"says `source: {source.source}`", where=document.where(("source",)), allowed=name)
    landed = set(source.landed())
    for kind, texts in (("rows", [rule.refuse for rule in source.rows]), ("out_of_scope", [rule.when for rule in source.out_of_scope])):
        for index, text in enumerate(texts):
            try:
                checked_condition(text, landed, settings={"as_of": "getvariable('as_of')"})
            except ExpressionError as error:
                yield ConfigError(str(error), where=document.where((kind, index)))


def _map_mistakes(journey: JourneyMap, document: Document, sources: Mapping[str, Source] | None) -> Iterator[ConfigError]:
    stages = [stage.id for stage in journey.stages]
    touchpoints = [touchpoint.id for touchpoint in journey.touchpoints]
    promises = [promise.id for promise in journey.promises]
    for kind, ids in (
        ("stages", stages), ("touchpoints", touchpoints), ("promises", promises),
        ("recoveries", [item.id for item in journey.recoveries]), ("segments", [item.id for item in journey.segments]),
    ):  # fmt: skip
        for index, name in enumerate(ids):
            if name in ids[:index]:
                yield ConfigError(f"the id '{name}' is given twice", where=document.where((kind, index, "id")), do="rename one")
            if kind == "segments" and name == "all":
                yield ConfigError("'all' is everyone, always", where=document.where((kind, index, "id")), do="choose another id")
    for index, stage in enumerate(stages):
        if not any(touchpoint.stage == stage for touchpoint in journey.touchpoints):
            yield ConfigError(
                f"no touchpoint uses the stage '{stage}'", where=document.where(("stages", index)),
                do="add a touchpoint to it, or remove the stage",
            )  # fmt: skip
    for index, touchpoint in enumerate(journey.touchpoints):
        yield from _unknown(touchpoint.stage, stages, "stage", document, ("touchpoints", index, "stage"))
    for index, promise in enumerate(journey.promises):
        if promise.stage:
            yield from _unknown(promise.stage, stages, "stage", document, ("promises", index, "stage"))
    for index, recovery in enumerate(journey.recoveries):
        yield from _unknown(recovery.expect, touchpoints, "touchpoint", document, ("recoveries", index, "expect"))
    for index, entry in enumerate(journey.calendar):
        for touched in entry.touches:
            yield from _unknown(touched, [*touchpoints, *promises, *(sources or [])], "touchpoint", document, ("calendar", index, "touches"))
    yield from _segment_mistakes(journey, document)
    yield from _rule_mistakes(journey, document, sources)


def _segment_mistakes(journey: JourneyMap, document: Document) -> Iterator[ConfigError]:
    for index, segment in enumerate(journey.segments):
        try:
            checked_condition(segment.where, SEGMENT_COLUMNS)
        except ExpressionError as error:
            yield ConfigError(str(error), where=document.where(("segments", index, "where")))


def _rule_mistakes(journey: JourneyMap, document: Document, sources: Mapping[str, Source] | None) -> Iterator[ConfigError]:
    """Rules over sources that are switched off are fine (a map outlives a feed); over ones that do not exist, not."""
    event = journey.conversion.event
    if not any(when.event is None or event in when.event for touchpoint in journey.touchpoints for when in touchpoint.when):
        yield ConfigError(
            f"no touchpoint recognises the conversion event '{event}'", where=document.where(("conversion",)),
            do=f"give one touchpoint the rule `when: {{event: {event}}}`",
        )  # fmt: skip
    if sources is None:
        return
    for location, when in _all_rules(journey):
        if when.source is not None and when.source not in sources:
            near = difflib.get_close_matches(when.source, list(sources), n=1)
            if near:
                yield ConfigError(
                    f"the rule names the source '{when.source}', which is not switched on; did you mean '{near[0]}'?",
                    where=document.where(location), allowed=", ".join(sources),
                )  # fmt: skip


def _all_rules(journey: JourneyMap) -> Iterator[tuple[Location, When]]:
    for index, touchpoint in enumerate(journey.touchpoints):
        for when in touchpoint.when:
            yield ("touchpoints", index, "when"), when
    for index, promise in enumerate(journey.promises):
        for when in (*promise.from_, *promise.to):
            yield ("promises", index), when


def _unknown(name: str, known: list[str], kind: str, document: Document, location: Location) -> Iterator[ConfigError]:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        yield ConfigError(
            f"the {kind} '{name}' does not exist" + (f"; did you mean '{near[0]}'?" if near else ""),
            where=document.where(location), allowed=", ".join(known),
        )  # fmt: skip


def _read_key(root: Path, key: KeyFile, mistakes: list[ConfigError]) -> bytes | None:
    """The pseudonymisation key: from the environment, else from a file; at least 16 bytes."""
    text = os.environ.get(key.environment, "")
    looked = f"the environment variable {key.environment}"
    if not text and key.file is not None:
        looked += f" and the file {key.file}"
        path = root / key.file
        try:
            lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
            text = next((line for line in lines if line and not line.startswith("#")), "")
        except OSError:
            text = ""
    if len(text.encode()) < 16:
        mistakes.append(ConfigError(
            f"no pseudonymisation key of at least 16 characters: looked in {looked}", where="nightly.yml (key)",
            allowed="a secret that stays outside the repository and the database",
            do=f'export {key.environment}="$(python3 -c \'import secrets; print(secrets.token_hex(32))\')" and keep it safe',
        ))  # fmt: skip
        return None
    return text.encode()

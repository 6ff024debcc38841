"""YAML read so that every value knows its line, and so that nothing is silently something else.

Differences from plain YAML 1.1, each because a team was bitten by it: a key given twice is an error; `on`, `no` and
`yes` are words, not booleans; `10:30` and `007` are text, not 630 and 7; a number keeps the text it was typed as;
anchors and tags are refused; a file may not be larger than 1 MB.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from journey_analytics.errors import ConfigError

MAX_BYTES = 1_000_000
_HALF_OPEN = re.compile(r"^(\s*(?:- )?[\w.]+:\s*)(\[[^\[\]()'\"\n#]*\))(\s*(?:#.*)?)$", re.MULTILINE)

Location = tuple[str | int, ...]


class Typed(float):
    """A number that still knows how it was typed, so that a text field gets `5.10` and not 5.1."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


class _Loader(yaml.SafeLoader):
    """SafeLoader with its own idea of what a plain word means."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag == "tag:yaml.org,2002:null"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("int", r"^-?(?:0|[1-9][0-9]{0,17})$", "-0123456789"),
    (
        "float",
        r"^[-+]?(?:(?:0|[1-9][0-9]*)?\.[0-9]+|(?:0|[1-9][0-9]*)\.|(?:0|[1-9][0-9]*)(?=[eE]))(?:[eE][-+]?[0-9]+)?$",
        "-+.0123456789",
    ),
    ("timestamp", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


@dataclass
class Document:
    """A YAML file's value, and the line (from 1) on which each part of it stands."""

    path: Path
    value: Any
    lines: dict[Location, int] = field(default_factory=dict)
    nodes: set[int] = field(default_factory=set, repr=False)

    def where(self, location: Location) -> str:
        """`journey.yml:12` for the innermost part of `location` that stands in the file."""
        known = location
        while known and known not in self.lines:
            known = known[:-1]
        return f"{self.path.name}:{self.lines.get(known, 1)}"


def read_yaml(path: Path) -> Document:
    """Read one YAML file.

    Raises
    ------
    ConfigError : the file is missing, unreadable, too large, not UTF-8, not YAML, uses an anchor, or gives a key twice
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}", where=str(path), allowed="a readable YAML file", do="journey doctor"
        ) from error
    if len(raw) > MAX_BYTES:
        raise ConfigError("is larger than 1 MB", where=str(path), do="split what is not configuration out of it")
    try:
        return parse_yaml(raw.decode("utf-8-sig"), path)
    except UnicodeDecodeError as error:
        raise ConfigError("is not UTF-8 text", where=path.name, do="save it as UTF-8") from error


def parse_yaml(text: str, path: Path) -> Document:
    """Read YAML that is already text; `path` is only what mistakes are named after.

    A half-open range, `entered: [2026-01-01, 2026-02-01)`, is no YAML and is read as the text it is.

    Raises
    ------
    ConfigError : as read_yaml
    """
    try:
        node = _composed(text)
        document = Document(path, None)
        document.value = None if node is None else _build(node, (), document)
        document.nodes.clear()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"is not YAML: {error.problem}", where=f"{path.name}:{line}") from error
    except yaml.YAMLError as error:
        raise ConfigError("is not YAML: it holds characters that YAML forbids", where=path.name) from error
    except RecursionError as error:
        raise ConfigError("is nested too deeply", where=path.name) from error
    return document


def _composed(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError:
        ranges = _HALF_OPEN.sub(r"\1'\2'\3", text)
        if ranges == text:
            raise
        return yaml.compose(ranges, Loader=_Loader)


def _build(node: yaml.Node, location: Location, document: Document) -> Any:
    line = node.start_mark.line + 1
    if id(node) in document.nodes:
        raise ConfigError("uses an anchor", where=f"{document.path.name}:{line}", do="write the value out")
    document.nodes.add(id(node))
    document.lines[location] = line
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if isinstance(node, yaml.MappingNode) and kind == "map":
        return _build_mapping(node, location, document)
    if isinstance(node, yaml.SequenceNode) and kind == "seq":
        return [_build(item, (*location, index), document) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode) and kind in ("null", "bool", "int", "float", "timestamp", "str"):
        return _scalar(node, kind, f"{document.path.name}:{line}")
    raise ConfigError(
        f"uses the tag '{kind}'",
        where=f"{document.path.name}:{line}",
        allowed="plain text, numbers, dates, lists, keys",
    )


def _build_mapping(node: yaml.MappingNode, location: Location, document: Document) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for key_node, value_node in node.value:
        where = f"{document.path.name}:{key_node.start_mark.line + 1}"
        if not isinstance(key_node, yaml.ScalarNode) or key_node.value == "<<":
            raise ConfigError("has a key that is not a word", where=where, allowed="key: value")
        key = key_node.value
        if key in built:
            raise ConfigError(f"gives the key '{key}' twice", where=where, do="keep one of them")
        built[key] = _build(value_node, (*location, key), document)
        document.lines[(*location, key)] = key_node.start_mark.line + 1
    return built


def _scalar(node: yaml.ScalarNode, kind: str, where: str) -> Any:
    try:
        if kind == "float":
            return Typed(node.value)
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, KeyError, AttributeError) as error:
        named = {"timestamp": "a date", "int": "a whole number", "float": "a number", "bool": "true or false"}
        raise ConfigError(f"'{node.value}' is not {named.get(kind, kind)}", where=where) from error

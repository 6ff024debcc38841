"""YAML read so that every value knows its line, and so that nothing is silently something else.

Differences from plain YAML 1.1, each because a team was bitten by it: a key given twice is an error; `on`, `no` and `yes`
are words, not booleans; `10:30` is text, not 630; anchors are refused; a file may not be larger than 1 MB.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from journey_analytics.errors import ConfigError

MAX_BYTES = 1_000_000

Location = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """SafeLoader with its own idea of what a plain word means."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in ("tag:yaml.org,2002:null", "tag:yaml.org,2002:timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?$"), list("-+.0123456789")
)


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
        text = raw.decode("utf-8-sig")
        node = yaml.compose(text, Loader=_Loader)
        document = Document(path, None)
        document.value = None if node is None else _build(node, (), document)
        document.nodes.clear()
    except UnicodeDecodeError as error:
        raise ConfigError("is not UTF-8 text", where=path.name, do="save it as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"is not YAML: {error.problem}", where=f"{path.name}:{line}") from error
    except yaml.YAMLError as error:
        raise ConfigError("is not YAML: it holds characters that YAML forbids", where=path.name) from error
    except RecursionError as error:
        raise ConfigError("is nested too deeply", where=path.name) from error
    return document


def _build(node: yaml.Node, location: Location, document: Document) -> Any:
    if id(node) in document.nodes:
        raise ConfigError("uses an anchor", where=f"{document.path.name}:{node.start_mark.line + 1}", do="write the value out")
    document.nodes.add(id(node))
    document.lines[location] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return _build_mapping(node, location, document)
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*location, index), document) for index, item in enumerate(node.value)]
    return _scalar(node, location, document)


def _build_mapping(node: yaml.MappingNode, location: Location, document: Document) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode) or key_node.value == "<<":
            raise ConfigError("has a key that is not a word", where=f"{document.path.name}:{line}", allowed="key: value")
        key = key_node.value
        if key in built:
            raise ConfigError(f"gives the key '{key}' twice", where=f"{document.path.name}:{line}", do="keep one of them")
        built[key] = _build(value_node, (*location, key), document)
        document.lines[(*location, key)] = line
    return built


def _scalar(node: yaml.Node, location: Location, document: Document) -> Any:
    if node.tag not in {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "timestamp", "str")}:
        raise ConfigError(f"uses the tag '{node.tag}'", where=document.where(location), allowed="plain text, numbers, dates")
    constructor = yaml.constructor.SafeConstructor()
    try:
        return constructor.construct_object(node)
    except ValueError as error:
        raise ConfigError(f"'{node.value}' is not a date", where=document.where(location), allowed="2026-03-04") from error

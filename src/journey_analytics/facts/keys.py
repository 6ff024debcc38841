"""The pseudonymisation key: where it comes from, and what makes it no secret.

Whoever has the key and a list of addresses can say whose an e-mail key is, so it is kept away from what it protects:
in the environment of the night, or in a file outside the project and outside any repository.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from journey_analytics.errors import ConfigError
from journey_analytics.facts.fields import Strict, Text

MIN_CHARACTERS = 32


class KeyFile(Strict):
    """Where the pseudonymisation key comes from; `sample_only` says that it protects nobody and may lie anywhere."""

    environment: Text = "JOURNEY_KEY"
    file: Text | None = None
    sample_only: bool = False


@dataclass
class Keys:
    """The key, None where there is none; the keys that were in force before it; and what is wrong with them."""

    current: bytes | None = None
    retired: tuple[bytes, ...] = ()
    mistakes: list[ConfigError] = field(default_factory=list)
    warnings: tuple[str, ...] = ()


def read_keys(root: Path, key: KeyFile, *, is_needed: bool) -> Keys:
    """Read the key from the environment, else from the file; a key that is there is used, also where none is needed.

    `<environment>_RETIRED` holds keys that were in force before, separated by blanks: they are needed for as long as
    erasures stand that were made under them.
    """
    found = Keys()
    text = os.environ.get(key.environment, "")
    looked = f"the environment variable {key.environment}"
    if not text and key.file is not None:
        looked += f" and the file {key.file}"
        path = root / key.file
        found.mistakes.extend(_where_it_lies(root, path, key))
        text = _first_line(path)
        found.warnings = tuple(_who_may_read(path, key)) if text else ()
    found.current = _encoded(text) or None
    retired = os.environ.get(f"{key.environment}_RETIRED", "").split()
    found.retired = tuple(map(_encoded, retired))
    short = [part for part in (text, *retired) if part and len(part) < MIN_CHARACTERS]
    if short or (is_needed and found.current is None):
        what = "is too short" if short else "is missing"
        found.mistakes.append(ConfigError(
            f"the pseudonymisation key {what}: at least {MIN_CHARACTERS} characters; looked in {looked}",
            where="nightly.yml (key)", allowed="a secret that stays outside the repository and the database",
            do=f'export {key.environment}="$(python3 -c "import secrets; print(secrets.token_hex(32))")"; keep it safe',
        ))  # fmt: skip
    return found


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _first_line(path: Path) -> str:
    """The first line that is no comment; nothing where the file is no text, or not there."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        return ""
    return next((line for line in lines if line and not line.startswith("#")), "")


def _where_it_lies(root: Path, path: Path, key: KeyFile) -> Iterator[ConfigError]:
    """A key that is handed on with what it protects is none."""
    real = path.resolve()
    is_inside = real.is_relative_to(root.resolve()) or any((folder / ".git").exists() for folder in real.parents)
    if is_inside and not key.sample_only:
        yield ConfigError(
            f"the key file {key.file} lies inside the project or a repository, and goes wherever that goes",
            where="nightly.yml (key)", allowed="a file outside of both, such as /etc/journey/key",
            do=f"move it there (mode 600) and change the key, or use the environment variable {key.environment}; "
            "`sample_only: true` is for made-up people alone",
        )  # fmt: skip


def _who_may_read(path: Path, key: KeyFile) -> Iterator[str]:
    if not key.sample_only and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield f"the key file {path.name} can be read by others than its owner: chmod 600 {path.name}"

"""A file that is in its place whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ENDING = ".fetching"


@contextmanager
def placed(target: Path) -> Iterator[Path]:
    """Where to write a file that takes the place of `target` when the block ends well; it is gone when it does not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}{ENDING}")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Take away what a night that was killed left half written."""
    for left_over in folder.rglob(f".*{ENDING}"):
        left_over.unlink(missing_ok=True)

"""Every way a night can end badly, each with one exit code.

    JourneyError
    ├── ConfigError         10  the set-up is wrong: nothing was started
    ├── InputError          20  a feed broke its contract, or a required feed is missing
    ├── LockHeld            30  another night is running
    ├── ResourceError       40  memory, disk or time ran out
    ├── InternalError       50  a fault of the tool itself
    └── VerificationError   60  what was built does not hold: it was not published

An error is a reason and an instruction: what was wrong, where, what was allowed, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

EXIT_PUBLISHED = 0
EXIT_PUBLISHED_WITH_WARNINGS = 2
EXIT_INTERRUPTED = 130


class JourneyError(Exception):
    """A failure that a person can act on.

    Parameters
    ----------
    reason : what was wrong, in one sentence
    where : file and line, feed, table or row; empty where the whole run is meant
    allowed : what would have been accepted
    do : the next step, as a command or an edit
    """

    exit_code: ClassVar[int] = 50

    def __init__(self, reason: str, *, where: str = "", allowed: str = "", do: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.where = where
        self.allowed = allowed
        self.do = do

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.reason}" if self.where else self.reason]
        if self.allowed:
            lines.append(f"  allowed: {self.allowed}")
        if self.do:
            lines.append(f"  do: {self.do}")
        return "\n".join(lines)


class ConfigError(JourneyError):
    """The set-up is wrong; nothing was started and nothing has changed."""

    exit_code = 10


class ConfigErrors(ConfigError):
    """All mistakes of a set-up at once, so that one edit mends them all."""

    def __init__(self, mistakes: Sequence[ConfigError]) -> None:
        self.mistakes = tuple(mistakes)
        count = len(self.mistakes)
        super().__init__(f"{count} {'mistake' if count == 1 else 'mistakes'} in the set-up")

    def __str__(self) -> str:
        return "\n".join([f"{self.reason}:", *(str(mistake) for mistake in self.mistakes)])


class InputError(JourneyError):
    """A feed broke its contract, or a required feed is missing."""

    exit_code = 20


class LockHeld(JourneyError):
    """Another night is running on the same warehouse."""

    exit_code = 30


class ResourceError(JourneyError):
    """Memory, disk or time ran out."""

    exit_code = 40


class InternalError(JourneyError):
    """A fault of the tool itself."""

    exit_code = 50


class VerificationError(JourneyError):
    """What was built does not hold, so it was not published."""

    exit_code = 60

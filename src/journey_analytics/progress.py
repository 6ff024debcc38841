"""How a night tells what it is doing: a live line on a terminal, plain lines in a log."""

from __future__ import annotations

import unicodedata

from rich.console import Console
from rich.markup import escape
from rich.status import Status


class Progress:
    """Lines for people. What passes (the table being built) is shown on a terminal only, and gone when it is done."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._status: Status | None = None

    def told(self, step: str, detail: str) -> None:
        """A line that stays."""
        self.done()
        if self._console.is_terminal:
            self._console.print(f"[bold]{escape(step):<12}[/bold] {escape(printable(detail))}")
        else:
            self._console.print(f"{step:<12} {printable(detail)}", markup=False)

    def passing(self, step: str, detail: str) -> None:
        """A word that passes."""
        if not self._console.is_terminal:
            return
        line = f"[bold]{escape(step):<12}[/bold] {escape(printable(detail))}"
        if self._status is None:
            self._status = self._console.status(line)
            self._status.start()
        self._status.update(line)

    def done(self) -> None:
        """Nothing is passing any more."""
        if self._status is not None:
            self._status.stop()
            self._status = None


def silent(step: str, detail: str) -> None:
    """Machines want the result alone."""


def printable(text: str) -> str:
    """A text from data as one printable line: control characters and line breaks are shown, not obeyed."""
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return " " if unicodedata.category(character) == "Zs" else f"\\x{ord(character):02x}"

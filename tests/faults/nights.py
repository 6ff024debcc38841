"""Nights of the tea shop in processes of their own, that can be made to die at a chosen moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

from journey_analytics import publish
from journey_analytics.cli.nights import the_night
from journey_analytics.errors import JourneyError
from journey_analytics.facts.config import load_project
from journey_analytics.night import Night

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["journey_analytics.cli.main", "great_expectations", "scipy.sparse.csgraph", "nights"])

NEW_ROWS = """visit_id,who,what,page,seen_at
6,eve,view,/tea/white,2026-03-02T09:00:00Z
7,eve,paid,/checkout,2026-03-02T09:09:00Z
"""


def deliver_another_day(shop: Path) -> None:
    """One more file, so that the next night differs from the last."""
    (shop / "landing" / "web" / "2026-03-02.csv").write_text(NEW_ROWS, encoding="utf-8")


def run_in_process(act: Callable[..., None], *arguments: object, seconds: float = 60) -> int:
    """Run `act` in a fresh process. Returns its exit code; minus the signal's number where a signal ended it."""
    process: BaseProcess = CONTEXT.Process(target=act, args=arguments)
    process.start()
    process.join(seconds)
    assert process.exitcode is not None, "the night did not end in time"
    return process.exitcode


def night(shop: Path) -> None:
    """A whole night, as `journey run` goes."""
    try:
        with Night(load_project(shop)) as one:
            the_night()(one)
        os._exit(one.exit_code)
    except JourneyError as error:
        os._exit(error.exit_code)


def rebuild_killed_at_step(shop: Path, number: int) -> None:
    """A rebuild that is killed (SIGKILL) when it has told `number` things."""
    night_killed_at_step(shop, number, rebuild=True)


def night_killed_at_step(shop: Path, number: int, *, rebuild: bool = False) -> None:
    """A night that is killed (SIGKILL) when it has told `number` things."""
    told = 0

    def count(step: str, detail: str) -> None:
        nonlocal told
        told += 1
        if told == number:
            os.kill(os.getpid(), signal.SIGKILL)

    with Night(load_project(shop), told=count, passing=count, rebuild=rebuild) as one:
        the_night()(one)
    os._exit(one.exit_code)


def night_killed_at_rename(shop: Path, number: int) -> None:
    """A night that is killed just before the `number`th file is renamed into place."""
    original, renamed = os.replace, 0

    def replace(source: object, target: object) -> None:
        nonlocal renamed
        renamed += 1
        if renamed == number:
            os.kill(os.getpid(), signal.SIGKILL)
        original(source, target)  # type: ignore[arg-type]

    publish.os.replace = replace  # type: ignore[assignment]
    night(shop)


def night_with_failing_disk(shop: Path, number: int) -> None:
    """A night whose `number`th flush to disk fails."""
    original, flushed = os.fsync, 0

    def fsync(handle: int) -> None:
        nonlocal flushed
        flushed += 1
        if flushed == number:
            raise OSError(5, "Input/output error")
        original(handle)

    publish.os.fsync = fsync
    night(shop)


def night_that_waits(shop: Path, started: Path, until: Path) -> None:
    """A night that holds the lock until a file appears."""
    import time

    with Night(load_project(shop)):
        started.touch()
        while not until.exists():
            time.sleep(0.01)
    os._exit(0)

"""One night: the lock, the ledger and the steps. `pipelines/nightly.py` says in which order the steps go.

A night either publishes whole or changes nothing that anybody reads. Whatever ends it (an error, a signal, a full
disk), the ledger gets a row, the lock is let go, and the last publication stays.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from journey_analytics import __version__, judge, ledger, publish, rules, start
from journey_analytics.build import basis, changes, corrections, macros, models, patch, tables
from journey_analytics.claims import findings
from journey_analytics.errors import (
    EXIT_INTERRUPTED,
    EXIT_PUBLISHED,
    EXIT_PUBLISHED_WITH_WARNINGS,
    ConfigError,
    InputError,
    JourneyError,
    VerificationError,
)  # fmt: skip
from journey_analytics.facts.config import Project
from journey_analytics.facts.expectations import Check, FeedExpectation
from journey_analytics.landing import fetching, land, notes, rejects
from journey_analytics.landing.erasures import in_force, still_told
from journey_analytics.landing.land import Landed
from journey_analytics.landing.privacy import masked
from journey_analytics.landing.rejects import Replayed
from journey_analytics.report import page, result
from journey_analytics.warehouse import Warehouse, close_next

Told = Callable[[str, str], None]

FEED_TABLES = ("ops.feeds", "ops.feed_days")


class Terminated(BaseException):
    """The operating system asked the night to end."""


class Night:
    """One attempt at a night, as a context manager.

    Parameters
    ----------
    project : the shop
    as_of : exclusive end of the data; the watermark of complete data where None
    told : called with (step, detail) for what is worth a line
    passing : called with (step, detail) for what is worth a glance only, such as the table being built
    now : the night's start in UTC; only the ledger and the guard against future rows see it
    rebuild : everything from the landing files, in databases beside the live ones
    """

    def __init__(
        self,
        project: Project,
        *,
        as_of: datetime | None = None,
        told: Told = lambda step, detail: None,
        passing: Told = lambda step, detail: None,
        now: datetime | None = None,
        rebuild: bool = False,
    ) -> None:
        self.project = project
        self.wanted_as_of = as_of
        self.told = told
        self.passing = passing
        self.now = (now or datetime.now(UTC)).replace(tzinfo=None)
        self.checks: list[Check] = []
        self.warnings: list[str] = []
        self.published: publish.Publication | None = None
        self.as_of: datetime | None = None
        self._models = models.discover(project.sql_folders)
        self._basis: basis.Basis | None = None
        self._beside = rebuild
        self._lock = publish.lock(project.warehouse)
        self._signals: list[tuple[signal.Signals, Any]] = []

    def __enter__(self) -> Night:
        self._lock.__enter__()
        try:
            publish.sweep(self.project.warehouse, self.project.reports)
            self.warehouse: Warehouse = start.open_databases(self.project, beside=self._beside)
            self.attempt = ledger.begin_run(self.warehouse, self.now, __version__)
            ledger.close_abandoned(self.warehouse, self.attempt)
        except BaseException as error:
            self._lock.__exit__(type(error), error, error.__traceback__)
            raise
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unlisten()
        try:
            self._note_end(error)
        finally:
            self.warehouse.close()
            if self._beside and self.published is not None:
                start.put_in_place(self.project)
            self._lock.__exit__(kind, error, trace)

    @property
    def exit_code(self) -> int:
        """How a night that raised nothing ends: 0, or 2 with warnings."""
        warned = self.warnings or judge.verdict(self.checks) != "ok"
        return EXIT_PUBLISHED_WITH_WARNINGS if warned else EXIT_PUBLISHED

    def warn(self, step: str, detail: str) -> None:
        """Tell what the night went on despite of; it ends in exit code 2."""
        self.warnings.append(detail)
        self.told(step, f"warning: {detail}")

    def land(self) -> None:
        """Files to landing.*: each once, every row accounted for."""
        judge.warm_up()  # its library takes seconds to import; that may as well happen while files are read
        for warning in self.project.warnings:
            self.warn("land", warning)
        if self.warehouse.recovered:
            self.warn(
                "land", f"the private database was damaged; it is kept as {self.warehouse.recovered} and built anew"
            )
        fetched = fetching.fetch(self.warehouse, self.project, self.now)
        for said, is_warning in fetching.told(fetched):
            (self.warn if is_warning else self.told)("land", said)
        self._tell_landed(land.land(self.warehouse, self.project, self.now))
        fetching.note_waiting(self.warehouse, fetched)

    def replay(self, source: str | None) -> list[Replayed]:
        """Land again the feeds that have rows in quarantine, under today's contract; or the one named."""
        held = self.warehouse.rows("select distinct source from work.ops.rejects order by source")
        wanted = [row["source"] for row in held if source in (None, row["source"])]
        on = [name for name in wanted if name in self.project.sources]
        return rejects.replay(self.warehouse, self.project, self.now, on) if on else []

    def _tell_landed(self, landed: Sequence[Landed]) -> None:
        for feed in landed:
            parts = ["loaded", "duplicate", "rejected", "out_of_scope"]
            parts += ["erased"] if feed.counts["n_erased"] else []
            words = {what: what.replace("_", " ") for what in parts}
            counts = ", ".join(f"{feed.counts[f'n_{what}']:,} {word}" for what, word in words.items())
            brought = f": {counts}" if feed.n_new_files else ""
            self.told("land", f"{feed.source}: {feed.n_new_files} new of {feed.n_files} files{brought}")
            if feed.is_again:
                self.told("land", f"{feed.source}: its contract or the key has changed: its files were landed again")
            for name, reason in feed.refused.items():
                self.warn("land", f"{name}: {reason}")
            for name, reason in feed.waiting.items():
                self.told("land", f"{name}: {reason}; the next night takes it")
            for said, is_warning in notes.told(self.warehouse, self.project.sources[feed.source]):
                (self.warn if is_warning else self.told)("land", said)

    def begin(self) -> None:
        """Start a new publication: settle as_of, load the map, offer the feeds."""
        self.as_of = self.wanted_as_of or land.watermark(self.warehouse, self.project)
        if self.as_of is None:
            self.as_of = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        self._check_as_of(self.as_of)
        shutil.rmtree(self._staged, ignore_errors=True)
        expected = basis.fingerprint(self.warehouse, self.project, self._models)
        last = start.last_published(self.project)
        found = start.begin(self.warehouse, self.project, last, expected, self.as_of, beside=self._beside)
        if isinstance(found, basis.Basis):
            self._basis = found
        elif found:
            self.told("begin", f"everything is built anew: {found}")
        tables.prepare(self.warehouse, self.project, self._models, self.as_of)
        self._check_erased()
        basis.write(self.warehouse, self.project, expected, self.as_of)
        corrections.write(self.warehouse, last, self.as_of)
        if self._basis is not None:
            changes.find_events(self.warehouse, self.project, self._models, self._basis)
        since = f", what is new since {self._basis.as_of:%Y-%m-%d %H:%M}" if self._basis else ""
        self.told("begin", f"data before {self.as_of:%Y-%m-%d %H:%M} UTC{since}")

    def _check_as_of(self, as_of: datetime) -> None:
        """A date outside the data would publish an empty report over a good one."""
        sql = "select min(first_event_at) as first, max(last_event_at) + interval 1 day as last from work.ops.loads"
        span = self.warehouse.rows(sql)[0]
        if self.wanted_as_of and span["first"] and not span["first"] < as_of <= span["last"]:
            raise ConfigError(
                f"{as_of:%Y-%m-%d %H:%M} lies outside the data", where="--as-of",
                allowed=f"after {span['first']:%Y-%m-%d %H:%M}, up to {span['last']:%Y-%m-%d %H:%M}",
                do="leave --as-of out for the last complete day",
            )  # fmt: skip

    def _check_erased(self) -> None:
        """Nothing that is built tells of somebody erased: their rows were taken out, or the night ends."""
        told = still_told(self.warehouse, in_force(self.warehouse, self.project))
        if told:
            feeds = ", ".join(f"{feed} ({kind})" for feed, kind in told)
            raise ConfigError(
                f"feeds still tell of somebody who was erased: {feeds}", where="pipelines/sources",
                allowed="a feed that says which of its columns hold ids",
                do=f"add `identifies: {told[0][1]}` to the column of {told[0][0]} that holds the {told[0][1]} id",
            )  # fmt: skip

    def resume(self) -> None:
        """Go on with a publication that an earlier command began."""
        present = self.warehouse.scalar(
            "select count(*) from duckdb_tables() where database_name = 'next' and table_name = 'settings'"
        )
        as_of = self.warehouse.scalar("select value from rules.settings where name = 'as_of'") if present else None
        if as_of is None:
            raise ConfigError("nothing has been built yet", do="journey build")
        self.as_of = datetime.fromisoformat(as_of)
        rules.set_variables(self.warehouse, rules.settings(self.project.journey, self.as_of))
        kept = self.warehouse.rows("select * from ops.checks") if self._has("ops", "checks") else []
        self.checks = [Check(**row) for row in kept]

    def judge_feeds(self) -> None:
        """Are tonight's feeds fit to be used?"""
        order = models.build_order(self._models, FEED_TABLES)
        tables.build(self.warehouse, self.project, self._models, order)
        self._built = set(order)
        for feed in self.warehouse.rows("select source, status from ops.feeds where status in ('missing', 'empty')"):
            self.warn("judge feeds", f"the feed {feed['source']} is {feed['status']}: what rests on it is frozen")
        expected = {
            name: [FeedExpectation(**rule.model_dump()) for rule in source.feed]
            for name, source in self.project.sources.items()
        }
        self._judge("judge feeds", judge.judge_feeds(self.warehouse, expected), InputError)

    def build(self) -> None:
        """The models, in the order that the SQL itself gives."""
        done: set[str] = getattr(self, "_built", set())
        order = [table for table in models.build_order(self._models) if table not in done]
        build = tables.build if self._basis is None else patch.build_changed
        build(self.warehouse, self.project, self._models, order, lambda table: self.passing("build", table))
        macros.create(self.warehouse, macros.discover(self.project.sql_folders))
        n_journeys = self.warehouse.scalar("select count(*) from journeys.journeys")
        self.told("build", f"{len(order) + len(done)} tables, {n_journeys:,} journeys")

    def judge_marts(self) -> None:
        """Are the numbers sane?"""
        checks = models.checks_of(self._models)
        self._judge(
            "judge marts",
            judge.judge_marts(self.warehouse, checks, models.sql_checks(self.project.sql_folders)),
            VerificationError,
        )

    def find(self) -> None:
        """Marts to claims."""
        found = findings.find(self.warehouse)
        n_open = sum(finding["status"] == "open" for finding in found)
        self.told("find", f"{n_open} open of {len(found)} judged")

    def report(self) -> None:
        """Claims to one HTML file, report.json and CSV files, staged beside the published ones."""
        facts = result.RunFacts(
            run_id=self.run_id, map_hash=self.project.digest[:12], code_version=__version__,
            schema_version=ledger.SCHEMA_VERSION, as_of=self._known_as_of(), previous=self._previous(),
        )  # fmt: skip
        assembled = result.assemble(self.warehouse, facts)
        page.write_report(assembled, self._staged)
        self.told("report", assembled["verdict"]["sentence"])

    def publish(self) -> publish.Publication:
        """Make it live: verified, then swapped in whole."""
        if not (self._staged / "index.html").is_file():
            raise ConfigError("there is no report to publish", do="journey report")
        as_of, run_id = self._known_as_of(), self.run_id
        status = "published_with_warnings" if self.exit_code else "published"
        self._finish_database(run_id, status)
        close_next(self.warehouse)
        self.published = publish.publish(
            self.project.warehouse,
            self.project.reports,
            self._staged,
            built=start.folder_of(self.project, beside=self._beside) / "next.duckdb",
            run_id=run_id,
            as_of=as_of,
            keep=self.project.nightly.keep.publications,
        )
        self.told("publish", f"run {run_id}, publication {self.published.sequence}")
        return self.published

    @property
    def run_id(self) -> str:
        """The same inputs, map, settings, models and code give the same id."""
        parts = [
            __version__,
            self.project.digest,
            self._known_as_of().isoformat(),
            *ledger.input_fingerprint(self.warehouse),
        ]
        parts += [f"{table} {model.sql}" for table, model in sorted(self._models.items())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    @property
    def _staged(self) -> Path:
        return self.project.reports / ".next"

    def _known_as_of(self) -> datetime:
        if self.as_of is None:
            raise ConfigError("nothing has been built yet", do="journey build")
        return self.as_of

    def _has(self, schema: str, table: str) -> bool:
        sql = (
            "select count(*) from duckdb_tables() where database_name = 'next' and schema_name = $1 and table_name = $2"
        )
        return bool(self.warehouse.scalar(sql, [schema, table]))

    def _judge(self, step: str, checks: list[Check], failure: type[JourneyError]) -> None:
        self.checks.extend(checks)
        unmet = [check for check in checks if not check.is_met]
        self.told(step, f"{len(checks) - len(unmet)} of {len(checks)} checks met")
        for check in unmet:
            self.told(step, f"{check.level}: {check.subject}: {check.expectation}: {check.observed}")
        if judge.verdict(checks) == "fail":
            failed = [check for check in unmet if check.level == "fail"]
            raise failure(
                "; ".join(f"{check.subject}: {check.expectation} is {check.observed}" for check in failed[:5]),
                where=step,
                allowed="; ".join(f"{check.expectation} {check.expected}" for check in failed[:5]),
                do="journey rejects and journey doctor show more; the last publication is untouched",
            )  # fmt: skip

    def _previous(self) -> dict[str, Any] | None:
        """The result of the last publication with another run id."""
        for publication in publish.publications(self.project.warehouse):
            path = self.project.reports / publication.report / "report.json"
            if publication.run_id != self.run_id and path.is_file():
                loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
                return loaded
        return None

    def _finish_database(self, run_id: str, status: str) -> None:
        """Leave in the publication only what analysts may see, and say in it which run it is."""
        self._note(
            {
                "run_id": run_id,
                "status": status,
                "exit_code": self.exit_code,
                "as_of": self.as_of,
                "map_hash": self.project.digest[:12],
            }
        )
        version = f"select {ledger.SCHEMA_VERSION} as version"
        for table, sql in (("runs", "from work.ops.runs order by attempt"), ("schema_version", version)):
            self.warehouse.execute(f"create or replace table ops.{table} as {sql}")
            self.warehouse.execute(f"comment on table ops.{table} is '{ledger.COMMENTS[table]}'")
        for schema in ("staging", "landing"):
            self.warehouse.execute(f"drop schema if exists {schema} cascade")

    def _note(self, facts: dict[str, Any]) -> None:
        ledger.end_run(self.warehouse, self.attempt, datetime.now(UTC).replace(tzinfo=None), facts)

    def _note_end(self, error: BaseException | None) -> None:
        if error is None:
            if self.published is None:
                self._note({"status": "partial", "exit_code": self.exit_code, "as_of": self.as_of})
            return
        if self.published is not None:
            return
        code = (
            error.exit_code
            if isinstance(error, JourneyError)
            else EXIT_INTERRUPTED
            if isinstance(error, KeyboardInterrupt)
            else 50
        )
        message = masked(str(error).splitlines()[0])[:500] if str(error) else type(error).__name__
        self._note({"status": "failed", "exit_code": code, "as_of": self.as_of, "message": message})

    def _listen(self) -> None:
        """A polite request to end becomes an exception, so that everything is put back in order."""
        if threading.current_thread() is threading.main_thread():
            self._signals = [(signal.SIGTERM, signal.signal(signal.SIGTERM, _terminate))]

    def _unlisten(self) -> None:
        for number, handler in self._signals:
            signal.signal(number, handler)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated("was asked to end (SIGTERM)")

"""People: erasing one, who was erased, and whether anybody is where they must not be."""

from __future__ import annotations

import getpass
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from journey_analytics.canaries import read_canaries, scan
from journey_analytics.cli.nights import night_of, the_night
from journey_analytics.cli.shared import HERE, JsonOption, ProjectOption, plain, print_json, print_table
from journey_analytics.errors import VerificationError
from journey_analytics.facts.config import load_project
from journey_analytics.forget import Forgotten, find_ids, withdraw
from journey_analytics.forget import forget as erase
from journey_analytics.landing.erasures import read_erasures
from journey_analytics.progress import printable

FROM_INPUT = "-"


def forget(
    project: ProjectOption = HERE,
    customer: Annotated[str | None, typer.Option(help="The customer_id, such as user:4711.")] = None,
    email: Annotated[str | None, typer.Option(help="An e-mail address; - reads it from standard input.")] = None,
    user: Annotated[str | None, typer.Option(help="A login, as the feeds carry it.")] = None,
    reason: Annotated[str, typer.Option(help="Kept in ops.erasures: a case number, and no name.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    rewrite_archive: Annotated[
        bool, typer.Option("--rewrite-archive", help="Also take the records out of the delivered files.")
    ] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Run the night at once, and remove earlier publications that know the person.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="Print the erasures so far.")] = False,
    json_: JsonOption = False,
) -> None:
    """Erase a person from every table, and keep them erased when a feed delivers them again."""
    loaded = load_project(project.resolve())
    if list_:
        _print_erasures(project, json_)
        return
    address = sys.stdin.readline().strip() if email == FROM_INPUT else email
    ids = find_ids(loaded, customer=customer, email=address, user=user)
    told = erase(
        loaded, ids, by=_who(), reason=reason, now=datetime.now(UTC), dry_run=dry_run, rewrite=rewrite_archive
    )  # fmt: skip
    n_withdrawn, code = 0, 0
    if now and not dry_run:
        with night_of(project, None, json_) as night:
            the_night()(night)
        n_withdrawn, code = withdraw(loaded, ids), night.exit_code
    _say(told, dry_run=dry_run, n_withdrawn=n_withdrawn, is_republished=now and not dry_run, json_=json_)
    raise typer.Exit(code)


def canaries(
    list_: Annotated[Path, typer.Argument(metavar="LIST", help="Known addresses, names and numbers, one a line.")],
    project: ProjectOption = HERE,
    also: Annotated[list[Path] | None, typer.Option(help="Another file or folder to search, such as a log.")] = None,
    json_: JsonOption = False,
) -> None:
    """Search everything the tool has written for texts that must not be there; exit code 60 where one is."""
    texts = read_canaries(list_)
    found = scan(load_project(project.resolve()), texts, [path.resolve() for path in also or ()])
    if json_:
        print_json({"n_searched_for": len(texts), "found": [plain(one) for one in found]})
    else:
        for one in found:
            print(f"{printable(one.file)}: {one.place}: line {one.line} of the list, {one.n:,} times")
        print(f"{len(texts)} texts searched for, {len(found)} places hold one")
    if found:
        raise VerificationError(
            f"{len(found)} places hold a text that must not be there", where=list_.name,
            do="declare the column it came from as `personal`, or leave it out of its feed's file; then run again",
        )  # fmt: skip


def _who() -> str:
    """Who ran the command, as the operating system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _say(told: Forgotten, *, dry_run: bool, n_withdrawn: int, is_republished: bool, json_: bool) -> None:
    """Say what went and what is left; never who it was."""
    n_left = len(told.publications) - n_withdrawn
    if json_:
        print_json({
            "dry_run": dry_run, "erased_before_at": told.erased_at, "n_ids": dict(told.n_ids), "n_rows": told.rows,
            "n_refused": told.n_refused, "rewritten": told.rewritten, "n_publications_withdrawn": n_withdrawn,
            "n_publications_left": 0 if is_republished else n_left, "look_at": told.left,
        })  # fmt: skip
        return
    would = "would go" if dry_run else "gone"
    if told.erased_at:
        print(f"erased before, at {told.erased_at} UTC")
    print(f"ids        {', '.join(f'{count} {kind}' for kind, count in told.n_ids.items())}")
    print(f"rows       {', '.join(f'{count:,} of {feed}' for feed, count in told.rows.items()) or 'none'} {would}")
    print(f"refused    {told.n_refused:,} {would}")
    for name in told.rewritten:
        print(f"rewritten  {name}")
    for name in told.left:
        print(f"look at    {name}: it may still hold them and cannot be rewritten; take them out of it, or remove it")
    if is_republished:
        print(f"published  without them; {n_withdrawn} earlier publications removed")
    elif n_left:
        print(
            f"published  {n_left} publications on disk still know them: the next night publishes without them, and "
            "earlier ones go at their retention (keep: publications), or at once with --now"
        )


def _print_erasures(project: Path, json_: bool) -> None:
    """Every erasure: when, by whom, why, and how much it took."""
    shown = ["erased_at", "erased_by", "reason", "n_ids", "n_rows", "n_refused", "n_rewritten"]
    rows = [
        {**{name: getattr(one, name) for name in shown}, "n_ids": sum(one.n_ids.values())}
        for one in read_erasures(load_project(project.resolve()))
    ]
    if json_:
        print_json({"erasures": rows})
    else:
        print_table(rows, shown)

"""The sample's raw files, read with the standard library alone, so that counts do not depend on what they check."""

from __future__ import annotations

import csv
import functools
import gzip
import io
import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "data" / "sample"


@functools.cache
def lines(feed: str) -> dict[str, list[str]]:
    """The lines of every file of a feed, by the file's date."""
    found = {}
    for file in sorted((SAMPLE / feed).iterdir()):
        data = file.read_bytes()
        text = (gzip.decompress(data) if file.suffix == ".gz" else data).decode()
        found[file.name[:10]] = text.removesuffix("\n").split("\n")
    return found


def objects(feed: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(file date, object) of every line that is whole JSON."""
    for day, rows in lines(feed).items():
        for row in rows:
            if row.endswith("}"):
                yield day, json.loads(row)


def rows(feed: str) -> Iterator[dict[str, Any]]:
    """Every CSV record of a feed, with a field too many under the key None."""
    for file in sorted((SAMPLE / feed).iterdir()):
        yield from csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline=""))


@functools.cache
def calls() -> list[dict[str, Any]]:
    """Web calls that can be dated, each message once, people's only, in the order they happened."""
    once = {c["messageId"]: c for _, c in objects("web") if re.match(r"2026-(0[7-9]|1[01])-", c.get("timestamp", ""))}
    people = [
        c for c in once.values() if "Googlebot" not in c.get("context", {}).get("userAgent", "") and not is_staff(c)
    ]
    return sorted(people, key=lambda c: (c["timestamp"], c["messageId"]))


def agent(call: dict[str, Any]) -> str:
    return str(call.get("context", {}).get("userAgent", ""))


def path(call: dict[str, Any]) -> str:
    return str(call.get("context", {}).get("page", {}).get("path", ""))


def is_staff(call: dict[str, Any]) -> bool:
    return str(call.get("userId", "")).startswith("staff-")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "")).replace(microsecond=0)


@functools.cache
def orders() -> dict[str, dict[str, Any]]:
    """The latest readable snapshot of every order."""
    whole = [row for row in rows("orders") if None not in row and not row["updated_at"].startswith("2026-02-30")]
    return {row["order_id"]: row for row in sorted(whole, key=lambda row: row["updated_at"])}


@functools.cache
def tickets() -> list[dict[str, Any]]:
    """The latest snapshot of every ticket."""
    latest = sorted((t for _, t in objects("support")), key=lambda t: t["updated_at"])
    return list({t["id"]: t for t in latest}.values())

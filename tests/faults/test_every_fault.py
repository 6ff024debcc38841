"""Every fault of deliveries and of rows that the design names has a test that bears its number."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

TESTS = Path(__file__).resolve().parents[1]
FAULTS = [*(f"s{number:02d}" for number in range(1, 27)), *(f"r{number:02d}" for number in range(1, 19))]


def numbers_of_tests() -> set[str]:
    """The numbers that begin a test's name (test_s01_s02_...) or stand at the end of a worked case (S01)."""
    found: set[str] = set()
    for path in TESTS.rglob("*.py"):
        for name in re.findall(r"^def test_((?:[a-z]\d\d_)+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
            found.update(name.strip("_").split("_"))
    for path in (TESTS / "sql").glob("*.yml"):
        for case in yaml.safe_load(path.read_text(encoding="utf-8")):
            found.update(number.lower() for number in re.findall(r"\(([A-Z]\d\d)\)$", case["case"]))
    return found


def test_every_fault_of_deliveries_and_rows_has_a_test_that_bears_its_number() -> None:
    assert sorted(set(FAULTS) - numbers_of_tests()) == []

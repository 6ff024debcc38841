"""Real files that make readers stumble: every row of them lands or is refused, counted by other means than ours."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from real.nights import REAL_DATA
from shop_builder import Shop, make_shop


def landed(folder: Path, name: str, dialect: dict[str, Any], columns: dict[str, Any]) -> tuple[Shop, dict[str, Any]]:
    """One file of the hostile folder, landed as a list whose rows have no time; and its line of the ledger."""
    path = REAL_DATA / "hostile" / name
    if not path.is_file():
        pytest.skip(f"{name} is not here: it may be studied but not passed on, see tests/real/README.md")
    shop = make_shop(folder / "shop", format="csv", csv=dialect, timeless=True, key=list(columns)[:1], columns=columns)
    shop.deliver(f"web/{name}", gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
    shop.land()
    (entry,) = shop.ledger().values()
    assert entry["n_read"] == sum(entry[f"n_{what}"] for what in ("loaded", "duplicate", "rejected", "out_of_scope"))
    return shop, entry


def test_tweets_with_a_bare_carriage_return_in_an_unquoted_field_all_land(tmp_path: Path) -> None:
    text = {"type": "text"}
    columns = {"tweet_id": {**text, "required": True}, "author_id": text, "created_at": text, "text": text,
               "in_response_to": {**text, "from": "in_response_to_tweet_id"}}  # fmt: skip
    shop, entry = landed(tmp_path, "twcs_first5000.csv.gz", {}, columns)
    assert (entry["n_read"], entry["n_loaded"]) == (5000, 5000)
    returns = shop.rows('select count(*) as n from work.landing.web where contains("text", chr(13))')
    raw = gzip.decompress((REAL_DATA / "hostile" / "twcs_first5000.csv.gz").read_bytes())
    assert (returns[0]["n"] > 0) == (b"\r" in raw.replace(b"\r\n", b"\n"))
    assert shop.rows("select count(distinct tweet_id) as n from work.landing.web")[0]["n"] == 5000


def test_complaints_in_latin_1_with_semicolons_all_land(tmp_path: Path) -> None:
    columns = {
        "complaint_id": {"type": "text", "from": "ComplaintID", "required": True},
        "contact_on": {"type": "date", "from": "ContactDate"},
        "topic": {"type": "text", "from": "ComplaintTopic"},
    }
    shop, entry = landed(tmp_path, "BPI2016_Complaints.csv", {"delimiter": ";", "encoding": "latin-1"}, columns)
    assert (entry["n_read"], entry["n_rejected"]) == (289, 0)
    assert shop.rows("select count(*) as n from work.landing.web where contact_on is null")[0]["n"] == 0


def test_complaints_read_as_utf_8_lose_no_row_without_a_reason(tmp_path: Path) -> None:
    columns = {"complaint_id": {"type": "text", "from": "ComplaintID", "required": True},
               "topic": {"type": "text", "from": "ComplaintTopic"}}  # fmt: skip
    shop, entry = landed(tmp_path, "BPI2016_Complaints.csv", {"delimiter": ";"}, columns)
    raw = (REAL_DATA / "hostile" / "BPI2016_Complaints.csv").read_bytes()
    foreign = sum(not line.isascii() for line in raw.splitlines())
    assert (entry["n_read"], entry["n_rejected"]) == (289, foreign)
    assert shop.reasons() == [["is not utf-8 text"]] * foreign

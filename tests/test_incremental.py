"""A night that builds what is new publishes what a night that builds everything would."""

from __future__ import annotations

from pathlib import Path

import pytest
from histories import History, differences, published, run_night


def built_anew(shop: Path) -> dict[str, list[object]]:
    """What the same landed rows publish when nothing of the last publication is used."""
    (shop / "reports" / "latest.json").unlink()
    told = run_night(shop)
    assert not any("since" in line for line in told)
    return published(shop)


@pytest.mark.parametrize("seed", [1, 2])
def test_after_every_night_of_a_history_all_tables_are_those_of_a_full_build(tmp_path: Path, seed: int) -> None:
    history = History(tmp_path / "shop", seed)
    for night in range(history.nights):
        history.deliver(night)
        told = run_night(history.shop)
        assert any("what is new since" in line for line in told) == (night > 0)
    found = published(history.shop)
    wrong = differences(found, built_anew(history.shop))
    assert not wrong, "\n".join(f"{table}: {what}" for table, what in sorted(wrong.items()))

"""A required feed that loses its rows ends the night, and the good rows stay."""

from __future__ import annotations

from pathlib import Path

import pytest
from shop_builder import WEB, Shop, make_shop, row

from journey_analytics.errors import InputError


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path / "shop")


@pytest.mark.parametrize("delivered", ["", "no row of it can be read\n"])
def test_a_required_feed_that_is_delivered_again_without_a_usable_row_keeps_its_good_rows(
    shop: Shop, delivered: str
) -> None:
    shop.write("sources/web.yml", {**WEB, "required": True})
    path = shop.deliver("web/a.jsonl", [row(1), row(2)])
    shop.land()
    path.write_text(delivered, encoding="utf-8")
    with pytest.raises(InputError, match="has 0 usable rows; last night it had 2") as ended:
        shop.land()
    assert ended.value.exit_code == 20
    with shop.opened() as warehouse:
        assert warehouse.scalar("select count(*) from work.landing.web") == 2

"""The funnels of journey.yml: the night counts what the command counts, and mistakes are told before it starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from teashop import write_tea_shop

from journey_analytics import Funnel
from journey_analytics.cli.main import main
from journey_analytics.facts.funnels import Funnel as FunnelRules
from journey_analytics.facts.journeymap import EVENT_COLUMNS
from journey_analytics.funnels.inputs import open_events
from journey_analytics.warehouse import open_published

ROOT = Path(__file__).resolve().parents[1]
FUNNELS = """
funnels:
  - funnel: buying
    steps:
      - product_viewed
      - {name: cart, touchpoint: cart}
      - {name: paid, stage: purchase, where: "event_name = 'order_paid'"}
    window: 1 hour
    breakdown: {by: path}
  - funnel: visits to the page
    count: journeys
    steps: [product_viewed]
segments:
  - {id: buyers, name: Buyers, where: is_converted}
"""


def journey(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tea shop with two funnels, after one night."""
    folder = write_tea_shop(tmp_path_factory.mktemp("funnels") / "shop")
    path = folder / "pipelines" / "journey.yml"
    path.write_text(path.read_text(encoding="utf-8") + FUNNELS, encoding="utf-8")
    assert journey("run", "--project", str(folder)) == 0
    return folder


def test_the_night_counts_everyone_every_group_and_every_segment(shop: Path) -> None:
    published = open_published(shop / "warehouse" / "journey.duckdb")
    rows = published.rows("select * from marts.funnel_steps order by all")
    published.close()
    counted = {(row["funnel"], row["segment"], row["breakdown_value"], row["step"]): row["n"] for row in rows}
    everyone = [
        n for (name, segment, value, _), n in counted.items() if (name, segment, value) == ("buying", "all", None)
    ]
    assert sorted(everyone) == [1, 1, 2]
    assert counted["buying", "all", "/tea/black", "product_viewed"] == 1
    assert counted["buying", "buyers", None, "product_viewed"] == 1
    assert counted["visits to the page", "all", None, "product_viewed"] == 2


def test_the_night_the_command_and_python_give_the_same_rows(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    definition = shop / "buying.yml"
    written = yaml.safe_load(FUNNELS)["funnels"][0]
    definition.write_text(yaml.safe_dump(written), encoding="utf-8")
    assert journey("funnel", str(definition), "--project", str(shop), "--format", "json") == 0
    printed = [step for group in json.loads(capsys.readouterr().out)["groups"] for step in group["steps"]]
    database = shop / "warehouse" / "journey.duckdb"
    frame = Funnel.from_yaml(definition).run(database)
    published = open_published(database)
    night = published.rows(
        "select * from marts.funnel_steps where funnel = 'buying' and segment = 'all' "
        "order by breakdown_value nulls first, step_number"
    )
    published.close()
    for name in ("step", "n", "n_open", "n_lost", "share_of_first", "low", "high", "median_seconds_from_first"):
        mine = [row[name] for row in night]
        assert [step[name] for step in printed] == mine
        assert [None if value != value else value for value in frame[name]] == mine


@pytest.mark.parametrize(
    ("table", "asked"),
    [
        ("funnel_times", lambda funnel, log: funnel.times(log)),
        ("funnel_weeks", lambda funnel, log: funnel.weeks(log)),
        ("funnel_instead", lambda funnel, log: [*funnel.instead(log, 2), *funnel.instead(log, 3)]),
        ("funnel_comparisons", lambda funnel, log: [*funnel.compared_groups(log), *funnel.compared_with_previous(log)]),
    ],
)
def test_the_tables_beside_it_hold_what_the_command_lists(shop: Path, table: str, asked: Any) -> None:
    definition = Funnel(FunnelRules.model_validate(yaml.safe_load(FUNNELS)["funnels"][0]))
    log = open_events(shop / "warehouse" / "journey.duckdb")
    found = asked(definition, log)
    night = log.warehouse.rows(f"select * from marts.{table} where funnel = 'buying' order by rowid")
    log.warehouse.close()
    assert [row for row in night if row.get("compared") != "segment"] == found != []
    assert table != "funnel_comparisons" or {row["compared"] for row in night} == {"breakdown", "segment", "period"}


def test_the_report_states_the_rules_under_every_funnel(shop: Path) -> None:
    said = json.loads((shop / "reports" / "latest" / "report.json").read_text(encoding="utf-8"))["funnels"]
    assert [funnel["funnel"] for funnel in said] == ["buying", "visits to the page"]
    page = (shop / "reports" / "latest" / "index.html").read_text(encoding="utf-8")
    for sentence in ("All steps lie within 1 hour of the first step of the attempt", "Each journey is counted once"):
        assert sentence in page, sentence
    assert [step["n"] for step in said[0]["steps"]] == [2, 1, 1]
    assert said[0]["groups"] == [], "too few customers to be shown"


@pytest.mark.parametrize(
    ("funnel", "said"),
    [
        ("{funnel: x, steps: [{touchpoint: basket}]}", "the touchpoint 'basket' does not exist"),
        ("{funnel: x, steps: [{touchpoint: crat}]}", "did you mean 'cart'?"),
        ("{funnel: x, steps: [{stage: puchase}]}", "did you mean 'purchase'?"),
        ("{funnel: x, steps: [{event: a, where: 'devise = 1'}]}", "did you mean 'device'?"),
        ("{funnel: x, steps: [a], exclude: [{event: b, where: 'random() > 1'}]}", "function"),
        ("{funnel: x, steps: [a], breakdown: {by: countri}}", "did you mean 'country'?"),
        ("{funnel: x, steps: [a], hold: [orderid]}", "did you mean 'order_id'?"),
        ("{funnel: x, steps: [a]}\n  - {funnel: x, steps: [a]}", "two funnels are called 'x'"),
        ("{funnel: x, stepz: [a]}", "did you mean 'steps'?"),
    ],
)
def test_a_mistake_in_a_funnel_is_told_with_its_line_before_anything_starts(
    funnel: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_tea_shop(tmp_path / "shop")
    path = folder / "pipelines" / "journey.yml"
    map_ = path.read_text(encoding="utf-8")
    path.write_text(f"{map_}funnels:\n  - {funnel}\n", encoding="utf-8")
    assert journey("run", "--project", str(folder)) == 10
    printed = capsys.readouterr().err
    assert said in printed
    assert f"journey.yml:{len(map_.splitlines()) + 2}" in printed or "two funnels" in said
    assert not (folder / "warehouse" / "journey.duckdb").exists()


def test_a_funnel_may_ask_for_every_column_that_is_offered() -> None:
    columns = yaml.safe_load((ROOT / "sql" / "journeys" / "events.yml").read_text(encoding="utf-8"))["columns"]
    assert set(EVENT_COLUMNS) <= set(columns)

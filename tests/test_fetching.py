"""What lies in an object store is brought into the landing folder: only what is new, whole or not at all."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from remotes import BUCKET, ENVIRONMENT, Bucket, FlakyNetwork, bucket, fetch_from
from shop_builder import NOW, Shop, make_shop, row
from teashop import write_tea_shop

from journey_analytics.cli.main import main
from journey_analytics.errors import ConfigError, ConfigErrors, InputError, ResourceError
from journey_analytics.landing import fetching, land, remote
from journey_analytics.landing.fetching import Fetched
from journey_analytics.warehouse import open_published

TODAY = NOW.replace(year=2099)


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    with bucket() as opened:
        yield opened


@pytest.fixture
def s3(server: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setattr(remote, "PAUSE_SECONDS", 0.001)
    server.clear()
    return server


@pytest.fixture
def network(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlakyNetwork]:
    flaky = FlakyNetwork(s3.port)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{flaky.port}")
    yield flaky
    flaky.close()


def shop_in(folder: Path, **source: Any) -> Shop:
    return make_shop(folder / "shop", **{"lands": "web/**/*", "fetch": fetch_from("web/"), **source})


def lines(*numbers: int, **facts: Any) -> bytes:
    return "".join(json.dumps(row(number, **facts)) + "\n" for number in numbers).encode()


def night(shop: Shop) -> Fetched:
    """Fetch and land, as a night does."""
    with shop.opened() as warehouse:
        (fetched,) = fetching.fetch(warehouse, shop.project(), TODAY)
        land.land(warehouse, shop.project(), TODAY)
        fetching.note_waiting(warehouse, [fetched])
    return fetched


def kept(shop: Shop) -> list[str]:
    """Every file of the landing folder, hidden ones too."""
    return sorted(path.relative_to(shop.landing).as_posix() for path in shop.landing.rglob("*") if path.is_file())


def test_objects_land_like_files_and_only_new_ones_are_fetched(s3: Bucket, tmp_path: Path) -> None:
    shop = shop_in(tmp_path)
    s3.put("web/2026-03-01.jsonl.gz", gzip.compress(lines(1)))
    s3.put("web/day/2026-03-02.jsonl", lines(2))
    s3.put("other/c.jsonl", lines(3))
    first = night(shop)
    s3.put("web/2026-03-03.jsonl", lines(4))
    second, third = night(shop), night(shop)
    assert [(each.n_new, each.n_known) for each in (first, second, third)] == [(2, 0), (1, 2), (0, 3)]
    assert kept(shop) == ["web/2026-03-01.jsonl.gz", "web/2026-03-03.jsonl", "web/day/2026-03-02.jsonl"]
    assert shop.ids() == ["e1", "e2", "e4"]


def test_a_changed_object_replaces_what_it_brought_before(s3: Bucket, tmp_path: Path) -> None:
    shop = shop_in(tmp_path)
    s3.put("web/a.jsonl", lines(1, 2))
    night(shop)
    s3.put("web/a.jsonl", lines(2, 3))
    assert night(shop).n_new == 1
    assert shop.ids() == ["e2", "e3"]
    assert [entry["status"] for entry in shop.ledger().values()] == ["loaded"]


def test_a_file_that_was_lost_here_is_fetched_again(s3: Bucket, tmp_path: Path) -> None:
    shop = shop_in(tmp_path)
    s3.put("web/a.jsonl", lines(1))
    night(shop)
    (shop.landing / "web" / "a.jsonl").unlink()
    assert (night(shop).n_new, kept(shop)) == (1, ["web/a.jsonl"])


def test_a_connection_that_drops_is_taken_up_where_it_broke(
    s3: Bucket, network: FlakyNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RANGE_BYTES", 200_000)
    content = lines(*range(20_000))
    s3.put("web/a.jsonl", content)
    network.cuts_left, network.cut_after = 4, 150_000
    assert night(shop_in(tmp_path)).n_new == 1
    assert network.n_cut == 4
    assert (tmp_path / "shop" / "in" / "web" / "a.jsonl").read_bytes() == content


def test_where_the_connection_always_drops_nothing_partial_is_left_and_what_came_before_stays(
    s3: Bucket, network: FlakyNetwork, tmp_path: Path
) -> None:
    shop = shop_in(tmp_path)
    s3.put("web/a.jsonl", lines(1))
    night(shop)
    s3.put("web/b.jsonl", lines(*range(10, 20_000)))
    network.cuts_left, network.cut_after = 10_000, 100_000
    fetched = night(shop)
    assert [type(failure) for failure in fetched.failed] == [ResourceError]
    assert (kept(shop), shop.ids()) == (["web/a.jsonl"], ["e1"])
    network.cuts_left = 0
    assert night(shop).n_new == 1


def test_a_required_feed_that_cannot_be_fetched_ends_the_night_and_tells_no_secret(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = shop_in(tmp_path, required=True)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(
        ResourceError, match="the required feed web cannot be fetched: cannot be reached"
    ) as unreachable:
        night(shop)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{s3.port}")
    shop.source(required=True, lands="web/*", fetch={"from": "s3://no-such-bucket/web/"})
    with pytest.raises(InputError, match="there is no such bucket") as missing:
        night(shop)
    assert (unreachable.value.exit_code, missing.value.exit_code) == (40, 20)
    for secret in (*list(ENVIRONMENT.values())[:2], "127.0.0.1"):
        assert secret not in f"{unreachable.value} {missing.value}"


def test_an_object_that_changes_while_it_is_read_waits_for_the_next_night(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RANGE_BYTES", 1000)
    shop, first = shop_in(tmp_path), lines(*range(50))
    s3.put("web/a.jsonl", first)
    take = remote.Store._range

    for changed in (first.replace(b"u1", b"v1"), first[:900]):

        def take_while_it_is_written(store: Any, listed: Any, start: int, end: int, to: bytes = changed) -> bytes:
            if start == 1000:
                s3.put("web/a.jsonl", to)
            return take(store, listed, start, end)

        monkeypatch.setattr(remote.Store, "_range", take_while_it_is_written)
        fetched = night(shop)
        assert fetched.waiting == {"web/a.jsonl": "changed while it was fetched"}
        assert (kept(shop), shop.ledger()["web/a.jsonl"]["status"]) == ([], "in_flight")
    monkeypatch.setattr(remote.Store, "_range", take)
    assert (night(shop).n_new, shop.ledger()["web/a.jsonl"]["status"]) == (1, "loaded")


def test_objects_that_are_not_whole_wait_where_they_are(s3: Bucket, tmp_path: Path) -> None:
    shop = shop_in(tmp_path, complete={"marker": "_SUCCESS"})
    s3.put("web/1/a.jsonl", lines(1))
    s3.put("web/1/_SUCCESS", b"")
    s3.put("web/2/a.jsonl", lines(2))
    s3.put("web/1/b.jsonl.tmp", lines(3))
    fetched = night(shop)
    assert fetched.waiting == {
        "web/1/b.jsonl.tmp": "is still being written, as its name says",
        "web/2/a.jsonl": "waits for _SUCCESS beside it",
    }
    assert (kept(shop), shop.ids()) == (["web/1/a.jsonl"], ["e1"])
    assert {name: entry["status"] for name, entry in shop.ledger().items()} == {
        "web/1/a.jsonl": "loaded", "web/1/b.jsonl.tmp": "in_flight", "web/2/a.jsonl": "in_flight",
    }  # fmt: skip
    s3.put("web/2/_SUCCESS", b"")
    assert (night(shop).n_new, shop.ids()) == (1, ["e1", "e2"])


def test_an_object_that_was_just_written_waits(s3: Bucket, tmp_path: Path) -> None:
    shop = shop_in(tmp_path, complete={"ready_when": "unchanged_for 10 minutes"})
    s3.put("web/a.jsonl", lines(1))
    (about,) = s3.files.find(f"{BUCKET}/web", detail=True).values()
    written = about["LastModified"].replace(tzinfo=None)
    for minutes, n_new in ((9, 0), (11, 1)):
        with shop.opened() as warehouse:
            (fetched,) = fetching.fetch(warehouse, shop.project(), written + timedelta(minutes=minutes))
        assert (fetched.n_new, len(fetched.waiting)) == (n_new, 1 - n_new)


def test_only_what_matches_is_fetched_and_no_name_leads_out(s3: Bucket, tmp_path: Path) -> None:
    shop = shop_in(tmp_path, lands="web/*.jsonl", fetch=fetch_from("web/", match="*.jsonl"))
    for name in ("a.jsonl", "b.csv", "day/c.jsonl", "_d.jsonl", ".e.jsonl", "../f.jsonl", "g\\..\\h.jsonl"):
        s3.put(f"web/{name}", lines(1))
    night(shop)
    assert kept(shop) == ["web/a.jsonl", "web/g\\..\\h.jsonl"]
    assert sorted(path.name for path in tmp_path.rglob("f.jsonl")) == []


def test_what_is_fetched_but_would_not_land_is_a_mistake_of_the_set_up(s3: Bucket, tmp_path: Path) -> None:
    shop = shop_in(tmp_path, lands="web/*.jsonl")
    s3.put("web/a.csv", b"x")
    with pytest.raises(ConfigError, match=r"fetches web/a.csv, which `lands: web/\*.jsonl` does not take"):
        night(shop)


def test_a_night_ends_in_2_without_an_optional_feed_and_in_40_without_a_required_one(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = write_tea_shop(tmp_path / "shop")
    feed = shop / "pipelines" / "sources" / "web.yml"
    told = feed.read_text()
    s3.put("tea/2026-03-02.csv", b"visit_id,who,what,page,seen_at\n9,eve,view,/tea/oolong,2026-03-02T09:00:00Z\n")
    codes = []
    for port, more in ((s3.port, ""), (9, ""), (9, "required: true\n")):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        feed.write_text(told + "fetch: {from: 's3://shop-exports/tea/', match: '*.csv'}\n" + more)
        with pytest.raises(SystemExit) as ended:
            main(["run", "--project", str(shop)])
        codes.append(ended.value.code)
    assert codes == [0, 2, 40]
    printed = "".join(capsys.readouterr())
    assert "web: fetched 1; 0 are as they were" in printed
    assert "warning: web was not fetched whole: s3://shop-exports/tea/: cannot be reached" in printed
    assert "the required feed web cannot be fetched" in printed
    assert not [secret for secret in list(ENVIRONMENT.values())[:2] if secret in printed]
    published = open_published(shop / "warehouse" / "journey.duckdb")
    assert published.scalar("select count(*) from journeys.events where user_id = 'eve'") == 1
    published.close()


@pytest.mark.parametrize("size", [10_000 if os.environ.get("JOURNEY_SLOW") != "small" else 1_200])
@pytest.mark.slow
def test_a_listing_of_ten_thousand_objects_is_fetched_to_the_last(s3: Bucket, tmp_path: Path, size: int) -> None:
    shop = shop_in(tmp_path)
    s3.files.pipe({f"{BUCKET}/web/{number:05d}.jsonl": lines(number) for number in range(size)})
    first, second = night(shop), night(shop)
    assert (first.n_new, second.n_new, second.n_known) == (size, 0, size)
    assert shop.rows("select count(*) as n from work.landing.web")[0]["n"] == size


@pytest.mark.parametrize(
    ("fetch", "said"),
    [
        ({"from": "http://example.com/a/"}, "is not a place that is fetched from"),
        ({"from": "file:///etc/"}, "is not a place that is fetched from"),
        ({"from": "s3://key:secret@bucket/a/"}, "'bucket/a/' is not a place"),
        ({"from": "s3://bucket/../a/"}, "is not a place"),
        ({"from": "s3://bucket/", "match": "../*"}, "leaves its prefix"),
        ({"from": "s3://bucket/", "table": "a"}, "`table` and `since` belong to"),
        ({}, "`fetch` says one of"),
        ({"from": "s3://bucket/", "duckdb": "a.duckdb"}, "`fetch` says one of"),
        ({"form": "s3://bucket/"}, "did you mean 'from'"),
    ],
)
def test_x08_a_place_that_is_not_declared_as_it_must_be_is_refused(
    tmp_path: Path, fetch: dict[str, str], said: str
) -> None:
    shop = shop_in(tmp_path, fetch=fetch)
    with pytest.raises(ConfigErrors, match=said) as refused:
        shop.project()
    assert "secret" not in str(refused.value)


def test_what_is_fetched_needs_a_folder_of_its_own(tmp_path: Path) -> None:
    shop = shop_in(tmp_path, lands="*.jsonl")
    with pytest.raises(ConfigErrors, match="what is fetched needs a folder of its own"):
        shop.project()


def test_a_store_whose_library_is_not_installed_says_which_extra_has_it(tmp_path: Path) -> None:
    shop = shop_in(tmp_path, fetch={"from": "gs://bucket/web/"})
    with pytest.raises(ConfigError, match="the library for gs:// is not installed") as missing:
        night(shop)
    assert missing.value.do == "pip install 'journey-analytics[gcs]'"

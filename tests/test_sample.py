"""The made-up shop: the same bytes every time, of any size, and with every impurity of real feeds in them."""

from __future__ import annotations

import gzip
import ipaddress
import re
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from rawfeeds import SAMPLE, agent, calls, is_staff, lines, moment, objects, orders, rows

from journey_analytics.errors import InputError
from journey_analytics.facts.config import load_project
from journey_analytics.sample.shop import SamplePlan, write_sample

PLAN = SamplePlan()
SMALL = replace(PLAN, customers=150, days=25)
DOCUMENTATION = [ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# The generator ------------------------------------------------------------------------------------------------------


def test_the_committed_files_hold_what_the_generator_writes(tmp_path: Path) -> None:
    write_sample(PLAN, tmp_path)
    written, committed = tree(tmp_path / "data" / "sample"), tree(SAMPLE)
    assert set(committed) - set(written) == {"README.md", "generate.py"}
    for name, data in written.items():  # compared unpacked: zlib's versions pack alike text differently
        opened = gzip.decompress if name.endswith(".gz") else bytes
        assert opened(data) == opened(committed[name]), name


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_the_bytes_do_not_depend_on_the_number_of_processes(tmp_path: Path, processes: int) -> None:
    write_sample(SMALL, tmp_path / "alone", 1)
    write_sample(SMALL, tmp_path / "together", processes)
    assert tree(tmp_path / "alone") == tree(tmp_path / "together")


def test_another_seed_gives_another_shop_of_the_same_size(tmp_path: Path) -> None:
    one = write_sample(SMALL, tmp_path / "one")
    other = write_sample(replace(SMALL, seed=1), tmp_path / "other")
    assert tree(tmp_path / "one") != tree(tmp_path / "other")
    assert 0.7 < other.rows / one.rows < 1.4


def test_four_times_the_customers_write_about_four_times_the_rows(tmp_path: Path) -> None:
    small = write_sample(replace(SMALL, customers=2_500), tmp_path / "small")
    large = write_sample(replace(SMALL, customers=10_000), tmp_path / "large")
    assert 3.7 < large.rows / small.rows < 4.3


def test_what_is_written_is_a_whole_project(tmp_path: Path) -> None:
    summary = write_sample(SMALL, tmp_path)
    project = load_project(tmp_path)
    assert list(project.sources) == ["web", "email", "support", "orders", "surveys"]
    assert summary.rows > 1_000
    assert summary.files == len(list(project.landing.glob("*/*.*")))


def test_a_smaller_shop_leaves_no_file_of_a_larger_one_behind(tmp_path: Path) -> None:
    write_sample(SMALL, tmp_path)
    write_sample(replace(SMALL, days=5), tmp_path)
    assert max(path.name[:10] for path in (tmp_path / "data/sample/web").iterdir()) == "2026-07-10"


def test_one_customer_on_one_day_is_a_shop_too(tmp_path: Path) -> None:
    assert write_sample(replace(PLAN, customers=1, days=1), tmp_path).rows >= 1


def test_a_shop_of_nobody_is_refused_with_what_would_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a shop of 0 customers") as caught:
        write_sample(replace(PLAN, customers=0), tmp_path)
    assert "--customers" in caught.value.do


def test_packed_files_carry_neither_a_name_nor_a_time() -> None:
    heads = {path.read_bytes()[:10] for path in SAMPLE.glob("*/*.gz")}
    assert heads == {b"\x1f\x8b\x08\0\0\0\0\0\0\xff"}


def test_the_folder_stays_small_enough_to_be_committed() -> None:
    assert sum(len(data) for data in tree(SAMPLE).values()) <= 5_000_000


def test_the_key_says_that_it_is_for_the_sample_only() -> None:
    first, second = (SAMPLE / "pseudonymisation.key").read_text().splitlines()
    assert first.startswith("# sample only")
    assert len(bytes.fromhex(second)) == 32


# What real feeds hold ------------------------------------------------------------------------------------------------


def test_there_is_a_file_for_every_day_but_the_one_that_was_lost() -> None:
    days = {str(PLAN.starts_on + timedelta(days=day)) for day in range(PLAN.days)}
    assert days - set(lines("web")) == {"2026-10-25"}
    assert days == set(lines("email")) == set(lines("orders"))


def test_nothing_of_the_lost_day_comes_later() -> None:
    assert not [call for call in calls() if call["timestamp"].startswith("2026-10-25")]


def test_visits_begin_anonymous_and_are_told_apart_by_a_later_login() -> None:
    seen, told = set(), set()
    for call in calls():
        if "userId" in call and call["anonymousId"] in seen:
            told.add(call["userId"])
        elif "userId" not in call:
            seen.add(call["anonymousId"])
    assert len(told) > 1_000


def test_some_people_have_two_devices() -> None:
    kinds = defaultdict(set)
    for call in calls():
        if "userId" in call:
            kinds[call["userId"]].add("Mobile" in agent(call))
    assert sum(len(kind) == 2 for kind in kinds.values()) > 50


def test_one_device_has_six_accounts_and_no_other_has_two() -> None:
    accounts = defaultdict(set)
    for call in calls():
        if "userId" in call:
            accounts[call["anonymousId"]].add(call["userId"])
    assert {device: len(users) for device, users in accounts.items() if len(users) > 1} == {"00000fa111e5": 6}


def test_the_same_message_comes_twice_in_one_file_and_again_in_the_next() -> None:
    files = defaultdict(list)
    for day, call in objects("web"):
        files[call["messageId"]].append(day)
    again = [days for days in files.values() if len(days) > 1]
    assert sum(len(set(days)) == 1 for days in again) > 100
    assert sum(len(set(days)) == 2 for days in again) > 30


def test_some_events_come_two_or_three_days_late() -> None:
    late = Counter()
    for day, call in objects("web"):
        if call.get("timestamp", "2026-02-30")[:10] != "2026-02-30":
            late[(moment(day) - moment(call["timestamp"][:10])).days] += 1
    assert set(late) == {0, 1, 2, 3}
    assert late[2] > 30
    assert late[3] > 30


def test_a_crawler_comes_in_bursts() -> None:
    minutes = Counter(call["timestamp"][:16] for _, call in objects("web") if "Googlebot" in agent(call))
    assert len({minute[:10] for minute in minutes}) == 7
    assert max(minutes.values()) > 120


def test_staff_visit_on_weekdays_only() -> None:
    staff = [call for _, call in objects("web") if is_staff(call)]
    assert {call["userId"] for call in staff} == {"staff-1", "staff-2", "staff-3"}
    assert max(moment(call["timestamp"]).weekday() for call in staff) == 4


def test_some_rows_are_cut_short_or_undated_or_of_no_real_day_or_unknown() -> None:
    web = [row for day in lines("web").values() for row in day]
    assert sum(not row.endswith("}") for row in web) == 13
    assert sum('"timestamp"' not in row and row.endswith("}") for row in web) == 11
    assert sum('"timestamp":"2026-02-30' in row for row in web) == 9
    assert sum('"event":"Wheel Spun"' in row for row in web) == 12
    assert sum('"type":"group"' in row for row in web) > 20
    assert any(not row.endswith("}") for day in lines("support").values() for row in day)


def test_an_export_spoils_some_orders_and_some_surveys() -> None:
    assert sum(None in row for row in rows("orders")) == 6
    assert sum(row["updated_at"].startswith("2026-02-30") for row in rows("orders")) == 4
    assert sum(row["score"] == "11" for row in rows("surveys")) == 6


def test_comments_hold_quotes_commas_and_line_breaks() -> None:
    comments = {row["comment"] for row in rows("surveys")}
    assert 'They said "tomorrow"' in comments
    assert "Came late,\nno word from you" in comments


def test_refunds_two_currencies_and_unpaid_orders_are_among_the_orders() -> None:
    whole = Counter(row["refund_total"] == row["total"] for row in orders().values() if row["status"] == "refunded")
    assert whole[True] > 10
    assert whole[False] > 5
    assert {row["currency"] for row in orders().values()} == {"EUR", "CHF"}
    assert sum(not row["paid_at"] for row in orders().values()) > 100


def test_addresses_are_of_nobody_and_numbers_of_no_one() -> None:
    everything = "\n".join(row for feed in ("web", "email", "support") for day in lines(feed).values() for row in day)
    everything += "".join(path.read_text() for feed in ("orders", "surveys") for path in (SAMPLE / feed).iterdir())
    hosts = {host.lower() for host in re.findall(r"@([A-Za-z0-9.-]+)", everything)}
    assert hosts == {"example.com", "example.org", "example.net"}
    ips = {ipaddress.ip_address(ip) for ip in re.findall(r'"ip":"([0-9.]+)"', everything)}
    assert all(any(ip in net for net in DOCUMENTATION) for ip in ips)
    assert set(re.findall(r"\+49 30 \d{5}", everything)) == {"+49 30 23125"}

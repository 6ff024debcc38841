"""A wrong set-up is refused whole, with every mistake, its file, line and remedy, and nothing on disk changes."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
from shop_builder import JOURNEY, NIGHTLY, WEB, Shop, make_shop

from journey_analytics.errors import ConfigErrors
from journey_analytics.facts.config import load_project


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path / "shop")


def told(shop: Shop) -> str:
    """Everything that is said of a wrong set-up; which changes nothing."""
    before = sorted(shop.root.rglob("*"))
    with pytest.raises(ConfigErrors) as refused:
        shop.project()
    assert refused.value.exit_code == 10
    assert sorted(shop.root.rglob("*")) == before
    return str(refused.value)


def journey(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(JOURNEY), **changes}


def touchpoint(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(JOURNEY["touchpoints"][0]), **changes}


def column(**changes: Any) -> dict[str, Any]:
    return {"columns": {**WEB["columns"], "extra": {"type": "text", **changes}}}


def test_a_sound_set_up_is_read(shop: Shop) -> None:
    project = shop.project()
    assert list(project.sources) == ["web"]
    assert project.key == b"a key for tests, never for people"
    assert not (shop.root / "warehouse").exists()


def test_an_unknown_key_is_told_with_file_line_and_the_key_that_was_meant(shop: Shop) -> None:
    shop.write("journey.yml", "shop: A\ncurrencie: EUR\n")
    said = told(shop)
    assert "journey.yml:2: the key 'currencie' is unknown; did you mean 'currency'?" in said
    assert "the key 'stages' is missing" in said


@pytest.mark.parametrize(
    ("file", "value", "said"),
    [
        ("nightly.yml", {**NIGHTLY, "wearhouse": "x"}, "did you mean 'warehouse'"),
        ("nightly.yml", {**NIGHTLY, "key": {"fille": "x"}}, "did you mean 'file'"),
        ("journey.yml", journey(touchpoints=[touchpoint(target={"progresed": 0.5})]), "did you mean 'progressed'"),
        ("journey.yml", journey(touchpoints=[touchpoint(when={"evnt": "x"})]), "did you mean 'event'"),
        ("sources/web.yml", {**WEB, "time_zoen": "UTC"}, "did you mean 'time_zone'"),
        ("sources/web.yml", {**WEB, **column(requird=True)}, "did you mean 'required'"),
    ],
)
def test_an_unknown_key_is_found_at_every_depth_of_every_file(shop: Shop, file: str, value: Any, said: str) -> None:
    shop.write(file, value)
    assert said in told(shop)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (touchpoint(target={"progressed": 51}), "51 is not a share; allowed is 0 to 1, so 0.51 and not 51"),
        (touchpoint(target={"csat": -0.1}), "-0.1 is not a share"),
        (touchpoint(stage="byuing"), "the stage 'byuing' does not exist; did you mean 'buying'?"),
        (touchpoint(when={"path_matches": "("}), "'(' is not a regular expression"),
        (touchpoint(when={"path_matches": "(?<=a)b"}), "look-around"),
        (touchpoint(when={"path_matches": "a++"}), "linear-time"),
        (touchpoint(when={"path_matches": "(a)\\1"}), "back-reference"),
        (touchpoint(when={}), "needs at least one test"),
        (touchpoint(playbook="javascript:alert(1)"), "is not a link"),
        (touchpoint(owner=["a"]), "owner"),
        (touchpoint(id="Till 1"), "id"),
        (touchpoint(name="a\x1b[31m"), "characters that are not shown"),
        (touchpoint(importance="hihg"), "importance"),
        (touchpoint(when={"event": "page"}), "no touchpoint recognises the conversion event 'paid'"),
    ],
)
def test_a_wrong_touchpoint_is_told_with_its_line(shop: Shop, value: dict[str, Any], said: str) -> None:
    shop.write("journey.yml", journey(touchpoints=[value]))
    message = told(shop)
    assert said in message
    assert "journey.yml:" in message


def test_a_pattern_that_only_looks_like_a_back_reference_is_kept(shop: Shop) -> None:
    shop.write(
        "journey.yml",
        journey(touchpoints=[touchpoint(when=[{"event": "paid"}, {"path_matches": r"^/a\\1(?:b|c)+[(]?$"}])]),
    )
    assert shop.project().journey.touchpoints[0].when[1].path_matches == r"^/a\\1(?:b|c)+[(]?$"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stages": [*JOURNEY["stages"], {"id": "idle", "wants": "x", "within": "1 day", "owner": "x"}]},
        "no touchpoint uses the stage 'idle'"),
        ({"stages": []}, "stages"),
        ({"stages": [{**JOURNEY["stages"][0], "within": "14"}]}, "'14' is not a duration"),
        ({"stages": [{**JOURNEY["stages"][0], "within": "9999999 weeks"}]}, "longer than a hundred years"),
        ({"touchpoints": [touchpoint(), touchpoint()]}, "the id 'till' is given twice"),
        ({"touchpoints": [touchpoint(surveys=["s"]), touchpoint(id="b", surveys=["s"])]},
        "the survey 's' asks about both till and b"),
        ({"exchange_rates": {"CHF": 0}}, "exchange_rates"),
        ({"currency": "Euro"}, "currency"),
        ({"segments": [{"id": "all", "name": "x", "where": "is_converted"}]}, "'all' is everyone"),
        ({"segments": [{"id": "s", "name": "x", "where": "devce = 'x'"}]}, "did you mean 'device'"),
        ({"segments": [{"id": "s", "name": "x", "where": "read_text('/etc/passwd') = 'x'"}]}, "read_text"),
        ({"recoveries": [{"id": "r", "after": "page", "expect": "tll", "within": "1 day", "target": 0.5,
        "owner": "x"}]}, "did you mean 'till'"),
        ({"promises": [{"id": "p", "name": "x", "owner": "x", "from": "paid", "to": "page", "target": 0.5}]},
        "exactly one deadline"),
        ({"calendar": [{"on": "2026-01-01", "kind": "other", "name": "x", "touches": ["tlil"]}]},
        "did you mean 'till'"),
        ({"bots": {"when": {"source": "wbe", "event": "x"}}}, "did you mean 'web'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_on_the_map_is_told(shop: Shop, changes: dict[str, Any], said: str) -> None:
    shop.write("journey.yml", journey(**changes))
    assert said in told(shop)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lands": "../outside/*"}, "leaves the landing folder"),
        ({"lands": "/etc/*"}, "leaves the landing folder"),
        ({"lands": "s3://bucket/*"}, "leaves the landing folder"),
        ({"lands": "a**/x"}, "is not a pattern"),
        ({"format": "xml"}, "format"),
        ({"time_zone": "Europe/Berln"}, "is not a time zone"),
        ({"key": ["idd"]}, "the key names idd"),
        ({"key": ["ip"]}, "dropped as personal"),
        ({"columns": {"id": {"type": "text"}}}, "event_time"),
        ({"columns": {**WEB["columns"], "email_key": {"type": "text"}}}, "two columns would land as email_key"),
        ({"columns": {**WEB["columns"], "row_number": {"type": "text"}}}, "would land as row_number"),
        (column(type="txt"), "type"),
        (column(**{"from": 'a"b'}), "is not a path"),
        (column(**{"from": "a..b"}), "is not a path"),
        (column(personal="email", values=["x"]), "a personal column"),
        (column(keep_query=["q"]), "belongs to a column of type url"),
        ({"rows": [{"refuse": "m > 1", "because": "x"}]}, "names the column m"),
        ({"rows": [{"refuse": "email = 'x'", "because": "x"}]}, "names the column email"),
        ({"out_of_scope": [{"when": "n in (select 1)", "because": "x"}]}, "subquery"),
        ({"feed": [{"expect": "refused_share", "between": [1, 0]}]}, "sources/"),
        ({"feed": [{"expect": "refused_shar", "at_most": 1}]}, "expect"),
        ({"source": "wbe"}, "says `source: wbe`"),
    ],
)
def test_a_feed_that_cannot_be_meant_is_refused(shop: Shop, changes: dict[str, Any], said: str) -> None:
    shop.source(**changes)
    message = told(shop)
    assert said in message or ("web.yml:" in message and said == "sources/")


@pytest.mark.parametrize(
    ("nightly", "said"),
    [
        ({"landing": "nowhere"}, "the landing folder 'nowhere' does not exist"),
        ({"warehouse": "in"}, "the warehouse folder is the landing folder"),
        ({"reports": "."}, "the reports folder is the project folder"),
        ({"reports": "warehouse"}, "the reports folder is the warehouse folder"),
        ({"warehouse": "pipelines/key/x"}, "the warehouse folder 'x' cannot be written"),
        ({"sources": ["web", "web"]}, "the source web is given twice"),
        ({"sources": ["wbe"]}, "the source 'wbe' has no file sources/wbe.yml; did you mean 'web'?"),
        ({"sources": []}, "sources"),
        ({"memory_limit": "lots"}, "memory_limit"),
        ({"threads": 0}, "threads"),
        ({"key": {"file": "pipelines/none"}},
        "the pseudonymisation key is missing: at least 32 characters; looked in the environment"),
        ({"key": {"file": "pipelines"}}, "and the file pipelines"),
    ],
)  # fmt: skip
def test_a_night_that_cannot_run_is_refused_before_it_starts(shop: Shop, nightly: dict[str, Any], said: str) -> None:
    shop.write("nightly.yml", {**NIGHTLY, **nightly})
    assert said in told(shop)


def test_a_mistake_in_the_nights_file_hides_none_in_a_feeds(shop: Shop) -> None:
    shop.write("nightly.yml", {**NIGHTLY, "wearhouse": "x"})
    shop.source(time_zne="UTC")
    said = told(shop)
    assert "did you mean 'warehouse'" in said
    assert "did you mean 'time_zone'" in said


def test_all_mistakes_of_all_files_are_told_at_once(shop: Shop) -> None:
    shop.write("nightly.yml", {**NIGHTLY, "landing": "nowhere", "sources": ["web", "shop"]})
    shop.write("journey.yml", journey(
        shpo="x", stages=[*JOURNEY["stages"], {"id": "idle", "wants": "x", "within": "soon", "owner": "x"}],
        touchpoints=[
            touchpoint(target={"progressed": 51}), touchpoint(id="b", stage="nwhere", when={"path_matches": "("}),
        ],
    ))  # fmt: skip
    shop.source(format="xml")
    said = told(shop)
    parts = [
        "'shpo' is unknown",
        "'soon' is not a duration",
        "so 0.51 and not 51",
        "'(' is not a regular",
        "'nwhere' does not exist",
    ]
    parts += ["uses the stage 'idle'", "sources/shop.yml", "'nowhere' does not exist", "web.yml:3: format"]
    assert [part for part in parts if part not in said] == []
    assert said.startswith("9 mistakes in the set-up")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the key 'shop' is missing"),
        ("- a\n", "holds a list"),
        ("5\n", "holds one value"),
        ("a: [\n", "is not YAML"),
    ],
)
def test_a_file_that_is_no_mapping_is_told(shop: Shop, text: str, said: str) -> None:
    shop.write("journey.yml", text)
    assert said in told(shop)


def test_a_folder_without_pipelines_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="1 mistake") as refused:
        load_project(tmp_path)
    assert "has no folder pipelines/" in str(refused.value)


def test_the_key_comes_from_the_environment_first_and_never_shows(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNEY_KEY", "from-the-environment-0123456789-0")
    assert shop.project().key == b"from-the-environment-0123456789-0"
    monkeypatch.setenv("JOURNEY_KEY", "too-short-secret")
    shop.write("nightly.yml", {**NIGHTLY, "warehouse": "in"})
    assert "too-short-secret" not in told(shop)


def test_a_key_that_is_no_text_is_a_key_that_is_missing(shop: Shop) -> None:
    (shop.root / "pipelines" / "key").write_bytes(b"\xff\xfe" * 20)
    assert "the pseudonymisation key is missing" in told(shop)


def test_a_key_that_can_be_guessed_is_refused_wherever_it_comes_from(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("key", "k" * 31)
    assert "the pseudonymisation key is too short: at least 32 characters" in told(shop)
    shop.write("key", "k" * 32)
    assert shop.project().key == b"k" * 32
    monkeypatch.setenv("JOURNEY_KEY_RETIRED", "k" * 40 + " short")
    assert "too short" in told(shop)
    monkeypatch.setenv("JOURNEY_KEY_RETIRED", "k" * 40)
    assert shop.project().retired_keys == (b"k" * 40,)


def test_a_key_file_lies_outside_the_project_and_outside_any_repository(shop: Shop, tmp_path: Path) -> None:
    inside, repository = {"file": "pipelines/key"}, tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    for path in (repository / "key", tmp_path / "key"):
        path.write_text("k" * 64)
        path.chmod(0o600)
    for key in (inside, {"file": str(repository / "key")}):
        shop.write("nightly.yml", {**NIGHTLY, "key": key})
        assert "lies inside the project or a repository" in told(shop)
    shop.write("nightly.yml", {**NIGHTLY, "key": {"file": str(tmp_path / "key")}})
    assert (shop.project().key, shop.project().warnings) == (b"k" * 64, ())


def test_a_key_file_that_others_can_read_is_told_and_used(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("k" * 64)
    path.chmod(0o640)
    shop.write("nightly.yml", {**NIGHTLY, "key": {"file": str(path)}})
    assert shop.project().warnings == ("the key file key can be read by others than its owner: chmod 600 key",)
    assert shop.project().key == b"k" * 64


def test_a_key_that_no_column_needs_is_used_all_the_same(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.source(columns={name: kind for name, kind in WEB["columns"].items() if name != "email"})
    shop.write("nightly.yml", {**NIGHTLY, "key": {}})
    assert shop.project().key is None
    monkeypatch.setenv("JOURNEY_KEY", "k" * 64)
    assert shop.project().key == b"k" * 64


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_without_permission_is_told(shop: Shop) -> None:
    (shop.root / "pipelines" / "sources").chmod(0)
    try:
        assert "cannot be read" in told(shop)
    finally:
        (shop.root / "pipelines" / "sources").chmod(0o755)


def test_the_digest_changes_with_every_file_that_shapes_the_night(shop: Shop) -> None:
    first = shop.project().digest
    shop.source(time_zone="Europe/Berlin")
    second = shop.project().digest
    shop.write("journey.yml", journey(shop="Another"))
    assert len({first, second, shop.project().digest}) == 3

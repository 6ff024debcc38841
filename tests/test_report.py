"""The written report, read as text: escaping, outline, links, tables, CSV files, and the same bytes twice."""

from __future__ import annotations

import base64
import csv
import functools
import gzip
import hashlib
import io
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import html5lib
import pytest
import shops

from journey_analytics import formats
from journey_analytics.report import charts, exports, page, verdict

SMALL_SHOPS = ("normal", "empty", "one_touchpoint", "hostile", "unfit")
XHTML = "{http://www.w3.org/1999/xhtml}"


@functools.cache
def result_of(name: str) -> dict[str, Any]:
    return shops.result_of(shops.SHOPS[name]())


@functools.cache
def text_of(name: str) -> str:
    return page.render(result_of(name))


@functools.cache
def page_of(name: str) -> ElementTree.Element:
    """The page as a tree, parsed strictly; the chart library is left out to save time."""
    text = text_of(name).replace(charts.library(), "")
    return html5lib.HTMLParser(strict=True).parse(text)


def all_of(page: ElementTree.Element, tag: str) -> list[ElementTree.Element]:
    return list(page.iter(XHTML + tag))


def words_of(element: ElementTree.Element) -> str:
    return "".join(element.itertext())


def csv_of(table: exports.Table) -> list[list[str]]:
    return list(csv.reader(io.StringIO(exports.to_csv(table).decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("name", SMALL_SHOPS)
def test_u25_the_page_is_valid_html_whatever_the_names(name: str) -> None:
    assert len(all_of(page_of(name), "h1")) == 1


def test_u20_the_same_result_gives_the_same_bytes(tmp_path: Path) -> None:
    first = page.write_report(result_of("hostile"), tmp_path / "first")
    second = page.write_report(result_of("hostile"), tmp_path / "second")
    assert [path.name for path in first] == [path.name for path in second]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_the_page_the_result_and_a_csv_for_every_table_are_written(tmp_path: Path) -> None:
    written = {str(path.relative_to(tmp_path)) for path in page.write_report(result_of("normal"), tmp_path)}
    assert {"index.html", "report.json", "csv/findings.csv", "csv/touchpoints.csv", "csv/stages.csv"} <= written
    assert json.loads((tmp_path / "report.json").read_text()) == result_of("normal")


def test_a_report_read_back_from_its_json_renders_the_same_page() -> None:
    assert page.render(json.loads(json.dumps(result_of("normal")))) == text_of("normal")


def test_u16_the_policy_comes_first_and_allows_the_pages_own_script_and_nothing_else() -> None:
    head = all_of(page_of("hostile"), "head")[0]
    policy = head[0].attrib["content"]
    running = [tag for tag in all_of(page_of("hostile"), "script") if tag.attrib.get("type") is None]
    assert head[0].attrib["http-equiv"] == "Content-Security-Policy"
    assert len(running) == 1
    digest = base64.b64encode(hashlib.sha256(words_of(running[0]).encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}' blob:;" in policy
    assert policy.startswith("default-src 'none';")


@pytest.mark.parametrize("name", SMALL_SHOPS)
def test_u15_no_name_becomes_a_handler_a_style_a_script_or_an_address(name: str) -> None:
    for element in page_of(name).iter():
        assert not [key for key in element.attrib if key.startswith("on") or key == "style"]
        address = element.attrib.get("href") or element.attrib.get("src") or "#"
        assert re.match(r"#|https:|mailto:|csv/[\w-]+\.csv$", address), address


def test_x01_x13_an_attack_is_shown_as_the_text_it_is() -> None:
    shown = " ".join(words_of(element) for element in all_of(page_of("hostile"), "bdi"))
    for attack in (
        "<img src=x onerror=window.__xss=1>",
        "</script><script>window.__xss=1</script>",
        "{{7*7}}{% raw %}",
    ):
        assert attack in shown
    assert "[U+202E]gnitekram[U+202C]" in shown
    assert "\u202e" not in re.sub(r"<script.*?</script>", "", text_of("hostile"), flags=re.DOTALL)


def test_x04_embedded_json_closes_no_script_and_reads_back_equal() -> None:
    value = {"</script>": "<!-- & \u2028 \u2029", "number": 1.5}
    assert not set("<>&\u2028") & set(page.embedded(value))
    assert json.loads(page.embedded(value)) == value


def test_x05_ids_are_made_of_letters_digits_and_hyphens() -> None:
    ids = [element.attrib["id"] for element in page_of("hostile").iter() if "id" in element.attrib]
    assert [one for one in ids if not re.fullmatch(r"[a-zA-Z][\w-]*", one)] == []


@pytest.mark.parametrize("name", SMALL_SHOPS)
def test_u14_ids_are_unique_and_every_link_inside_the_page_leads_somewhere(name: str) -> None:
    ids = [element.attrib["id"] for element in page_of(name).iter() if "id" in element.attrib]
    inside = [link.attrib["href"][1:] for link in all_of(page_of(name), "a") if link.attrib["href"].startswith("#")]
    assert len(ids) == len(set(ids))
    assert set(inside) <= set(ids)


def test_an_id_does_not_depend_on_rank() -> None:
    shop = shops.normal()
    shop.execute("update marts.findings set rank = 100 - rank")
    ids = re.findall(r'<li class="f" id="([^"]+)"', page.render(shops.result_of(shop)))
    before = re.findall(r'<li class="f" id="([^"]+)"', text_of("normal"))
    assert sorted(ids) == sorted(before)
    assert ids != before


@pytest.mark.parametrize("name", SMALL_SHOPS)
def test_u13_the_headings_form_an_outline_and_the_title_names_shop_and_date(name: str) -> None:
    levels = [
        int(element.tag[-1]) for element in page_of(name).iter() if re.fullmatch(XHTML + "h[1-6]", str(element.tag))
    ]
    outline = levels[1:] if name == "unfit" else levels
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(outline)), levels
    for landmark in ("header", "main", "footer", "nav"):
        assert len(all_of(page_of(name), landmark)) == 1
    assert words_of(all_of(page_of(name), "title")[0]).endswith("3\u00a0Nov\u00a02026")
    assert page_of(name).attrib["lang"] == "en"


@pytest.mark.parametrize("name", ["normal", "hostile"])
def test_u11_every_figure_has_words_a_name_a_table_equal_to_its_csv_and_its_sql(name: str) -> None:
    tables = exports.tables(result_of(name))
    figures = all_of(page_of(name), "figure")
    assert len(figures) >= 8
    for figure in figures:
        caption = figure.find(f"{XHTML}figcaption")
        drawing = next(element for element in figure.iter(XHTML + "div") if element.attrib.get("role") == "img")
        assert caption is not None
        assert [child.tag for child in caption][:2] == [XHTML + "h3", XHTML + "p"]
        assert drawing.attrib["aria-label"].startswith(words_of(caption[0]))
        table = next(figure.iter(XHTML + "table"))
        raw = csv_of(tables[table.attrib["data-table"]])[1:]
        body = [row for row in table.iter(XHTML + "tr") if row.find(f"{XHTML}td") is not None]
        assert len(body) == len(raw)
        for row, values in zip(body, raw, strict=True):
            for shown, value in zip(row.findall(f"{XHTML}td"), values, strict=True):
                number = shown.find(f"{XHTML}data")
                assert number is None or float(number.attrib["value"]) == float(value)
        assert any(code.text and code.text.startswith(("select", "with")) for code in figure.iter(XHTML + "code"))


def test_u12_every_number_of_a_finding_is_the_results_own() -> None:
    cards = {
        element.attrib["id"]: words_of(element)
        for element in all_of(page_of("normal"), "li")
        if element.attrib.get("class") == "f"
    }
    shown = verdict.open_now(result_of("normal")["findings"])
    assert len(shown) == len(cards)
    for row in shown:
        words = cards[row["finding_id"]]
        assert formats.share(row["estimate"]) in words
        assert formats.between(row["low"], row["high"]) in words
        assert f"of {formats.count(row['n_matured'])} " in words
        assert formats.share(row["reference"]) in words
        assert row["title"] in words
        assert row["owner"] in words
    assert words_of(all_of(page_of("normal"), "h1")[0]).split() == result_of("normal")["verdict"]["sentence"].split()


def test_what_a_finding_does_not_know_is_not_invented() -> None:
    words = words_of(all_of(page_of("normal"), "main")[0])
    assert "At risk" not in words
    assert "Evidence" not in words
    assert "None" not in words
    shop = shops.normal()
    shop.execute(
        "update marts.findings set value_at_risk_low = 1120000, value_at_risk_high = 2430000, currency = 'EUR'"
    )
    assert "€11,200 to €24,300 a week" in page.render(shops.result_of(shop))


@pytest.mark.parametrize("name", [*SMALL_SHOPS, "many_touchpoints"])
def test_u17_a_csv_reads_back_equal_to_the_result(name: str) -> None:
    for table in exports.tables(result_of(name)).values():
        header, *rows = csv_of(table)
        assert header == [column.key for column in table.columns]
        assert len(rows) == len(table.rows)
        for values, row in zip(rows, table.rows, strict=True):
            for column, value in zip(table.columns, values, strict=True):
                here = row.get(column.key)
                if isinstance(here, (int, float)) and not isinstance(here, bool):
                    assert float(value) == here
                elif isinstance(here, str):
                    shown = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "�", here)  # what a terminal would obey
                    assert value in {shown, f"'{shown}"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "−1", " =1"])
def test_x06_a_cell_that_a_spreadsheet_would_run_is_guarded(text: str) -> None:
    assert exports.raw(text) == f"'{text}"


def test_x06_numbers_and_plain_text_are_left_as_they_are() -> None:
    assert [exports.raw(value) for value in (-0.5, 3, None, True, "a = b", "12 %")] == [
        "-0.5",
        "3",
        "",
        "true",
        "a = b",
        "12 %",
    ]


def test_a_csv_has_a_byte_order_mark_and_lines_that_end_as_the_standard_says() -> None:
    content = exports.to_csv(exports.tables(result_of("hostile"))["touchpoints"])
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == len(result_of("hostile")["touchpoints"]) + 1


def test_the_files_in_the_page_are_the_files_beside_it() -> None:
    packed = next(words_of(tag) for tag in all_of(page_of("hostile"), "script") if tag.attrib.get("id") == "files")
    files = json.loads(gzip.decompress(base64.b64decode(packed)))
    tables = exports.tables(result_of("hostile"))
    assert files == {f"csv/{key}.csv": exports.to_csv(table).decode() for key, table in tables.items()}


def test_u26_no_customer_no_address_and_no_refused_row_reaches_the_report() -> None:
    shop = shops.normal()
    shop.put(
        "ops.rejects", file_id="a", source="web", file="web/x", row_number=1, reasons=["late"], row="ada@example.org"
    )
    result = shops.result_of(shop)
    texts = [page.render(result).replace(charts.library(), ""), json.dumps(result)]
    texts += [exports.to_csv(table).decode() for table in exports.tables(result).values()]
    for text in texts:
        assert "ada@example.org" not in text
        assert not re.search(r"\b(user|device|email):[0-9a-f]", text)


def test_u23_an_empty_shop_gets_a_whole_page_that_says_what_was_expected() -> None:
    words = words_of(all_of(page_of("empty"), "main")[0])
    for expected in (
        "No verdict tonight: no feed brought any rows.",
        "did not arrive",
        "pipelines/sources",
        "No customer has entered",
    ):
        assert expected in words
    assert all_of(page_of("empty"), "figure") == []


def test_a_single_customer_is_counted_and_never_a_percentage() -> None:
    words = words_of(all_of(page_of("one_touchpoint"), "main")[0])
    assert "0 of 1" in words
    assert "100\u202f%" not in re.sub(r"from 0 to 100 %|95.%", "", words)


def test_a_shop_without_a_map_gets_a_whole_page() -> None:
    shop = shops.empty()
    for table in ("rules.stages", "rules.touchpoints", "rules.segments", "marts.findings", "ops.feeds"):
        shop.execute(f"delete from {table}")
    words = words_of(html5lib.HTMLParser(strict=True).parse(page.render(shops.result_of(shop))))
    assert "The journey map has no stages yet." in words
    assert "No verdict tonight: no feed brought any rows." in words


def test_the_page_stays_within_its_budget() -> None:
    own = (Path(page.__file__).parents[1] / "templates" / "script.js").stat().st_size
    assert own <= 20_000
    assert len(text_of("normal").encode()) - len(charts.library()) <= 600_000
    assert len(text_of("normal").encode()) <= 3_000_000
    assert len(text_of("many_touchpoints").encode()) <= 3_000_000


def test_four_hundred_rows_are_cut_to_two_hundred_and_the_rest_is_in_the_csv() -> None:
    assert text_of("many_touchpoints").count('id="tp-') == 200
    assert "300 more in the CSV" in text_of("many_touchpoints")

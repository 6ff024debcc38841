"""Numbers, dates, money and names as readers see them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_analytics import formats


def spaced(text: str) -> str:
    """The text with plain spaces, to be read in a test."""
    return text.replace("\u202f", " ").replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.384, "38 %"),
        (0.05, "5 %"),
        (0.034, "3.4 %"),
        (0.0004, "0.04 %"),
        (0, "0 %"),
        (1, "100 %"),
        (0.996, "99.6 %"),
        (None, "–"),
    ],
)
def test_a_share_is_said_in_as_few_digits_as_keep_it_apart_from_its_ends(value: float | None, said: str) -> None:
    assert spaced(formats.share(value)) == said


@given(st.floats(0.0001, 0.9999))
def test_a_share_is_never_rounded_to_none_or_to_all(value: float) -> None:
    assert spaced(formats.share(value)) not in {"0 %", "0.0 %", "100 %", "100.0 %"}


def test_a_minus_is_a_minus_and_never_stands_before_a_zero() -> None:
    assert formats.points(-4.2) == "\u22124"
    assert formats.points(0.3) == "0"
    assert formats.number(-0.04) == "0.0"
    assert spaced(formats.gap(-0.13)) == "\u221213 pp"
    assert spaced(formats.gap(0.0)) == "0.0 pp"


def test_an_interval_is_said_in_words() -> None:
    assert spaced(formats.between(0.36, 0.4)) == "36 % to 40 %"
    assert spaced(formats.between(0.361, 0.364)) == "36.1 % to 36.4 %"
    assert formats.between(-11.2, 4.0, is_points=True) == "\u221211 to +4"
    assert formats.between(None, 0.4) == ""


@pytest.mark.parametrize(
    ("minor", "currency", "said"),
    [
        (1_120_000, "EUR", "€11,200"),
        (1_120_000, "CHF", "CHF 11,200"),
        (11_200, "JPY", "JPY 11,200"),
        (-250_00, "GBP", "\u2212£250"),
        (None, "EUR", "–"),
    ],
)
def test_money_is_said_without_cents_in_its_own_currency(minor: int | None, currency: str, said: str) -> None:
    assert spaced(formats.money(minor, currency)) == said


def test_dates_and_spans_are_said_as_people_write_them() -> None:
    assert spaced(formats.day("2026-03-12")) == "12 Mar 2026"
    assert spaced(formats.minute("2026-03-12T23:59:41")) == "12 Mar 2026, 23:59"
    assert spaced(formats.duration(14 * 86_400)) == "14 days"
    assert spaced(formats.duration(86_400)) == "1 day"
    assert spaced(formats.duration(90 * 60)) == "90 minutes"
    assert spaced(formats.duration(5.5 * 86_400)) == "5.5 days"


def test_what_cannot_be_seen_in_a_name_is_made_visible() -> None:
    assert formats.name("\u202egnitekram\u200b\x07") == "[U+202E]gnitekram[U+200B][U+0007]"
    assert formats.name("line\u2028break") == "line[U+2028]break"
    assert formats.name("a" * 100) == "a" * 79 + "…"
    assert formats.name("שלום 123") == "שלום 123"


@given(st.text())
def test_an_anchor_holds_letters_digits_and_hyphens_whatever_the_name(text: str) -> None:
    anchor = formats.anchor("tp", text)
    assert anchor.isascii()
    assert all(part.isalnum() for part in anchor.split("-") if part)
    assert not anchor.endswith("-")


def test_names_that_look_alike_get_anchors_of_their_own() -> None:
    assert formats.anchor("tp", "A b") != formats.anchor("tp", "a B")
    assert formats.finding_anchor("f-cart-1a2b3c") == "f-cart-1a2b3c"
    assert formats.finding_anchor("<img>").startswith("f-img-")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        " javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "http://wiki.example",
        "java\nscript:x",
        "https://",
        None,
        "",
    ],
)
def test_a_link_that_is_not_https_or_mail_is_no_link(url: str | None) -> None:
    assert formats.link(url) is None


def test_https_and_mail_are_links() -> None:
    assert formats.link("https://wiki.example/payment") == "https://wiki.example/payment"
    assert formats.link("mailto:team@example.org") == "mailto:team@example.org"

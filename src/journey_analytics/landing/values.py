"""Scores and amounts of money as SQL: a text becomes a whole number of points or of minor units, or null.

A point of a scale is written as a whole number (`9`, `9.0`), or out of the scale's highest (`9/10`). `9.5` is no point,
and neither is `9/5` on a scale that ends at ten. A thumb is 1 or 0, or one of the words below. Whether a point lies on
its scale is asked later, so that the reason can say so.

An amount is plain digits with a sign and one decimal mark. In major units it may have as many decimals as its currency
has minor digits, and zeros after them; nothing is rounded. Thousands marks and currency signs make it no amount.
"""

from __future__ import annotations

from journey_analytics.facts.contracts import SCALES, ColumnRules
from journey_analytics.facts.feeds import Source
from journey_analytics.formats import THREE_MINOR_UNITS, WITHOUT_MINOR_UNITS
from journey_analytics.landing.privacy import hmac_of

_UP = "('1', '1.0', 'up', 'good', 'yes', 'true', 'like', '👍')"
_DOWN = "('0', '0.0', 'down', 'bad', 'no', 'false', 'dislike', '👎')"


def score(text: str, scale: str) -> str:
    """A text as points of a scale: BIGINT, or null where it is no whole point; it may lie outside the scale."""
    if scale == "thumb":
        word = f"lower(trim({text}))"
        return f"case when {word} in {_UP} then 1::bigint when {word} in {_DOWN} then 0::bigint end"
    highest = SCALES[scale][1]
    points = f"regexp_extract({text}, '^ *([+-]?[0-9]{{1,9}})([.]0+)?( */ *{highest})? *$', 1)"
    return f"try_cast(nullif({points}, '') as bigint)"


def scale_in_words(scale: str) -> str:
    """`nps_10 (0 to 10)`."""
    return f"{scale} ({SCALES[scale][0]} to {SCALES[scale][1]})"


def money(text: str, column: ColumnRules, currency: str | None) -> str:
    """A text as minor units of its currency: BIGINT, or null where it is no such amount.

    Parameters
    ----------
    currency : the text of the column that holds the currency's code, as SQL; None where the contract states one
    """
    plain = marked(text, column.decimal)
    if column.unit == "minor":
        return _amount(plain, 0)
    if currency is None:
        return _amount(plain, _minor_digits(column.currency or ""))
    code = f"upper(trim({currency}))"
    none, three = (", ".join(f"'{one}'" for one in sorted(codes)) for codes in (WITHOUT_MINOR_UNITS, THREE_MINOR_UNITS))
    return f"""case when {code} in ({none}) then {_amount(plain, 0)}
        when {code} in ({three}) then {_amount(plain, 3)} else {_amount(plain, 2)} end"""


def content(source: Source) -> str:
    """The key of a row by what it says: sha256 of all its texts, of personal ones by their keyed hash, as SQL."""
    texts = [
        hmac_of(f"_t{index}") if column.personal else f"_t{index}"
        for index, column in enumerate(source.columns.values())
        if column.type != "content"
    ]
    return f"sha256(to_json([{', '.join(texts)}])::varchar)"


def marked(text: str, decimal: str) -> str:
    """A text with its decimal mark as a point; null where it holds a point that is none."""
    return text if decimal == "." else f"case when not contains({text}, '.') then replace({text}, ',', '.') end"


def _amount(text: str, digits: int) -> str:
    decimals = f"([.][0-9]{{0,{digits}}}0*)?" if digits else "([.]0*)?"
    shaped = f"regexp_full_match({text}, ' *[+-]?[0-9]{{1,14}}{decimals} *')"
    return f"case when {shaped} then (try_cast({text} as decimal(20, 3)) * {10**digits})::bigint end"


def _minor_digits(code: str) -> int:
    return 0 if code in WITHOUT_MINOR_UNITS else 3 if code in THREE_MINOR_UNITS else 2

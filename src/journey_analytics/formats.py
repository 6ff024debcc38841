"""Numbers, dates, money and names as the report's readers see them. Text in, text out; nothing is read or written.

Signs are typographic on purpose: U+2212 for minus, a narrow no-break space before the percent sign, "36 % to 40 %"
for an interval (a dash would be read as a minus aloud).
"""

from __future__ import annotations

import datetime
import hashlib
import math
import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import urlsplit

MINUS = "\u2212"
THIN = "\u202f"
NBSP = "\u00a0"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SIGNS: Mapping[str, str] = {"EUR": "€", "GBP": "£"}
WITHOUT_MINOR_UNITS = frozenset({"JPY", "KRW", "CLP", "ISK", "VND", "XAF", "XOF", "XPF", "PYG", "UGX"})
THREE_MINOR_UNITS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
LONGEST_NAME = 80
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def count(value: float | None) -> str:
    """A whole number with thousands: 41,200. Nothing observed is an en dash, never a zero."""
    if value is None:
        return "–"
    return f"{round(value):,}".replace("-", MINUS)


def number(value: float | None, digits: int = 1) -> str:
    """A number with a fixed count of decimals: 3.4."""
    if value is None or not math.isfinite(value):
        return "–"
    return _minus(f"{value:,.{digits}f}")


def share(value: float | None, digits: int | None = None) -> str:
    """A share of 0..1 as a percentage: 38 %, 3.4 % below ten, 99.6 % close to all.

    A share is never rounded to 0 or to 100 % unless it is exactly that.
    """
    if value is None or not math.isfinite(value):
        return "–"
    percent = value * 100
    if digits is None:
        from_end = min(abs(percent), abs(100 - percent))
        is_whole = abs(percent - round(percent)) < 1e-9
        digits = 0 if is_whole or from_end >= 9.95 else 1 if from_end >= 0.1 else 2
    return f"{_minus(f'{percent:,.{digits}f}')}{THIN}%"


def points(value: float | None) -> str:
    """A net score on −100..+100, always with its sign: +31, −4, 0."""
    if value is None or not math.isfinite(value):
        return "–"
    whole = round(value)
    return f"+{whole}" if whole > 0 else _minus(str(whole))


def gap(value: float | None, *, is_points: bool = False) -> str:
    """A difference of two shares in percentage points, or of two net scores: −13 pp, +4 points."""
    if value is None or not math.isfinite(value):
        return "–"
    size = value if is_points else value * 100
    text = f"{abs(size):.0f}" if abs(size) >= 9.95 else f"{abs(size):.1f}"
    sign = "" if float(text) == 0 else "+" if size > 0 else MINUS
    return f"{sign}{text}{NBSP}{'points' if is_points else 'pp'}"


def between(low: float | None, high: float | None, *, is_points: bool = False) -> str:
    """An interval in words: 36 % to 40 %. Empty when a bound is missing."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    if is_points:
        return f"{points(low)} to {points(high)}"
    shown = share(low), share(high)
    if shown[0] == shown[1] and low != high:
        shown = share(low, 1), share(high, 1)
    return f"{shown[0]} to {shown[1]}"


def money(minor: float | None, currency: str | None) -> str:
    """Minor units as money without cents: €11,200; a currency without a sign of its own keeps its code: CHF 11,200."""
    if minor is None:
        return "–"
    code = (currency or "").upper()
    digits = 0 if code in WITHOUT_MINOR_UNITS else 3 if code in THREE_MINOR_UNITS else 2
    whole = f"{abs(minor) / 10**digits:,.0f}"
    sign = MINUS if minor < 0 and whole != "0" else ""
    return f"{sign}{SIGNS[code]}{whole}" if code in SIGNS else f"{sign}{code}{NBSP}{whole}".strip()


def day(value: datetime.date | str | None, *, with_year: bool = True) -> str:
    """A date as people write it: 12 Mar 2026."""
    if value is None:
        return "–"
    on = datetime.date.fromisoformat(value[:10]) if isinstance(value, str) else value
    text = f"{on.day}{NBSP}{MONTHS[on.month - 1]}"
    return f"{text}{NBSP}{on.year}" if with_year else text


def minute(value: datetime.datetime | str | None) -> str:
    """A moment to the minute: 12 Mar 2026, 23:59."""
    if value is None:
        return "–"
    at = datetime.datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{day(at.date())}, {at:%H:%M}"


def duration(seconds: float | None) -> str:
    """A span in its largest fitting unit: 45 seconds, 90 minutes, 14 days."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        if seconds >= 2 * size or seconds == size or size == 1:
            amount = seconds / size
            text = f"{amount:.0f}" if amount == round(amount) or amount >= 10 else f"{amount:.1f}"
            return f"{text}{NBSP}{name}{'' if text == '1' else 's'}"
    return "–"


def plural(n: float, one: str, many: str | None = None) -> str:
    """A count with its noun: 1 touchpoint, 3 touchpoints."""
    return f"{count(n)}{NBSP}{one if n == 1 else many or one + 's'}"


def listed(parts: list[str]) -> str:
    """Words in a row as a sentence has them: a, b and c."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def plain(text: object) -> str:
    """Text from data with every control, zero-width and direction-changing character made visible, as U+202E."""
    return "".join(
        f"[U+{ord(character):04X}]" if unicodedata.category(character) in _INVISIBLE else character
        for character in str(text)
    )


def name(text: object, longest: int = LONGEST_NAME) -> str:
    """A name from data, harmless to read: visible controls, cut with an ellipsis where it is longer than `longest`."""
    shown = plain(text)
    return shown if len(shown) <= longest else shown[: longest - 1].rstrip() + "…"


def words(identifier: object) -> str:
    """An identifier as words: post_purchase -> Post purchase."""
    text = plain(identifier).replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def anchor(prefix: str, text: object) -> str:
    """An id for HTML that no data can break: prefix, a slug, and six hex digits of the text's sha256."""
    raw = str(text)
    slug = re.sub(r"[^a-z0-9]+", "-", raw.lower())[:40].strip("-")
    digest = hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return "-".join(part for part in (prefix, slug, digest) if part)


def finding_anchor(finding_id: object) -> str:
    """The finding's own id where it is already of the form f-slug-hash, else one made from it."""
    raw = str(finding_id)
    return raw if re.fullmatch(r"f-[a-z0-9][a-z0-9-]{0,79}", raw) else anchor("f", raw)


def link(url: object) -> str | None:
    """The address if it is https or mailto and nothing else, so that a name in a file can never become a script."""
    raw = str(url or "").strip()
    if not raw or any(character.isspace() or unicodedata.category(character) in _INVISIBLE for character in raw):
        return None
    try:
        parts = urlsplit(raw)
    except ValueError:
        return None
    if parts.scheme == "https" and parts.netloc:
        return raw
    return raw if parts.scheme == "mailto" and "@" in parts.path else None


def _minus(text: str) -> str:
    return text.replace("-", MINUS) if float(text.replace(",", "")) != 0 else text.lstrip("-")

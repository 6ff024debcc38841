"""What a column may be: its type, whether it is personal, and what it stands for.

Guesses are careful: an id is text, whatever it looks like; what may be a person's lands as a hash or not at all; what
is not clear is text. Each guess that a person should look at carries what there is to check.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from journey_analytics.draft.samples import Sample

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s?(Z|UTC|[+-]\d{2}(:?\d{2})?)?")
_ZONED = re.compile(r".*\d(Z|UTC|[+-]\d{2}(:?\d{2})?)")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_IP = re.compile(r"\d{1,3}(\.\d{1,3}){3}|([0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}")
_PHONE = re.compile(r"\+\d[\d ()/.-]{6,}")
_URL = re.compile(r"(https?://|/)\S*")
_WHOLE, _NUMBER, _COMMA = re.compile(r"[+-]?\d+"), re.compile(r"[+-]?\d+\.\d+"), re.compile(r"[+-]?\d+,\d+")

_ID_WORDS = {
    "id",
    "ids",
    "uuid",
    "guid",
    "key",
    "code",
    "sku",
    "zip",
    "postcode",
    "hash",
    "token",
    "ref",
    "number",
    "no",
}
_MAIL_WORDS = {"email", "mail", "e_mail"}
_PHONE_WORDS = {"phone", "mobile", "tel", "telephone", "fax", "msisdn"}
_IP_WORDS = {"ip", "ipaddress", "ip_address", "remote_addr"}
_NAME_WORDS = {"firstname", "lastname", "fullname", "surname", "forename", "username", "nickname", "recipient"}
_ADDRESS_WORDS = {"street", "address", "address1", "address2", "birthday", "birthdate", "dob", "latitude", "longitude"}
_TEXT_WORDS = {
    "comment", "comments", "message", "body", "description", "note", "notes", "text", "subject", "feedback", "remark",
    "review", "answer",
}  # fmt: skip
_TIME_NAMES = (
    "event_at", "event_time", "happened_at", "occurred_at", "timestamp", "event_timestamp", "time", "ts", "at",
    "datetime", "sent_at", "seen_at", "created_at", "created", "date", "updated_at",
)  # fmt: skip

# What a column stands for among the canonical ones, by its name in the file; the first that is there.
ROLES = {
    "event_name": ("event_name", "event", "event_type", "action", "what", "type", "name"),
    "user_id": ("user_id", "userid", "customer_id", "customer", "account_id", "member_id", "uid", "who", "user"),
    "anonymous_id": ("anonymous_id", "anonymousid", "device_id", "visitor_id", "client_id", "cookie_id", "distinct_id"),
    "session_hint": ("session_id", "sessionid", "session"),
    "path": ("path", "page_path", "pathname", "page", "url", "page_url", "page_location"),
    "referrer": ("referrer", "referer", "page_referrer"),
    "utm_source": ("utm_source",),
    "utm_medium": ("utm_medium",),
    "utm_campaign": ("utm_campaign", "campaign", "campaign_name"),
    "device": ("device", "device_type", "device_category"),
    "country": ("country", "country_code"),
    "order_id": ("order_id", "orderid", "transaction_id"),
    "ticket_id": ("ticket_id", "case_id", "conversation_id"),
    "currency": ("currency", "currency_code"),
    "revenue": ("revenue", "amount", "total", "total_price", "order_total"),
}  # fmt: skip


@dataclass
class Guess:
    """One column: where it stands in the file, what it will be called, what it may be, and what there is to check."""

    place: str
    name: str
    type: str = "text"
    personal: str | None = None
    required: bool = False
    event_time: bool = False
    decimal_comma: bool = False
    currency: str | None = None
    check: str = ""


@dataclass(frozen=True)
class Draft:
    """All guesses about one file: its columns, which of them stand for what, its key, and whether times name a zone."""

    sample: Sample
    columns: list[Guess]
    roles: dict[str, str]
    key: str | None
    is_zoned: bool

    @property
    def event_time(self) -> str | None:
        """The column that says when a row happened."""
        return next((column.name for column in self.columns if column.event_time), None)


def draft(sample: Sample) -> Draft:
    """Guess what the columns of a sample are."""
    names: set[str] = set()
    columns = [_column(place, _name(place, names), sample.texts(place)) for place in sample.columns]
    _choose_event_time(columns, sample)
    roles = _roles(columns, sample)
    money = next((column for column in columns if column.name == roles.get("revenue")), None)
    if money is not None:
        money.type, money.currency = "money", roles.get("currency")
    times = [text for column in columns if column.type == "timestamp" for text in sample.texts(column.place)]
    return Draft(sample, columns, roles, _key(columns, sample), all(_ZONED.fullmatch(text) for text in times))


def _name(place: str, taken: set[str]) -> str:
    """A column's name: the last key of its place in snake case, longer where that is taken."""
    keys = [key for key in re.split(r"[.\[\]]+", place.replace('"', "")) if key and not key.isdigit()]
    last, whole = (_in_snake_case(text) or "column" for text in (keys[-1] if keys else "", place))
    for name in (last, whole, *(f"{whole}_{number}" for number in range(2, 10_000))):
        fit = (name if name[:1].isalpha() else f"c_{name}")[:60]
        if fit not in taken and fit not in ("file_id", "row_number"):
            taken.add(fit)
            return fit
    raise AssertionError("a file has fewer columns than there are names")


def _in_snake_case(text: str) -> str:
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def _column(place: str, name: str, texts: Sequence[str]) -> Guess:
    found = Guess(place, name)
    if _guess_personal(found, texts):
        return found
    words = set(name.split("_"))
    is_id = bool(words & _ID_WORDS) or name.endswith("id") or any(re.fullmatch(r"0\d+", text) for text in texts)
    if not texts:
        found.check = "empty in this file"
    elif _all(_TIME, texts):
        found.type = "timestamp"
    elif _all(_DATE, texts):
        found.type = "date"
    elif not is_id and (epoch := _epoch(name, texts)):
        found.type = epoch
    elif {text.lower() for text in texts} <= {"true", "false"}:
        found.type = "boolean"
    elif not is_id and _all(_WHOLE, texts):
        found.type = "integer"
    elif not is_id and all(_NUMBER.fullmatch(text) or _WHOLE.fullmatch(text) for text in texts):
        found.type = "number"
    elif not is_id and all(_COMMA.fullmatch(text) or _WHOLE.fullmatch(text) for text in texts):
        found.type, found.decimal_comma, found.check = "number", True, "a decimal comma, not a thousands mark?"
    elif _all(_URL, texts):
        found.type = "url"
    return found


def _guess_personal(found: Guess, texts: Sequence[str]) -> bool:
    """Whether a column looks like a person's; how it then lands is set."""
    words = {*found.name.split("_"), found.name}
    if _some(_MAIL, texts):
        is_mail = _all(_MAIL, texts)
        found.personal = "email" if is_mail else "drop"
        found.check = "" if is_mail else "holds e-mail addresses among other things"
    elif words & _MAIL_WORDS and not texts:
        found.personal, found.check = "email", "empty in this file"
    elif words & _PHONE_WORDS or _some(_PHONE, texts):
        found.personal, found.check = "drop", "looks like phone numbers"
    elif words & _IP_WORDS or (texts and _all(_IP, texts)):
        found.personal, found.check = "drop", "looks like IP addresses"
    elif words & _NAME_WORDS or found.name in ("first_name", "last_name", "full_name", "customer_name", "contact_name"):
        found.personal, found.check = "drop", "looks like names of people"
    elif words & _ADDRESS_WORDS:
        found.personal, found.check = "drop", "looks like an address or a birthday"
    elif words & _TEXT_WORDS or any(text.count(" ") >= 6 for text in texts):
        found.personal, found.check = "drop", "looks like free text"
    return found.personal is not None


def _epoch(name: str, texts: Sequence[str]) -> str | None:
    """Which unit since 1970 the texts count in, where the name is that of a time and all lie in 2000 to 2100."""
    if not re.search(r"time|stamp|date|(^|_)(at|ts|on)$|created|updated|sent|seen", name) or not _all(_WHOLE, texts):
        return None
    for unit, per_second in (("seconds", 1), ("milliseconds", 1_000), ("microseconds", 1_000_000)):
        if all(946_684_800 * per_second <= int(text) <= 4_102_444_800 * per_second for text in texts):
            return f"epoch_{unit}"
    return None


def _choose_event_time(columns: list[Guess], sample: Sample) -> None:
    """Mark the column that says when a row happened: complete, and of the most telling name."""
    times = [column for column in columns if column.type in ("timestamp", "date") or column.type.startswith("epoch_")]
    if not times:
        return

    def rank(column: Guess) -> tuple[bool, bool, int]:
        is_whole = len(sample.texts(column.place)) == len(sample.rows)
        place = _TIME_NAMES.index(column.name) if column.name in _TIME_NAMES else len(_TIME_NAMES)
        return (not is_whole, column.type == "date", place)

    chosen = min(times, key=rank)
    chosen.required = chosen.event_time = True
    if len(times) > 1:
        others = ", ".join(column.name for column in times if column is not chosen)
        chosen.check = f"is this when a row happened? the others are {others}"


def _roles(columns: list[Guess], sample: Sample) -> dict[str, str]:
    """Which column stands for which canonical one."""
    free = {column.name: column for column in columns if column.personal is None and not column.event_time}
    roles: dict[str, str] = {}
    for role, names in ROLES.items():
        wanted = ("money", "number", "integer") if role == "revenue" else ("text", "url", "integer")
        name = next((name for name in names if name in free and free[name].type in wanted), None)
        if name is not None and (role != "event_name" or _is_word(sample.texts(free[name].place))):
            roles[role] = name
            if role != "revenue" and free[name].type == "integer":
                free[name].type = "text"
            free.pop(name)
    if "currency" not in roles:
        roles.pop("revenue", None)
    mail = next((column.name for column in columns if column.personal == "email"), None)
    return {**roles, "email_key": mail} if mail else roles


def _is_word(texts: Sequence[str]) -> bool:
    """Whether a column takes few different values, as names of events do."""
    return bool(texts) and len(set(texts)) <= max(50, len(texts) // 10) and max(map(len, texts)) <= 60


def _key(columns: list[Guess], sample: Sample) -> str | None:
    """The id column, if any, whose values are all there and all different; those named for the row first."""
    ids = [
        column for column in columns if column.personal is None and (column.name.endswith("id") or column.name == "key")
    ]
    likely = sorted(ids, key=lambda column: column.name not in ("id", "event_id", "uuid", "message_id", "row_id"))
    for column in likely:
        texts = sample.texts(column.place)
        if len(texts) == len(sample.rows) == len(set(texts)):
            column.required = True
            return column.name
    return None


def _all(pattern: re.Pattern[str], texts: Sequence[str]) -> bool:
    return bool(texts) and all(pattern.fullmatch(text) for text in texts)


def _some(pattern: re.Pattern[str], texts: Sequence[str]) -> bool:
    return any(pattern.search(text) for text in texts)

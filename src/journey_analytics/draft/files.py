"""The source YAML and the staging model of a draft, each guess marked where it should be checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from journey_analytics.draft.guesses import Draft, Guess

CHECK = "CHECK:"

_KINDS = {
    "received_at": "timestamp", "revenue_minor": "bigint", "score": "double", "properties": "json",
}  # fmt: skip
_IDENTIFIES = {"user_id": "user", "anonymous_id": "device", "order_id": "order", "ticket_id": "ticket"}
_CANONICAL = (
    "event_id", "event_name", "event_at", "received_at", "anonymous_id", "user_id", "email_key", "session_hint", "path",
    "referrer", "utm_source", "utm_medium", "utm_campaign", "device", "country", "order_id", "ticket_id",
    "revenue_minor", "currency", "score", "score_kind", "invitation_id", "comment", "properties",
)  # fmt: skip


def source_yaml(name: str, lands: str, found: Draft) -> str:
    """The text of `sources/<name>.yml`."""
    lines = [
        "# Drafted from one file of the feed; what is marked CHECK wants a look. What an event of it means is in",
        f"# sql/staging/stg_{name}.sql. Columns that are not listed never land; take out what nobody needs.",
        f"source: {name}",
        f"lands: {_quoted(lands)}",
        f"format: {found.sample.format}",
    ]
    if found.sample.records:
        lines.append(f"records: {found.sample.records}")
    if found.sample.csv:
        lines.append(f"csv: {_flow(found.sample.csv)}")
    zone = "" if found.is_zoned else f"    # {CHECK} times name no zone; which one are they in?"
    lines += [f"time_zone: UTC{zone}", "required: false"]
    if found.key:
        lines.append(f"key: [{found.key}]")
    else:
        lines.append(
            f"key: []    # {CHECK} which columns make two rows the same? without a key, a row delivered twice is two"
        )
    lines.append("on_new_type: warn    # what is not of the type guessed lands as nothing, and the night says so")
    lines.append("columns:")
    width = max(len(column.name) for column in found.columns) + 1
    ids = {found.roles[role]: kind for role, kind in _IDENTIFIES.items() if found.roles.get(role, role) != role}
    lines += [f"  {column.name + ':':<{width}} {_column(column, ids.get(column.name))}" for column in found.columns]
    return "\n".join(lines) + "\n"


def staging_sql(name: str, found: Draft) -> str:
    """The text of `sql/staging/stg_<name>.sql`."""
    told = dict(_expressions(name, found))
    lines = [
        f"-- The rows of {name} as events.",
        "--",
        f"-- Grain: one row per {found.key or 'landed row'}.",
        "-- Settings: none.",
        "--",
        "-- Drafted from one file of the feed; what is marked CHECK wants a look.",
        "select",
        f"    '{name}' as source,",
    ]
    for column in _CANONICAL:
        expression, check = told.get(column, (f"cast(null as {_KINDS.get(column, 'varchar')})", ""))
        shown = expression if expression == column else f"{expression} as {column}"
        lines.append(f"    {shown}," + (f"    -- {CHECK} {check}" if check else ""))
    return "\n".join([*lines, "    file_id,", "    row_number", f"from landing.{name}"]) + "\n"


def staging_yml(name: str, found: Draft) -> str:
    """The text of `sql/staging/stg_<name>.yml`."""
    return f"description: One row per {found.key or 'landed row'} of {name}, as an event.\ncolumns: {{}}\n"


def checks(text: str) -> list[str]:
    """What a person should look at, line by line."""
    return [line.partition(CHECK)[2].strip() for line in text.splitlines() if f"{CHECK} " in line]


def _column(column: Guess, identifies: str | None) -> str:
    facts: dict[str, Any] = {}
    if column.place != column.name:
        facts["from"] = column.place
    facts["type"] = column.type
    if column.required:
        facts["required"] = True
    if column.event_time:
        facts["event_time"] = True
    if column.personal:
        facts["personal"] = column.personal
    if identifies and column.type == "text" and not column.personal:
        facts["identifies"] = identifies
    if column.decimal_comma:
        facts["decimal"] = ","
    if column.currency:
        facts["currency"] = column.currency
    return _flow(facts) + (f"    # {CHECK} {column.name}: {column.check}" if column.check else "")


def _expressions(name: str, found: Draft) -> Iterator[tuple[str, tuple[str, str]]]:
    """(canonical column, (SQL, what there is to check)) of every column that the draft can fill."""
    roles = found.roles
    row = "file_id || ':' || row_number"
    yield "event_id", (_name(found.key), "") if found.key else (row, "a row has no id of its own")
    if "event_name" in roles:
        said = f"trim(regexp_replace(lower(trim({_name(roles['event_name'])})), '[^\\pL\\pN]+', '_', 'g'), '_')"
        yield (
            "event_name",
            (said, "do these names mean what the journey map means by them?"),
        )
    else:
        yield "event_name", (f"'{name}'", "no column names the event; what is a row of this feed?")
    at = _name(found.event_time)
    yield "event_at", (at if at == "event_at" else f"cast({at} as timestamp)", "")
    who: list[str] = [role for role in ("user_id", "anonymous_id", "email_key") if role in roles]
    for role in who:
        yield role, (_landed(roles[role]) if role == "email_key" else _name(roles[role]), "")
    if not who:
        yield (
            "user_id",
            ("cast(null as varchar)", "no column says whose event it is; then it is nobody's"),
        )
    if "path" in roles:
        page = _name(roles["path"])
        yield "path", (f"regexp_replace({page}, '^[A-Za-z]+://[^/]*', '')", "")
    for column in _CANONICAL:
        if column in roles and column not in (*who, "event_name", "path", "currency"):
            yield column, (_name(roles[column]), "")
    if "revenue" in roles:
        yield "revenue_minor", (_name(roles["revenue"]), "is this money that comes in? a refund is negative")
        yield "currency", (f"upper({_name(roles['currency'])})", "")


def _landed(name: str) -> str:
    return "email_key" if name == "email" else name if name.endswith("_key") else f"{name}_key"


def _name(name: str | None) -> str:
    return f'"{name}"' if name in _WORDS_OF_SQL else str(name)


# What DuckDB does not take for a column's name as it is.
_WORDS_OF_SQL = frozenset(
    "all and any array as asc at by case cast check collate column constraint create default desc distinct do else "
    "end except false fetch for foreign from group having in into is key lateral limit name not null offset on only or "
    "order primary references select some table then time timestamp to true type union unique user using value when "
    "where window with".split()
)


def _flow(facts: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {_value(value)}" for key, value in facts.items()) + "}"


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else _quoted(str(value))


def _quoted(text: str) -> str:
    """A text as YAML, in quotes where it would otherwise be read as something else."""
    if text == '"':
        return "'\"'"
    if text and all(letter.isalnum() or letter in "_-./$" for letter in text) and text[0].isalpha():
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t") + '"'

"""How a CSV feed is written: declared in its YAML, never guessed from a file."""

from __future__ import annotations

import codecs
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from journey_analytics.facts.fields import Strict

# Codecs that are no way of writing a file: the first decodes nothing, the others spell names of hosts.
_NO_ENCODINGS = ("undefined", "idna", "punycode")


def _encoding(name: str) -> str:
    try:
        found = codecs.lookup(name).name
        "".encode(name)
    except (LookupError, ValueError, TypeError) as error:
        raise ValueError(
            f"'{name}' is not an encoding that Python knows; allowed are names such as utf-8, cp1252 or shift_jis"
        ) from error
    if found in _NO_ENCODINGS:
        raise ValueError(f"'{name}' is not an encoding of files")
    return name


def _list_of_words(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Sign = Annotated[str, Field(min_length=1, max_length=1)]


class Csv(Strict):
    r"""The dialect of a CSV feed.

    A record ends with a line feed, with or without a carriage return before it; `line_end: any` lets a carriage return
    alone end one too. `nulls` are fields that mean that there is no value, such as `\N`. `skip` lines stand before the
    header, or before the first record where there is none.
    """

    model_config = ConfigDict(str_strip_whitespace=False)  # a tab is a delimiter

    delimiter: Sign = ","
    quote: Sign | None = '"'
    escape: Sign | None = None
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    header: bool = True
    skip: int = Field(default=0, ge=0, le=10_000)
    line_end: Literal["lf", "any"] = "lf"
    nulls: Annotated[tuple[str, ...], BeforeValidator(_list_of_words)] = ()

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Csv:
        signs = [sign for sign in (self.delimiter, self.quote, self.escape) if sign is not None]
        if len(set(signs)) < len(signs):
            raise ValueError("delimiter, quote and escape are three different signs; `quote: null` where there is none")
        if {"\r", "\n"} & set(signs):
            raise ValueError("a line end is neither delimiter, quote nor escape")
        unlike = [null for null in self.nulls if self.delimiter in null or "\r" in null or "\n" in null]
        if unlike:
            raise ValueError(f"{unlike[0]!a} cannot stand in one field, so it is none of `nulls`")
        return self

"""What may be kept of a person, as SQL: keyed hashes of addresses, and texts with the personal parts taken out.

A column that is declared personal never lands. These expressions are for what slips in elsewhere: an e-mail address as
a user id, a phone number in a search, an IP address in a line that could not be read. They recognise shapes; a name
written out has none, so free text belongs in a column marked `personal: drop`.
"""

from __future__ import annotations

import hashlib
import re

# Patterns stand inside SQL strings, so an apostrophe is written twice. Letters beyond ASCII are one range: naming the
# classes of Unicode would make every pattern a thousand times as long to prepare.
_LETTERS = r"A-Za-z0-9\x{80}-\x{10ffff}"
_LOCAL = rf"[{_LETTERS}!#$&''*/=?^_{{|}}~.%+-]+"
_MAIL = _LOCAL + rf"(@|%40|%2540|\x{{ff20}}|\\u0040)[{_LETTERS}.-]*"
_MAIL_WHOLE = _LOCAL + rf"(@|%40|%2540|\x{{ff20}})[{_LETTERS}-]+(\.[{_LETTERS}-]+)+"
_IP = r"\b[0-9]{1,3}(\.[0-9]{1,3}){3}\b"
_IPV6 = (
    r"\b([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}\b|"
    r"([0-9A-Fa-f]{1,4}:)*[0-9A-Fa-f]{0,4}::([0-9A-Fa-f]{1,4}:)*[0-9A-Fa-f]{1,4}"
)
# Written abroad (+49 ..., 0049 ...), at home (030 123456), and in three groups (555 123-4567); dates are none of these.
_PHONE = (
    r"(\+|\b00)[1-9][0-9 ()/.-]{5,}[0-9]|\(?\b0[1-9][0-9]{1,4}\)?[ /-]{0,3}[0-9][0-9 /-]{3,}[0-9]|"
    r"\(?\b[0-9]{3}\)?[ .-]{1,2}[0-9]{3}[ .-][0-9]{4}\b"
)
_LETTER = r"[A-Za-z\x{80}-\x{10ffff}]"
_SAYS_NOTHING = "nan|null|none|n/a|na|true|false|yes|no|inf|infinity|undefined|unknown|epoch|[a-z]|"
# The same where a text lands: here ids that begin with zeros must not be taken for numbers to call.
_PHONE_ABROAD = r"(\+|%2[Bb])[1-9][0-9 ()/.-]{5,}[0-9]"
_PHONE_HOME = (
    r"\b00[1-9][0-9]{0,2}[ ()/.-]+[0-9][0-9 ()/.-]{4,}[0-9]|\(?\b0[1-9][0-9]{1,4}\)?[ /-]{1,3}[0-9][0-9 /-]{3,}[0-9]|"
    r"\(?\b[0-9]{3}\)?[ .-]{1,2}[0-9]{3}[ .-][0-9]{4}\b"
)
_IPV6_TOLD = r"\b([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}\b|\b([0-9A-Fa-f]{1,4}:){1,6}(:[0-9A-Fa-f]{1,4}){1,6}\b"
# In a text, what stands behind a slash is a program's version; in a URL, it is a host or a part of the path.
_IP_IN_TEXT = r"(^|[^/.0-9A-Za-z])[0-9]{1,3}(\.[0-9]{1,3}){3}\b"
_WHOLE = "|".join((_MAIL_WHOLE, _PHONE_ABROAD, _PHONE_HOME, _IP, _IPV6_TOLD))
_WITHIN = "|".join((_MAIL_WHOLE, _PHONE_ABROAD, _PHONE_HOME, _IP_IN_TEXT, _IPV6_TOLD))
_REDACTED = ((_MAIL, "[e-mail]"), (_IPV6, "[ip]"), (_IP, "[ip]"), (_PHONE, "[phone]"))
WITHOUT_KEY = "[personal]"
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"


def _in_python(*patterns: tuple[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    """The same patterns for Python's own engine."""
    return tuple(
        (re.compile(re.sub(r"\\x\{(\w+)\}", lambda code: chr(int(code[1], 16)), pattern.replace("''", "'"))), shown)
        for pattern, shown in patterns
    )


_PYTHON = _in_python(*_REDACTED)
_PYTHON_NAMES = _in_python(
    (_MAIL_WHOLE, "[e-mail]"), (_IPV6_TOLD, "[ip]"), (_IP, "[ip]"), (f"{_PHONE_ABROAD}|{_PHONE_HOME}", "[phone]")
)


def padded_keys(key: bytes) -> tuple[bytes, bytes]:
    """(inner, outer) key blocks of HMAC-SHA-256; source: RFC 2104."""
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def hmac_of(text: str) -> str:
    """HMAC-SHA-256 of a text, trimmed and in lower case, as hexadecimal; null stays null."""
    return hmac_of_bytes(rf"encode(lower(trim({text}, E' \t\r\n')))")


def hmac_of_bytes(blob: str) -> str:
    """HMAC-SHA-256 of a BLOB, as hexadecimal; null stays null, and without a key everything is null."""
    return f"sha256(getvariable('key_outer') || unhex(sha256(getvariable('key_inner') || ({blob}))))"


def redacted(text: str) -> str:
    """A text with e-mail, IP and phone numbers replaced by what they were."""
    for pattern, shown in _REDACTED:
        text = f"regexp_replace({text}, '{pattern}', '{shown}', 'g')"
    return text


def masked(text: str) -> str:
    """The same for a text of Python's: a message, a file's name, a reason that somebody typed."""
    for pattern, shown in _PYTHON:
        text = pattern.sub(shown, text)
    return text


def masked_name(text: str) -> str:
    """A file's or a column's name without addresses and numbers to call; a number that is none stays."""
    for pattern, shown in _PYTHON_NAMES:
        text = pattern.sub(shown, text)
    return text


def cleaned(text: str) -> str:
    """A text without NUL characters, which would hide an address from every pattern (UTF-16 read as UTF-8)."""
    return f"replace({text}, chr(0), '')"


def shape_of(text: str) -> str:
    """A record that could not be read, as its shape: nobody knows which part of it is a name or a number to call.

    Letters are `x`, figures `0`; marks stay, and show where it broke.
    """
    return f"regexp_replace(regexp_replace({text}, '{_LETTER}', 'x', 'g'), '[0-9]', '0', 'g')"


def hinted(text: str) -> str:
    """A value that is not what its column holds, as it may be shown: figures and marks, and `xx` for a word.

    A column of numbers may hold a name once, where a record slipped; what says nothing (`NaN`, `yes`) is shown as is.
    """
    known = f"regexp_full_match(lower({text}), '{_SAYS_NOTHING}')"
    without_letters = f"regexp_replace({text}, '{_LETTER}{{2,}}', 'xx', 'g')"
    return f"case when {known} then {text} else {redacted(without_letters)} end"


def one_word(text: str) -> str:
    """A value that its column does not list, as it may be shown: one word redacted, several as `hinted`."""
    return f"case when regexp_matches({text}, '\\s') then {hinted(text)} else {redacted(text)} end"


def is_suspect(text: str, *, is_json: bool = False) -> str:
    """Whether a record may hold an address, a phone number or a control character: cheap, and never too few.

    In JSON a control character can only stand as an escape, which is looked for instead. IP addresses are too common in
    whole records to make one suspect; each text is looked at for them, see `may_hold_ip`.
    """
    escapes = " or ".join(f"contains({text}, '\\u{code}')" for code in ("00", "ff20", "FF20"))
    control = escapes if is_json else f"regexp_matches({text}, '{_CONTROL}')"
    phone = f"regexp_matches({text}, '{_PHONE_ABROAD}|{_PHONE_HOME}')"
    signs = " or ".join(f"contains({text}, '{sign}')" for sign in ("@", "%40", "%2540", "\uff20"))
    return f"({signs} or {control} or {phone})"


def may_hold_ip(text: str) -> str:
    """Whether a text may hold an IP address: cheap, and never too few."""
    return f"({text} like '%.%.%.%' or {text} like '%:%:%:%' or contains({text}, '::'))"


def pseudonymised(text: str, suspect: str) -> str:
    """A text as it may land: one that is an address is a keyed hash of it, and addresses within it are taken out.

    Two customers whose ids are e-mail addresses so stay two; so do ids that only contain one, since a single word with
    an address in it is hashed whole. Control characters become visible, so that ids that differ by one stay different.
    `suspect` says of the row whether looking closer is worth it.
    """
    is_word = rf"(not regexp_matches({text}, '\s|^[\[{{]') and regexp_matches({text}, '{_WITHIN}'))"
    whole = f"(regexp_full_match({text}, '{_WHOLE}') or {is_word})"
    within = _masked_within(text, _IP_IN_TEXT, "\\1[ip]")
    closer = f"case when {whole} then coalesce({hmac_of(text)}, '{WITHOUT_KEY}') else {within} end"
    return f"case when {_looks_personal(text, suspect)} then {closer} else {text} end"


def masked_url(text: str, suspect: str) -> str:
    """An address of the web as it may land: without who logs in, and what is personal in its path is taken out."""
    nobody = f"regexp_replace({text}, '://[^/?#]*@', '://')"
    closer = _masked_within(nobody, _IP, "[ip]")
    return f"case when {_looks_personal(text, suspect)} then {closer} else {text} end"


def _looks_personal(text: str, suspect: str) -> str:
    sign = rf"@|%40|%2540|\x{{ff20}}|(\+|%2[Bb])[0-9]|{_CONTROL}|{_PHONE_HOME}"
    ip = f"regexp_matches({text}, '{_IP}|{_IPV6_TOLD}')"
    return f"(({suspect} and regexp_matches({text}, '{sign}')) or ({may_hold_ip(text)} and {ip}))"


def _masked_within(text: str, ip: str, shown_ip: str) -> str:
    within = f"regexp_replace({text}, '{_CONTROL}', '�', 'g')"
    phone = f"{_PHONE_ABROAD}|{_PHONE_HOME}"
    for pattern, shown in ((_MAIL_WHOLE, "[e-mail]"), (ip, shown_ip), (_IPV6_TOLD, "[ip]"), (phone, "[phone]")):
        within = f"regexp_replace({within}, '{pattern}', '{shown}', 'g')"
    return within

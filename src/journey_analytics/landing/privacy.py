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
_PHONE_ABROAD = r"\+[1-9][0-9 ()/.-]{5,}[0-9]"
_REDACTED = ((_MAIL, "[e-mail]"), (_IPV6, "[ip]"), (_IP, "[ip]"), (_PHONE, "[phone]"))
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"


_PYTHON = tuple(
    (re.compile(re.sub(r"\\x\{(\w+)\}", lambda code: chr(int(code[1], 16)), pattern.replace("''", "'"))), shown)
    for pattern, shown in _REDACTED
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


def cleaned(text: str) -> str:
    """A text without NUL characters, which would hide an address from every pattern (UTF-16 read as UTF-8)."""
    return f"replace({text}, chr(0), '')"


def without_texts(text: str, *, is_json: bool) -> str:
    """A record that could not be read, with its texts taken out: nobody knows which of them is a name.

    What stays shows where it broke: keys, numbers and marks of JSON; the fields of CSV that are one word.
    """
    if is_json:
        return rf"""regexp_replace({text}, ':\s*"([^"\\]|\\.)*"?', ': "[text]"', 'g')"""
    return f"regexp_replace({text}, '[^,;]*[A-Za-z][^,;]* [^,;]*[A-Za-z][^,;]*', '[text]', 'g')"


def is_suspect(text: str, *, is_json: bool = False) -> str:
    """Whether a record may hold an address, a phone number or a control character: cheap, and never too few.

    In JSON a control character can only stand as an escape, which is looked for instead.
    """
    escapes = " or ".join(f"contains({text}, '\\u{code}')" for code in ("00", "ff20", "FF20"))
    control = escapes if is_json else f"regexp_matches({text}, '{_CONTROL}')"
    phone = f"regexp_matches({text}, '{_PHONE_ABROAD}')"
    signs = " or ".join(f"contains({text}, '{sign}')" for sign in ("@", "%40", "%2540", "\uff20"))
    return f"({signs} or {control} or {phone})"


def pseudonymised(text: str, suspect: str) -> str:
    """A text as it may land: one that is an address is a keyed hash of it, and addresses within it are taken out.

    Two customers whose ids are e-mail addresses so stay two. Control characters become visible, so that ids that differ
    by one stay different. `suspect` says of the row whether looking closer is worth it.
    """
    whole = f"regexp_full_match({text}, '{_MAIL_WHOLE}|{_PHONE_ABROAD}|{_IP}')"
    within = f"regexp_replace({text}, '{_CONTROL}', '�', 'g')"
    for pattern, shown in ((_MAIL_WHOLE, "[e-mail]"), (_PHONE_ABROAD, "[phone]")):
        within = f"regexp_replace({within}, '{pattern}', '{shown}', 'g')"
    closer = f"case when {whole} then coalesce({hmac_of(text)}, '[personal]') else {within} end"
    has_sign = rf"{suspect} and regexp_matches({text}, '@|%40|%2540|\x{{ff20}}|[+][0-9]|{_CONTROL}')"
    is_number_like = f"{text} < ':' and {text} >= '0' and regexp_full_match({text}, '{_IP}')"
    return f"case when ({has_sign}) or ({is_number_like}) then {closer} else {text} end"

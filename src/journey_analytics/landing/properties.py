"""Nested values by an allow-list, as SQL: of a JSON object, or of a list of objects, only the listed keys land.

`keep: [category, products.price]` keeps the key `category`, and of the object (or of every object of the list) that
stands under `products` the key `price`. Whatever is not listed is left out, so a key that a vendor adds tomorrow lands
nowhere. A kept value is a number, true or false, a text, or a list of these; its texts are treated like those of any
other column, and lose the query of an address. An object whose keys nobody listed is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from journey_analytics.landing.privacy import may_hold_ip, pseudonymised

Tree = dict[str, "Tree"]

# Where a list of pairs says what a pair is called, and what BigQuery calls its value of one type or another.
_NAMES = ("key", "name", "id")
_VALUES = ("string_value", "int_value", "float_value", "double_value", "bool_value")


def kept_properties(text: str, keep: Sequence[str], suspect: str, *, pairs: bool = False) -> str:
    """The allowed part of a JSON text, as JSON; null where it is neither an object nor a list of objects.

    Parameters
    ----------
    text : SQL that gives the JSON text
    keep : the allowed keys; those below another key are joined to it by a dot
    suspect : SQL that says of the row whether looking at its texts closer is worth it
    pairs : the text is a list of objects with a name (`key`, `name` or `id`) and a `value`, read as one object
    """
    told = f"case when starts_with(ltrim({text}), '[') then {_unpaired(text)} else {text} end" if pairs else text
    return f"""try(list_transform([trim({told})::json],
        lambda o: {_of_objects("o", _tree(keep), suspect, 0)})[1]::json)"""


def _tree(keep: Sequence[str]) -> Tree:
    tree: Tree = {}
    for path in keep:
        branch = tree
        for key in path.split("."):
            branch = branch.setdefault(key, {})
    return tree


def _unpaired(text: str) -> str:
    """`[{"key": "a", "value": {"int_value": 1}}]` as `{"a": 1}`."""
    name = "coalesce(" + ", ".join(f"json_extract_string(pair, '$.{key}')" for key in _NAMES) + ")"
    whole = "json_extract(pair, '$.value')"
    typed = ", ".join(f"nullif(json_extract(pair, '$.value.{key}')::varchar, 'null')" for key in _VALUES)
    value = f"case when starts_with({whole}, '{{') then coalesce({typed}) else {whole}::varchar end"
    members = f"list_transform(json_extract({text}, '$[*]'), lambda pair: to_json({name})::varchar || ':' || {value})"
    return f"'{{' || array_to_string({members}, ',') || '}}'"


def _of_objects(value: str, tree: Tree, suspect: str, depth: int) -> str:
    """The allowed part of an object, or of each object of a list; null where there is no object."""
    item, texts = f"i{depth}", f"p{depth}"
    leaves = [key for key, below in tree.items() if not below]
    members = [f"{_member(key)} || {texts}[{place}]" for place, key in enumerate(leaves, start=1)]
    members += [
        f"{_member(key)} || {_of_objects(_at(item, key), below, suspect, depth + 1)}"
        for key, below in tree.items()
        if below
    ]
    paths = ", ".join(_path(key) for key in leaves)
    found = f"json_extract({item}, [{paths}]::varchar[])"
    kept = f"list_transform({found}, lambda leaf: {_leaf('leaf', suspect)})"
    whole = f"""list_transform([{kept}], lambda {texts}: '{{' || concat_ws(',', {", ".join(members)}) || '}}')[1]"""
    each = f"lambda {item}: case when json_type({item}) = 'OBJECT' then {whole} end"
    listed = f"array_to_string(list_transform(json_extract({value}, '$[*]'), {each}), ',')"
    return f"""case when starts_with({value}, '[') then '[' || {listed} || ']'
        when starts_with({value}, '{{') then list_transform([{value}], {each})[1] end"""


def _leaf(value: str, suspect: str) -> str:
    listed = f"list_transform(json_extract({value}, '$[*]'), lambda each: {_scalar('each', suspect)})"
    return f"""case when starts_with({value}, '[') then '[' || array_to_string({listed}, ',') || ']'
        else {_scalar(value, suspect)} end"""


def _scalar(value: str, suspect: str) -> str:
    """A number, true, false or a text as JSON; null for anything else."""
    text = f"json_extract_string({value}, '$')"
    bare = f"regexp_replace({text}, '(://[^?#\\s]*)[?#]\\S*', '\\1', 'g')"
    closer = f"to_json({pseudonymised(bare, suspect)})::varchar"
    is_plain = f"not ({suspect} or contains({value}, '://') or {may_hold_ip(f'{value}::varchar')})"
    return f"""case when starts_with({value}, '{{') or starts_with({value}, '[') or {value}::varchar = 'null' then null
        when not starts_with({value}, '"') or ({is_plain}) then {value}::varchar else {closer} end"""


def _member(key: str) -> str:
    return _quote(f'"{key}":')


def _at(value: str, key: str) -> str:
    return f"json_extract({value}, {_path(key)})"


def _path(key: str) -> str:
    return _quote(f'$."{key}"')


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

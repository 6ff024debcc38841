"""The shape of the house: what goes where, how big a room may be, and which way imports point.

When a limit is in the way, the design is wrong or the limit is: say which, and change that one.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import sqlglot
import yaml

import journey_analytics

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "journey_analytics"

# A module imports only modules that stand before it; what belongs together stands together, in a room of its own.
MODULES = (
    "errors formats stats survival "
    "facts.yamlfile facts.expressions facts.fields facts.paths facts.contracts "
    "facts.arrivals facts.dialects facts.feeds "
    "facts.funnelparts facts.presets facts.funnels facts.journeymap facts.expectations facts.keys facts.mapchecks "
    "facts.ready facts.config "
    "warehouse ledger "
    "funnels.sqltree funnels.log funnels.marks funnels.chains funnels.attempts funnels.anyorder funnels.summary "
    "funnels.compiler funnels.evidence funnels.waiting funnels.kept funnels.shares funnels.engines funnels.kernel "
    "funnels.fast funnels.planner "
    "funnels.inputs funnels.words funnels.waterfall funnels.times funnels.weeks funnels.instead funnels.comparing "
    "funnels.night funnels.notebook "
    "landing.packed landing.lines landing.json_marks landing.json_documents landing.nested landing.named_columns "
    "landing.csv_records landing.parquet_rows landing.readers landing.privacy landing.properties landing.values "
    "landing.rowrules landing.contract landing.arrivals landing.plain landing.fast landing.deliveries landing.chunks "
    "landing.placing landing.remote landing.tables landing.fetching landing.drift landing.duplicates landing.notes "
    "landing.erasures "
    "landing.rewriting landing.land landing.rejects "
    "rules identity.unionfind identity.components repeats "
    "credit.ways credit.rules credit.markov credit.shapley credit.resampling credit.table "
    "build.models build.tables build.basis build.changes build.corrections build.patch build.macros "
    "draft.samples draft.guesses draft.files "
    "lineage profiles measures asking judge "
    "claims.caveats claims.gate claims.series claims.findings "
    "report.queries report.sections report.declared report.kpis report.quality report.verdict report.result "
    "report.chartparts report.marks report.charts report.exports report.page "
    "publish forget start night progress "
    "sample.world sample.after sample.feeds sample.shop "
    "doctor canaries "
    "cli.shared cli.nights cli.ledger cli.rejects cli.people cli.identity cli.funnelviews cli.funnels "
    "cli.sources cli.setup cli.main"
).split()
ROOMS = {module.split(".")[0] for module in MODULES if "." in module}

# Each heavy library has one home: the modules that may import it, or a whole room (room.*).
HOMES = {
    "yaml": {"facts.yamlfile"},
    "sqlglot": {"facts.expressions", "funnels.*"},
    # one subject, what YAML says, in its room
    "pydantic": {"facts.*", "build.models"},
    "scipy": {"stats", "credit.markov", "credit.resampling"},
    "pyarrow": {"landing.*"},
    "fsspec": {"landing.remote"},
    "adbc_driver_postgresql": {"landing.tables"},
    "duckdb": {"warehouse"},
    "great_expectations": {"asking"},
    "pandas": {"asking", "funnels.notebook"},
    "plotly": {"report.charts"},
    "jinja2": {"report.page"},
    "typer": {"cli.*"},
    "click": {"cli.*"},
    "rich": {"cli.shared", "progress"},
}

TOP_LEVEL = set(
    ".ci .gitignore CHANGELOG.md Makefile README.md benchmarks data docs pipelines pyproject.toml reports "
    "requirements.lock sql src tests".split()
)

MODULE_LINES, FUNCTION_LINES, MODEL_LINES, FOLDER_DEPTH = 400, 50, 100, 3


@functools.cache
def files(*patterns: str) -> tuple[Path, ...]:
    """Every file of the repository, relative to it; those that git ignores are no part of the house."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return tuple(path for name in sorted(filter(None, listed.split("\0"))) if (ROOT / (path := Path(name))).is_file())


@functools.cache
def text_of(path: Path) -> str:
    """A file's text; nothing where it is not there or not text."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return ""


def models() -> tuple[Path, ...]:
    """The models of the house, and of the shops that stand under tests/real."""
    return tuple(
        path for path in files("sql/*.sql", "tests/real/*.sql") if path.parent.name not in ("checks", "macros")
    )


def imports(tree: ast.AST) -> Iterator[str]:
    """The dotted names that a module imports, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dotted(path: Path) -> str:
    """A module's name as MODULES has it; one outside the package keeps its folder, so that no home is its own."""
    return ".".join(path.with_suffix("").parts).removeprefix("src.journey_analytics.")


def as_it_runs(path: Path) -> ast.Module:
    """A module's syntax tree without the imports that serve type hints alone."""

    class WithoutTypes(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
            return node.orelse if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)

    return WithoutTypes().visit(ast.parse(text_of(path)))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(text_of(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_without_docstring(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = int(function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= int(docstring.end_lineno or 0) - docstring.lineno + 1
    return lines


def code_of(sql: str) -> str:
    """The statement alone, in lower case: without comments and without what stands in quotes."""
    return re.sub(r"--[^\n]*|/\*.*?\*/|'[^']*'", " ", sql, flags=re.DOTALL).lower()


# --- modules


def test_every_module_is_named_in_the_order_of_the_line() -> None:
    there = {dotted(path.relative_to(ROOT)) for path in SOURCE.rglob("*.py")}
    assert not sorted(there ^ {*MODULES, "__init__", *(f"{room}.__init__" for room in ROOMS)}), "on one side only"
    assert not [module for module in MODULES if module.count(".") > 1], "a room holds modules, not rooms"


def test_the_modules_of_a_room_stand_together_in_the_line() -> None:
    stations = [room for room, _ in itertools.groupby(MODULES, key=lambda module: module.split(".")[0])]
    assert len(stations) == len(set(stations)), "a room is entered once"


def test_a_room_says_what_it_is_for_and_lists_its_modules_and_holds_no_code() -> None:
    for room in sorted(ROOMS):
        tree = ast.parse(text_of(Path("src/journey_analytics", room, "__init__.py")))
        purpose, _, listed = (ast.get_docstring(tree) or "").partition("\n\n")
        assert len(tree.body) == 1, f"{room}: a docstring and nothing else"
        assert purpose.endswith("."), f"{room}: what it is for"
        modules = [f"{room}.{line.split('  ')[0]}" for line in listed.splitlines()]
        assert modules == [module for module in MODULES if module.startswith(f"{room}.")], f"{room}: one line each"
        assert all(re.fullmatch(r"\w+  +\S.+", line) for line in listed.splitlines()), f"{room}: a word and its meaning"


def test_a_module_imports_only_modules_before_it() -> None:
    against = []
    for path in files("src/journey_analytics/*.py"):
        module = dotted(path)
        rooms_door = () if module != "__init__" else MODULES  # the package's own door opens on any room
        earlier = rooms_door if path.stem == "__init__" else (*MODULES[: MODULES.index(module)], "__version__")
        for name in sorted(imports(as_it_runs(path))):
            package, _, inside = name.partition(".")
            known = any(f"{inside}.".startswith(f"{each}.") for each in earlier)
            if package == "journey_analytics" and not known:
                against.append(f"{module} imports {name}")
    assert not against, "imports point up the list of modules"


def test_each_heavy_library_has_one_home() -> None:
    strays = [
        f"{path} imports {name}"
        for path in files("src/journey_analytics/*.py", "pipelines/*.py")
        for name in sorted(imports(as_it_runs(path)))
        if not {dotted(path), f"{dotted(path).split('.')[0]}.*"} & HOMES.get(name.split(".")[0], {dotted(path)})
    ]
    assert not strays, f"homes are {HOMES}"
    known = {*MODULES, *(f"{room}.*" for room in ROOMS)}
    assert not sorted(set().union(*HOMES.values()) - known), "a home is a module, or a whole room"


def test_what_the_package_offers_exists_and_is_all_that_is_public() -> None:
    inside = {module.split(".")[0] for module in MODULES}
    public = {name for name in vars(journey_analytics) if not name.startswith("_")} - inside
    late = {name for name in journey_analytics.__all__ if name not in vars(journey_analytics)}
    assert set(journey_analytics.__all__) == public | late | {"__version__"}
    assert all(inspect.isclass(getattr(journey_analytics, name)) for name in late), "what is offered late is there"


# --- sizes


def test_no_module_is_longer_than_a_person_reads_in_one_sitting() -> None:
    longer = {str(path): n for path in files("*.py") if (n := text_of(path).count("\n")) > MODULE_LINES}
    assert not longer, f"more than {MODULE_LINES} lines"


def test_no_function_is_longer_than_a_page() -> None:
    longer = {
        f"{path}:{function.lineno} {function.name}": n
        for path in files("src/*.py", "pipelines/*.py", "data/*.py", "benchmarks/*.py")
        for function in functions(path)
        if (n := lines_without_docstring(function)) > FUNCTION_LINES
    }
    assert not longer, f"more than {FUNCTION_LINES} lines, docstring left out"


def test_no_model_is_longer_than_a_person_holds_in_mind() -> None:
    longer = {str(path): n for path in files("*.sql") if (n := text_of(path).count("\n")) > MODEL_LINES}
    assert not longer, f"more than {MODEL_LINES} lines"


def test_no_folder_is_deeper_than_three() -> None:
    # A shop under tests/real is a house of its own: its rooms are counted from its own door.
    def depth(path: Path) -> int:
        folders = path.parts[:-1]
        return len(folders[3:] if folders[:2] == ("tests", "real") else folders)

    assert not [str(path) for path in files() if depth(path) > FOLDER_DEPTH]


def test_the_top_level_holds_what_the_house_names_and_nothing_else() -> None:
    assert not sorted({path.parts[0] for path in files()} ^ TOP_LEVEL), "on one side only"


# --- models


def unsaid(path: Path) -> Iterator[str]:
    """What a model leaves unsaid about its rows and columns."""
    sql, beside = text_of(path), path.with_suffix(".yml")
    if not sql.startswith("-- "):
        yield "it opens with what one row is"
    if not re.search(r"^-- Grain: one row per \S", sql, flags=re.MULTILINE):
        yield "a line '-- Grain: one row per …'"
    notes = yaml.safe_load(text_of(beside)) if beside in files() else {}
    yield from (f"'{key}' in {beside.name}" for key in ("description", "columns", "key") if not notes.get(key))
    columns = sqlglot.parse_one(sql, dialect="duckdb").named_selects
    added = {bound for interval in notes.get("intervals", []) for bound in (interval["low"], interval["high"])}
    documented = notes.get("columns", {})
    yield from (f"what {name} means" for name in columns if not documented.get(name))
    yield from (f"where {name} comes from" for name in {*documented, *notes.get("key", [])} - {*columns, *added})
    if "*" in columns:
        yield "its columns, spelled out at the end"
    elif [name for name in documented if name in columns] != [name for name in columns if name in documented]:
        yield "its columns in the order of the SELECT"


def test_a_model_says_its_grain_and_documents_every_column() -> None:
    short = {str(path): said for path in models() if (said := sorted(unsaid(path)))}
    assert not short, "what these models do not say"


def test_every_table_between_events_and_report_has_a_worked_case() -> None:
    cases = [case for path in files("tests/sql/*.yml") for case in yaml.safe_load(text_of(path))]
    tables = {f"{path.parent.name}.{path.stem}" for path in files("sql/journeys/*.sql", "sql/marts/*.sql")}
    assert tables, "there are models"
    assert not sorted(tables - {case["model"] for case in cases}), "these have none"


def test_a_check_asks_one_question_and_says_how_grave_the_answer_is() -> None:
    checks = files("sql/checks/*.sql")
    assert checks, "there are checks"
    for path in checks:
        assert re.search(r"^-- Question: .+\?$", text_of(path), flags=re.MULTILINE), f"{path}: -- Question: …?"
        assert re.search(r"^-- Level: (warn|fail)$", text_of(path), flags=re.MULTILINE), f"{path}: -- Level: warn|fail"


CLOCK_OR_DICE = re.compile(
    r"\b(now|today|random|setseed|uuid|gen_random_uuid|uuidv4|uuidv7|get_current_timestamp|transaction_timestamp|"
    r"current_localtimestamp|current_localtime)\s*\(|"
    r"\b(current_date|current_time|current_timestamp|localtime|localtimestamp|tablesample|using\s+sample)\b"
)


def test_sql_knows_neither_clock_nor_dice() -> None:
    found = {str(path): match[0] for path in files("*.sql") if (match := CLOCK_OR_DICE.search(code_of(text_of(path))))}
    assert not found, "the same input gives the same bytes"


# --- words


def test_nothing_is_left_to_do_between_the_lines() -> None:
    notes = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
    assert not {str(path): match[0] for path in files() if (match := notes.search(text_of(path)))}


def test_no_file_names_a_package_index_or_a_path_of_one_machine() -> None:
    hosts = [r"https?://[^\s\"')]+/(simple|packages)/", r"index-url[= ]+(http|file)", r"\"resolved\":\s*\"http"]
    hosts += ["py" + r"pi\.org", "python" + r"hosted\.org", "npm" + r"js\.(org|com)", "deb" + r"\.debian\.org"]
    paths = [re.escape(str(ROOT)) + "/", r"(?<![\w./*-])/(ro" + r"ot|wo" + r"rk|Users)/[A-Za-z.]"]
    named = re.compile("|".join(hosts + paths))
    assert not {str(path): match[0] for path in files() if (match := named.search(text_of(path)))}


def test_every_verb_of_the_makefile_is_in_the_readme_and_no_other() -> None:
    verbs = set(re.findall(r"^([a-z]+):.*  ## \S", text_of(Path("Makefile")), flags=re.MULTILINE)) - {"help"}
    documented = set(re.findall(r"\bmake ([a-z]+)\b", "\n".join(code_in(text_of(Path("README.md"))))))
    assert verbs == documented


def test_every_link_of_a_readme_leads_somewhere() -> None:
    broken = [
        f"{path}: {target}"
        for path in files("*.md")
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", re.sub(r"^```.*?^```", "", text_of(path), flags=re.S | re.M))
        if "://" not in target and not (ROOT / path.parent / target).exists()
    ]
    assert not broken, "no such file"


def code_in(markdown: str) -> list[str]:
    """What a README shows as code: fenced blocks and words in backticks."""
    return re.findall(r"^```.*?^```|`[^`\n]+`", markdown, flags=re.DOTALL | re.MULTILINE)


# --- tests


def test_every_test_is_a_sentence_and_asserts_it() -> None:
    tests = [(path, each) for path in files("tests/*.py") for each in functions(path) if each.name.startswith("test_")]
    mute = [f"{path}: {each.name}" for path, each in tests if not any(map(is_assertion, ast.walk(each)))]
    short = [f"{path}: {each.name}" for path, each in tests if len(each.name.split("_")) < 4]
    assert not mute, "a test asserts something of its own"
    assert not short, "a test's name is the sentence it proves"


def is_assertion(node: ast.AST) -> bool:
    return isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.raises")

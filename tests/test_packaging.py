"""What leaves the house: the lock, the wheel, and the environment that `make` builds from them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def locked() -> Iterator[tuple[str, Version, int]]:
    """Name, version and number of hashes of every entry; a name has two entries where Python versions need them."""
    for entry in LOCK.replace("\\\n", " ").splitlines():
        name, _, rest = entry.partition("==")
        yield canonicalize_name(name), Version(rest.split()[0]), rest.count("--hash=sha256:")


def wanted() -> list[Requirement]:
    """What every checkout needs, to run, to develop and to build; the other extras are one shop's own."""
    project = PROJECT["project"]
    needed = (*project["dependencies"], *PROJECT["build-system"]["requires"], *project["optional-dependencies"]["dev"])
    return [Requirement(text) for text in needed]


def run(*command: str | Path, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command as from a shell of its own: what an outer `make` was asked for is no business of an inner one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "ARGS"))}
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=cwd, env={**environment, **variables}, capture_output=True, text=True, check=False)


def test_the_lock_pins_every_package_by_hash() -> None:
    assert len(list(locked())) > 50
    assert not [name for name, _, n_hashes in locked() if n_hashes == 0]


def test_the_lock_says_nothing_of_where_packages_came_from() -> None:
    assert not re.findall(r"https?:|file:|^-|#|@", LOCK, flags=re.MULTILINE)


def test_the_lock_satisfies_what_the_project_asks_for() -> None:
    versions: dict[str, list[Version]] = {}
    for name, version, _ in locked():
        versions.setdefault(name, []).append(version)
    short = [
        str(requirement)
        for requirement in wanted()
        if not (found := versions.get(canonicalize_name(requirement.name)))
        or not all(requirement.specifier.contains(version) for version in found)
    ]
    assert not short, "`make lock` writes requirements.lock again"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("journey_analytics-*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_carries_the_rooms_of_the_analyst_and_of_the_operator(wheel: zipfile.ZipFile) -> None:
    listed = run("git", "ls-files", "-z", "--", "sql", "pipelines", "src").stdout.split("\0")
    expected = {
        name.removeprefix("src/") if name.startswith("src/") else f"journey_analytics/_shipped/{name}"
        for name in filter(None, listed)
        if (ROOT / name).is_file()
    }
    assert any(name.startswith("journey_analytics/_shipped/sql/marts/") for name in expected)
    assert any(name.startswith("journey_analytics/templates/") for name in expected)
    assert not expected - set(wheel.namelist())


def test_the_wheel_carries_nothing_of_the_workshop(wheel: zipfile.ZipFile) -> None:
    assert {Path(name).parts[0].split("-")[0] for name in wheel.namelist()} == {"journey_analytics"}
    assert not [name for name in wheel.namelist() if re.search(r"test|__pycache__|\.pyc$|warehouse/|\.key$", name)]


def test_an_unpacked_wheel_finds_its_rooms_outside_a_source_tree(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "installed")
    say = "from journey_analytics.facts.config import home; print(home())"
    said = run(sys.executable, "-c", say, cwd=tmp_path, PYTHONPATH=str(tmp_path / "installed"))
    home = Path(said.stdout.strip())
    assert home == tmp_path / "installed" / "journey_analytics" / "_shipped", said.stderr
    assert (home / "sql" / "marts").is_dir()
    assert (home / "pipelines" / "nightly.py").is_file()


def make_where_python_answers(answer: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `make lint` in a bare copy of the house, on a machine whose every Python is the given shell script."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        (folder / "bin" / name).parent.mkdir(exist_ok=True)
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{answer}\n", encoding="utf-8")
        (folder / "bin" / name).chmod(0o755)
    return run("make", "lint", cwd=folder, PATH=f"{folder / 'bin'}:{os.environ['PATH']}")


def test_a_machine_whose_python_is_too_old_is_told_what_to_install(tmp_path: Path) -> None:
    made = make_where_python_answers("exit 1", tmp_path)
    assert made.returncode != 0
    assert "needs Python 3.11 to 3.14: apt-get install python3 python3-venv" in made.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_machine_without_venv_is_told_what_to_install(tmp_path: Path) -> None:
    made = make_where_python_answers("""case "$2" in *ensurepip*) exit 1 ;; esac""", tmp_path)
    assert made.returncode != 0
    assert "python3 has no venv: apt-get install python3-venv" in made.stderr
    assert not (tmp_path / ".venv").exists()


def test_bare_make_lists_every_verb_and_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    listed = run("make", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert {"report", "test", "lint"} < set(re.findall(r"^  make ([a-z]+) +\S", listed.stdout, flags=re.MULTILINE))
    assert [path.name for path in tmp_path.iterdir()] == ["Makefile"]


@pytest.mark.slow
def test_a_fresh_clone_installs_itself_once_and_answers(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    assert run("git", "clone", "--quiet", ROOT, clone).returncode == 0
    first = run("make", "doctor", "ARGS=--help", cwd=clone)
    again = run("make", "doctor", "ARGS=--help", cwd=clone)
    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    assert "installing into .venv" in first.stdout
    assert "installing" not in again.stdout
    assert run("git", "status", "--porcelain", cwd=clone).stdout == ""

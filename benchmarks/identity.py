"""Who is who at size: the union-find of the night against scipy, networkx and a floor, in one run.

    python benchmarks/identity.py                                  10 million ids, 15 million links
    python benchmarks/identity.py --ids 50000000 --links 75000000

Ids belong to people of one to some twenty ids (four in ten stand alone); links come in a random order of time. Every
contender runs in a process of its own on the same arrays, read from files. `the night` also finds when each two
components became one, and their sizes; scipy and networkx find components only. The floor reads the links in the same
chunks and looks up both ends once. networkx takes part up to a million ids, and where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from journey_analytics.identity import components
from journey_analytics.identity.unionfind import BYTES_PER_ID, Forest
from journey_analytics.warehouse import open_night

WORK = Path(__file__).parent / "work" / "identity"
CHUNK = components.CHUNK
NETWORKX_IDS = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ids", type=int, default=10_000_000)
    parser.add_argument("--links", type=int, default=15_000_000)
    parser.add_argument("--memory-limit", default="2GB", help="DuckDB's, for the step on tables")
    arguments = parser.parse_args()
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    try:
        measured(make_graph, arguments.ids, arguments.links)
        contenders: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
            "floor: read the links, look up both ends": (floor, (arguments.ids,)),
            "the night's union-find, with merges": (union_find, (arguments.ids,)),
            "scipy connected_components": (scipy_components, (arguments.ids,)),
            "the step on tables of DuckDB": (step_on_tables, (arguments.ids, arguments.memory_limit)),
        }
        if arguments.ids <= NETWORKX_IDS and importlib.util.find_spec("networkx"):
            contenders["networkx connected_components"] = (networkx_components, (arguments.ids,))
        print(f"{arguments.ids:,} ids, {arguments.links:,} links, {BYTES_PER_ID} bytes per id\n")
        print("| what | seconds | cpu seconds | cpu, of scipy's | peak MB | components | merges |")
        print("|---|---:|---:|---:|---:|---:|---:|")
        rows = {name: measured(act, *given) for name, (act, given) in contenders.items()}
        base = rows["scipy connected_components"]["cpu"]
        for name, row in rows.items():
            print(
                f"| {name} | {row['seconds']:.1f} | {row['cpu']:.1f} | {row['cpu'] / base:.2f} | {row['peak']:,.0f} | "
                f"{row.get('components', 0):,} | {row.get('merges', 0):,} |"
            )
        found = {row["components"] for row in rows.values() if "components" in row}
        if len(found) != 1:
            raise SystemExit(f"the contenders found {found} components")
    finally:
        shutil.rmtree(WORK, ignore_errors=True)


def measured(act: Callable[..., Any], *given: Any) -> dict[str, Any]:
    """Run something in a process of its own: what it returns, with seconds, cpu seconds and peak memory."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=_measure, args=(answers, act, given))
    process.start()
    answer: dict[str, Any] = json.loads(answers.get())
    process.join()
    if "failed" in answer:
        raise SystemExit(f"{act.__name__}: {answer['failed']}")
    return answer


def _measure(answers: Any, act: Callable[..., Any], given: tuple[Any, ...]) -> None:
    try:
        started = time.perf_counter()
        before = resource.getrusage(resource.RUSAGE_SELF)
        found = act(*given) or {}
        usage = resource.getrusage(resource.RUSAGE_SELF)
        cpu = usage.ru_utime + usage.ru_stime - before.ru_utime - before.ru_stime
        found |= {"seconds": time.perf_counter() - started, "cpu": cpu, "peak": usage.ru_maxrss / 1000}
        answers.put(json.dumps(found))
    except BaseException as error:
        answers.put(json.dumps({"failed": repr(error)}))
        raise


def make_graph(n_ids: int, n_links: int) -> None:
    """Links (n_links,) of people with several ids each, in a random order, numbers scattered over everybody."""
    dice = np.random.default_rng(1)
    sizes = np.where(dice.random(n_ids) < 0.4, 1, dice.geometric(0.22, n_ids) + 1)
    sizes = sizes[: np.searchsorted(np.cumsum(sizes), n_ids) + 1]
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)[:n_ids]
    inner = np.flatnonzero(first != np.arange(n_ids))
    weaker = np.concatenate([inner, inner[dice.integers(0, len(inner), n_links - len(inner))]])
    order, number = dice.permutation(n_links), dice.permutation(n_ids).astype(np.int32)
    ends = number[first[weaker]][order], number[weaker][order]
    np.save(WORK / "left.npy", np.minimum(*ends))
    np.save(WORK / "right.npy", np.maximum(*ends))


def chunks() -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    left, right = (np.load(WORK / f"{side}.npy", mmap_mode="r") for side in ("left", "right"))
    for start in range(0, len(left), CHUNK):
        yield start, np.array(left[start : start + CHUNK]), np.array(right[start : start + CHUNK])


def floor(n_ids: int) -> None:
    parent = np.arange(n_ids, dtype=np.int32)
    for _, left, right in chunks():
        np.count_nonzero(parent[left] != parent[right])


def union_find(n_ids: int) -> dict[str, int]:
    forest = Forest(np.ones(n_ids, dtype=np.int64))
    merges = sum(len(forest.join(*chunk).edge) for chunk in chunks())
    n_names = 0
    for start in range(0, n_ids, CHUNK):
        ids = np.arange(start, min(start + CHUNK, n_ids))
        n_names += int(np.count_nonzero(forest.names(ids) == ids))
    return {"components": n_names, "merges": merges}


def scipy_components(n_ids: int) -> dict[str, int]:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    left, right = (np.load(WORK / f"{side}.npy") for side in ("left", "right"))
    links = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(n_ids, n_ids))
    n_components, labels = connected_components(links, directed=False)
    smallest = np.full(n_components, n_ids, dtype=np.int64)
    np.minimum.at(smallest, labels, np.arange(n_ids))
    return {"components": n_components}


def networkx_components(n_ids: int) -> dict[str, int]:
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(range(n_ids))
    for _, left, right in chunks():
        graph.add_edges_from(zip(left.tolist(), right.tolist(), strict=True))
    return {"components": networkx.number_connected_components(graph)}


def step_on_tables(n_ids: int, memory_limit: str) -> dict[str, Any]:
    """`components.components` on a database file, reading and writing included; seconds of filling it are not."""
    filled = multiprocessing.get_context("spawn").Process(target=fill, args=(n_ids,))
    filled.start()
    filled.join()
    warehouse = open_night(WORK, memory_limit=memory_limit)
    warehouse.execute("use work")
    components.components(warehouse)
    sql = f"select count(distinct component_number) as components, count(union_edge) as merges from {components.TABLE}"
    return warehouse.rows(sql)[0]


def fill(n_ids: int) -> None:
    connection = duckdb.connect(str(WORK / "work.duckdb"))
    connection.execute("set enable_progress_bar = false")
    connection.execute("create schema journeys")
    ids = f"select i::integer as id_number, 1::bigint as n_events from range({n_ids}) as t(i)"
    connection.execute(f"create table journeys.identity_ids as {ids}")
    connection.execute(
        "create table journeys.identity_edges (edge_number integer, from_number integer, to_number integer)"
    )
    for start, left, right in chunks():
        connection.register("found", {"edge": np.arange(start, start + len(left)), "one": left, "other": right})
        connection.execute("insert into journeys.identity_edges select edge, one, other from found")
    connection.close()


if __name__ == "__main__":
    main()

"""A real Postgres server on loopback, of a test's own, in a folder that is gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


class Postgres:
    """A running server; `dsn` leads to it, with a password that it does not ask for."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._binaries = folder, BINARIES[-1]
        self._own: dict[str, Any] = {}
        if os.geteuid() == 0:  # the server refuses to run as root
            user = pwd.getpwnam("nobody")
            os.chown(folder, user.pw_uid, user.pw_gid)
            self._own = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.dsn = f"postgresql://reader:a-secret@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        settings = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder} -c fsync=off"
        )
        self._run("initdb", "-D", "data", "-U", "reader", "-A", "trust", "-N", "--no-locale", "-E", "UTF8")
        self._run("pg_ctl", "-D", "data", "-l", "log", "-w", "-o", settings, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop", check=False)

    def sql(self, text: str) -> None:
        """Run SQL as the tables' owner."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "reader", "-d", "postgres"]
        self._run("psql", *where, "-v", "ON_ERROR_STOP=1", "-Atqc", text)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        subprocess.run(
            [self._binaries / program, *arguments], check=check, capture_output=True, cwd=self._folder,
            env={**os.environ, "HOME": str(self._folder)}, **self._own,
        )  # fmt: skip


@contextmanager
def running() -> Iterator[Postgres]:
    """A server for the length of a block; a socket's path may not be long, so its folder is not pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="journey-postgres-"))
    folder.chmod(0o755)
    server = Postgres(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)

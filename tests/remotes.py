"""A real S3 endpoint on loopback, and a network in front of it that can fail."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

import s3fs
from moto.server import ThreadedMotoServer

BUCKET = "shop-exports"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIATESTSONLY", "AWS_SECRET_ACCESS_KEY": "a-secret-that-nobody-may-read",
    "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
}  # fmt: skip


class Bucket:
    """A bucket, and what a vendor's export does to it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.files = s3fs.S3FileSystem(endpoint_url=f"http://127.0.0.1:{port}", skip_instance_cache=True)
        self.files.mkdir(BUCKET)

    def put(self, name: str, content: bytes) -> None:
        self.files.pipe_file(f"{BUCKET}/{name}", content)

    def clear(self) -> None:
        self.files.invalidate_cache()
        if names := self.files.find(BUCKET):
            self.files.rm(names)


@contextmanager
def bucket() -> Iterator[Bucket]:
    """An S3 server with one empty bucket; for as long, the environment leads to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with patch.dict(os.environ, ENVIRONMENT):
        server.start()
        port = int(server.get_host_and_port()[1])
        os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
        try:
            yield Bucket(port)
        finally:
            server.stop()


class FlakyNetwork:
    """A proxy in front of a server that cuts some connections after so many bytes of their answer."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self.cuts_left, self.cut_after, self.n_cut = 0, 0, 0
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        self._door.close()

    def _listen(self) -> None:
        while True:
            try:
                caller, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(caller,), daemon=True).start()

    def _connect(self, caller: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._server_port))
        threading.Thread(target=self._carry, args=(caller, server, False), daemon=True).start()
        self._carry(server, caller, True)

    def _carry(self, sender: socket.socket, receiver: socket.socket, is_answer: bool) -> None:
        carried = 0
        try:
            while data := sender.recv(65_536):
                carried += len(data)
                if is_answer and self.cuts_left > 0 and carried > self.cut_after:
                    self.cuts_left, self.n_cut = self.cuts_left - 1, self.n_cut + 1
                    break
                receiver.sendall(data)
        except OSError:
            pass  # the other side has hung up
        for end in (sender, receiver):
            _hang_up(end)


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):  # it has hung up already
        end.shutdown(socket.SHUT_RDWR)
    end.close()


def fetch_from(prefix: str, **more: Any) -> dict[str, Any]:
    """A feed's `fetch:` from the bucket."""
    return {"from": f"s3://{BUCKET}/{prefix}", **more}

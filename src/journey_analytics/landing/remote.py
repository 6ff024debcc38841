"""Objects of a remote store (S3, Google Cloud, Azure), listed and fetched; the only module that imports fsspec.

Endpoint and credentials come from the environment, as the store's own library reads it, and of an error only its kind
is told: its text may hold what nobody should read in a log. An object is fetched in ranges, so that a connection that
drops costs one range; it is in place whole or not at all, and only if it is the one that was listed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import fsspec  # type: ignore[import-untyped]
from fsspec.utils import glob_translate  # type: ignore[import-untyped]

from journey_analytics.errors import ConfigError, InputError, ResourceError
from journey_analytics.landing.placing import placed

RANGE_BYTES = 8_000_000
ATTEMPTS = 5
PAUSE_SECONDS = 0.5

EXTRAS = {"s3": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure", "abfss": "azure"}
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 20, "read_timeout": 60, "retries": {"max_attempts": 0}}},
}
_REFUSED = re.compile(r"Credentials|Permission|Forbidden|AccessDenied|Unauthorized|Authentication")

# What stores call the time of an object's last change.
_TIMES = ("LastModified", "mtime", "updated", "last_modified")

Result = TypeVar("Result")


class Changed(Exception):
    """An object is not the one that was listed: somebody is writing it."""


@dataclass(frozen=True)
class Remote:
    """One object: its name below the prefix, where it is, and what it was when it was looked at.

    `stamp` is the store's own mark of the content (its etag; else time and size); `modified`, seconds since 1970, is
    None where the store does not say.
    """

    name: str
    path: str
    size: int
    stamp: str
    modified: float | None


class Store:
    """A prefix of a remote store.

    Raises
    ------
    ConfigError : the library for this kind of store is not installed
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/") + "/"
        kind = address.split("://")[0]
        try:
            options = {"use_listings_cache": False, "skip_instance_cache": True, **_OPTIONS.get(kind, {})}
            self._files, self._root = fsspec.url_to_fs(self.address, **options)
        except ImportError as error:
            raise ConfigError(
                f"the library for {kind}:// is not installed", where=address,
                do=f"pip install 'journey-analytics[{EXTRAS[kind]}]'",
            ) from error  # fmt: skip
        except Exception as error:  # each library has errors of its own
            raise self._told(error) from error
        self._files.retries = 1  # one who is patient is enough

    def objects(self) -> list[Remote]:
        """Every object below the prefix, by name.

        Raises
        ------
        InputError : there is no such place, or it may not be read
        ResourceError : the store cannot be reached
        """
        found: Mapping[str, Mapping[str, Any]] = self._patiently(
            lambda: self._files.find(self._root, withdirs=False, detail=True)
        )
        root = self._root.rstrip("/") + "/"
        return [
            _remote(path.removeprefix(root), path, about)
            for path, about in sorted(found.items())
            if path.startswith(root) and path != root
        ]

    def fetch(self, listed: Remote, target: Path) -> None:
        """Bring one object to `target`: whole, or not at all.

        Raises
        ------
        Changed : it is not the one that was listed, or it changed while it was fetched
        InputError, ResourceError : it may not be read, or the store cannot be reached
        """
        with placed(target) as part:
            with part.open("wb") as file:
                while (start := file.tell()) < listed.size:
                    file.write(self._range(listed, start, min(start + RANGE_BYTES, listed.size)))
            if self._stamp_now(listed) != listed.stamp:
                raise Changed

    def _range(self, listed: Remote, start: int, end: int) -> bytes:
        try:
            block: bytes = self._patiently(lambda: self._files.cat_file(listed.path, start=start, end=end))
        except (InputError, ResourceError) as error:
            if not isinstance(error, ResourceError) or self._stamp_now(listed) != listed.stamp:
                raise Changed from error  # it is gone, or so much shorter that there is no such range any more
            raise
        if len(block) != end - start:
            raise Changed
        return block

    def _stamp_now(self, listed: Remote) -> str:
        """The mark of an object's content as it is now; empty where it is gone."""
        try:
            return self._patiently(lambda: _remote(listed.name, listed.path, self._files.info(listed.path))).stamp
        except InputError:
            return ""

    def _patiently(self, act: Callable[[], Result]) -> Result:
        """What an act returns; a connection that drops is tried again, a few times and ever later."""
        for attempt in range(ATTEMPTS):
            try:
                return act()
            except Exception as error:  # each library has errors of its own
                told = self._told(error)
                if isinstance(told, InputError) or attempt + 1 == ATTEMPTS:
                    raise told from error
                time.sleep(PAUSE_SECONDS * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def _told(self, error: Exception) -> InputError | ResourceError:
        kinds = " ".join(kind.__name__ for kind in type(error).__mro__)
        told = type(error).__name__
        if isinstance(error, FileNotFoundError):
            return InputError("there is no such bucket or object", where=self.address, do="correct `fetch: from`")
        if _REFUSED.search(f"{kinds} {getattr(error, 'strerror', None) or ''}"):
            return InputError(
                f"may not be read ({told})", where=self.address,
                do="check the credentials in the environment, and what they are allowed",
            )  # fmt: skip
        return ResourceError(
            f"cannot be reached ({told}, tried {ATTEMPTS} times)", where=self.address,
            do="check the network and the endpoint in the environment; run again: what has been fetched stays",
        )  # fmt: skip


def pattern(glob: str) -> re.Pattern[str]:
    """A glob (`*` within a name, `**` for any folders) as a regular expression for whole names."""
    return re.compile(glob_translate(glob))


def _remote(name: str, path: str, about: Mapping[str, Any]) -> Remote:
    changed = next(
        (about[key] for key in ("LastModified", "mtime", "updated", "last_modified") if about.get(key)), None
    )
    etag = next((str(about[key]) for key in ("ETag", "etag") if about.get(key)), "")
    size = int(about.get("size") or 0)
    modified = _seconds(changed)
    return Remote(name, path, size, f"{etag.strip(chr(34))} {size}" if etag else f"{modified} {size}", modified)


def _seconds(moment: Any) -> float | None:
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return None
    if isinstance(moment, datetime):
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return float(moment) if isinstance(moment, int | float) else None

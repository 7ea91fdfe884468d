"""The list of runs, kept cheap: rows in memory, refreshed by folder times, with SQLite as a cache on disk.

The run folders are the truth. Every file that a row is made of is replaced by rename, which changes
the folder's modification time: one `stat` per run shows whether its row is current. The database
only spares a new process from reading every folder; it can be deleted at any time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import sqlite3
import stat
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from workbench.spec.health import Health
from workbench.store.details import brief_settings, read_numbers
from workbench.store.disk import folder_bytes
from workbench.store.paths import RUN_ID, RunPaths, StorePaths
from workbench.store.run_row import RunRow
from workbench.store.runs import read_row
from workbench.store.store import Store

VERSION = 4
# Younger folders are read again next time: a change in the same clock tick would not show.
UNSETTLED_SECONDS = 2.0
NETWORK = (
    "nfs",
    "lustre",
    "gpfs",
    "cifs",
    "smb",
    "fuse",
    "9p",
    "ceph",
    "afs",
    "beegfs",
    "glusterfs",
    "ocfs2",
)

LOCAL = Path("/var/tmp")  # survives a reboot; open to all users
DISK = "disk"  # bytes of a run's folder; for filters a number as any other
# The last three are filled when a filter first asks for them: reading 10,000 files takes a second.
TABLES = (
    "CREATE TABLE IF NOT EXISTS run"
    "(id TEXT PRIMARY KEY, signature INT NOT NULL, row TEXT, checksum INT,"
    " settings TEXT, numbers TEXT, disk TEXT)"
    " WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS key(name TEXT PRIMARY KEY) WITHOUT ROWID",
)
DETAILS: dict[str, Callable[[RunPaths], dict[str, Any]]] = {
    "settings": brief_settings,
    "numbers": read_numbers,
    "disk": lambda paths: {DISK: folder_bytes(paths)},
}


class RunIndex:
    """All rows of one store. Safe to use from several threads; each process has its own."""

    def __init__(self, store: Store, database: Path | None = None) -> None:
        """`database` overrides the place of the cache file (":memory:" keeps nothing on disk)."""
        self._paths = store.paths
        self._lock = threading.Lock()
        self._rows: dict[str, RunRow] = {}
        self._signatures: dict[str, int] = {}  # 0: read again next time
        self._not_runs: dict[str, int] = {}
        self._sorted: list[RunRow] | None = None
        self._database = _open(self._paths, store.read_only, database)
        self._load()

    def rows(self) -> list[RunRow]:
        """Return all rows, newest first, brought up to date."""
        with self._lock:
            self._refresh()
            if self._sorted is None:
                self._sorted = sorted(self._rows.values(), key=lambda r: (r.created, r.id), reverse=True)
            return list(self._sorted)

    def settings(self, key: str) -> dict[str, Any]:
        """Return by run its setting under a dotted key, for the runs that have it.

        A list is returned as JSON text, and true as 1.
        """
        found = self._details("settings", key)
        lists = {
            run_id: json.dumps(v, separators=(",", ":")) for run_id, v in found.items() if type(v) is list
        }
        return found | lists

    def numbers(self, key: str) -> dict[str, float]:
        """Return by run the mean over seeds of an estimate or of the last point of a curve, or its bytes."""
        return self._details(DISK if key == DISK else "numbers", key)

    def disk(self) -> dict[str, int]:
        """Return the bytes that each run takes."""
        return self._details(DISK, DISK)

    def detail_keys(self) -> list[str]:
        """Return every setting of the runs, and the names of numbers that were read so far."""
        with self._lock:
            keys = {key for body in self._fill("settings").values() for key in body}
            with contextlib.suppress(sqlite3.Error):
                keys |= {key for (key,) in self._database.execute("SELECT name FROM key")}
        return sorted({*keys, DISK})

    def _details(self, column: str, key: str) -> dict[str, Any]:
        with self._lock:
            unsettled = self._fill(column)
            found = {run_id: body[key] for run_id, body in unsettled.items() if key in body}
            with contextlib.suppress(sqlite3.Error):
                query = f"SELECT id, json_extract({column}, ?) FROM run"
                for run_id, value in self._database.execute(query, (f"$.{json.dumps(key)}",)):
                    if value is not None and run_id in self._rows and run_id not in unsettled:
                        found[run_id] = value
        return found

    def _fill(self, column: str) -> dict[str, dict[str, Any]]:
        """Bring a column up to date; return by run what the database cannot keep."""
        lacking = set(self._rows)
        with contextlib.suppress(sqlite3.Error):
            known = self._database.execute(f"SELECT id, signature FROM run WHERE {column} IS NOT NULL")
            lacking -= {run_id for run_id, stamp in known if stamp == self._signatures.get(run_id)}
        found = {run_id: DETAILS[column](self._paths.run(run_id)) for run_id in lacking}
        settled = [run_id for run_id in lacking if self._signatures[run_id]]
        if not settled:
            return found
        try:
            names = {key for run_id in settled for key in found[run_id]}
            entries = [(_ENCODER.encode(found[n]), n, self._signatures[n]) for n in settled]
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany("INSERT OR IGNORE INTO key VALUES (?)", [(name,) for name in names])
            self._database.executemany(f"UPDATE run SET {column} = ? WHERE id = ? AND signature = ?", entries)
            self._database.execute("COMMIT")
        except (sqlite3.Error, TypeError, ValueError):  # a busy or full disk; TOML has dates, JSON has none
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            return found
        return {run_id: found[run_id] for run_id in lacking if not self._signatures[run_id]}

    def close(self) -> None:
        """Close the database; the rows stay usable."""
        with self._lock:
            self._database.close()

    def _refresh(self) -> None:
        """Read again the folders that changed; drop the rows of those that are gone."""
        seen: set[str] = set()
        changed: list[tuple[str, int]] = []
        horizon = time.time_ns() - int(UNSETTLED_SECONDS * 1e9)
        with os.scandir(self._paths.root) as entries:
            for entry in entries:
                name = entry.name
                if not RUN_ID.match(name):
                    continue
                try:
                    if not entry.is_dir(follow_symlinks=False):
                        continue
                    stamp = entry.stat(follow_symlinks=False).st_mtime_ns
                except OSError:
                    continue
                seen.add(name)
                known = self._signatures.get(name) or self._not_runs.get(name)
                if stamp > horizon or known != stamp:
                    changed.append((name, stamp if stamp <= horizon else 0))
        gone = self._signatures.keys() - seen
        stored = [self._read(name, stamp) for name, stamp in changed]
        for name in gone:
            del self._rows[name], self._signatures[name]
            self._sorted = None
        self._save([name for name in stored if name], gone)

    def _read(self, name: str, stamp: int) -> str:
        """Read one folder; return its name if the database should store the row."""
        row = read_row(self._paths.run(name))
        if row is None:
            self._not_runs[name] = stamp
            if self._signatures.pop(name, None) is not None:
                del self._rows[name]
                self._sorted = None
            return ""
        if self._rows.get(name) != row:
            self._rows[name] = row
            self._sorted = None
        self._signatures[name] = stamp
        return name if stamp else ""

    def _load(self) -> None:
        """Take the rows that the database remembers; damaged ones are read from their folders instead."""
        with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
            for name, stamp, body, checksum in self._database.execute(
                "SELECT id, signature, row, checksum FROM run"
            ):
                with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
                    if checksum == _checksum(name, stamp, body):
                        self._rows[name] = _decode(body)
                        self._signatures[name] = stamp

    def _save(self, names: Iterable[str], gone: Iterable[str]) -> None:
        """Write settled rows to the database. A busy or full disk does no harm: the folders are the truth."""
        names, gone = list(names), list(gone)
        if not names and not gone:
            return
        rows = [(name, self._signatures[name], _ENCODER.encode(vars(self._rows[name]))) for name in names]
        entries = [(*row, _checksum(*row)) for row in rows]
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(
                "INSERT OR REPLACE INTO run(id, signature, row, checksum) VALUES (?, ?, ?, ?)", entries
            )
            self._database.executemany("DELETE FROM run WHERE id = ?", [(n,) for n in gone])
            self._database.execute("COMMIT")
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")


KEPT = 8  # indexes a process keeps open; each holds three files
_open_indexes: dict[tuple[Path, bool], RunIndex] = {}  # the one used last comes last
_opening = threading.Lock()


def index_of(store: Store) -> RunIndex:
    """Return this process's index of the store, opened once; of many stores, those used last stay open."""
    with _opening:
        key = (store.root, store.read_only)
        index = _open_indexes.pop(key, None) or RunIndex(store)
        _open_indexes[key] = index
        while len(_open_indexes) > KEPT:
            _open_indexes.pop(next(iter(_open_indexes))).close()
        return index


def _open(paths: StorePaths, read_only: bool, chosen: Path | None) -> sqlite3.Connection:
    """Open the cache; a damaged one is made anew, and where none can be kept it lives in memory."""
    try:
        place = chosen or (None if read_only else database_path(paths))
    except OSError:  # no folder for it that is ours alone
        place = None
    if place is not None:
        for attempt in range(2):
            try:
                return _connect(str(place))
            except _Newer:
                break  # leave it to the newer program
            except (sqlite3.Error, OSError, ValueError):  # ValueError: a text of the file is not UTF-8
                if attempt == 0:
                    for suffix in ("", "-wal", "-shm"):
                        with contextlib.suppress(OSError):
                            Path(f"{place}{suffix}").unlink()
    return _connect(":memory:")


class _Newer(Exception):
    """The database belongs to a newer version."""


def _connect(place: str) -> sqlite3.Connection:
    """Open one database and see that its layout is this version's."""
    database = sqlite3.connect(place, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        if place != ":memory:":
            Path(place).chmod(0o600)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise _Newer
        database.execute("BEGIN IMMEDIATE")
        if version < VERSION:
            database.execute("DROP TABLE IF EXISTS run")
        for table in TABLES:
            database.execute(table)
        database.execute(f"PRAGMA user_version={VERSION}")
        database.execute("COMMIT")
        database.execute("SELECT id, signature, row, checksum FROM run LIMIT 1").fetchone()
    except BaseException:
        database.close()
        raise
    return database


def database_path(paths: StorePaths) -> Path:
    """Return where the cache of this store lies: beside it, or on local disk if it is on a network disk."""
    if not on_network(paths.root):
        return paths.index
    base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
    if on_network(base):
        base = _own_folder(LOCAL / f"workbench-{os.getuid()}")
    folder = base / "workbench" / hashlib.sha256(os.fsencode(paths.root)).hexdigest()[:16]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / paths.index.name


def _own_folder(path: Path) -> Path:
    """Return `path`, made if absent; anything there that another user made or may enter is left alone.

    Raises:
        OSError: if it is not a folder of this user alone.
    """
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "Not a private folder of this user", str(path))
    return path


def on_network(path: Path) -> bool:
    """Whether `path` lies on a network file system (or FUSE), where SQLite's WAL cannot be trusted."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        here = str(path.resolve())
    except OSError:
        return False
    best, kind = "", ""
    for line in mounts:
        left, _, right = line.partition(" - ")
        point = left.split(" ")[4].replace("\\040", " ")
        inside = here == point or here.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, right.split(" ")[0]
    return kind.startswith(NETWORK) and not kind.startswith("fuseblk")


def _checksum(name: str, stamp: int, body: str) -> int:
    """Return what shows that one of the three was damaged: JSON reads most flipped bits without complaint."""
    return zlib.crc32(f"{name} {stamp} {body}".encode())


def _decode(body: str) -> RunRow:
    values: dict[str, Any] = json.loads(body)
    if values.keys() != _FIELDS:
        raise ValueError("written by a version with other fields")
    values["seeds"] = tuple(values["seeds"])
    values["tags"] = tuple(values["tags"])
    values["health"] = tuple(Health(verdict, tuple(reasons)) for verdict, reasons in values["health"])
    values["summary"] = {name: tuple(column) for name, column in values["summary"].items()}
    return RunRow(**values)


_FIELDS = {item.name for item in dataclasses.fields(RunRow)}
_ENCODER = json.JSONEncoder(separators=(",", ":"))  # json.dumps would make a new one for each row

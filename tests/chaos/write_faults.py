"""The hand on write_faults.cc: its environment, its schedule and its counts."""
import os
import pathlib
import struct
import subprocess

FOLDER = pathlib.Path(__file__).resolve().parent
SOURCES = ("write_faults.cc", "fault_schedule.cc")
HEADER_BYTES = 512  # fault_schedule.cc: kHeaderBytes


def library(folder):
    """The library that XYLEM_WRITE_FAULTS names, or one made in `folder`."""
    given = os.environ.get("XYLEM_WRITE_FAULTS")
    if given:
        return pathlib.Path(given)
    made = pathlib.Path(folder) / "xylem_write_faults.so"
    subprocess.run(["g++", "-std=c++20", "-O1", "-fPIC", "-shared", "-I", FOLDER.parents[1],
                    *(FOLDER / name for name in SOURCES), "-o", made, "-ldl"],
                   check=True, timeout=120)
    return made


class Counts:
    """What was done so far: calls("pwritev"), injected("pwritev", "error"). Without names: of
    all."""

    def __init__(self, frame=b""):
        self.table = {}
        if len(frame) < HEADER_BYTES:
            return  # no process has begun
        words = [line.split()[1:] for line in frame[:HEADER_BYTES].decode().splitlines() if line]
        names, columns = words[1:3]
        cells = struct.unpack_from(f"={len(names) * len(columns)}Q", frame, HEADER_BYTES)
        for at, name in enumerate(names):
            self.table[name] = dict(zip(columns, cells[at * len(columns):]))

    def calls(self, *names):
        return sum(row["calls"] for name, row in self.table.items() if not names or name in names)

    def injected(self, call=None, act=None):
        """Acts that were done; `act` is error, short, slow or kill."""
        return sum(count for name, row in self.table.items() if call in (None, name)
                   for column, count in row.items()
                   if column != "calls" and act in (None, column))

    def __str__(self):
        rows = [f"{name}: " + ", ".join(f"{what} {count}" for what, count in row.items() if count)
                for name, row in self.table.items() if any(row.values())]
        return "; ".join(rows) or "no call yet"


class WriteFaults:
    """Failing writes below `directory`, for programs that are started with environment(). The
    schedule and the counts live in `folder`, which is made; it must be elsewhere."""

    def __init__(self, shared_library, directory, folder):
        self.directory = pathlib.Path(os.path.realpath(directory))
        self.folder = pathlib.Path(os.path.realpath(folder))
        assert self.directory not in (self.folder, *self.folder.parents)
        self.folder.mkdir(parents=True)
        self._library = shared_library
        self._schedule = self.folder / "schedule"
        self._counts = self.folder / "counts"
        self._changes = 0
        self.clear()

    def environment(self):
        """To be added to that of the program."""
        return {"LD_PRELOAD": str(self._library), "WRITE_FAULTS_DIR": str(self.directory),
                "WRITE_FAULTS_FILE": str(self._schedule), "WRITE_FAULTS_COUNTS": str(self._counts)}

    def set(self, *rules):
        """From the next call on these rules hold and no others, for instance
        set("fdatasync EIO once", "pwritev slow 200"). Their counters begin anew."""
        self._changes += 1
        fresh = self._schedule.with_suffix(".new")
        fresh.write_text("".join(f"{rule}\n" for rule in rules))
        # Two changes within one tick of the clock must look different too.
        os.utime(fresh, ns=(self._changes, self._changes))
        os.replace(fresh, self._schedule)

    def clear(self):
        self.set()

    def counts(self):
        try:
            return Counts(self._counts.read_bytes())
        except FileNotFoundError:
            return Counts()

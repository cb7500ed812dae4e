"""S4: the file that says how far a sidecar has come. Damaged or lost it costs repetitions, never an
event."""
import random

import pytest

from conclusion import conclude
from waiting import until

CURSOR = "upstream.cursor"
SLOT_BYTES = 512  # docs/spool.md
SMALL = {"spool.segment_bytes": "64KiB", "spool.bytes_max": "16MiB"}


def flip_one(path, chance):
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def flip_both(path, chance):
    content = bytearray(path.read_bytes())
    for slot in (0, SLOT_BYTES):
        content[slot + chance.randrange(40)] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def cut(path, chance):
    with open(path, "r+b") as file:
        file.truncate(chance.randrange(60))


def remove(path, _):
    path.unlink()


def fill_with_rubbish(path, chance):
    path.write_bytes(chance.randbytes(3000))


@pytest.mark.parametrize("damage", [flip_one, flip_both, cut, remove, fill_with_rubbish])
def test_S4_a_damaged_cursor_costs_repetitions_and_no_event(
        start_lives, folder, oracle, start_source, start_stream, damage):
    central = start_lives({**SMALL, "spool.directory": folder / "central"})
    sidecar = start_lives({**SMALL, "spool.directory": folder / "sidecar",
                           "upstream.connect": central.acked.endpoint})
    stream = start_stream(central.stream.endpoint, "all")
    source = start_source(sidecar.acked.endpoint, "p", rate=2000)
    until(lambda: stream.events > 300, "events arrive")
    sidecar.kill()
    damage(folder / "sidecar" / CURSOR, random.Random(4))
    sidecar.start()
    oracle.premise("lives of the sidecar", sidecar.begun, least=2)
    conclude(oracle, source)

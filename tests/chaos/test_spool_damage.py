"""S4: files of a spool that were damaged between two lives. The relay starts or says why, never
serves a record that is not as it was written, and tells what is missing."""
import random
import re
import shutil
import struct
from typing import NamedTuple

import pytest

from acked_source import AckedSource
from conclusion import conclude
from crc32c import crc32c
from oracle import Oracle
from relay_process import xylem
from resuming_stream import ResumingStream
from waiting import until

SEED = 41
EVENTS = 600
SEGMENT_HEADER_BYTES = RECORD_HEADER_BYTES = 64  # docs/spool.md
VERSION_AT, CRC_AT, EPOCH_AT = 8, 12, 24
SMALL = {"spool.segment_bytes": "64KiB", "spool.bytes_max": "16MiB"}


class Damage(NamedTuple):
    """`do` changes files by chance and says what it did."""

    name: str
    do: object
    trials: int


def segments(spool):
    return sorted(spool.glob("*.seg"))


def epoch_of(path):
    return struct.unpack_from("<Q", path.read_bytes(), EPOCH_AT)[0]


def before_the_last(spool, chance):
    """Of the last file of a relay that was killed nobody knows what it had, so its end can be as
    damaged as it likes without anybody noticing."""
    return chance.choice(segments(spool)[:-1])


def flip(spool, chance):
    path = before_the_last(spool, chance)
    content = bytearray(path.read_bytes())
    at, bit = chance.randrange(len(content)), chance.randrange(8)
    content[at] ^= 1 << bit
    path.write_bytes(content)
    return f"bit {bit} of byte {at} of {path.name} flipped"


def flip_in_header(spool, chance):
    path = before_the_last(spool, chance)
    content = bytearray(path.read_bytes())
    at, bit = chance.randrange(SEGMENT_HEADER_BYTES), chance.randrange(8)
    content[at] ^= 1 << bit
    path.write_bytes(content)
    return f"bit {bit} of byte {at} of {path.name} flipped"


def zero_a_page(spool, chance):
    path = before_the_last(spool, chance)
    content = bytearray(path.read_bytes())
    at = chance.randrange(0, len(content), 4096)
    content[at:at + 4096] = bytes(len(content[at:at + 4096]))
    path.write_bytes(content)
    return f"page at {at} of {path.name} is zeros"


def truncate(spool, chance):
    path = before_the_last(spool, chance)
    size = chance.randrange(path.stat().st_size)
    with open(path, "r+b") as file:
        file.truncate(size)
    return f"{path.name} cut to {size}"


def remove(spool, chance):
    path = before_the_last(spool, chance)
    path.unlink()
    return f"{path.name} removed"


def duplicate(spool, chance):
    path = chance.choice(segments(spool))
    ordinal = chance.choice([int(segments(spool)[-1].stem) + 1, 900])
    shutil.copy(path, spool / f"{ordinal:012}.seg")
    return f"{path.name} stands a second time as {ordinal}"


def add_rubbish(spool, chance):
    path = chance.choice(segments(spool))
    with open(path, "ab") as file:
        file.write(chance.randbytes(chance.randrange(1, 5000)))
    (spool / "000000000700.seg").write_bytes(chance.randbytes(chance.randrange(200)))
    (spool / "notes.txt").write_text("not ours")
    return f"rubbish behind {path.name}, and files that are none of ours"


DAMAGES = [Damage("flip", flip, 14), Damage("head", flip_in_header, 5),
           Damage("zeros", zero_a_page, 5), Damage("truncate", truncate, 5),
           Damage("remove", remove, 3), Damage("duplicate", duplicate, 3),
           Damage("rubbish", add_rubbish, 2)]


@pytest.fixture(scope="module")
def written():
    """Spools that a relay left, by how it ended; made on first use."""
    return {}


def fill(start_relay, context, spool, end):
    oracle = oracle_of_all()
    relay = start_relay({**SMALL, "spool.directory": spool})
    source = AckedSource(context, relay.acked, oracle, "p", rate=20_000, count=EVENTS,
                         window_bytes=32 << 10).start()
    until(source.is_done, lambda: f"all is written: {source}")
    source.stop()
    if end == "stopped":
        relay.stop()
    else:
        relay.kill()


def oracle_of_all(promised=False):
    oracle = Oracle(seed=SEED, padding_max=900)
    oracle.consumer("replay")
    if promised:
        first, last = oracle.draw_range("p", EVENTS)
        oracle.promise_range("p", first, last)
    return oracle


@pytest.fixture(params=["stopped", "killed"])
def copy_of_spool(request, start_relay, context, written, tmp_path_factory, folder):
    """copy_of_spool() is a fresh copy, of a relay that was stopped or killed."""
    end = request.param
    if end not in written:
        written[end] = tmp_path_factory.mktemp("spools") / end
        fill(start_relay, context, written[end], end)
        assert len(segments(written[end])) >= 5
    made = []

    def copy():
        made.append(folder / f"spool{len(made)}")
        shutil.copytree(written[end], made[-1])
        return made[-1]
    return copy


def replay_and_judge(relay, context, epoch):
    """Everything that is promised comes or is explained; a fresh event passes."""
    oracle = oracle_of_all(promised=True)
    oracle.limit("skipped", None)  # an epoch's first sequences are for the obligations to tell
    oracle.premise("damage", 1)
    stream = ResumingStream(context, relay.stream, oracle, "replay",
                            position=(epoch, 1)).start()
    source = AckedSource(context, relay.acked, oracle, "after", rate=1, count=0).start()
    try:
        verdict = conclude(oracle, source, seconds=10)
    finally:
        source.stop()
        stream.stop()
    assert verdict.figures["duplicates_within_epoch"] == 0
    return verdict


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_S4_damaged_files_are_told_and_never_served(copy_of_spool, start_relay, context, damage):
    chance = random.Random(f"{SEED}/{damage.name}")
    for _ in range(damage.trials):
        spool = copy_of_spool()
        epoch = epoch_of(segments(spool)[0])
        print(f"--- seed {SEED}: {damage.do(spool, chance)}")
        relay = start_relay({**SMALL, "spool.directory": spool})
        replay_and_judge(relay, context, epoch)
        relay.stop()


def test_S4_what_the_end_of_a_stopped_relays_log_had_is_told(
        start_relay, context, folder):
    spool = folder / "spool"
    fill(start_relay, context, spool, "stopped")
    path = segments(spool)[-1]
    content = bytearray(path.read_bytes())
    content[-3 * RECORD_HEADER_BYTES] ^= 1  # in the last batch; the end record stands behind it
    path.write_bytes(content)
    relay = start_relay({**SMALL, "spool.directory": spool})
    verdict = replay_and_judge(relay, context, epoch_of(path))
    assert verdict.consumers["replay"]["gap_notices"] == {"retention": 1}


def test_S4_a_spool_of_a_newer_version_is_refused_with_a_sentence(copy_of_spool):
    spool = copy_of_spool()
    path = segments(spool)[2]
    content = bytearray(path.read_bytes())
    struct.pack_into("<II", content, VERSION_AT, 2, 0)
    struct.pack_into("<I", content, CRC_AT, crc32c(content[:SEGMENT_HEADER_BYTES]))
    path.write_bytes(content)
    before = [each.read_bytes() for each in segments(spool)]
    done = xylem("serve", *(f"--set={key}={value}" for key, value in {
        **SMALL, "spool.directory": spool, "push.listen": "tcp://127.0.0.1:0",
        **{f"{door}.listen": "off" for door in ("acked", "publish", "stream", "http")}}.items()))
    assert done.returncode == 1
    assert re.search(rf"{path.name}: it was written by a newer xylem \(format 2", done.stderr)
    assert [each.read_bytes() for each in segments(spool)][2:] == before[2:], "it is left alone"

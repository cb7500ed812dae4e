"""The FlatBuffers frames of docs/protocol.md, made and read by code that flatc makes from schema/,
so that nothing of the relay's own codec judges itself."""
import importlib
import re
import subprocess
import sys

import flatbuffers

from relay_process import REPOSITORY


def generate(folder):
    """Makes the Python code of the schema and lets it be imported. Once per session."""
    subprocess.run(["flatc", "--python", "--gen-object-api", "-o", str(folder),
                    REPOSITORY / "schema/batch.fbs", REPOSITORY / "schema/control.fbs"], check=True)
    sys.path.insert(0, str(folder))


def wire(name):
    """The generated module of a table: wire("Hello").HelloT()."""
    return importlib.import_module(f"xylem.wire.{name}")


OVERFLOW = {"drop_oldest": 0, "drop_newest": 1, "block": 2, "disconnect": 3, "spill": 4}
VT_BODIES = 16  # schema/batch.fbs: the seventh field
GAP = {0: "overflow", 1: "reconnect", 2: "retention"}
BYE = {0: "closing", 1: "unknown_session", 2: "refused", 3: "too_slow", 4: "silent"}


def batch(events, positions=None, identifier=b"XYB1", stamp=(0, 0, 0)):
    """A frame of (key, body) pairs, each as bytes. `stamp` is its epoch, first sequence and time,
    which on an acked link are the source, the batch number and when the source took it in."""
    keys = sorted({key for key, _ in events})
    builder = flatbuffers.Builder(1024)
    builder.ForceDefaults(True)
    bodies = builder.CreateByteVector(b"".join(body for _, body in events))
    generated = wire("Batch")
    generated.BatchStartEntriesVector(builder, len(events))
    end = sum(len(body) for _, body in events)
    for at in reversed(range(len(events))):
        key, body = events[at]
        end -= len(body)
        position = positions[at] if positions else at
        wire("Entry").CreateEntry(builder, 0, end, len(body), position, keys.index(key), 0)
    entries = builder.EndVector()
    texts = [builder.CreateString(key) for key in keys]
    generated.BatchStartKeysVector(builder, len(keys))
    for text in reversed(texts):
        builder.PrependUOffsetTRelative(text)
    key_vector = builder.EndVector()
    generated.BatchStart(builder)
    generated.BatchAddEpoch(builder, stamp[0])
    generated.BatchAddFirstSequence(builder, stamp[1])
    generated.BatchAddReceivedUs(builder, stamp[2])
    generated.BatchAddEncoding(builder, 0)
    generated.BatchAddKeys(builder, key_vector)
    generated.BatchAddEntries(builder, entries)
    generated.BatchAddBodies(builder, bodies)
    builder.Finish(generated.BatchEnd(builder), identifier)
    return bytes(builder.Output())


def batch_of(*types, padding=0, first=0):
    """A frame with one plain event of each type."""
    return batch([(name.replace("-", ".").encode(),
                   b'{"type":"%s","n":%d,"pad":"%s"}' % (name.encode(), first + at, b"x" * padding))
                  for at, name in enumerate(types)])


def events_in(frame):
    """(epoch, [(sequence, key, body), ...]) of a batch frame."""
    table = wire("Batch").Batch.GetRootAs(frame, 0)
    start = table._tab.Vector(table._tab.Offset(VT_BODIES))  # AsNumpy would want numpy
    blob = frame[start:start + table.BodiesLength()]
    keys = [table.Keys(i) for i in range(table.KeysLength())]
    entries = [table.Entries(i) for i in range(table.EntriesLength())]
    shapes = [re.split(b"([\\1\\2])", table.Shapes(i)) for i in range(table.ShapesLength())]
    values = [[b""] * (len(shape) // 2) for shape in shapes]
    events = []
    for entry in entries:
        body = blob[entry.Offset():entry.Offset() + entry.Length()]
        if entry.Shape():
            body = unshaped(shapes[entry.Shape() - 1], values[entry.Shape() - 1], body)
        events.append((table.FirstSequence() + entry.Position(), keys[entry.Key()], body))
    return table.Epoch(), events


def unshaped(shape, values, body):
    """The JSON of a body by protocol §4.1; `values` are those of the event before, and change."""
    changed, at, lengths = int.from_bytes(body[:4], "little"), 4, []
    slots = [i for i in range(len(values)) if changed >> i & 1]
    for _ in slots:
        length = shift = 0
        while True:
            length |= (body[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if body[at - 1] < 0x80:
                break
        lengths.append(length)
    for slot, length in zip(slots, lengths):
        values[slot], at = body[at:at + length], at + length
    assert at == len(body)
    return shape[0] + b"".join(value + text for value, text in zip(values, shape[2::2]))


def is_shaped(frame):
    return wire("Batch").Batch.GetRootAs(frame, 0).ShapesLength() > 0


def control(kind, **fields):
    """A control frame: control("Credit", session=1, grantedBytes=65536)."""
    body = getattr(wire(kind), f"{kind}T")()
    for name, value in fields.items():
        assert hasattr(body, name), f"{kind} has no {name}"
        setattr(body, name, value)
    whole = wire("Control").ControlT()
    whole.bodyType = getattr(wire("Body").Body, kind)
    whole.body = body
    builder = flatbuffers.Builder(256)
    builder.Finish(whole.Pack(builder), b"XYC1")
    return bytes(builder.Output())


def read_control(frame):
    """(kind, table as an object) of a control frame."""
    whole = wire("Control").ControlT.InitFromObj(wire("Control").Control.GetRootAs(frame, 0))
    return type(whole.body).__name__.removesuffix("T"), whole.body

"""Events as the relay's push endpoint takes them: routing keys, JSON text, limits.

The JSON is the very text that Celery would have put on the broker, that of
``kombu.utils.json.dumps`` (how dates, UUIDs or decimals are written differs between kombu
versions; the relay passes it through). Only NaN and Infinity, which kombu writes although they
are no JSON, are refused: the relay would refuse them, and the whole list that they are in.
"""

import datetime
import decimal
import json.encoder
import re
import uuid
from functools import lru_cache
from typing import NamedTuple, Optional

from celery.events.event import group_from
from kombu.utils import json as kombu_json

#: The relay's limits (docs/protocol.md), bytes of one event's JSON.
EVENT_BYTES_MAX = 64 * 1024
#: Objects and lists within each other, the event itself being the first.
EVENT_DEPTH_MAX = 32
#: A routing key's bytes and words.
KEY_BYTES_MAX = 245
KEY_WORDS_MAX = 32
#: Half of what the relay takes in one message (1 MiB), so that frames and separators never matter.
LIST_BYTES_MAX = 512 * 1024
#: Half of what the relay takes in one list (2,048 events).
LIST_EVENTS_MAX = 1024


@lru_cache(maxsize=1024)
def routing_key(event_type):
    """Return the routing key of an event type, as bytes: each dash becomes a dot.

    Cached, because a program has few types and a message needs the key each time; bounded,
    because a type may be made up at run time.
    """
    return event_type.replace('-', '.').encode('utf-8', 'surrogatepass')


@lru_cache(maxsize=1024)
def list_routing_key(group):
    """Return the routing key of a list of events of one group, as bytes."""
    return f'{group}.multi'.encode()


def is_usable_key(key):
    """Return whether the relay takes events under a routing key."""
    return (0 < len(key) <= KEY_BYTES_MAX and key.count(b'.') < KEY_WORDS_MAX
            and not _UNUSABLE.search(key))


#: Control characters, and halves of surrogate pairs as `routing_key` writes them.
_UNUSABLE = re.compile(rb'[\x00-\x1f\x7f]|\xed[\xa0-\xbf]')
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BRACKET = re.compile(rb'[][{}]')


def is_too_deep(body):
    """Return whether an event's JSON has more levels than the relay takes.

    It would refuse the whole list that the event is in. Brackets are only told from those in
    texts where they are many, which costs as much as the encoding.
    """
    if body.count(b'{') + body.count(b'[') <= EVENT_DEPTH_MAX:
        return False
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b'', body)):
        depth += 1 if bracket in b'[{' else -1
        if depth > EVENT_DEPTH_MAX:
            return True
    return False


def is_loose_json(event):
    """Return whether kombu can write an event that `encode_event` cannot: it has NaN or such."""
    try:
        return bool(kombu_json.dumps(event))
    except Exception:
        return False


def _plain_text(event):
    return kombu_json.dumps(event, allow_nan=False)


def _probe():
    """An event that holds every kind of value whose text depends on kombu or on json's options."""
    return {
        'type': 'task-\u00e9\ud83d\ude00\u2028"\\', 'clock': 2 ** 70, 'timestamp': 0.1,
        'none': None,
        'true': True, 'list': [1, [2.5e-300, -0.0], ()], 'dict': {'b': {}, 1: 'a'},
        'datetime': datetime.datetime(2024, 2, 29, 12, 30, 15, 250, datetime.timezone.utc),
        'date': datetime.date(2024, 2, 29), 'time': datetime.time(1, 2, 3),
        'decimal': decimal.Decimal('1.10'), 'uuid': uuid.UUID(int=7),
    }


def _ready_text():
    """Return `_plain_text` with json's set-up done once instead of once per event, or None.

    ``json.dumps`` builds an encoder and that encoder's C core on every call, which costs more
    than half as much again as the encoding (3.8 instead of 2.1 microseconds for a
    task-received event). The C core is no public interface, so the result is used only where
    it proves to write what kombu writes.
    """
    try:
        iterencode = json.encoder.c_make_encoder(
            None, kombu_json.JSONEncoder().default, json.encoder.encode_basestring_ascii,
            None, ': ', ', ', False, False, False)
        join = ''.join

        def text(event):
            return join(iterencode(event, 0))

        return text if text(_probe()) == _plain_text(_probe()) else None
    except Exception:
        return None


_text = _ready_text() or _plain_text


def encode_event(event):
    """Encode one event: dict in, UTF-8 JSON bytes out.

    Raises what json and kombu raise (TypeError, ValueError, RecursionError, or anything from a
    value's ``__json__``), and ValueError for NaN and Infinity.
    """
    return _text(event).encode()


def event_head(hostname, utcoffset, pid):
    """Return the JSON text with which all events of one dispatcher begin, up to the clock."""
    return _text({'hostname': hostname, 'utcoffset': utcoffset, 'pid': pid})[:-1] + ', "clock": '


class EventForm(NamedTuple):
    """What all events of one type share."""

    #: The type's text before its first dash.
    group: str
    #: The routing key, as bytes; None if the relay would refuse it.
    key: Optional[bytes]
    #: The JSON text with which they end, behind the timestamp.
    tail: str


@lru_cache(maxsize=1024)
def event_form(event_type):
    """Return the `EventForm` of a type; cached as routing keys are."""
    key = routing_key(event_type)
    return EventForm(group_from(event_type), key if is_usable_key(key) else None,
                     f', "type": {_text(event_type)}}}')


def encode_between(head, clock, fields, timestamp, tail):
    """Encode an event of which only the fields, the clock and the timestamp are new.

    The text is that of `encode_event`, for three quarters of its price: of the fifteen values
    of a task-received event six need no encoder. Raises the same.
    """
    middle = _text(fields)[1:-1]
    if middle:
        middle += ', '
    return (f'{head}{"null" if clock is None else clock}, {middle}"timestamp": {timestamp!r}'
            f'{tail}').encode()


def pop_list(pieces):
    """Take encoded events off the left of a deque and return ``(JSON list, number of events)``.

    Takes as many as one message may hold; `pieces` must not be empty and no other thread may
    take from it meanwhile (others may append).
    """
    taken = [pieces.popleft()]
    size = len(taken[0])
    while pieces and len(taken) < LIST_EVENTS_MAX and size + len(pieces[0]) <= LIST_BYTES_MAX:
        piece = pieces.popleft()
        size += len(piece) + 2
        taken.append(piece)
    return b'[' + b', '.join(taken) + b']', len(taken)

"""Routing keys, JSON text and lists as the relay's push endpoint takes them."""

import datetime
import decimal
import json
import random
import string
import uuid
from collections import deque

import pytest
from kombu.utils.json import dumps

from xylem import encoding


class Reduced:
    """An object that knows its JSON, in kombu's way."""

    def __json__(self):
        return {'reduced': [1, 2]}


def random_value(random, depth=0):
    """A value of any kind that may stand in an event."""
    kinds = [
        lambda: None, lambda: random.random() < 0.5, lambda: random.randrange(-2 ** 80, 2 ** 80),
        lambda: random.uniform(-1e300, 1e300), lambda: random.random(),
        lambda: ''.join(random.choices(string.printable + 'äß\u2028\U0001f600\x00\ud800', k=9)),
        lambda: datetime.datetime.fromtimestamp(random.randrange(2 ** 31), datetime.timezone.utc),
        lambda: datetime.datetime.fromtimestamp(random.randrange(2 ** 31)),
        lambda: datetime.date(2024, 2, random.randrange(1, 30)), lambda: datetime.time(1, 2, 3),
        lambda: decimal.Decimal(random.randrange(10 ** 9)) / 1000,
        lambda: uuid.UUID(int=random.getrandbits(128), version=4), Reduced,
    ]
    if depth < 4:
        kinds += [
            lambda: [random_value(random, depth + 1) for _ in range(random.randrange(4))],
            lambda: tuple(random_value(random, depth + 1) for _ in range(random.randrange(4))),
            lambda: {str(key): random_value(random, depth + 1)
                     for key in range(random.randrange(4))},
        ] * 3
    return random.choice(kinds)()


def test_an_events_json_is_the_text_that_kombu_would_have_written():
    seed = random.randrange(2 ** 32)
    values = random.Random(seed)
    for _ in range(2000):
        event = {f'field{number}': random_value(values) for number in range(6)}
        assert encoding.encode_event(event) == dumps(event).encode(), f'seed {seed}'


def test_an_event_put_together_has_the_text_of_one_that_was_encoded():
    seed = random.randrange(2 ** 32)
    values = random.Random(seed)
    for number in range(500):
        fields = {f'field{name}': random_value(values) for name in range(number % 4)}
        clock, stamp = values.choice((None, number, 2 ** 70)), values.uniform(0, 2e9)
        host = 'ä"@h'
        event = {'hostname': host, 'utcoffset': -5, 'pid': 7, 'clock': clock, **fields,
                 'timestamp': stamp, 'type': 'task-ü'}
        head, tail = encoding.event_head(host, -5, 7), encoding.event_form('task-ü').tail
        made = encoding.encode_between(head, clock, fields, stamp, tail)
        assert made == dumps(event).encode(), f'seed {seed}'


def test_the_fast_way_to_that_text_is_the_one_in_use():
    assert encoding._text is not encoding._plain_text


def test_an_encoder_that_writes_other_text_than_kombu_is_not_used(monkeypatch):
    monkeypatch.setattr(encoding.kombu_json, 'dumps', lambda event, **options: 'other')
    assert encoding._ready_text() is None


def test_values_without_json_raise_as_in_kombu():
    endless = []
    endless.append(endless)
    for value in (object(), {1, 2}, endless):
        with pytest.raises((TypeError, ValueError, RecursionError)):
            encoding.encode_event({'field': value})


@pytest.mark.parametrize('encode', [encoding._text, encoding._plain_text])
@pytest.mark.parametrize('number', [float('nan'), float('inf'), float('-inf')])
def test_numbers_that_are_no_json_are_refused_before_the_relay_refuses_a_whole_list(
        encode, number):
    with pytest.raises(ValueError):
        encode({'field': [number]})
    assert encoding.is_loose_json({'field': [number]})
    assert not encoding.is_loose_json({'field': object()})


def test_routing_keys_have_dots_for_all_dashes():
    assert encoding.routing_key('worker-elect-ack') == b'worker.elect.ack'
    assert encoding.routing_key('custom-my-event') == b'custom.my.event'
    assert encoding.list_routing_key('task') == b'task.multi'


def test_a_list_is_split_well_under_the_relays_limits():
    pieces = deque(b'{"n": %d, "pad": "%s"}' % (n, b'x' * 60_000) for n in range(20))
    pieces.extend(b'{"n": %d}' % n for n in range(20, 3000))
    numbers = []
    while pieces:
        body, events = encoding.pop_list(pieces)
        assert len(body) <= 512 * 1024 + 1024 and events <= 1024
        parsed = json.loads(body)
        assert len(parsed) == events
        numbers += [event['n'] for event in parsed]
    assert numbers == list(range(3000))


def test_a_lists_json_is_the_text_that_kombu_would_have_written():
    events = [{'type': 'task-started', 'uuid': str(n)} for n in range(3)]
    body, _ = encoding.pop_list(deque(encoding.encode_event(event) for event in events))
    assert body == dumps(events).encode()

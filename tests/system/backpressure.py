"""A relay with little room, and a sender that finds out when it is full."""
import time

import zmq

from plain_clients import unlike

NARROW = {"pipeline.ring_batches": 8, "push.batch_bytes": "64KiB",
          "push.message_bytes_max": "64KiB", "push.event_bytes_max": "32KiB",
          "push.receive_hwm": 10, "stream.tap_bytes_max": "64KiB"}


def fill(push, sent=0, patience=0.5):
    """Sends until nothing was taken for `patience` seconds; returns how many events went out."""
    last = time.monotonic()
    while time.monotonic() - last < patience:
        body = b'{"type":"task-sent","n":%d,"pad":"%s"}' % (sent, unlike(sent, 8000).encode())
        if push.would_block([b"task.sent", body]):
            push.socket.poll(50, zmq.POLLOUT)
        else:
            sent += 1
            last = time.monotonic()
    return sent

"""Kombu's filesystem transport, made reliable: a broker that is a folder. URL: ``folder://``.

Kombu's own lets a reader see a message that is half written, and lose it.
"""

import os
import time
import uuid

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

TRANSPORT_ALIASES['folder'] = 'folder_transport:Transport'


class Channel(filesystem.Channel):
    """Writes a message under another name first; names sort by time, in nanoseconds."""

    def _put(self, queue, payload, **kwargs):
        name = f'{time.monotonic_ns():020}_{uuid.uuid4()}'
        unfinished = os.path.join(self.data_folder_out, name)
        with open(unfinished, 'w') as file:
            file.write(dumps(payload))
        os.rename(unfinished, f'{unfinished}.{queue}.msg')


class Transport(filesystem.Transport):
    """A worker on it sends every event by itself: the filesystem has no event loop."""

    Channel = Channel

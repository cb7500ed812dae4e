"""The demo's transport under a worker's event loop. Broker URL: ``polled://``.

RabbitMQ's and Redis' transports make a worker use the event loop, in which it gathers task events
into lists. This one is the folder, looked at by a timer of the loop.
"""

import os
import socket

from folder_transport import Transport
from kombu.transport import TRANSPORT_ALIASES

TRANSPORT_ALIASES['polled'] = 'polled_transport:PolledTransport'


class PolledTransport(Transport):
    """Says that it can do without a blocking loop, and can."""

    implements = Transport.implements.extend(asynchronous=True)

    def register_with_event_loop(self, connection, loop):
        loop.call_repeatedly(0.02, self._take, connection)

    def _take(self, connection):
        if self._told_to_break():
            raise self.connection_errors[0]('told to break')
        try:
            while True:
                self.drain_events(connection, timeout=0)
        except socket.timeout:
            pass

    def _told_to_break(self):
        """Return, once, whether somebody put a file named break into the queue's folder."""
        path = os.path.join(self.client.transport_options['data_folder_in'], 'break')
        try:
            os.unlink(path)
        except FileNotFoundError:
            return False
        return True

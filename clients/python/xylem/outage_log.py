"""What the plug-in says in the log, and how seldom."""

import logging
import time

logger = logging.getLogger('xylem')

#: An outage shorter than this is not worth a line (a relay's restart, a burst), seconds.
QUIET_SECONDS = 2.0
#: At most one line of a kind in this time, seconds.
INTERVAL_SECONDS = 60.0


class OutageLog:
    """Rate-limited lines about one relay; an outage is the time during which events wait.

    Called off the sending path: by the background thread, or when an event cannot be sent at
    all. Two threads may come at once; the worst of it is a line too many.

    Arguments:
        url: the relay's push endpoint, for the text.
        clock: a monotonic clock, seconds.
    """

    def __init__(self, url, clock=time.monotonic):
        self.url = url
        self._clock = clock
        self._began = None
        self._dropped_before = 0
        self._announced = False
        self._said = {}

    def note(self, stats):
        """Look at the outbox's counters: an outage that lasts, or its end, gets its line."""
        dropped = sum(stats['dropped'].values())
        if not stats['waiting']:
            if self._announced:
                logger.warning('xylem: relay at %s takes events again, %d dropped meanwhile',
                               self.url, dropped - self._dropped_before)
            self._began, self._announced = None, False
            return
        if self._began is None:
            self._began, self._dropped_before = self._clock(), dropped
        if self._clock() - self._began >= QUIET_SECONDS and self._may_say('outage'):
            self._announced = True
            logger.warning(
                'xylem: relay at %s takes no events, %d waiting (%d bytes), %d dropped',
                self.url, stats['waiting'], stats['waiting_bytes'],
                dropped - self._dropped_before)

    def unsendable(self, event_type, reason):
        """Say that an event could not be sent at all."""
        if self._may_say('unsendable'):
            logger.warning('xylem: event %s dropped: %s', event_type, reason)

    def mirror_failed(self, error):
        """Say that a mirrored event did not reach the broker (the relay's path is unharmed)."""
        if self._may_say('mirror'):
            logger.warning('xylem: mirroring events to the broker failed: %r', error)

    def closed(self, lost):
        """Say that a process ended before the relay took its last events."""
        logger.warning('xylem: closed while relay at %s took no events, %d events lost',
                       self.url, lost)

    def _may_say(self, kind):
        now = self._clock()
        if now - self._said.get(kind, -INTERVAL_SECONDS) < INTERVAL_SECONDS:
            return False
        self._said[kind] = now
        return True

"""What the plug-in says in the log, and how seldom."""

import logging
import time

#: How long a host that does not answer is waited for to learn why, seconds: by the background
#: thread, and when a process ends.
PROBE_SECONDS = 1.0
PROBE_SECONDS_AT_END = 0.1

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
        endpoint: the relay's `Endpoint`, for the text and for causes.
        clock: a monotonic clock, seconds.
    """

    def __init__(self, endpoint, clock=time.monotonic):
        self._endpoint = endpoint
        self._clock = clock
        self._began = None
        self._dropped_before = 0
        self._announced = False
        self._said = {}

    def note(self, stats, connected=False):
        """Look at the outbox's counters: an outage that lasts, or its end, gets its line.

        So does at once an outage whose cause will not pass. Finding the cause may take a second.
        """
        dropped = sum(stats['dropped'].values())
        if not stats['waiting']:
            if self._announced:
                logger.warning('xylem: relay at %s takes events again, %d dropped meanwhile',
                               self._endpoint.url, dropped - self._dropped_before)
            self.forget_outage()
            return
        if self._began is None:
            self._began, self._dropped_before = self._clock(), dropped
        lasts = self._clock() - self._began >= QUIET_SECONDS
        stays = not connected and self._endpoint.certain_trouble()
        if (lasts or stays) and self._may_say('outage'):
            self._announced = True
            logger.warning(
                'xylem: relay at %s takes no events (%s), %d waiting (%d bytes), %d dropped',
                self._endpoint.url, self._cause(connected, PROBE_SECONDS), stats['waiting'],
                stats['waiting_bytes'], dropped - self._dropped_before)

    def unsendable(self, event_type, reason):
        """Say that an event could not be sent at all."""
        if self._may_say('unsendable'):
            logger.warning('xylem: event %s dropped: %s', event_type, reason)

    def mirror_failed(self, error):
        """Say that a mirrored event did not reach the broker (the relay's path is unharmed)."""
        if self._may_say('mirror'):
            logger.warning('xylem: mirroring events to the broker failed: %r', error)

    def forget_outage(self):
        """Take an outage for ended without the relay having come back."""
        self._began, self._announced = None, False

    def closed(self, lost, connected=False):
        """Say that a process ended before the relay took its last events."""
        logger.warning('xylem: closed while relay at %s took no events (%s), %d events lost',
                       self._endpoint.url, self._cause(connected, PROBE_SECONDS_AT_END), lost)

    def _cause(self, connected, seconds):
        return ('it is connected and does not read' if connected
                else self._endpoint.trouble(seconds))

    def _may_say(self, kind):
        now = self._clock()
        if now - self._said.get(kind, -INTERVAL_SECONDS) < INTERVAL_SECONDS:
            return False
        self._said[kind] = now
        return True

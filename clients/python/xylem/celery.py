"""The hook for a Celery app::

    from celery import Celery
    from xylem.celery import Events

    app = Celery('proj', events=Events)
"""

from contextlib import contextmanager

from celery.app.events import Events as CeleryEvents
from celery.signals import worker_process_shutdown, worker_shutdown

from .outbox import CLOSE_SECONDS, REACHED_CLOSE_SECONDS, Outbox
from .settings import Settings

__all__ = ('Events',)


class Events(CeleryEvents):
    """Celery's ``app.events`` with a dispatcher that sends to a Xylem relay.

    Receiver and State stay Celery's: Gossip and the monitors keep reading from the broker.
    """

    dispatcher_cls = 'xylem.dispatcher:Dispatcher'

    def __init__(self, app=None):
        super().__init__(app)
        # Ends without Python's exit handlers: a prefork pool's child always, and a worker that
        # SIGHUP restarts, which becomes another program in the first of them.
        worker_process_shutdown.connect(self._end_child, weak=True)
        worker_shutdown.connect(self._close_worker, weak=True)

    @property
    def settings(self):
        """The plug-in's `Settings`, read from the environment at the first use.

        Raises:
            celery.exceptions.ImproperlyConfigured: naming the variable that cannot work.
        """
        if '_settings' not in vars(self):
            vars(self)['_settings'] = Settings.from_environment()
        return vars(self)['_settings']

    @property
    def outbox(self):
        """The way to the relay that all dispatchers of this app share: one socket a process.

        So what waits survives the dispatcher that sent it, as when a worker's connection to
        the broker is lost and Celery replaces its dispatcher.
        """
        if '_outbox' not in vars(self):
            settings = self.settings
            # setdefault is atomic: of two threads, one's outbox (which holds no socket yet) goes.
            vars(self).setdefault('_outbox', Outbox(settings.push, settings.buffer_bytes))
        return vars(self)['_outbox']

    @contextmanager
    def default_dispatcher(self, hostname=None, enabled=True, buffer_while_offline=False):
        """Yield a dispatcher, as ``Task.send_event`` asks for; unlike Celery's, takes nothing
        from the pool of broker connections.
        """
        with self.Dispatcher(hostname=hostname, enabled=enabled,
                             buffer_while_offline=buffer_while_offline) as dispatcher:
            yield dispatcher

    def _end_child(self, **kwargs):
        if '_outbox' in vars(self):
            self.outbox.end()

    def _close_worker(self, **kwargs):
        if '_outbox' in vars(self):
            self.outbox.close(CLOSE_SECONDS, REACHED_CLOSE_SECONDS)

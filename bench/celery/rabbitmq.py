"""A RabbitMQ of our own on loopback, in a folder that goes with it; ended by the pids we started.

    with RabbitMQ() as broker: broker.amqp_url, broker.pid
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server'
CTL = '/usr/lib/rabbitmq/bin/rabbitmqctl'
START_SECONDS = 60


def free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


def installed():
    return os.access(SERVER, os.X_OK)


class RabbitMQ:
    """Plain settings: classic queues, no plug-ins, no limits but the defaults.

    Arguments:
        certificates: a folder with ca.pem, server.pem and server-key.pem: TLS as well.
    """

    def __init__(self, certificates=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='xylem-rabbitmq-'))
        self.port, self._epmd_port, distribution = free_port(), free_port(), free_port()
        self.amqp_url = f'amqp://guest:guest@127.0.0.1:{self.port}//'
        settings = ['log.file.level = error', 'disk_free_limit.absolute = 10MB']
        if certificates:
            self.tls_port = free_port()
            settings += [f'listeners.ssl.default = 127.0.0.1:{self.tls_port}',
                         f'ssl_options.cacertfile = {certificates}/ca.pem',
                         f'ssl_options.certfile = {certificates}/server.pem',
                         f'ssl_options.keyfile = {certificates}/server-key.pem',
                         'ssl_options.verify = verify_peer',
                         'ssl_options.fail_if_no_peer_cert = true']
        (self.folder / 'plugins').write_text('[].')
        (self.folder / 'rabbitmq.conf').write_text('\n'.join(settings) + '\n')
        self._environment = dict(
            os.environ, HOME=str(self.folder), ERL_EPMD_PORT=str(self._epmd_port),
            ERL_EPMD_ADDRESS='127.0.0.1', RABBITMQ_NODENAME=f'bench{self.port}@localhost',
            RABBITMQ_NODE_PORT=str(self.port), RABBITMQ_NODE_IP_ADDRESS='127.0.0.1',
            RABBITMQ_DIST_PORT=str(distribution), RABBITMQ_MNESIA_BASE=f'{self.folder}/mnesia',
            RABBITMQ_LOG_BASE=f'{self.folder}/log', RABBITMQ_CONFIG_FILE=f'{self.folder}/rabbitmq',
            RABBITMQ_ENABLED_PLUGINS_FILE=f'{self.folder}/plugins',
            RABBITMQ_PID_FILE=f'{self.folder}/pid')
        self._epmd = self._server = self.pid = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        """Also again, after `kill`."""
        self.begin()
        self.await_ready()

    def begin(self):
        """Starts it, and does not wait."""
        (self.folder / 'pid').unlink(missing_ok=True)
        log = (self.folder / 'start.log').open('ab')
        with log:
            # Ours in the foreground; the server would leave one running behind it.
            if self._epmd is None:
                self._epmd = subprocess.Popen(['epmd', '-port', str(self._epmd_port)],
                                              env=self._environment, stdout=log, stderr=log)
            self._server = subprocess.Popen([SERVER], env=self._environment, stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL)

    def await_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError('RabbitMQ did not start: '
                                   + (self.folder / 'start.log').read_text()[-500:])
            time.sleep(0.2)
        # The server's script runs the broker as its child unless it replaced itself by it.
        self.pid = int((self.folder / 'pid').read_text())

    def _answers(self):
        """Whether it greets a client, which it does only when it has wholly started."""
        try:
            with socket.create_connection(('127.0.0.1', self.port), 1) as one:
                one.sendall(b'AMQP\x00\x00\x09\x01')
                one.settimeout(2)
                return bool(one.recv(8)) and (self.folder / 'pid').exists()
        except OSError:
            return False

    def signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        """As a machine that loses power would end it."""
        self.signal(signal.SIGKILL)
        self._server.wait(20)
        self.pid = None

    def ctl(self, *arguments):
        """``rabbitmqctl ARGUMENTS``; what it prints."""
        done = subprocess.run([CTL, '-q', *map(str, arguments)], env=self._environment,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f'rabbitmqctl {arguments}: {done.stdout} {done.stderr}'
        return done.stdout

    def close(self):
        for end in (lambda: self.pid and os.kill(self.pid, signal.SIGCONT),
                    lambda: self.pid and os.kill(self.pid, signal.SIGTERM),
                    lambda: self._server.wait(20), lambda: self._server.kill(),
                    lambda: self._server.wait(5),
                    lambda: self._epmd.terminate(), lambda: self._epmd.wait(5)):
            try:
                end()
            except (OSError, AttributeError, subprocess.TimeoutExpired):
                pass
        shutil.rmtree(self.folder, ignore_errors=True)

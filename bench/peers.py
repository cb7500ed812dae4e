"""The brokers that Xylem is compared with: started on 127.0.0.1, ended by their process ids.

Each runs on free ports in a temporary folder, stores nothing on disk and is tuned so that it loses
nothing as far as it can; `settings` says how, for the report. With `stalls` a peer keeps its own
limits for slow subscribers instead, which scenario S6 is about.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

WINDOW = ('producers wait while a subscriber is more than 16 MiB of events behind, since the '
          'broker would not hold them back')
START_SECONDS = 60


class Unavailable(Exception):
    """A peer that cannot be measured here; the sentence says why."""


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def program(name):
    found = shutil.which(name, path=os.environ.get('PATH', '') + ':/usr/sbin:/usr/local/sbin:/sbin')
    if found is None:
        raise Unavailable(f'{name} is not installed')
    return found


def package_version(package):
    done = subprocess.run(['dpkg-query', '-W', '-f', '${Version}', package],
                          capture_output=True, text=True)
    return done.stdout.strip() or 'unknown'


def descendants(pid):
    """The processes below `pid`, parents first."""
    children = {}
    for entry in pathlib.Path('/proc').iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / 'stat').read_text().rpartition(')')[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found[1:]


class Peer:
    """A broker: start() once, then `push`, `receive` and `pid` are there, then stop()."""

    carrier = None
    package = None
    settings = ()
    lasting = False  # so slow to start that one serves every run

    def __init__(self, bin_folder, stalls=False):
        self.bin = pathlib.Path(bin_folder)
        self.stalls = stalls
        self.folder = None
        self.process = None
        self.push = self.receive = None

    @property
    def pid(self):
        return self.process.pid

    def version(self):
        return package_version(self.package)

    def bench_options(self):
        return []

    def command(self):
        """The words that start it; sets push and receive."""
        raise NotImplementedError

    def start(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='xylem-bench-'))
        try:
            self.launch(self.command())
            self.wait_until_it_listens()
        except BaseException:
            self.stop()
            raise
        return self

    def launch(self, command, env=None):
        with open(self.folder / 'said', 'w') as said:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said,
                                            stderr=said, cwd=self.folder, env=env)

    def wait_until_it_listens(self):
        host, port = self.push.removeprefix('tcp://').rsplit(':', 1)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        said = (self.folder / 'said').read_text(errors='replace').strip().splitlines()
        raise Unavailable(f'{self.carrier} did not start: {(said or ["it said nothing"])[-1]}')

    def stop(self):
        if self.process is not None:
            below = descendants(self.process.pid)
            self.process.terminate()
            self.end_process()
            for pid in below:  # those that outlived it
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process = None
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def end_process(self):
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def on_one_port(self):
        port = free_port()
        self.push = self.receive = f'tcp://127.0.0.1:{port}'
        return port


class RawZmq(Peer):
    """PULL to PUB, frame by frame."""

    carrier = 'raw_zmq'
    package = 'libzmq5'
    settings = ('zmq_proxy: PULL to PUB, frames moved and not copied',
                'high-water marks of 1,000 messages on every socket',
                'ZMQ_XPUB_NODROP: a full subscriber holds producers back; in S6 it drops behind '
                '10,000 messages, as a plain PUB socket does, and producers wait at 4,000',
                'clients: the PUSH and SUB of Xylem\'s plain lanes')

    def bench_options(self):
        return ['--window', '4000'] if self.stalls else []

    def start(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='xylem-bench-'))
        words = [self.bin / 'zmq_proxy'] + (['--drop'] if self.stalls else [])
        if not words[0].exists():
            raise Unavailable('zmq_proxy is not built')
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline() or '{}')
        self.process.stdout.close()
        if not ready:
            self.stop()
            raise Unavailable('zmq_proxy did not start')
        self.push, self.receive = ready['push'][0], ready['publish'][0]
        return self


class ZmqBlocks(RawZmq):
    """The same proxy, with blocks of events through it."""

    carrier = 'zmq_blocks'
    settings = ('the proxy of raw libzmq; clients pack events into blocks of 64 KiB and back',
                'no filter: every subscriber receives every block',
                'a block is sent at once when the producer waits for its next event')


class Nats(Peer):
    carrier = 'nats'
    package = 'nats-server'
    settings = ('core NATS, no JetStream, no log', 'max_pending 1 GiB, write_deadline 60 s: no '
                'subscriber is cut off; its own limits in S6',
                'client: raw TCP, writes of 64 KiB or when the producer waits, reads of 512 KiB',
                WINDOW)

    def command(self):
        port = self.on_one_port()
        limits = '' if self.stalls else 'max_pending: 1073741824\nwrite_deadline: "60s"\n'
        (self.folder / 'nats.conf').write_text(
            f'host: 127.0.0.1\nport: {port}\nmax_payload: 8388608\n{limits}')
        return [program('nats-server'), '-c', self.folder / 'nats.conf']


class Redis(Peer):
    carrier = 'redis'
    package = 'redis-server'
    settings = ('PUBLISH and SUBSCRIBE or PSUBSCRIBE; no snapshots, no append-only file',
                'client-output-buffer-limit pubsub 0 0 0: no subscriber is cut off; its own limits '
                'in S6',
                'globs: * goes over dots, so a subscriber passes over what it did not ask for',
                'client: raw TCP, pipelined, writes of 64 KiB or when the producer waits; replies '
                'are read and discarded', WINDOW)

    def command(self):
        limits = [] if self.stalls else ['--client-output-buffer-limit', 'pubsub 0 0 0']
        return [program('redis-server'), '--bind', '127.0.0.1', '--port', str(self.on_one_port()),
                '--save', '', '--appendonly', 'no', '--daemonize', 'no', '--dir', self.folder,
                *limits]


class Mosquitto(Peer):
    carrier = 'mosquitto'
    package = 'mosquitto'
    settings = ('MQTT 3.1.1, QoS 0, no persistence, no log',
                'max_queued_messages 0: no limit, so nothing is dropped; its own limit in S6',
                'its default of no set_tcp_nodelay: half again as fast, and not later at 10,000/s',
                'client: raw TCP, writes of 64 KiB or when the producer waits, reads of 512 KiB',
                WINDOW)

    def command(self):
        limits = '' if self.stalls else 'max_queued_messages 0\nmax_queued_bytes 0\n'
        user = 'user root\n' if os.geteuid() == 0 else ''
        (self.folder / 'mosquitto.conf').write_text(
            f'listener {self.on_one_port()} 127.0.0.1\nallow_anonymous true\npersistence false\n'
            f'log_type error\n{user}{limits}')
        return [program('mosquitto'), '-c', self.folder / 'mosquitto.conf']


class RabbitMq(Peer):
    """One server for all runs; it takes seconds to start."""

    carrier = 'rabbitmq'
    package = 'rabbitmq-server'
    lasting = True
    settings = ('topic exchange; transient messages; exclusive, auto-deleted queues; consumers '
                'without acknowledgements; one channel for each connection',
                'no plug-ins, no statistics, memory mark at 0.6',
                'client: librabbitmq, which writes each message by itself', WINDOW,
                'one server for all runs of the harness; the others are new for each run')
    epmd = None

    def command(self):
        port = self.on_one_port()
        (self.folder / 'plugins').write_text('[].\n')
        (self.folder / 'rabbitmq.conf').write_text(
            f'listeners.tcp.1 = 127.0.0.1:{port}\nvm_memory_high_watermark.relative = 0.6\n'
            'collect_statistics = none\nlog.console = false\nlog.file.level = error\n'
            'disk_free_limit.absolute = 50MB\n')
        return [self.server()]

    @staticmethod
    def server():
        # The script in /usr/sbin insists on a user of its own.
        for path in ('/usr/lib/rabbitmq/bin/rabbitmq-server',):
            if os.access(path, os.X_OK):
                return path
        raise Unavailable('rabbitmq-server is not installed')

    def launch(self, command, env=None):
        epmd_port = free_port()
        self.epmd = subprocess.Popen(
            [program('epmd'), '-port', str(epmd_port), '-address', '127.0.0.1'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        env = {**os.environ, 'HOME': str(self.folder),
               'ERL_EPMD_PORT': str(epmd_port), 'ERL_EPMD_ADDRESS': '127.0.0.1',
               'RABBITMQ_NODENAME': f'xylem-bench-{os.getpid()}@localhost',
               'RABBITMQ_NODE_IP_ADDRESS': '127.0.0.1',
               'RABBITMQ_NODE_PORT': self.push.rsplit(':', 1)[1],
               'RABBITMQ_DIST_PORT': str(free_port()),
               'RABBITMQ_MNESIA_BASE': str(self.folder / 'mnesia'),
               'RABBITMQ_LOG_BASE': str(self.folder / 'log'),
               'RABBITMQ_CONF_ENV_FILE': '/dev/null',
               'RABBITMQ_CONFIG_FILE': str(self.folder / 'rabbitmq.conf'),
               'RABBITMQ_ENABLED_PLUGINS_FILE': str(self.folder / 'plugins')}
        super().launch(command, env)

    def stop(self):
        if self.process is not None:
            # The script passes no signal on; the server itself is below it.
            for pid in descendants(self.process.pid):
                try:
                    if pathlib.Path(f'/proc/{pid}/comm').read_text().strip() == 'beam.smp':
                        os.kill(pid, signal.SIGTERM)
                except (ProcessLookupError, FileNotFoundError):
                    pass
            self.end_process()
        super().stop()
        if self.epmd is not None:
            self.epmd.terminate()
            self.epmd.wait()
            self.epmd = None


KINDS = {kind.carrier: kind for kind in
         (RawZmq, ZmqBlocks, Nats, Redis, RabbitMq, Mosquitto)}


class Peers:
    """Hands out running peers, and remembers which there are not."""

    def __init__(self, bin_folder):
        self.bin = bin_folder
        self.lasting = {}
        self.skipped = {}

    def start(self, name, stalls=False):
        """A running peer, to be given back to done()."""
        if name in self.skipped:
            raise Unavailable(self.skipped[name])
        if name in self.lasting:
            return self.lasting[name]
        try:
            peer = KINDS[name](self.bin, stalls).start()
        except (Unavailable, OSError) as error:
            self.skipped[name] = str(error)
            raise Unavailable(str(error)) from error
        if peer.lasting:
            self.lasting[name] = peer
        return peer

    def done(self, peer):
        if not peer.lasting:
            peer.stop()

    def stop(self):
        for peer in self.lasting.values():
            peer.stop()
        self.lasting.clear()

    def described(self):
        return {name: {'version': kind(self.bin).version(), 'settings': list(kind.settings),
                       'skipped': self.skipped.get(name)} for name, kind in KINDS.items()}

"""A libzmq peer in a process of its own, which a test can stop and let go on.

    stoppable_peer.py sub ENDPOINT     prints the n of each event that it gets
    stoppable_peer.py push ENDPOINT    sends task-sent, n counting from 0, as fast as it is taken
"""
import json
import os
import signal
import subprocess
import sys
import threading

import zmq


class StoppablePeer:
    """Use with `with`: it is killed at the end."""

    def __init__(self, kind, endpoint):
        self.seen = []
        self._process = subprocess.Popen([sys.executable, __file__, kind, endpoint], text=True,
                                         stdout=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            self.seen.append(int(line))

    def stop(self):
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self._process.pid, signal.SIGCONT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._reader.join()


def main(kind, endpoint):
    context = zmq.Context()
    if kind == "sub":
        made = context.socket(zmq.SUB)
        made.setsockopt(zmq.SUBSCRIBE, b"task.")
        made.connect(endpoint)
        while True:
            print(json.loads(made.recv_multipart()[1])["n"], flush=True)
    made = context.socket(zmq.PUSH)
    made.connect(endpoint)
    number = 0
    while True:
        body = json.dumps({"type": "task-sent", "n": number, "pad": "x" * 300}).encode()
        made.send_multipart([b"task.sent", body])
        number += 1


if __name__ == "__main__":
    main(*sys.argv[1:])

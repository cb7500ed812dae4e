"""A stream of numbered task events through a relay to a broker that something happens to."""
import json
import threading
import time

from amqp_client import Client
from events import heartbeat, task
from plain_clients import Push
from waiting import until


class Flow:
    """Sends `rate` events a second on push, and knows what arrived in the broker's queue `out`."""

    def __init__(self, context, relay, broker, exchange, rate):
        self.relay, self.broker, self.exchange = relay, broker, exchange
        self.queue = f"out.{exchange}"
        self.sent = self.beats = 0
        self.bind()
        self._push = Push(context, relay.push)
        self._rate, self._over = rate, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def bind(self):
        client = Client(self.broker.amqp_url)
        client.exchange(self.exchange)
        client.channel.queue_declare(self.queue, durable=True, auto_delete=False)
        client.channel.queue_bind(self.queue, self.exchange, "#")
        client.close()

    def _run(self):
        begun = time.monotonic()
        while not self._over.wait(0.01):
            while self.sent < (time.monotonic() - begun) * self._rate:
                one = {**task(self.sent, "task-sent"), "n": self.sent}
                self._push.frames(b"task.sent", json.dumps(one).encode())
                self.sent += 1
                if self.sent % 100 == 0:
                    self._push.frames(b"worker.heartbeat", json.dumps(heartbeat()).encode())
                    self.beats += 1

    def delivered(self):
        return self.relay.metrics().ledger("amqp", self.exchange)[1]

    def await_flow(self, what, seconds=30):
        """Until more is delivered than was; how long that took."""
        start, before = time.monotonic(), self.delivered()
        until(lambda: self.delivered() > before, lambda: f"events flow {what}: {self.relay.log()}",
              seconds)
        return time.monotonic() - start

    def finish(self):
        """Everything arrives; the figures of the outage."""
        self.stop()
        total = self.sent + self.beats
        until(lambda: self.relay.metrics().ledger("amqp", self.exchange)[0] == total
              and self.relay.metrics().ledger("amqp", self.exchange)[4] == 0,
              lambda: f"{total} are settled: {self.relay.metrics().ledger('amqp', self.exchange)}",
              60)
        numbers, beats = [], []
        client = Client(self.broker.amqp_url)
        while (message := client.channel.basic_get(self.queue, no_ack=True)) is not None:
            one = json.loads(message.body)
            numbers.append(one["n"]) if "n" in one else beats.append(one)
        client.close()
        return {"sent": self.sent, "lost": self.sent - len(set(numbers)),
                "duplicated": len(numbers) - len(set(numbers)), "heartbeats": len(beats)}

    def stop(self):
        self._over.set()
        self._thread.join()

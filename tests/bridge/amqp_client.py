"""A plain AMQP client: py-amqp, the library under Kombu."""
import json
import socket

import amqp
from kombu.utils.url import parse_url

from waiting import until


class Client:
    def __init__(self, url):
        parts = parse_url(url)
        self.connection = amqp.Connection(
            host=f"{parts['hostname']}:{parts['port']}", userid=parts["userid"],
            password=parts["password"], virtual_host=parts["virtual_host"] or "/")
        self.connection.connect()
        self.channel = self.connection.channel()

    def exchange(self, name, kind="topic", **options):
        """As Kombu declares Celery's, unless `options` say otherwise."""
        self.channel.exchange_declare(name, kind, **{"durable": True, "auto_delete": False,
                                                     **options})
        return name

    def publish(self, exchange, key, body, mandatory=False, headers=None, **properties):
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        properties = {"content_type": "application/json", "content_encoding": "utf-8",
                      "delivery_mode": 1, "application_headers": headers or {}, **properties}
        message = amqp.Message(text, **properties)
        self.channel.basic_publish(message, exchange, key, mandatory=mandatory)

    def listen(self, exchange, pattern="#", declare=True):
        """A Mailbox of what comes by from now on."""
        if declare:
            self.exchange(exchange)
        return Mailbox(self, exchange, pattern)

    def depth(self, queue):
        """Messages that are ready in a queue."""
        return self.channel.queue_declare(queue, passive=True).message_count

    def drain(self, seconds=0.05):
        try:
            self.connection.drain_events(timeout=seconds)
        except socket.timeout:
            pass

    def close(self):
        try:
            self.connection.close()
        except (OSError, amqp.AMQPError):
            pass


class Mailbox:
    """Messages as they came: (routing key, body decoded, properties)."""

    def __init__(self, client, exchange, pattern):
        self.client = client
        self.messages = []
        queue = client.channel.queue_declare("", exclusive=True, auto_delete=True).queue
        client.channel.queue_bind(queue, exchange, pattern)
        client.channel.basic_consume(queue, callback=self._take, no_ack=True)

    def _take(self, message):
        self.messages.append((message.delivery_info["routing_key"], json.loads(message.body),
                              message.properties))

    def events(self):
        """One by one, lists split."""
        found = []
        for _, body, _ in self.messages:
            found.extend(body if isinstance(body, list) else [body])
        return found

    def await_events(self, count, seconds=15):
        def enough():
            self.client.drain()
            return len(self.events()) >= count
        until(enough, lambda: f"{count} events come: {len(self.events())} have", seconds)
        return self.events()

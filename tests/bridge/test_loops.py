"""An event goes through a broker once: no two bridges can send it round."""
from events import task
from relay_process import xylem
from waiting import until


def test_two_relays_around_one_broker_loop_nothing(start_bridge, client, exchange):
    """One relay carries from an exchange to another, a second one back."""
    there, back = exchange, f"{exchange}.other"
    mailboxes = [client.listen(there), client.listen(back)]
    first = start_bridge({"amqp_source.exchange": there, "amqp_sink.exchange": back})
    second = start_bridge({"amqp_source.exchange": back, "amqp_sink.exchange": there})
    for n in range(100):
        client.publish(there, "task.multi", [task(n)])
    mailboxes[1].await_events(100)
    until(lambda: second.metric("xylem_source_refused_total", source="amqp", reason="loop")
          == len(mailboxes[1].messages), "the second refuses all of them")
    for relay in (first, second):
        assert relay.metric("xylem_amqp_unacked_messages") == 0
    assert len(mailboxes[0].events()) == 100, "what was sent, and nothing more"
    assert second.metric("xylem_pipeline_events_total") == 0
    assert second.log_lines("amqp source refused", "loop")


def test_a_bridge_to_its_own_exchange_does_not_start(folder):
    done = xylem("check", "--set", "amqp.url=amqp://localhost", "--set", "amqp_source.exchange=e",
                 "--set", "amqp_sink.exchange=e", "--set", f"spool.directory={folder}")
    assert done.returncode == 78 and "round and round" in done.stderr

"""The fixture by which tests get at fault_proxy.py."""
import pytest

from fault_proxy import FaultProxy


@pytest.fixture
def start_proxy():
    """start_proxy(relay.acked) is a FaultProxy that is ended with its test."""
    proxies = []

    def start(target, **options):
        proxies.append(FaultProxy(target, **options).start())
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.stop()

"""Events as Celery's dispatchers make them."""
import itertools
import time

_clock = itertools.count(1)


def event(type_, hostname="w1@test", **fields):
    return {"type": type_, "hostname": hostname, "timestamp": time.time(), "utcoffset": 0,
            "pid": 7, "clock": next(_clock), **fields}


def heartbeat(hostname="w1@test"):
    return event("worker-heartbeat", hostname, freq=2.0, active=0, processed=0,
                 loadavg=[0.1, 0.2, 0.3], sw_ident="py-celery", sw_ver="5.2.6", sw_sys="Linux")


def task(n, type_="task-received", hostname="w1@test", **fields):
    return event(type_, hostname, uuid=f"task-{n}", **fields)


def key_of(one):
    return one["type"].replace("-", ".")

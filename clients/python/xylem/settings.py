"""What the plug-in reads from the environment.

=======================  ==========================  =============================================
variable                 default                     meaning
=======================  ==========================  =============================================
``XYLEM_PUSH``           ``tcp://127.0.0.1:7600``    the relay's push endpoint, tcp:// or ipc://
``XYLEM_BUFFER_BYTES``   ``8388608``                 memory for events that wait for the relay
``XYLEM_MIRROR``         empty                       groups that also go to the broker, by comma
=======================  ==========================  =============================================

A value that cannot work is refused when the first dispatcher is built, because a worker that
starts and then sends its events nowhere is found out much later.
"""

import difflib
import functools
import logging
import os
import re
import socket
from typing import FrozenSet, NamedTuple

from celery.exceptions import ImproperlyConfigured

logger = logging.getLogger('xylem')

#: Of the events that Celery itself sends.
CELERY_GROUPS = ('task', 'worker')

PUSH_DEFAULT = 'tcp://127.0.0.1:7600'
BUFFER_BYTES_DEFAULT = 8 * 1024 * 1024
#: Longest path that fits a Unix socket's address (sun_path holds 108 bytes, the last one zero).
IPC_PATH_BYTES_MAX = 107

#: Enough for the largest event that a relay takes, and then some.
BUFFER_BYTES_MIN = 128 * 1024
HOST_BYTES_MAX = 253

_TCP = re.compile(r'tcp://(\[[^\[\]]*\]|[A-Za-z0-9._-]+):([0-9]+)')
_LINK_LOCAL = re.compile(r'fe[89ab]', re.IGNORECASE)


class Settings(NamedTuple):
    """The plug-in's settings, checked."""

    #: Address of the relay's push endpoint as ZeroMQ writes it.
    push: str = PUSH_DEFAULT
    #: Bound on the memory of events that wait for the relay, bytes.
    buffer_bytes: int = BUFFER_BYTES_DEFAULT
    #: Groups whose events also go to the broker (a group is an event type's text before its
    #: first dash, as ``celery.events.event.group_from`` has it).
    mirror: FrozenSet[str] = frozenset()

    @classmethod
    def from_environment(cls, environ=os.environ):
        """Read and check the settings; raise `ImproperlyConfigured` naming the variable."""
        return cls(
            push=_push(environ.get('XYLEM_PUSH') or PUSH_DEFAULT),
            buffer_bytes=_buffer_bytes(environ.get('XYLEM_BUFFER_BYTES') or BUFFER_BYTES_DEFAULT),
            mirror=_mirror(environ.get('XYLEM_MIRROR') or ''),
        )


def _push(url):
    url = url.strip()
    if url.startswith('ipc://'):
        return _ipc(url)
    match = _TCP.fullmatch(url)
    if not match:
        raise _refusal('XYLEM_PUSH', url, 'expected tcp://HOST:PORT or ipc://PATH')
    if not 1 <= int(match.group(2)) <= 65535:
        raise _refusal('XYLEM_PUSH', url, 'the port must be between 1 and 65535')
    problem = _host_problem(match.group(1))
    if problem:
        raise _refusal('XYLEM_PUSH', url, problem)
    return url


def _host_problem(host):
    """What the relay's own programs would say, too (tests/fixtures/addresses.txt)."""
    if host.startswith('['):
        ip, percent, zone = host[1:-1].partition('%')
        if not _is_ip(socket.AF_INET6, ip):
            return 'expected an IPv6 address in the brackets'
        if percent and not (zone and _LINK_LOCAL.match(ip)):
            return 'a zone is the interface of a link-local address (fe80::)'
    elif not host.strip('0123456789.'):
        if not _is_ip(socket.AF_INET, host):
            return 'expected an IPv4 address of four numbers up to 255'
    elif len(host) > HOST_BYTES_MAX:
        return f'the name is longer than {HOST_BYTES_MAX} bytes'
    return None


def _is_ip(family, text):
    try:
        socket.inet_pton(family, text)
    except (OSError, ValueError):
        return False
    return True


def _ipc(url):
    path_bytes = len(os.fsencode(url[len('ipc://'):]))
    if not path_bytes:
        raise _refusal('XYLEM_PUSH', url, 'the path is missing')
    if url[len('ipc://'):][0] in '@*':
        raise _refusal('XYLEM_PUSH', url, 'a path that begins with @ or * is no file')
    if path_bytes > IPC_PATH_BYTES_MAX:
        raise _refusal('XYLEM_PUSH', url,
                       f'the path has {path_bytes} bytes, a Unix socket takes '
                       f'{IPC_PATH_BYTES_MAX}')
    return url


def _buffer_bytes(text):
    try:
        buffer_bytes = int(text)
    except ValueError:
        buffer_bytes = 0
    if buffer_bytes < BUFFER_BYTES_MIN:
        raise _refusal('XYLEM_BUFFER_BYTES', text,
                       f'expected a whole number of bytes, at least {BUFFER_BYTES_MIN}')
    return buffer_bytes


def _mirror(text):
    groups = frozenset(group.strip() for group in text.split(',') if group.strip())
    for group in groups:
        if not re.fullmatch(r'\w+', group):
            raise _refusal('XYLEM_MIRROR', text,
                           f'{group!r} is not a group: a group is the text before the first '
                           f'dash of an event type, such as worker or task')
        if group not in CELERY_GROUPS:
            _say_stranger(group)
    return groups


@functools.lru_cache(maxsize=64)
def _say_stranger(group):
    """Once for each: an application may well send events of a group of its own."""
    near = difflib.get_close_matches(group.lower(), CELERY_GROUPS, n=1)
    logger.warning('XYLEM_MIRROR: %r is no group of Celery\'s own (%s)%s', group,
                   ', '.join(CELERY_GROUPS),
                   f'; did you mean {near[0]!r}?' if near
                   else '; only events that the application itself sends can be of it')


def _refusal(variable, value, reason):
    return ImproperlyConfigured(f'{variable}={value!r}: {reason}')

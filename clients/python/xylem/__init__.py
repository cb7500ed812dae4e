"""Xylem's plug-in for Celery: task events leave the worker over ZeroMQ, past the task broker."""

__version__ = '0.1.0'

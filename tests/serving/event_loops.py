"""Coroutines of tests, whatever else runs in the thread of the test."""

import asyncio
from concurrent.futures import ThreadPoolExecutor


def run_alone(coroutine):
    """Run it to its end in a thread of its own: the browser's tests leave a running loop in the main one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()

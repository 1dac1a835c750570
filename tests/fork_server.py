"""Runs pytest in a fork of a process that has imported the libraries but none of our packages: half the time a mutant.

`serve SOCKET TEST…` waits; every `ask SOCKET` makes it fork, run the tests, and answer with their exit status. JAX is
imported but not started before the fork, so no thread is lost in it.
"""

from __future__ import annotations

import os
import socket
import sys
import time


def ask(path: str) -> int:
    """Exit status of one run of the tests."""
    with socket.socket(socket.AF_UNIX) as client:
        for _ in range(600):  # the server is importing its libraries
            try:
                client.connect(path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(0.1)
        answer = client.recv(16)
    return int(answer or b"70")


def serve(path: str, tests: list[str]) -> None:
    """Fork once per question, forever."""
    sys.path.insert(0, os.getcwd())
    import beartype  # noqa: F401
    import equinox  # noqa: F401
    import hypothesis.strategies  # noqa: F401
    import jax.numpy
    import jax.scipy.special  # noqa: F401
    import mpmath  # noqa: F401
    import pytest
    import scipy.integrate
    import scipy.optimize
    import scipy.sparse.linalg
    import scipy.stats  # noqa: F401

    with socket.socket(socket.AF_UNIX) as server:
        if os.path.exists(path):
            os.unlink(path)
        server.bind(path)
        server.listen()
        while True:
            connection, _ = server.accept()
            child = os.fork()
            if child == 0:
                os.setsid()
                sink = os.open(os.devnull, os.O_WRONLY)
                os.dup2(sink, 1)
                os.dup2(sink, 2)
                # a mutant that never ends must not outlive its question
                import signal

                signal.alarm(110)
                sys.dont_write_bytecode = True
                status = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-W", "ignore", *tests])
                connection.sendall(str(int(status)).encode())
                os._exit(0)
            connection.close()
            os.waitpid(child, 0)


if __name__ == "__main__":
    if sys.argv[1] == "ask":
        sys.exit(ask(sys.argv[2]))
    serve(sys.argv[2], sys.argv[3:])

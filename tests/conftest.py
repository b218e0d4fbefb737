"""Fixtures for all folders: one running server for a module, or one's own."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "scenario"))
import culver  # noqa: E402


@pytest.fixture(scope="module")
def server():
    with culver.Server() as running:
        yield running


@pytest.fixture
def make_server():
    """make_server(extra="setting = value\\n"): started, stopped at the end."""
    servers = []

    def make(**kw):
        server = culver.Server(**kw)
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        try:
            server.stop()
        finally:
            server.remove()

"""Who goes when there are more connections before login than places: not who
is giving a password, and nobody else when one network takes them all.  Each
test with processes of their own (process_limit) and a shared one
(client_limit)."""
import base64

import pytest

import culver

PLACES = 8
OWN = f"service imap-login {{\n  process_limit = {PLACES}\n}}\n"
SHARED = ("service imap-login {\n  service_count = 0\n  process_min_avail = 1\n"
          f"  client_limit = {PLACES}\n}}\n")
PLAIN = base64.b64encode(b"\0alice\0secret").decode()


@pytest.fixture(scope="module", params=[OWN, SHARED], ids=["own", "shared"])
def running(request):
    with culver.Server(extra=request.param) as server:
        yield server


@pytest.fixture
def connect(running):
    """One that has spoken, from the network that is given."""
    made = []

    def make(network):
        raw = culver.Raw(running.imap_port, source=f"127.8.0.{network}")
        made.append(raw)
        assert raw.line().startswith(b"* OK")
        assert raw.command("NOOP")[-1].startswith(b"x OK")
        return raw

    yield make
    for raw in made:
        raw.close()


def is_there(raw):
    return raw.command("NOOP")[-1].startswith(b"x OK")


def test_who_authenticates_is_not_dropped(connect):
    busy = connect(1)
    busy.send("a AUTHENTICATE PLAIN\r\n")
    assert busy.line().startswith(b"+")
    silent = [connect(2 + i) for i in range(PLACES - 1)]
    connect(20)
    connect(21)
    assert silent[0].closed(10) and silent[1].closed(10)
    assert is_there(silent[2])
    busy.send(PLAIN + "\r\n")
    assert busy.line().startswith(b"a OK")


def test_when_all_authenticate_the_oldest_goes(connect):
    busy = [connect(1 + i) for i in range(PLACES)]
    for raw in busy:
        raw.send("a AUTHENTICATE PLAIN\r\n")
        assert raw.line().startswith(b"+")
    new = connect(20)
    assert busy[0].closed(10)
    new.send(f"a AUTHENTICATE PLAIN {PLAIN}\r\n")
    assert new.line().startswith(b"a OK")
    busy[-1].send(PLAIN + "\r\n")
    assert busy[-1].line().startswith(b"a OK")


def test_a_greedy_network_drops_its_own(connect):
    others = [connect(1), connect(2), connect(3)]
    greedy = [connect(9) for _ in range(PLACES - len(others) + 20)]
    assert all(is_there(raw) for raw in others)
    assert greedy[0].closed(10)
    # and does not win by asking for authentication
    for raw in greedy[-3:]:
        raw.send("a AUTHENTICATE PLAIN\r\n")
        assert raw.line().startswith(b"+")
    for _ in range(PLACES):
        connect(9).send("a AUTHENTICATE PLAIN\r\n")
    assert all(is_there(raw) for raw in others)


"""Many log in at the same moment: each is served, none is turned away."""
import asyncio
import os
import signal
import ssl
import subprocess

import pytest

import culver

EXTRA = """
disable_plaintext_auth = no
mail_max_userip_connections = 10000
"""


async def login(port, tls):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls,
                                                   **({"ssl_handshake_timeout": 100} if tls else {}))
    await reader.readline()
    writer.write(b"a LOGIN alice secret\r\n")
    while not (line := await reader.readline()).startswith(b"a "):
        if not line:
            return b"closed"
    writer.write(b"b LOGOUT\r\n")
    await reader.read()
    writer.close()
    return line


async def all_at_once(port, count, tls):
    return await asyncio.gather(*(login(port, tls) for _ in range(count)))


# at process_limit the oldest connection without a login is dropped, on purpose
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("relays", ["process_limit = 1000",
                                    "service_count = 0\n  process_min_avail = 1"],
                         ids=["own", "shared"])
def test_a_storm_of_logins(relays, tls):
    """More than the sockets to auth and to the zygote hold: they wait their turn."""
    relays = f"service imap-login {{\n  {relays}\n}}\n"
    context = ssl._create_unverified_context() if tls else None
    with culver.Server(extra=EXTRA + relays) as server:
        port = server.imaps_port if tls else server.imap_port
        answers = asyncio.run(asyncio.wait_for(all_at_once(port, 400, context), 120))
        refused = [a for a in answers if not a.startswith(b"a OK")]
        assert not refused, (refused[:3], server.log[-1500:])
        assert "queue is full" not in server.log


def test_a_storm_while_auth_is_busy():
    """Each process of its own opens a channel to auth, and there is one port for all."""
    with culver.Server(extra=EXTRA + "service imap-login {\n  process_limit = 1000\n}\n") as server:
        below = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(server.process.pid)],
                               capture_output=True, text=True, check=True).stdout.splitlines()
        auth = [int(line.split()[0]) for line in below if line.endswith(" auth")]
        assert len(auth) == 1, below

        async def storm():
            os.kill(auth[0], signal.SIGSTOP)
            asyncio.get_running_loop().call_later(1.5, os.kill, auth[0], signal.SIGCONT)
            return await all_at_once(server.imap_port, 400, None)

        answers = asyncio.run(asyncio.wait_for(storm(), 120))
        refused = [a for a in answers if not a.startswith(b"a OK")]
        assert not refused, (len(refused), refused[:3], server.log[-1500:])

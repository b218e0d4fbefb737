"""Many log in at the same moment: each is served, none is turned away."""
import asyncio

import pytest

import culver

EXTRA = """
disable_plaintext_auth = no
mail_max_userip_connections = 10000
"""


async def login(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    writer.write(b"a LOGIN alice secret\r\n")
    while not (line := await reader.readline()).startswith(b"a "):
        if not line:
            return b"closed"
    writer.write(b"b LOGOUT\r\n")
    await reader.read()
    writer.close()
    return line


async def all_at_once(port, count):
    return await asyncio.gather(*(login(port) for _ in range(count)))


# at process_limit the oldest connection without a login is dropped, on purpose; one shared process
# has one channel to auth, whose socket holds some hundred questions and does not queue more
@pytest.mark.parametrize("relays,count", [("process_limit = 1000", 400), ("service_count = 0", 150)],
                         ids=["own", "shared"])
def test_a_storm_of_logins(relays, count):
    """More than the zygote's socket holds orders: they wait their turn."""
    relays = f"service imap-login {{\n  {relays}\n}}\n"
    with culver.Server(extra=EXTRA + relays) as server:
        answers = asyncio.run(asyncio.wait_for(all_at_once(server.imap_port, count), 120))
        refused = [a for a in answers if not a.startswith(b"a OK")]
        assert not refused, (refused[:3], server.log[-1500:])
        assert "queue is full" not in server.log

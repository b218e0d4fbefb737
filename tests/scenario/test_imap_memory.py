"""What grows with a command ends in NO [LIMIT] where vsz_limit ends, and the
session lives on."""
import re

import pytest

import culver
from test_imap_hostile import MAIL, Client

# what has no room left first differs: rows, or the blob references of them
SLOW = [("sdbox", "64M"), ("maildir", "64M"), ("maildir", "72M")]


# many files take their time
@pytest.fixture(params=[("mdbox", "64M")] +
                [pytest.param(case, marks=pytest.mark.slow) for case in SLOW],
                ids="-".join)
def client(request):
    driver, vsz_limit = request.param
    limit = f"service imap {{\n  vsz_limit = {vsz_limit}\n}}\n"
    config = culver.CONFIG.replace("maildir:~/Maildir", f"{driver}:~/mail")
    with culver.Server(config=config, extra=limit) as server:
        client = Client(server)
        client.sock.settimeout(120)
        client.append(MAIL, "INBOX")
        client.do("SELECT INBOX")
        yield client
        client.close()
        assert "anic" not in server.log and "killed" not in server.log


def count(client):
    return int(re.search(r"MESSAGES (\d+)", client.do("STATUS INBOX (MESSAGES)")[0])[1])


def test_copy_of_very_many(client):
    """All of them or none [RFC9051 6.4.7], and then fewer at a time."""
    for _ in range(17):
        before = count(client)
        answer = client.do("COPY 1:* INBOX")[-1]
        if " OK " not in answer:
            break
        assert count(client) == 2 * before
    assert re.match(r"\S+ NO \[LIMIT\] .*fewer at a time", answer), answer
    assert before >= 8192
    for _ in range(3):
        assert " NO [LIMIT] " in client.do("COPY 1:* INBOX")[-1]
        assert count(client) == before
    assert " OK [COPYUID " in client.do("COPY 1:1000 INBOX")[-1]
    assert count(client) == before + 1000
    assert client.ask("CREATE far", 60) == "OK"
    # what is done in parts goes on working
    for command in ("STORE 1:* +FLAGS (\\Flagged $Important)", "FETCH 1:* (FLAGS UID)",
                    "SEARCH FLAGGED", "UID SEARCH SUBJECT one", "MOVE 1:1000 far",
                    "STORE 1:* +FLAGS.SILENT (\\Deleted)", "EXPUNGE"):
        assert client.ask(command, 120) == "OK", command
    assert count(client) == 0
    # none is left behind of what was given up
    again = Client(client.server)
    assert " OK " in again.do("SELECT far")[-1]
    assert len([line for line in again.do("FETCH 1:* FLAGS") if "FETCH" in line]) == 1000
    again.close()


def test_sort_and_thread_of_very_many(client):
    while count(client) < 32768:
        assert " OK " in client.do(f"COPY 1:{min(count(client), 4096)} INBOX")[-1]
    answers = set()
    for command in ("SORT (SUBJECT FROM TO CC DATE SIZE) UTF-8 ALL",
                    "THREAD REFERENCES UTF-8 ALL", "THREAD ORDEREDSUBJECT UTF-8 ALL",
                    "THREAD REFS UTF-8 ALL", "SEARCH RETURN (SAVE ALL) ALL") * 2:
        line = client.do(command)[-1]
        assert re.match(r"\S+ (OK |NO \[LIMIT\])", line), (command, line)
        answers.add(line.split()[1])
    assert "OK" in answers
    assert client.ask("SORT (DATE) UTF-8 1:1000", 60) == "OK"

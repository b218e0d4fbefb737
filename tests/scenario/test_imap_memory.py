"""What grows with a command ends in NO [LIMIT] where vsz_limit ends, and the
session lives on."""
import re
import subprocess

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


def mail(number):
    """Texts of its own in each: what they sort by is not small."""
    return (f"From: writer{number}@example.org\r\nTo: reader{number}@example.org\r\n"
            f"Subject: number {number * 7919 % 100003}\r\nMessage-ID: <{number}@example.org>\r\n"
            f"References: <{number // 2}@example.org>\r\n\r\nbody\r\n").encode()


def maildir_of(folder, count, uidlist=False):
    for name in ("cur", "new", "tmp"):
        (folder / name).mkdir(parents=True)
    names = [f"17000{i:05d}.M{i:06d}P2.host.example.org,S={len(mail(i))},W={len(mail(i))}"
             for i in range(count)]
    for i, name in enumerate(names):
        (folder / "cur" / f"{name}:2,S").write_bytes(mail(i))
    if uidlist:
        (folder / "dovecot-uidlist").write_text(
            f"3 V1700000000 N{count + 1}\n"
            + "".join(f"{i + 1} :{name}:2,S\n" for i, name in enumerate(names)))
    if culver.IS_ROOT:
        subprocess.run(["chown", "-R", f"{culver.MAIL_USER}:{culver.MAIL_GROUP}",
                        folder.parent], check=True)


def limited(server, limit):
    """A client of the same server with another limit, of so many MiB."""
    server.stop()
    server.write_config(f"service imap {{\n  vsz_limit = {limit}M\n}}\n")
    server.start()
    client = Client(server)
    client.sock.settimeout(120)
    return client


def answer(client, command, limit):
    line = client.do(command)[-1]
    assert re.match(r"\S+ (OK |NO \[LIMIT\])", line), (limit, command, line)
    return line.split()[1]


@pytest.mark.slow
@pytest.mark.parametrize("uidlist", [False, True], ids=["found", "uidlist"])
def test_first_open_of_very_many(uidlist):
    """What a scan takes is asked for, whatever the limit."""
    answers = set()
    with culver.Server() as server:
        maildir_of(server.home("alice") / "Maildir", 50000, uidlist)
        for limit in range(36, 160, 4):
            client = limited(server, limit)
            for _ in range(2):
                answers.add(answer(client, "SELECT INBOX", limit))
            assert client.ask("NOOP", 60) == "OK"
            client.close()
            if "OK" in answers:
                break
        assert answers == {"OK", "NO"}
        assert "anic" not in server.log and "killed" not in server.log


@pytest.mark.slow
def test_sort_of_very_many_that_differ():
    """Each column is asked for, and the file of them is left out first."""
    commands = ("SORT (SUBJECT FROM TO CC DATE SIZE) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL",
                "SORT (FROM TO) UTF-8 ALL")
    answers = {command: set() for command in commands}
    with culver.Server() as server:
        maildir_of(server.home("alice") / "Maildir", 50000)
        client = Client(server)
        client.do("SELECT INBOX")
        assert client.ask("FETCH 1:* (ENVELOPE)", 300) == "OK"
        client.close()
        for limit in range(36, 100, 2):
            client = limited(server, limit)
            if answer(client, "SELECT INBOX", limit) == "OK":
                for command in commands:
                    answers[command].add(answer(client, command, limit))
            assert client.ask("NOOP", 60) == "OK"
            client.close()
            if all("OK" in seen for seen in answers.values()):
                break
        assert all("OK" in seen for seen in answers.values()), answers
        assert "NO" in answers[commands[0]]
        assert "anic" not in server.log and "killed" not in server.log

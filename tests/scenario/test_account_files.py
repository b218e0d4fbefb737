"""The files of an account: the engine (culveradm dump) against a reader that
knows doc/format-account.md alone."""
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

import pytest

import culver

READER = pathlib.Path(__file__).resolve().parent.parent / "account"
sys.path.insert(0, str(READER))
import read_account  # noqa: E402

PREFIX = pathlib.Path(os.environ["CULVER_PREFIX"])
BUILD = pathlib.Path(os.environ["CULVER_BUILD_DIR"])
ADM = PREFIX / "bin" / "culveradm"


def dump(*paths, form="json"):
    result = subprocess.run([ADM, "-f", form, "dump", *map(str, paths)],
                            capture_output=True, text=True, timeout=60)
    assert result.returncode in (0, 1, 65, 75), result.stderr
    return (json.loads(result.stdout) if form == "json" else result.stdout), result


def ordered(items):
    """What has no order is sorted; problems are told apart."""
    for item in items:
        for key in ("subscriptions",):
            if key in item:
                item[key] = sorted(item[key])
    encode = json.JSONEncoder(sort_keys=True).encode
    return sorted(encode(i) for i in items if i["what"] != "problem")


def read(path):
    try:
        return list(read_account.Account(path).items())
    except SystemExit:
        return None


def engine(path):
    items, _ = dump(path)
    items = [i for i in items if i["what"] != "problem"]
    return items or None


def assert_same(path):
    ours, theirs = engine(path), read(path)
    if ours is None or theirs is None:
        assert ours == theirs, path
        return
    ours, theirs = ordered(ours), ordered(theirs)
    different = [(a, b) for a, b in zip(ours, theirs) if a != b]
    assert not different, f"{path}\nengine: {different[0][0]}\nreader: {different[0][1]}"
    assert len(ours) == len(theirs)


@pytest.fixture(scope="module")
def workload():
    """workload(seed, rounds): the folder with a copy of each round.  In memory
    where there is such a place: each of thousands of commits is synced."""
    memory = pathlib.Path("/dev/shm")
    top = pathlib.Path(tempfile.mkdtemp(prefix="culver-account-",
                                        dir=memory if os.access(memory, os.W_OK) else None))
    program = BUILD / "tests" / "account" / "account-workload"
    subprocess.run(["make", "-s", str(program.relative_to(BUILD))], cwd=BUILD, check=True)
    done = {}

    def run(seed, rounds):
        if (seed, rounds) not in done:
            folder = top / f"seed{seed}-{rounds}"
            folder.mkdir()
            result = subprocess.run([program, folder, str(seed), str(rounds)],
                                    capture_output=True, text=True, timeout=300)
            assert result.returncode == 0, result.stderr[-2000:]
            done[seed, rounds] = folder
        return done[seed, rounds]

    yield run
    shutil.rmtree(top)


def copies(folder):
    return sorted((p for p in folder.iterdir() if p.name.isdigit()), key=lambda p: int(p.name))


def journal_of(path):
    return max(path.glob("journal.*"), key=lambda p: int(p.suffix[1:]))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_reader_and_engine_agree_after_random_work(workload, seed):
    folder = workload(seed, 12)
    for path in copies(folder):
        assert_same(path)
    assert_same(folder / "suspect")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 40))
def test_reader_and_engine_agree_after_much_random_work(workload, seed):
    folder = workload(seed, 40)
    for path in copies(folder):
        assert_same(path)
    assert_same(folder / "suspect")


def changed(path, tmp_path, change):
    """A copy of an account whose journal is changed."""
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(path, copy)
    journal = journal_of(copy)
    data = bytearray(journal.read_bytes())
    journal.write_bytes(change(data))
    return copy


def test_reader_and_engine_agree_on_torn_journals(workload, tmp_path):
    rng = random.Random(5)
    for path in copies(workload(1, 12))[::3] + [workload(1, 12) / "suspect"]:
        size = journal_of(path).stat().st_size
        for end in [128, *(rng.randrange(129, size) for _ in range(5))]:
            copy = changed(path, tmp_path, lambda d: d[:end])
            assert_same(copy)
            copy = changed(path, tmp_path, lambda d: d[:end] + bytes(size - end))
            assert_same(copy)


def test_reader_and_engine_agree_on_damaged_journals(workload, tmp_path):
    rng = random.Random(6)
    for path in copies(workload(2, 12))[::2]:
        size = journal_of(path).stat().st_size
        if size > 200000:
            continue

        def flip(data):
            data[rng.randrange(size)] ^= 1 << rng.randrange(8)
            return data

        def flip_state(data):
            end = int.from_bytes(data[56:64], "little")
            data[rng.randrange(128, end)] ^= 1 << rng.randrange(8)
            return data

        for _ in range(6):
            assert_same(changed(path, tmp_path, flip))
            assert_same(changed(path, tmp_path, flip_state))


# --- culveradm dump ---------------------------------------------------------------


def files_of(path):
    """All but what holds no records."""
    return [f for f in sorted(path.iterdir()) if f.name not in ("lock", "reserve")]


def test_dump_names_every_record_row_and_entry(workload):
    path = copies(workload(3, 12))[-1]
    state = read(path)
    rows = 0
    for file in files_of(path):
        items, result = dump(file)
        assert result.returncode == 0, result.stderr
        assert not [i for i in items if i["what"] == "problem"]
        what = [i["what"] for i in items]
        if file.name.startswith("journal."):
            assert what[0] == "journal" and what[-1] == "end"
            assert items[-1]["at"] == file.stat().st_size
            assert "folder" in what and "commit" in what
        elif file.suffix == ".snap":
            assert what[0] == "snapshot" and what.count("message") == items[0]["messages"]
            rows += items[0]["messages"]
        else:
            assert what[0] == "catalogue" and "entry" in what
    assert rows > 0 and len(state) > 10
    text, result = dump(path, form="flow")
    assert result.returncode == 0
    assert text.startswith("account guid=") and "\nfolder folder=" in text


def test_dump_says_where_a_file_is_damaged(workload, tmp_path):
    path = copies(workload(3, 12))[-1]
    rng = random.Random(7)
    told = 0
    for file in files_of(path):
        data = bytearray(file.read_bytes())
        for _ in range(12):
            at = rng.randrange(len(data))
            bad = bytearray(data)
            bad[at] ^= 0x40
            copy = tmp_path / file.name
            copy.write_bytes(bad)
            before = copy.stat()
            items, result = dump(copy)
            problems = [i for i in items if i["what"] == "problem"]
            if result.returncode == 0:
                # padding, and bytes that no checksum covers, say nothing
                assert not problems and read_twice(file, copy, at)
                continue
            told += 1
            # a file that does not begin like one is told on standard error
            assert problems or at < 8, (file.name, at)
            assert all(i["at"] <= at for i in problems[:1]), (file.name, at, problems)
            after = copy.stat()
            assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
            assert copy.read_bytes() == bytes(bad)
    assert told > 20


def read_twice(whole, changed_file, at):
    """True when the byte at `at` is padding."""
    items, _ = dump(whole)
    again, _ = dump(changed_file)
    return ordered(items) == ordered(again) and at >= 0


def test_dump_of_a_cut_or_foreign_file(workload, tmp_path):
    path = copies(workload(3, 12))[-1]
    for file in files_of(path):
        data = file.read_bytes()
        for end in (0, 7, 60, 130, 511, len(data) // 2, len(data) - 1):
            copy = tmp_path / file.name
            copy.write_bytes(data[:min(end, len(data) - 1)])
            _, result = dump(copy)
            assert result.returncode in (0, 1), (file.name, end)
            if file.suffix == ".snap":
                assert result.returncode == 1, (file.name, end)
    (tmp_path / "foreign").write_bytes(b"From someone\n" * 20)
    _, result = dump(tmp_path / "foreign")
    assert result.returncode == 65 and "does not begin like" in result.stderr
    _, result = dump(tmp_path / "missing")
    assert result.returncode == 65 and "missing" in result.stderr


def test_dump_of_a_folder_names_the_damaged_file(workload, tmp_path):
    path = next(p for p in reversed(copies(workload(3, 12))) if list(p.glob("*.snap")))
    copy = tmp_path / "copy"
    shutil.copytree(path, copy)
    snapshot = max(copy.glob("*.snap"), key=lambda p: p.stat().st_size)
    data = bytearray(snapshot.read_bytes())
    data[600] ^= 1
    snapshot.write_bytes(data)
    items, result = dump(copy)
    assert result.returncode == 1
    assert [i for i in items if i["what"] == "problem" and i["file"] == snapshot.name]
    assert not (copy / "lock").exists() or (copy / "lock").stat().st_size == 0
    assert sorted(f.name for f in copy.iterdir()) == sorted(f.name for f in path.iterdir())


def test_dump_is_strict_about_its_arguments():
    result = subprocess.run([ADM, "dump"], capture_output=True, text=True)
    assert result.returncode == 64 and "usage: culveradm dump PATH..." in result.stderr
    result = subprocess.run([ADM, "-f", "tab", "dump", "x"], capture_output=True, text=True)
    assert result.returncode == 64


# --- what IMAP says ---------------------------------------------------------------


def imap_messages(client, name):
    typ, data = client.select(f'"{name}"')
    assert typ == "OK"
    found = {}
    if data[0] != b"0":
        for line in client.fetch("1:*", "(UID FLAGS)")[1]:
            uid = int(re.search(rb"UID (\d+)", line).group(1))
            flags = set(re.search(rb"FLAGS \((.*?)\)", line).group(1).decode().split())
            found[uid] = flags - {"\\Recent"}
    return found


def modseqs(server, name):
    rows = json.loads(server.adm("-f", "json", "fetch", "-u", "alice", "uid modseq",
                                 "mailbox", name, "ALL").stdout)
    return {int(r["uid"]): int(r["modseq"]) for r in rows}


def imap_status(client, name):
    data = client.status(f'"{name}"', "(MESSAGES UNSEEN UIDNEXT UIDVALIDITY)")[1][0]
    return dict(zip(*[iter(data[data.rindex(b"(") + 1:-1].decode().split())] * 2))


def imap_work(client, rng, steps):
    names = ["INBOX"]
    for n in range(steps):
        name = rng.choice(names)
        what = rng.randrange(9)
        if what == 0 and len(names) < 5:
            names.append(f"box{n}")
            client.create(names[-1])
        elif what == 1 and len(names) > 2:
            old = names.pop(rng.randrange(1, len(names)))
            names.append(f"renamed{n}")
            assert client.rename(old, names[-1])[0] == "OK"
        elif what < 5:
            client.append(name, rng.choice(["()", r"(\Seen)", r"(\Flagged key1)"]), None,
                          b"Subject: %d\r\n\r\n%s\r\n" % (n, b"x" * rng.randrange(3000)))
        else:
            count = int(client.select(name)[1][0])
            if count == 0:
                continue
            client.store("1:*" if what == 5 else str(rng.randrange(1, count + 1)),
                         rng.choice(["+FLAGS", "-FLAGS"]),
                         rng.choice([r"(\Deleted)", r"(\Seen key2)", r"(\Answered)"]))
            if what == 8:
                client.expunge()
            elif what == 7 and name != names[-1]:
                client.copy("1", names[-1])
    return names


def test_reader_and_imap_agree(server):
    rng = random.Random(8)
    client = server.imap()
    names = imap_work(client, rng, 150)
    seen = {name: (imap_messages(client, name), imap_status(client, name)) for name in names}
    client.logout()
    path = next(pathlib.Path(server.home("alice")).rglob("journal.*")).parent
    items = read(path)
    assert_same(path)
    folders = {i["name"]: i for i in items if i["what"] == "folder"}
    for name, (messages, status) in seen.items():
        f = folders[name]
        assert {k: int(v) for k, v in status.items()} == {
            "MESSAGES": f["messages"], "UNSEEN": f["unseen"], "UIDNEXT": f["uidnext"],
            "UIDVALIDITY": f["uidvalidity"]}
        mine = [i for i in items if i["what"] == "message" and i["folder"] == f["folder"]]
        assert messages == {
            i["uid"]: {"\\" + x for x in i["flags"] if not x.startswith("driver")}
            | set(i["keywords"]) for i in mine}, name
        assert modseqs(server, name) == {i["uid"]: i["modseq"] for i in mine}, name
    assert sum(len(m) for m, _ in seen.values()) > 10

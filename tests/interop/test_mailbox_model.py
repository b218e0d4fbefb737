"""Random operations of several processes on one account, against a model of
what IMAP promises; another program works in the same Maildir, and processes
are killed between two commands.

The seed is printed with a failure: CULVER_SEED repeats it, CULVER_STEPS makes
it longer."""
import os
import pathlib
import random

import pytest

import mailbox_tool

STEPS = int(os.environ.get("CULVER_STEPS", "600"))
BOXES = ("INBOX", "a", "a.b")
LETTERS = "DFRST"
KEYWORDS = ("$One", "$Two")


class Model:
    def __init__(self):
        self.boxes = {name: {} for name in BOXES}	# uid: (flags, keywords, text)
        self.uidnext = {name: 1 for name in BOXES}

    def add(self, box, flags, keywords, text):
        uid = self.uidnext[box]
        self.uidnext[box] += 1
        self.boxes[box][uid] = (frozenset(flags), frozenset(keywords), text)
        return uid


class Run:
    def __init__(self, home, seed):
        self.random = random.Random(seed)
        self.home = pathlib.Path(home)
        self.model = Model()
        self.tools = [self.start() for _ in range(3)]
        self.views = [None] * 3
        self.number = 0
        for name in BOXES[1:]:
            self.tools[0]("create", name)

    def start(self):
        return mailbox_tool.Tool(self.home)

    def some_flags(self):
        return "".join(c for c in LETTERS if self.random.random() < 0.3)

    def some_keywords(self):
        return [k for k in KEYWORDS if self.random.random() < 0.2]

    def some_uids(self, box):
        uids = sorted(self.model.boxes[box])
        return [u for u in uids if self.random.random() < 0.4]

    # --- operations ---

    def op_save(self, tool, box):
        self.number += 1
        flags, keywords = self.some_flags(), self.some_keywords()
        size = self.random.choice((10, 500, 100000))
        text = f"Subject: {self.number}\r\n\r\n" + "x" * size + "\r\n"
        uid = tool.save(box, text, flags or "-", ",".join(keywords) or "-")
        assert uid == self.model.add(box, flags, keywords, self.number)

    def op_store(self, tool, box):
        uids = self.some_uids(box)
        if not uids:
            return
        flags, keywords = frozenset(self.some_flags()), frozenset(
            self.some_keywords())
        change = self.random.choice(("add", "remove", "replace"))
        tool("store", box, ",".join(map(str, uids)), change,
             "".join(sorted(flags)) or "-", ",".join(keywords) or "-")
        for uid in uids:
            f, k, text = self.model.boxes[box][uid]
            if change == "add":
                f, k = f | flags, k | keywords
            elif change == "remove":
                f, k = f - flags, k - keywords
            else:
                f, k = flags, keywords
            self.model.boxes[box][uid] = (f, k, text)

    def op_copy(self, tool, box, move=False):
        uids = self.some_uids(box)
        target = self.random.choice(BOXES)
        if not uids or (move and target == box):
            return
        tool("move" if move else "copy", box, ",".join(map(str, uids)),
             target)
        for uid in uids:
            f, k, text = self.model.boxes[box][uid]
            self.model.add(target, f, k, text)
            if move:
                del self.model.boxes[box][uid]

    def op_move(self, tool, box):
        self.op_copy(tool, box, True)

    def op_expunge(self, tool, box):
        tool("expunge", box)
        self.model.boxes[box] = {
            u: m for u, m in self.model.boxes[box].items() if "T" not in m[0]}

    def op_check(self, tool, box):
        found = tool.messages(box)
        want = self.model.boxes[box]
        assert list(found) == sorted(want)
        for uid, (flags, keywords, _) in want.items():
            assert frozenset(found[uid][0]) == flags, uid
            assert found[uid][1] == keywords, uid

    def op_foreign(self, tool, box):
        """Another program: a delivery, a changed flag, a removed file."""
        folder = self.home / "Maildir"
        if box != "INBOX":
            folder /= "." + box
        # what happened so far is known to be taken in
        self.op_check(tool, box)
        files = sorted((folder / "cur").iterdir())
        what = self.random.randrange(3)
        if what == 0 or not files:
            self.number += 1
            (folder / "new" / f"{1700000000 + self.number}.foreign").write_text(
                f"Subject: {self.number}\n\nforeign\n")
            self.model.add(box, "", [], self.number)
            # its UID is given when it is first seen
            self.op_check(tool, box)
        elif what == 1:
            path = self.random.choice(files)
            base, _, flags = path.name.partition(":2,")
            if "F" in flags:
                return
            path.rename(path.with_name(
                base + ":2," + "".join(sorted(flags + "F"))))
            uid = self.find(tool, box, before=True)
            f, k, text = self.model.boxes[box][uid]
            self.model.boxes[box][uid] = (f | {"F"}, k, text)
        else:
            self.random.choice(files).unlink()
            gone = set(self.model.boxes[box]) - set(tool.messages(box))
            assert len(gone) == 1
            del self.model.boxes[box][gone.pop()]

    def find(self, tool, box, before):
        """The UID whose flags are not those of the model any more."""
        found = tool.messages(box)
        changed = [u for u, m in self.model.boxes[box].items()
                   if frozenset(found[u][0]) != m[0]]
        assert len(changed) == 1
        return changed[0]

    def op_view(self, tool, box):
        """A view changes only in sync, and its numbers add up."""
        index = self.tools.index(tool)
        if self.views[index] is None:
            tool("open", box)
            self.views[index] = (box, [int(line.split()[0])
                                       for line in tool("view")])
            return
        box, uids = self.views[index]
        assert [int(line.split()[0]) for line in tool("view")] == uids
        answer = dict(line.partition(" ")[::2] for line in tool("sync"))
        expunged = numbers(answer["e"])
        uids = [u for seq, u in enumerate(uids, 1) if seq not in expunged]
        count = int(answer["m"])
        now = [int(line.split()[0]) for line in tool("view")]
        assert now[:len(uids)] == uids and len(now) == count
        assert now == sorted(self.model.boxes[box])
        for line in tool("view"):
            uid, flags = line.split()
            assert frozenset(flags.strip("-")) == \
                self.model.boxes[box][int(uid)][0]
        self.views[index] = (box, now) if self.random.random() < 0.8 else None

    def op_kill(self, tool, box):
        index = self.tools.index(tool)
        if self.random.random() < 0.5:
            tool.kill()
        else:
            assert tool.close() == 0
        self.tools[index] = self.start()
        self.views[index] = None

    def step(self):
        name, weight = zip(
            ("save", 8), ("store", 8), ("copy", 3), ("move", 3),
            ("expunge", 2), ("check", 4), ("foreign", 2), ("view", 8),
            ("kill", 1))
        op = self.random.choices(name, weight)[0]
        box = self.random.choice(BOXES)
        getattr(self, "op_" + op)(self.random.choice(self.tools), box)
        return op, box

    def close(self):
        for tool in self.tools:
            tool.kill()


def numbers(text):
    found = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition(":")
        found |= set(range(int(first), int(last or first) + 1))
    return found


@pytest.mark.parametrize("seed", [int(os.environ["CULVER_SEED"])]
                         if "CULVER_SEED" in os.environ else [1, 2, 3])
def test_many_processes_agree_with_the_model(tmp_path, seed):
    home = tmp_path
    run = Run(home, seed)
    done = []
    try:
        for _ in range(STEPS):
            done.append(run.step())
        for box in BOXES:
            for tool in run.tools:
                run.op_check(tool, box)
    except Exception:
        print(f"seed {seed}, after {len(done)} steps: {done[-10:]}")
        raise
    finally:
        run.close()

#!/usr/bin/env python3
"""Replays the logs of mailbox-stress in the order of the commits and says
where what was done or seen is not what a mailbox promises."""
import collections
import pathlib
import sys

ADD, REMOVE, REPLACE = 1, 2, 3


def flag_bits(top):
    """The numbers of \\Seen and \\Deleted."""
    import re
    text = "".join(p.read_text() for p in (pathlib.Path(top) / "plugin-api").glob("cv-*.h"))
    return tuple(int(re.search(rf"CV_FLAG_{n} = (\d+)", text).group(1))
                 for n in ("SEEN", "DELETED"))


def numbers(text):
    if text == "-":
        return []
    found = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        found += range(int(first), int(last or first) + 1)
    return found


def words(text):
    return frozenset() if text == "-" else frozenset(text.split(","))


def notes(text):
    """What stands for each name; None: it is removed."""
    found = {}
    for part in text.split(",") if text != "-" else []:
        name, has, value = part.partition("=")
        found[name] = value if has else None
    return found


def hash_of(uids):
    crc = 0
    for uid in uids:
        crc = ((crc ^ uid) * 16777619) & 0xffffffff
    return crc


class Folder:
    def __init__(self):
        self.uidvalidity = None
        self.uidnext = 1
        self.messages = {}  # uid: [flags, keywords, modseq, text, notes], ascending


class Wrong(Exception):
    pass


class Model:
    def __init__(self, seen, deleted):
        self.folders = {"INBOX": Folder()}
        self.by_validity = {}
        self.texts = {}  # (uidvalidity, uid): text, for ever
        self.seen, self.deleted = seen, deleted
        self.done = collections.Counter()

    def need(self, condition, text):
        if not condition:
            raise Wrong(text)

    def identify(self, folder, uidvalidity):
        if folder.uidvalidity is None:
            self.need(uidvalidity not in self.by_validity,
                      f"UIDVALIDITY {uidvalidity} was given twice")
            folder.uidvalidity = uidvalidity
            self.by_validity[uidvalidity] = folder
        self.need(folder.uidvalidity == uidvalidity,
                  f"UIDVALIDITY is {folder.uidvalidity}, not {uidvalidity}")

    def named(self, name, uidvalidity):
        # it may have been renamed since it was looked up
        known = self.by_validity.get(uidvalidity)
        if known in self.folders.values():
            return known
        self.need(name in self.folders, f"there is no {name}")
        folder = self.folders[name]
        self.identify(folder, uidvalidity)
        return folder

    def add(self, folder, uid, flags, keywords, text, txn, noted):
        self.need(uid == folder.uidnext, f"UID {uid} was given, not {folder.uidnext}")
        folder.uidnext += 1
        folder.messages[uid] = [flags, keywords, txn, text, dict(noted)]
        self.texts[folder.uidvalidity, uid] = text

    # --- what was done ---

    def did_save(self, txn, name, uidvalidity, uids, *rest):
        folder = self.named(name, int(uidvalidity))
        uids = numbers(uids)
        self.need(len(uids) * 4 == len(rest), "another count of UIDs")
        for i, uid in enumerate(uids):
            text, flags, keywords, noted = rest[4 * i:4 * i + 4]
            self.add(folder, uid, int(flags), words(keywords), text, txn, notes(noted))

    def did_store(self, txn, uidvalidity, uids, change, flags, keywords, unchanged):
        folder = self.by_validity[int(uidvalidity)]
        change, flags, keywords = int(change), int(flags), words(keywords)
        for uid in numbers(uids):
            m = folder.messages.get(uid)
            if m is None or (int(unchanged) and m[2] > int(unchanged)):
                continue
            if change == ADD:
                new = m[0] | flags, m[1] | keywords
            elif change == REMOVE:
                new = m[0] & ~flags, m[1] - keywords
            else:
                new = flags, keywords
            if new != (m[0], m[1]):
                m[0], m[1], m[2] = new[0], new[1], txn

    def did_annotate(self, txn, uidvalidity, uids, changes, unchanged):
        folder = self.by_validity[int(uidvalidity)]
        for uid in numbers(uids):
            m = folder.messages.get(uid)
            if m is None or (int(unchanged) and m[2] > int(unchanged)):
                continue
            new = {name: value for name, value in {**m[4], **notes(changes)}.items()
                   if value is not None}
            if new != m[4]:
                m[2], m[4] = txn, new

    def did_expunge(self, txn, uidvalidity, uids):
        folder = self.by_validity[int(uidvalidity)]
        gone = [u for u in numbers(uids)
                if u in folder.messages and folder.messages[u][0] & self.deleted]
        self.need(gone, "nothing to expunge")
        for uid in gone:
            del folder.messages[uid]

    def did_copy(self, txn, uidvalidity, source, name, to_validity, uids, move=False):
        folder = self.by_validity[int(uidvalidity)]
        target = self.named(name, int(to_validity))
        source, uids = numbers(source), numbers(uids)
        self.need(len(source) == len(uids), "another count of copies")
        for old, new in zip(source, uids):
            self.need(old in folder.messages, f"a copy of UID {old}, which is gone")
            flags, keywords, _, text, noted = folder.messages[old]
            self.add(target, new, flags, keywords, text, txn, noted)
            if move:
                del folder.messages[old]

    def did_move(self, *arguments):
        self.did_copy(*arguments, move=True)

    def did_create(self, txn, name, uidvalidity):
        self.need(name not in self.folders, f"{name} was made twice")
        self.folders[name] = Folder()
        self.identify(self.folders[name], int(uidvalidity))

    def did_delete(self, txn, name, _):
        self.need(name in self.folders, f"{name} was not there")
        del self.folders[name]

    def did_rename(self, txn, name, new):
        self.need(name in self.folders, f"{name} was not there")
        self.need(new not in self.folders, f"{new} was there")
        self.folders[new] = self.folders.pop(name)

    # --- what was seen ---

    def saw_view(self, txn, uidvalidity, count, crc):
        folder = self.by_validity.get(int(uidvalidity))
        uids = list(folder.messages) if folder else []
        self.need(len(uids) == int(count) and hash_of(uids) == int(crc),
                  f"a view of {uidvalidity} with {count} messages: there are "
                  f"{len(uids)}")

    def saw_status(self, txn, name, uidvalidity, messages, uidnext, unseen, deleted):
        folder = self.folders.get(name)
        self.need(folder, f"status of {name}, which is gone")
        self.identify(folder, int(uidvalidity))
        have = [len(folder.messages), folder.uidnext,
                sum(not m[0] & self.seen for m in folder.messages.values()),
                sum(bool(m[0] & self.deleted) for m in folder.messages.values())]
        want = [int(messages), int(uidnext), int(unseen), int(deleted)]
        self.need(have == want, f"status of {name}: {want}, but it is {have}")

    def saw_message(self, txn, uidvalidity, uid, text):
        self.need(self.texts.get((int(uidvalidity), int(uid))) == text,
                  f"UID {uid} of {uidvalidity} is {text}, and was "
                  f"{self.texts.get((int(uidvalidity), int(uid)))}")

    def compare(self, lines):
        """With what a new session has found at the end."""
        found, folder = {}, None
        for line in lines:
            kind, *rest = line.split()
            if kind == "folder":
                folder = found[rest[0]] = (int(rest[1]), int(rest[2]), {})
            elif kind == "message":
                uid, flags, keywords, modseq, text, noted = rest
                folder[2][int(uid)] = [int(flags), words(keywords), int(modseq), text,
                                       notes(noted)]
        self.need(set(found) == set(self.folders),
                  f"folders {sorted(found)}, but {sorted(self.folders)}")
        for name, (uidvalidity, uidnext, messages) in found.items():
            want = self.folders[name]
            self.identify(want, uidvalidity)
            self.need(uidnext == want.uidnext, f"UIDNEXT of {name} is {uidnext}, "
                      f"not {want.uidnext}")
            self.need(list(messages) == list(want.messages), f"UIDs of {name} are "
                      f"{list(messages)}, not {list(want.messages)}")
            for uid, message in messages.items():
                self.need(message == want.messages[uid], f"{name} UID {uid} is "
                          f"{message}, not {want.messages[uid]}")


def read(folder):
    """All lines in the order of the account: (number, 0 done or 1 seen, ...)."""
    lines, errors, last = [], collections.Counter(), []
    for path in sorted(folder.glob("log.*")):
        if path.name == "log.9999":
            last = path.read_text(errors="replace").splitlines()
            continue
        previous = 0
        for line in path.read_text(errors="replace").splitlines():
            number, kind, *rest = line.split(" ")
            if kind == "error":
                errors[rest[0], int(rest[1]), " ".join(rest[2:])] += 1
                continue
            number = int(number)
            if kind == "did" and number <= previous:
                errors["order", -9, f"{path.name}: {number} after {previous}"] += 1
            previous = number if kind == "did" else previous
            # a message's bytes never change: looked at last
            key = sys.maxsize if rest[0] == "message" else number
            lines.append((key, 0 if kind != "saw" else 1, path.name, kind, rest))
    lines.sort(key=lambda line: line[:2])
    return lines, errors, last


def check(folder, top):
    """What is wrong, as lines of text; and what was counted."""
    lines, errors, last = read(pathlib.Path(folder))
    model, wrong, before, previous = Model(*flag_bits(top)), [], 0, ""
    for number, when, name, kind, rest in lines:
        if kind == "failed":
            wrong.append(f"{number} {name}: {rest[0]} failed, and was committed")
            continue
        if kind == "did" and number == before:
            wrong.append(f"{number} {name} {rest[0]}: two commits have this number, "
                         f"{previous}")
        if kind == "did":
            before, previous = number, f"{name} {rest[0]}"
            model.done[rest[0]] += 1
        try:
            getattr(model, f"{kind}_{rest[0]}")(number, *rest[1:])
        except (Wrong, KeyError) as error:
            wrong.append(f"{number} {name} {kind} {' '.join(rest)[:200]}: {error}")
        if len(wrong) > 20:
            return wrong, errors, model.done
    try:
        model.compare(last)
    except Wrong as error:
        wrong.append(f"at the end: {error}")
    return wrong, errors, model.done


if __name__ == "__main__":
    bad, failures, counts = check(sys.argv[1], pathlib.Path(__file__).parents[2])
    print("\n".join(bad))
    for failure, count in failures.most_common(40):
        print(count, *failure)
    print(dict(counts))
    sys.exit(bool(bad))

# SPDX-License-Identifier: Apache-2.0
"""Every file in every profile: what became of it, what it cost, and whether a second pass changes anything."""
import collections
import re

from measure import files, outcome, saved

PROFILES = ("lossless", "balanced", "compact")
WORDS = ("optimized", "not_smaller", "too_different", "not_applicable", "untouchable", "over_budget", "malformed")


def folders(corpus):
    """Kinds of files; mails and hostile files have tests of their own."""
    return sorted(folder for folder in corpus.iterdir() if folder.is_dir() and folder.name not in ("eml", "hostile"))


def left_alone_by_name(corpus):
    """What the corpus' README says must stay as it is, without an "or": folder/name."""
    names = set()
    page = corpus / "README.md"
    text = page.read_text() if page.exists() else ""
    for rule, listed in re.findall(r"\*\*Correct behaviour:\*\* (.*)\n+Files: (.*)", text):
        if re.match(r"leave alone(?!,? \(?or |,? unless)", rule, re.IGNORECASE):
            names.update(re.findall(r"`([^`]+)`", listed))
    return names


class Profile:
    """All folders in one profile."""

    def __init__(self, bench, corpus, profile, alone, report):
        self.bench, self.corpus, self.profile, self.report = bench, corpus, profile, report
        self.alone = alone
        self.lines, self.again, self.unverified, self.touched, self.differ = [], [], [], [], []
        self.slowest, self.peak, self.compared = (0, ""), (0, None), 0

    def folder(self, folder, second_pass):
        paths = files(folder)
        out = self.bench.scratch / f"{self.profile}-{folder.name}"
        rows, _ = self.bench.ours(paths, self.profile, out)
        if self.bench.worker_peak > self.peak[0]:
            self.peak = (self.bench.worker_peak, folder)
        counts = collections.Counter(outcome(row) for row in rows)
        before, after = (sum(row[key] for row in rows) for key in ("bytes_in", "bytes_out"))
        self.slowest = max(self.slowest, *((row["cpu_ms"], path.name) for path, row in zip(paths, rows)))
        self.lines.append(f"| {folder.name} | {len(paths)} | " + " | ".join(str(counts[word]) for word in WORDS) +
                          f" | {saved(before, after):.2f} % |")
        self.report(self.profile, self.lines[-1])
        changed = []
        for path, row in zip(paths, rows):
            if (out / path.name).read_bytes() != path.read_bytes():
                changed.append(out / path.name)
                self.look_at(path, row, out / path.name)
        if second_pass and changed:
            twice, _ = self.bench.ours(changed, self.profile)
            self.again += [f"{path.name} ({row['bytes_in']} -> {row['bytes_out']})" for path, row in zip(changed, twice)
                           if row["bytes_out"] < row["bytes_in"]]

    def look_at(self, path, row, result):
        if outcome(row) != "optimized":
            self.unverified.append(path.name)
        if f"{path.parent.name}/{path.name}" in self.alone:
            self.touched.append(path.name)
        if self.profile == "lossless" and path.parent.name in ("jpeg", "png", "gif", "tiff", "webp-heic", "bmp"):
            score = self.bench.score(path, result)
            self.compared += score is not None
            if score not in (None, 1.0):
                self.differ.append(path.name)

    def largest(self, paths):
        """Which of the files it was: halving the list, with the half that takes more."""
        while len(paths) > 1:
            peaks = []
            for half in (paths[:len(paths) // 2], paths[len(paths) // 2:]):
                self.bench.ours(half, self.profile)
                peaks.append((self.bench.worker_peak, half))
            paths = max(peaks, key=lambda peak: peak[0])[1]
        return paths[0].name

    def text(self, second_pass):
        head = f"| {self.profile} | files | " + " | ".join(word.replace("_", " ") for word in WORDS) + " | saved |\n"
        head += "|---|" + "--:|" * (len(WORDS) + 2) + "\n"
        said = [f"Most CPU: {self.slowest[1]}, {self.slowest[0] / 1000:.2f} s."]
        if self.peak[1] is not None:
            said.append(f"Most memory of a worker: {self.largest(files(self.peak[1]))}, {self.peak[0] / 2**20:.0f} MiB.")
        said.append(f"Changed without the verifier's word: {listed(self.unverified)}.")
        if self.alone:
            said.append(f"Of {len(self.alone)} files that must stay as they are changed: {listed(self.touched)}.")
        if self.compared:
            said.append(f"Pictures decoded and compared by optimilterctl compare: {self.compared}, "
                        f"other samples: {listed(self.differ)}.")
        if second_pass:
            said.append(f"A second pass over what was changed changes: {listed(self.again)}.")
        return head + "\n".join(self.lines) + "\n\n" + " ".join(said)


def listed(names):
    return f"{len(names)} ({', '.join(names)})" if names else "0"


def run_outcomes(bench, corpus, second_pass=True, report=print):
    """Markdown: a table a profile, and below it what must be 0, the slowest file and the largest."""
    here = {folder.name for folder in folders(corpus)}
    alone = {name for name in left_alone_by_name(corpus) if name.split("/")[0] in here}
    texts = []
    for name in PROFILES:
        profile = Profile(bench, corpus, name, alone, report)
        for folder in folders(corpus):
            profile.folder(folder, second_pass)
        texts.append(profile.text(second_pass))
    return "\n\n".join(texts)


def run_efforts(bench, corpus, report=print):
    """Bytes saved a CPU second, by effort and class."""
    lines = []
    for name, profile in (("jpeg", "lossless"), ("jpeg", "balanced"), ("png", "lossless"), ("png", "balanced"),
                          ("ooxml", "balanced"), ("odf", "balanced"), ("gif", "lossless"), ("tiff", "lossless"), ("pdf", "balanced")):
        paths, cells = files(corpus / name), []
        for effort in range(5):
            rows, _ = bench.ours(paths, profile, effort=effort)
            before, after = (sum(row[key] for row in rows) for key in ("bytes_in", "bytes_out"))
            cpu = sum(row["cpu_ms"] for row in rows) / 1000
            cells.append(f"{saved(before, after):.2f} %, {(before - after) / 1000 / cpu:.0f}")
        lines.append(f"| {name}, {profile} | " + " | ".join(cells) + " |")
        report(lines[-1])
    return ("Saved, and kB saved a CPU second:\n\n| class | effort 0 | 1 | 2 | 3 (default) | 4 |\n|---|--:|--:|--:|--:|--:|\n"
            + "\n".join(lines))

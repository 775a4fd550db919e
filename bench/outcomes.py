# SPDX-License-Identifier: Apache-2.0
"""Every file in every profile: what became of it, what it cost, and whether a second pass changes anything."""
import collections

from measure import files, outcome, saved

PROFILES = ("lossless", "balanced", "compact")
WORDS = ("optimized", "not_smaller", "too_different", "not_applicable", "untouchable", "over_budget", "malformed")


def folders(corpus):
    """Kinds of files; mails and hostile files have tests of their own."""
    return sorted(folder for folder in corpus.iterdir() if folder.is_dir() and folder.name not in ("eml", "hostile"))


def run_outcomes(bench, corpus, second_pass=True, report=print):
    """Markdown: a table a profile, the slowest file, and the files that a second pass changed (none should be)."""
    texts = []
    for profile in PROFILES:
        lines, slowest, again = [], (0, ""), []
        for folder in folders(corpus):
            paths = files(folder)
            out = bench.scratch / f"{profile}-{folder.name}"
            rows, _ = bench.ours(paths, profile, out)
            counts = collections.Counter(outcome(row) for row in rows)
            before, after = (sum(row[key] for row in rows) for key in ("bytes_in", "bytes_out"))
            slowest = max(slowest, *((row["cpu_ms"], path.name) for path, row in zip(paths, rows)))
            lines.append(f"| {folder.name} | {len(paths)} | " + " | ".join(str(counts[word]) for word in WORDS) +
                         f" | {saved(before, after):.2f} % |")
            report(profile, lines[-1])
            changed = [out / path.name for path, row in zip(paths, rows) if row["bytes_out"] < row["bytes_in"]]
            if second_pass and changed:
                twice, _ = bench.ours(changed, profile)
                again += [f"{path.name} ({row['bytes_in']} -> {row['bytes_out']})" for path, row in zip(changed, twice)
                          if row["bytes_out"] < row["bytes_in"]]
        head = f"| {profile} | files | " + " | ".join(word.replace("_", " ") for word in WORDS) + " | saved |\n"
        head += "|---|" + "--:|" * (len(WORDS) + 2) + "\n"
        found = f"{len(again)} files changed again: {', '.join(again)}" if again else "no file changed again"
        texts.append(head + "\n".join(lines) + f"\n\nMost CPU: {slowest[1]}, {slowest[0] / 1000:.2f} s."
                     + (f" A second pass over what was made smaller: {found}." if second_pass else ""))
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

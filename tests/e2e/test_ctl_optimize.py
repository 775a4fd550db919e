# SPDX-License-Identifier: Apache-2.0
"""optimilterctl optimize: the very same work as the milter's, on files."""
import io
import json
import os
import re
import subprocess

import opened
import pytest
from mail_compare import compare, split_head
from mails import attachment_of, message, part, photo, photo_mail, sample
from PIL import Image
from rig import CTL, LOSSLESS, Rig, WORKER

FILE_FIELDS = ["file", "kind", "bytes_in", "bytes_out", "cpu_ms", "wall_ms", "parts"]
PART_FIELDS = ["index", "type", "filename", "format", "bytes_in", "bytes_out", "outcome", "reason", "optimizer", "rule", "quality", "cpu_ms"]
OUTCOMES = {"optimized", "not_smaller", "too_different", "not_applicable", "untouchable", "over_budget", "malformed"}


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text(f'profile = "lossless"\ndeadline = "30s"\nworker_program = "{WORKER}"\n')
    return file


def run(config, *arguments, cwd=None):
    return subprocess.run([CTL, "optimize", "--config", config, *arguments], capture_output=True, text=True, cwd=cwd, timeout=300)


def reports(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(content)
    return path


def test_json_has_exactly_the_fields_of_the_manual(config, tmp_path):
    mail = write(tmp_path, "mail.eml", photo_mail(71))
    bare = write(tmp_path, "photo.jpg", photo(72))
    done = run(config, "--json", mail, bare)
    assert done.returncode == 0, done.stderr
    of_mail, of_file = reports(done)
    for report, path, kind in ((of_mail, mail, "message"), (of_file, bare, "file")):
        assert list(report) == FILE_FIELDS
        assert (report["file"], report["kind"], report["bytes_in"]) == (str(path), kind, path.stat().st_size)
        assert report["bytes_out"] < report["bytes_in"] and report["wall_ms"] > 0
        for part_report in report["parts"]:
            assert list(part_report) == PART_FIELDS and part_report["outcome"] in OUTCOMES
    changed = of_mail["parts"][1]
    assert (changed["type"], changed["filename"], changed["format"], changed["outcome"]) == ("image/jpeg", "photo.jpg", "jpeg", "optimized")
    assert changed["bytes_in"] == len(photo(71)) and changed["bytes_out"] < changed["bytes_in"]
    assert of_mail["cpu_ms"] >= changed["cpu_ms"] > 0, "the workers' CPU is counted in"


def test_quality_is_a_number_for_lossy_results_only(config, tmp_path):
    picture = write(tmp_path, "picture.jpg", attachment_of("holiday-photo"))
    qualities = [reports(run(config, "--json", "--profile", profile, picture))[0]["parts"][0]["quality"] for profile in ("lossless", "compact")]
    assert qualities[0] is None or qualities[0] == 1
    assert isinstance(qualities[1], float) and 0.9 <= qualities[1] <= 1


def faded():
    """A screen with anti-aliased text and soft colours, clear at the right."""
    picture = Image.open(io.BytesIO(attachment_of("screenshot"))).convert("RGBA")
    clear = Image.new("L", picture.size, 255)
    clear.paste(120, (picture.width // 2, 0, picture.width, picture.height))
    picture.putalpha(clear)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("name, content", [("coarse.jpg", lambda: photo(73, (640, 480))), ("fine.jpg", lambda: photo(75, (640, 480), 97)),
                                           ("faded.png", faded)])
def test_compare_prints_the_score_of_the_log(config, tmp_path, name, content):
    before, after = write(tmp_path, name, content()), tmp_path / f"after-{name}"
    quality = reports(run(config, "--json", "--profile", "balanced", "--output", after, before))[0]["parts"][0]["quality"]
    done = subprocess.run([CTL, "compare", "--json", before, after], capture_output=True, text=True, timeout=60)
    assert 0.9 < quality < 1 and json.loads(done.stdout)["score"] == quality, done.stdout + done.stderr


@pytest.mark.parametrize("name, ending", [("holiday-photo", "jpg"), ("screenshot", "png"), ("report-docx", "docx"),
                                          ("slides-pptx", "pptx"), ("offer-odt", "odt"), ("photos-zip", "zip")])
def test_bare_files_come_out_whole(config, tmp_path, name, ending):
    before = attachment_of(name)
    source, result = write(tmp_path, f"in.{ending}", before), tmp_path / f"out.{ending}"
    done = run(config, "--json", "--output", result, source)
    assert done.returncode == 0, done.stderr
    assert result.stat().st_size == reports(done)[0]["bytes_out"] < len(before)
    assert opened.problem(before, result.read_bytes(), lossless=True) == ""
    assert source.read_bytes() == before


def test_messages_come_out_with_only_part_bodies_changed(config, tmp_path):
    result = tmp_path / "out.eml"
    done = run(config, "--output", result, write(tmp_path, "in.eml", sample("photos-zip")))
    assert done.returncode == 0
    changes, problems = compare(sample("photos-zip"), result.read_bytes())
    assert problems == [] and len(changes) == 1


def test_a_message_with_bare_line_feeds_keeps_them(config, tmp_path):
    mail = photo_mail(73).replace(b"\r\n", b"\n")
    result = tmp_path / "out.eml"
    done = run(config, "--output", result, write(tmp_path, "in.eml", mail))
    assert done.returncode == 0
    after = result.read_bytes()
    assert len(after) < len(mail) and b"\r" not in after
    changes, problems = compare(photo_mail(73), after.replace(b"\n", b"\r\n"))
    assert problems == [] and len(changes) == 1


def test_the_same_bytes_as_the_milter(config, tmp_path):
    mail = message(part(photo(74)), part(attachment_of("photos-zip"), "application/zip", "photos.zip"))
    result = tmp_path / "out.eml"
    assert run(config, "--direction", "outbound", "--output", result, write(tmp_path, "in.eml", mail)).returncode == 0
    with Rig(tmp_path / "rig", {**LOSSLESS, "deadline": "30s"}) as rig:
        by_milter = rig.send(mail)
    assert split_head(by_milter)[1] == split_head(result.read_bytes())[1]
    assert len(by_milter) < len(mail)


def test_a_dry_run_of_the_milter_tells_the_figures_of_optimize(config, tmp_path):
    mail = photo_mail(75)
    with Rig(tmp_path / "rig", {**LOSSLESS, "dry_run": True}) as rig:
        assert rig.send(mail).endswith(mail)
        rig.engine.wait_for_log("status=optimized")
        figures = [tuple(map(int, found)) for found in re.findall(r"type=image/jpeg .* in=(\d+) out=(\d+)", rig.engine.log())]
    changed = reports(run(config, "--json", "--direction", "outbound", write(tmp_path, "in.eml", mail)))[0]["parts"][1]
    assert figures == [(changed["bytes_in"], changed["bytes_out"])]


@pytest.mark.parametrize("direction, changed", [("inbound", False), ("outbound", True)])
def test_direction(config, tmp_path, direction, changed):
    done = run(config, "--json", "--direction", direction, write(tmp_path, "in.eml", sample("dkim-signed")))
    report = reports(done)[0]
    assert (report["bytes_out"] < report["bytes_in"]) == changed


# --output

def test_a_folder_gets_every_result_and_unchanged_files_as_they_are(config, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    inputs = [write(tmp_path, "a.jpg", photo(76)), write(tmp_path, "b.txt", b"only text\n"), write(tmp_path, "c.eml", sample("plain-text"))]
    done = run(config, "--output", out, *inputs)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["a.jpg", "b.txt", "c.eml"]
    assert (out / "a.jpg").stat().st_size < inputs[0].stat().st_size
    for name in ("b.txt", "c.eml"):
        assert (out / name).read_bytes() == (tmp_path / name).read_bytes()


def refused(config, tmp_path, *arguments):
    """Exit 2, a reason, and not one file made or changed."""
    def state():
        return {path: (path.lstat().st_mtime_ns, path.lstat().st_size) for path in tmp_path.rglob("*") if not path.is_dir()}
    before = state()
    done = run(config, *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.strip()
    assert state() == before, "work had started"


def test_refuses_two_results_of_one_name(config, tmp_path):
    (tmp_path / "out").mkdir()
    refused(config, tmp_path, "--output", tmp_path / "out", write(tmp_path, "a/x.jpg", photo(77)), write(tmp_path, "b/x.jpg", photo(78)))


@pytest.mark.parametrize("target", ["x.jpg", "./x.jpg", "hard.jpg", "."])
def test_refuses_to_overwrite_an_input(config, tmp_path, target):
    source = write(tmp_path, "x.jpg", photo(79))
    os.link(source, tmp_path / "hard.jpg")
    refused(config, tmp_path, "--output", target, "x.jpg")


def test_refuses_to_overwrite_another_input_in_the_folder(config, tmp_path):
    first, second = write(tmp_path, "in/x.jpg", photo(80)), write(tmp_path, "out/y.jpg", photo(81))
    refused(config, tmp_path, "--output", tmp_path / "out", first, second)


@pytest.mark.parametrize("link_to", ["elsewhere.jpg", "nowhere.jpg"])
def test_refuses_to_follow_a_link(config, tmp_path, link_to):
    write(tmp_path, "elsewhere.jpg", b"precious")
    (tmp_path / "link.jpg").symlink_to(tmp_path / link_to)
    refused(config, tmp_path, "--output", tmp_path / "link.jpg", write(tmp_path, "x.jpg", photo(82)))


def test_refuses_a_link_inside_the_folder(config, tmp_path):
    write(tmp_path, "elsewhere.jpg", b"precious")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/x.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    refused(config, tmp_path, "--output", tmp_path / "out", write(tmp_path, "x.jpg", photo(83)))


@pytest.mark.parametrize("output", ["missing/x.jpg", "missing/"])
def test_refuses_a_folder_that_is_not_there(config, tmp_path, output):
    refused(config, tmp_path, "--output", output, write(tmp_path, "x.jpg", photo(84)))


def test_refuses_a_file_for_two_inputs(config, tmp_path):
    refused(config, tmp_path, "--output", tmp_path / "one.jpg", write(tmp_path, "x.jpg", photo(85)), write(tmp_path, "y.jpg", photo(86)))


# Exit status

def test_a_file_that_cannot_be_read_is_1_and_the_others_are_done(config, tmp_path):
    good = write(tmp_path, "x.jpg", photo(87))
    done = run(config, "--json", tmp_path / "missing.jpg", good)
    assert done.returncode == 1 and "missing.jpg" in done.stderr
    assert [report["file"] for report in reports(done)] == [str(good)]


@pytest.mark.parametrize("arguments", [[], ["--profile", "best", "x"], ["--direction", "up", "x"], ["--no-such-option", "x"]])
def test_bad_usage_is_2(config, tmp_path, arguments):
    assert run(config, *arguments, cwd=tmp_path).returncode == 2


def test_broken_files_are_read_and_kept(config, tmp_path):
    files = [write(tmp_path, "empty.jpg", b""), write(tmp_path, "cut.jpg", photo(88)[:2000]), write(tmp_path, "cut.docx", attachment_of("report-docx")[:5000]),
             write(tmp_path, "noise.bin", bytes(range(256)) * 100)]
    done = run(config, "--json", *files)
    assert done.returncode == 0, done.stderr
    assert [report["bytes_out"] for report in reports(done)] == [path.stat().st_size for path in files]

# SPDX-License-Identifier: Apache-2.0
"""Settings as they act on real mail, and their change while the engine runs."""
import pytest
from mail_compare import compare
from mails import photo_mail
from rig import LOSSLESS, Rig


def changes_of(rig, seed):
    changes, problems = compare(*rig.send_both_ways(photo_mail(seed)))
    assert problems == []
    return len(changes)


def reload(rig, settings):
    seen = rig.engine.log().count("reload:")
    rig.engine.configure({**LOSSLESS, **settings})
    rig.engine.reload()
    rig.engine.wait_for_log("reload:", seen + 1)


def test_dry_run_changes_nothing_and_says_what_it_would(own_rig):
    reload(own_rig, {"dry_run": True})
    assert changes_of(own_rig, 61) == 0
    own_rig.engine.wait_for_log("status=optimized (saved ")
    own_rig.engine.wait_for_log("dry run")


def test_reload_takes_effect_for_the_next_message(own_rig):
    assert changes_of(own_rig, 62) == 1
    reload(own_rig, {"min_size": "10MB"})
    assert changes_of(own_rig, 63) == 0
    reload(own_rig, {})
    assert changes_of(own_rig, 64) == 1


def test_a_bad_file_leaves_the_old_settings(own_rig):
    own_rig.engine.settings_file.write_text('profil = "lossless"\n')
    own_rig.engine.reload()
    own_rig.engine.wait_for_log("reload:")
    assert "optimilter.toml:1:" in own_rig.engine.log() and "profile" in own_rig.engine.log()
    assert changes_of(own_rig, 65) == 1


@pytest.mark.parametrize("trace, count", [(True, 1), (False, 0)])
def test_trace_header(tmp_path, trace, count):
    with Rig(tmp_path, {**LOSSLESS, "trace_header": trace}) as rig:
        original, filtered = rig.send_both_ways(photo_mail(66))
        assert filtered != original and filtered.count(b"\r\nX-Optimilter:") == count


def test_formats_that_are_off(tmp_path):
    with Rig(tmp_path, {**LOSSLESS, "formats": ["png"]}) as rig:
        assert changes_of(rig, 67) == 0


def test_a_full_body_budget_lets_mail_pass(tmp_path):
    """The budget is smaller than the message: it passes, and so does the next one that fits."""
    with Rig(tmp_path, {**LOSSLESS, "body_budget": "1MiB", "client_share": 100}) as rig:
        large = photo_mail(68, size=(2400, 1800))
        assert len(large) > 1 << 20
        changes, problems = compare(*rig.send_both_ways(large))
        assert problems == [] and changes == []
        assert changes_of(rig, 69) == 1

# SPDX-License-Identifier: Apache-2.0
"""The short form of tests/faults/run, for ./check: the rows that have been wrong most easily, and the control that shows
that such a row can fail."""
import kills
import pytest
import slow_eom
import upgrade
from faults_rig import DAMAGED, GOOD, FaultRig
from matrix import INSIDE_SEND, KILL, POINTS, STOP, Fault, Matrix, keeps_promise

PATIENCE_S = 2  # what a busy machine may add

FAULTS = [*(Fault("engine", KILL, point) for point in POINTS),
          *(Fault("engine", STOP, point) for point in ("mail", "work", "inside chunk 2", "before reply")),
          *(Fault("zygote", number, "work") for number in (KILL, STOP)),
          *(Fault("worker", number, "work") for number in (KILL, STOP)),
          *(Fault("guard", KILL, point) for point in ("body", "work", "before reply"))]
FEWER = [Fault("engine", KILL, point) for point in ("header", "work", "inside chunk 2", "before reply")]


@pytest.mark.parametrize("mta, kind, faults", [("postfix", "unix", FAULTS), ("sendmail", "inet", FEWER)])
def test_whatever_is_struck_the_mail_is_whole(tmp_path, mta, kind, faults):
    with FaultRig(tmp_path, mta, kind) as rig:
        matrix = Matrix(rig)
        for fault in faults:
            delivery = matrix.one(fault)
            calm = delivery._replace(seconds=max(0, delivery.seconds - PATIENCE_S))
            assert keeps_promise(fault, mta, calm), (fault, delivery)
            assert delivery.verdict in GOOD
        matrix.finish()


def test_without_the_guard_a_message_is_spliced(tmp_path):
    """The control: this is what the tests above would see."""
    with FaultRig(tmp_path, guard=False) as rig:
        delivery = Matrix(rig).one(Fault("engine", KILL, "inside chunk 2"))
    assert (delivery.verdict, delivery.code) == (DAMAGED, 250)


def test_the_stated_exception(tmp_path):
    """A guard that is killed inside its one write, which only a torn write lets happen."""
    with FaultRig(tmp_path) as rig:
        delivery = Matrix(rig).one(Fault("guard", KILL, INSIDE_SEND))
    assert (delivery.verdict, delivery.code) == (DAMAGED, 250)


@pytest.mark.parametrize("targets", [kills.INNER, (("guard", 100),)], ids=["engine-and-workers", "guard"])
def test_random_kills(targets):
    assert kills.whole(result := kills.run_kills(6, targets)), result


@pytest.mark.parametrize("count", [8, 200])
def test_slow_ends_of_message_do_not_wait_for_each_other(count):
    """Without the kick the last of 8 is four times as late, the last of 200 much more."""
    seconds = slow_eom.run_slow(count, guard=True)
    assert seconds[-1] < 1.8 * slow_eom.OWN_TIME_S[count], seconds


def test_upgrade_under_load():
    result = upgrade.run_upgrade(8)
    assert kills.whole(result) and result["deferred"] == 0, result

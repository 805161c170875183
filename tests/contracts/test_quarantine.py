"""Models.quarantine: who may stop a verifier, how often, and until when.

quarantine      by the guardian, at once, once; again only when the council has allowed it
├── lapses      at `lapsesAt`, by itself: nothing has to be called
└── confirm     by the council, only while it runs: stopped for good, refused to new models
"""

from __future__ import annotations

import pytest

from onus.protocol import ModelId
from tests.support.chain import Contract, Revert
from tests.support.refusals import around, refused
from tests.support.verdicts import Double
from tests.support.world import World

FOREVER = 2**40 - 1


def scheduled(world: World, name: str, verifier: Contract) -> bytes:
    """The council's call, scheduled: it can be executed when its delay is over."""
    data = bytes.fromhex(getattr(world.models, name).data(verifier)[2:])
    world.governance.schedule(world.models, data, 0, sender=world.council)
    return data


# ---- Who, and how often ---------------------------------------------------------------------------------


def test_quarantine__by_the_guardian__stops_at_once(world: World) -> None:
    """C15, F2: without delay, for maxQuarantine of the newest set."""
    model = world.register_model()
    tx = world.models.quarantine(world.verifier, sender=world.guardian)
    event = tx.event("VerifierQuarantined")
    lapses = tx.timestamp + world.params.max_quarantine
    assert (event.verifier, event.lapsesAt) == (world.verifier.address, lapses)
    assert len(tx.logs) == 1
    assert world.models.verifierOf(world.verifier) == (True, False, True, 0, tx.timestamp, lapses)
    assert world.models.clockOf(model) == (tx.timestamp, True, False)
    assert world.models.finalityInfo(model) == (tx.timestamp, True, 1_000)
    for view in ("timeOf", "verdictInfo", "commitInfo"):
        stopped = Revert("Models_VerifierStopped", world.verifier)
        assert getattr(world.models, view).revert(model) == stopped, view


@pytest.mark.parametrize("name", ["council", "provider", "op1", "treasury", "deployer", "stranger"])
def test_quarantine__by_others__reverts(world: World, name: str) -> None:
    """F2: the council's way is behind its delay and does something else."""
    person = getattr(world, name)
    denied = Revert("AccessManagedUnauthorized", person)
    refused(world, denied, world.models.quarantine, world.verifier, sender=person)


@pytest.mark.parametrize("function", ["confirmQuarantine", "allowQuarantine"])
@pytest.mark.parametrize("name", ["guardian", "provider", "op1", "stranger"])
def test_council_functions__by_others__reverts(world: World, function: str, name: str) -> None:
    """F2: the guardian can neither confirm nor give itself another."""
    world.quarantine()
    person = getattr(world, name)
    method = getattr(world.models, function)
    refused(world, Revert("AccessManagedUnauthorized", person), method, world.verifier, sender=person)


@pytest.mark.parametrize("function", ["confirmQuarantine", "allowQuarantine"])
def test_council_functions__wait_for_the_whole_delay(world: World, function: str) -> None:
    """F4."""
    world.quarantine()
    method = getattr(world.models, function)
    revert = method.revert(world.verifier, sender=world.council)
    assert revert is not None and revert.name == "AccessManagerNotScheduled"
    data = scheduled(world, function, world.verifier)
    ready = world.now + world.deployment.bounds.council_delay

    def check(at: int, offset: int) -> None:
        revert = world.governance.execute.revert(world.models, data, sender=world.council, at=at)
        assert (revert and revert.name) == ("AccessManagerNotReady" if offset < 0 else None)

    around(ready, check)


def test_quarantine__while_it_runs_or_after__only_once(world: World) -> None:
    """B17: the guardian cannot keep stake behind a verifier for ever."""
    lapses = world.quarantine()
    again = (world.models.quarantine, world.verifier)
    spent = Revert("Models_QuarantineSpent", world.verifier)

    def check(at: int, _: int) -> None:
        assert world.models.quarantine.revert(world.verifier, sender=world.guardian, at=at) == spent

    around(lapses, check)
    refused(world, spent, *again, sender=world.guardian, at=lapses)
    refused(world, spent, *again, sender=world.guardian, at=lapses + 365 * 86_400)


def test_quarantine__allowed_again_while_it_runs__counts_from_its_end(world: World) -> None:
    """B17: allowing another does not prolong the one that runs."""
    lapses = world.quarantine()
    tx = world.govern(world.models.allowQuarantine, world.verifier)
    assert tx.event("QuarantineAllowed").verifier == world.verifier.address
    assert world.models.verifierOf(world.verifier).lapsesAt == lapses

    def check(at: int, offset: int) -> None:
        revert = world.models.quarantine.revert(world.verifier, sender=world.guardian, at=at)
        assert revert == (Revert("Models_VerifierStopped", world.verifier) if offset < 0 else None)

    around(lapses, check)
    assert world.quarantine(at=lapses) == lapses + world.params.max_quarantine
    spent = Revert("Models_QuarantineSpent", world.verifier)
    assert world.models.quarantine.revert(world.verifier, sender=world.guardian) == spent


def test_allow_quarantine__when_none_was_spent__reverts(prompt_world: World) -> None:
    """D13: also twice."""
    world = prompt_world
    allow = world.models.allowQuarantine
    unchanged = Revert("Models_VerifierUnchanged", world.verifier)
    assert allow.revert(world.verifier, sender=world.council) == unchanged
    world.quarantine()
    allow(world.verifier, sender=world.council)
    assert allow.revert(world.verifier, sender=world.council) == unchanged


# ---- Lapse ----------------------------------------------------------------------------------------------


def test_quarantine__at_its_end__lapses_by_itself(world: World) -> None:
    """C15, D1: stopped at the end −1; at the end and +1 the clock goes on where it stood."""
    model = world.register_model()
    start = world.now + 100
    lapses = world.quarantine(at=start)

    def check(at: int, offset: int) -> None:
        running = offset < 0
        time = start if running else start + offset
        assert world.models.clockOf(model, at=at) == (time, running, False)
        assert world.models.finalityInfo(model, at=at)[:2] == (time, running)
        for view in ("timeOf", "verdictInfo", "commitInfo"):
            revert = getattr(world.models, view).revert(model, at=at)
            assert revert == (Revert("Models_VerifierStopped", world.verifier) if running else None), view

    around(lapses, check)
    assert world.models.timeOf(model, at=lapses + 12_345) == start + 12_345
    assert world.models.verdictInfo(model, at=lapses + 12_345).time == start + 12_345
    assert world.models.commitInfo(model, at=lapses + 12_345).frozen == world.params.max_quarantine


def test_quarantine__of_several__each_verifier_has_its_own_clock(prompt_world: World) -> None:
    """C15: several in a row add up; another verifier's clock does not notice."""
    world = prompt_world
    model, other = world.register_model(), Double(world)
    length = world.params.max_quarantine
    frozen = 0
    for pause in (1, 0, 77_777):
        world.time_to(world.now + pause)
        lapses = world.quarantine()
        stopped_at = lapses - length
        assert world.models.verifierOf(world.verifier)[3:] == (frozen, stopped_at, lapses)
        world.models.allowQuarantine(world.verifier, sender=world.council)
        middle = stopped_at + length // 2
        assert world.models.clockOf(model, at=middle) == (stopped_at - frozen, True, False)
        frozen += length
        world.time_to(lapses)
        assert world.models.timeOf(model) == lapses - frozen
        assert world.models.timeOf(other.model) == lapses
    assert world.models.verifierOf(other.contract) == (True, False, False, 0, 0, 0)


def test_was_stopped__tells_every_span_that_meets_a_quarantine(prompt_world: World) -> None:
    """E13: from the first second of it to the last; for good once it is confirmed."""
    world = prompt_world
    model = world.register_model()
    first_end = world.quarantine(at=world.now + 1_000)
    world.models.allowQuarantine(world.verifier, sender=world.council)
    second_end = world.quarantine(at=first_end + 1_000)
    length = world.params.max_quarantine
    first, second = first_end - length, second_end - length
    spans = {
        (first - 10, first - 1): False,
        (first - 10, first): True,
        (first + 5, first + 5): True,
        (first_end - 1, first_end - 1): True,
        (first_end, second - 1): False,
        (first_end - 1, second - 1): True,
        (first_end, second): True,
        (second_end, FOREVER): False,
        (0, first - 1): False,
        (0, FOREVER): True,
    }
    assert {span: world.models.wasStopped(model, *span) for span in spans} == spans
    world.models.confirmQuarantine(world.verifier, sender=world.council)
    assert world.models.wasStopped(model, second_end, second_end)
    assert world.models.wasStopped(model, FOREVER - 1, FOREVER - 1)
    assert not world.models.wasStopped(model, first_end, second - 1)


def test_views__of_an_unknown_model__revert(world: World) -> None:
    """F8."""
    unknown = ModelId(b"\x07" * 32)
    for view, args in (("clockOf", ()), ("wasStopped", (0, 1))):
        assert getattr(world.models, view).revert(unknown, *args) == Revert("Models_Unknown", unknown)


# ---- Confirm --------------------------------------------------------------------------------------------


def test_confirm__while_it_runs__stops_the_verifier_for_good(world: World) -> None:
    """C15: its clock never goes on, no new model can name it."""
    model = world.register_model()
    start = world.now + 10
    lapses = world.quarantine(at=start)
    tx = world.govern(world.models.confirmQuarantine, world.verifier)
    assert tx.event("QuarantineConfirmed").verifier == world.verifier.address
    assert world.models.verifierOf(world.verifier)[:3] == (False, True, True)
    for at in (tx.timestamp, lapses, lapses + 365 * 86_400):
        assert world.models.clockOf(model, at=at) == (start, True, True)
        for view in ("timeOf", "verdictInfo", "commitInfo"):
            revert = getattr(world.models, view).revert(model, at=at)
            assert revert == Revert("Models_VerifierStopped", world.verifier), view
    spec = world.spec()
    assert world.models.register.revert(spec, sender=world.provider) == Revert(
        "Models_VerifierNotAllowed", world.verifier
    )


def test_confirm__around_the_lapse__only_while_it_runs(world: World) -> None:
    """C15, D1: what lapsed cannot be confirmed any more."""
    lapses = world.quarantine()
    data = scheduled(world, "confirmQuarantine", world.verifier)

    def check(at: int, offset: int) -> None:
        revert = world.governance.execute.revert(world.models, data, sender=world.council, at=at)
        assert revert == (None if offset < 0 else Revert("Models_NotQuarantined", world.verifier))

    around(lapses, check)


def test_confirm__without_one_or_twice__reverts(prompt_world: World) -> None:
    """D13."""
    world = prompt_world
    confirm = world.models.confirmQuarantine
    none = Revert("Models_NotQuarantined", world.verifier)
    refused(world, none, confirm, world.verifier, sender=world.council)
    world.quarantine()
    confirm(world.verifier, sender=world.council)
    refused(world, none, confirm, world.verifier, sender=world.council)


def test_confirmed__nothing_brings_the_verifier_back(prompt_world: World) -> None:
    """D12: the council can neither allow it, nor let the guardian stop it once more."""
    world = prompt_world
    world.quarantine()
    world.models.confirmQuarantine(world.verifier, sender=world.council)
    unchanged = Revert("Models_VerifierUnchanged", world.verifier)
    assert world.models.allowVerifier.revert(world.verifier, sender=world.council) == unchanged
    assert world.models.disallowVerifier.revert(world.verifier, sender=world.council) == unchanged
    world.models.allowQuarantine(world.verifier, sender=world.council)
    stopped = Revert("Models_VerifierStopped", world.verifier)
    assert world.models.quarantine.revert(world.verifier, sender=world.guardian) == stopped


def test_disallowed__can_still_be_stopped(world: World) -> None:
    """B8: batches of a verifier that takes no new models live on, and their verdicts may be wrong too."""
    model = world.register_model()
    world.govern(world.models.disallowVerifier, world.verifier)
    world.quarantine()
    assert world.models.clockOf(model).stopped
    assert not world.models.isVerifierAllowed(world.verifier)

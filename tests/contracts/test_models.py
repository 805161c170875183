"""Models: registration, lineage, deprecation, and which verifiers are allowed."""

from __future__ import annotations

from typing import Any

import pytest

from onus.protocol import InferenceMode, ModelSpec, Parent
from onus.protocol.ids import manifest_hash, model_id
from tests.support.actors import Actor
from tests.support.chain import Revert
from tests.support.world import World

ZERO = "0x" + "00" * 20


def refused(world: World, spec: ModelSpec, by: Actor | None = None) -> Revert | None:
    return world.models.register.revert(spec, sender=by or world.provider)


# ---- register --------------------------------------------------------------------------------------------


def test_register__with_a_good_spec__stores_and_tells_everything(world: World) -> None:
    """F9: the event has all that was registered."""
    parent = world.register_model()
    spec = world.spec(
        royalty_bps=5_000,
        royalty_receiver=world.treasury.address,
        parents=(Parent(model_id=parent, share_bps=2_500),),
        input_bytes=8_193,
        trace_bytes=10_000,
        depth_budget=7,
        challenge_window=2**40 - 1,
    )
    hash = manifest_hash(spec.manifest)
    id = model_id(
        hash, provider=world.provider.address, chain_id=world.domain.chain_id, models=world.models.address
    )
    assert world.models.register.call(spec, sender=world.provider) == id
    event = world.models.register(spec, sender=world.provider).event("ModelRegistered")
    assert (event.modelId, event.provider, event.manifestHash) == (id, world.provider.address, hash)
    assert event.spec.manifest == spec.manifest.to_abi()
    assert (event.spec.name, event.spec.version, event.spec.uri) == (spec.name, spec.version, spec.uri)
    assert event.spec.parents == ((parent, 2_500),)

    models = world.models
    assert models.manifestHash(spec.manifest) == models.manifestHashOf(id) == hash
    assert models.idOf(world.provider, hash) == id
    assert models.providerOf(id) == world.provider.address
    assert models.royaltyBpsOf(id) == 5_000
    assert models.lineageOf(id) == (world.treasury.address, ((parent, 2_500),))
    assert models.levelOf(id) == 1
    assert models.deprecatedAt(id) == 0
    # A wish beyond what any set can say is as good as the longest.
    assert models.commitInfo(id) == (2**24 - 1, 7, 2, 0)
    assert models.inputInfo(id) == (1, 8_193)
    commitment = spec.manifest.commitment.to_abi()
    assert models.verdictInfo(id) == (world.verifier.address, commitment, world.now)
    assert models.judgeOf(id) == (world.verifier.address, world.now)


def test_register__same_file_by_another_provider__another_id(world: World) -> None:
    """F3: the provider is who calls."""
    spec = world.spec()
    ids = {world.models.register.call(spec, sender=each) for each in (world.provider, world.stranger)}
    assert len(ids) == 2


def test_register__twice__reverts(world: World) -> None:
    """D13; also with another name, royalty or parents: the manifest names the model."""
    spec = world.spec()
    id = world.models.register(spec, sender=world.provider).event("ModelRegistered").modelId
    again = world.spec(manifest=spec.manifest, name="other", royalty_bps=0)
    for each in (spec, again):
        assert refused(world, each) == Revert("Models_Exists", id)
    assert refused(world, spec, by=world.stranger) is None


def test_register__without_a_name__reverts(world: World) -> None:
    """F5"""
    assert refused(world, world.spec(name="")) == Revert("Models_EmptyName")
    assert refused(world, world.spec(version="", uri="")) is None


@pytest.mark.parametrize("mode", [mode for mode in InferenceMode if mode is not InferenceMode.TRACE])
def test_register__with_a_mode_without_verifier__reverts(world: World, mode: InferenceMode) -> None:
    assert refused(world, world.spec(mode=mode)) == Revert("Models_UnsupportedMode", mode)


def test_register__with_a_verifier_not_allowed__reverts(world: World) -> None:
    for address in (ZERO, world.stranger.address, world.models.address):
        assert refused(world, world.spec(verifier=address)) == Revert("Models_VerifierNotAllowed", address)


@pytest.mark.parametrize(
    ("bps", "receiver", "good"),
    [(0, True, True), (5_000, True, True), (5_001, True, False), (65_535, True, False), (0, False, False)],
)
def test_register__royalty__at_most_half_and_with_a_receiver(
    world: World, bps: int, receiver: bool, good: bool
) -> None:
    """F5, E7"""
    to = world.provider.address if receiver else ZERO
    spec = world.spec(royalty_bps=bps, royalty_receiver=to)
    assert refused(world, spec) == (None if good else Revert("Models_BadRoyalty", bps, to))


GOOD_MANIFESTS: list[dict[str, Any]] = [
    {"weights_root": bytes(32), "constants": 0},
    {"inputs": 1, "outputs": 1, "slots": 2, "entries": 1},
    {"inputs": 4_095, "outputs": 1, "slots": 4_096, "entries": 1},
    {"inputs": 1, "outputs": 4_095, "slots": 4_096, "entries": 4_096},
    {"constants": 4_096},
    {"input_bytes": 1, "trace_bytes": 1},
    {"input_bytes": 96 * 1024, "trace_bytes": 2**64 - 1},
    {"depth_budget": 1},
    {"depth_budget": 255},
]
BAD_MANIFESTS: list[tuple[str, dict[str, Any]]] = [
    ("sourceHash", {"source_hash": bytes(32)}),
    ("programRoot", {"program_root": bytes(32)}),
    ("weightsRoot", {"weights_root": bytes(32)}),
    ("weightsRoot", {"constants": 0}),
    ("inputs", {"inputs": 0}),
    ("outputs", {"outputs": 0}),
    ("outputs", {"inputs": 2, "outputs": 3, "slots": 4, "entries": 5}),
    ("outputs", {"inputs": 65_535, "outputs": 65_535, "slots": 65_535, "entries": 65_535}),
    ("slots", {"slots": 4_097, "entries": 4_096}),
    ("entries", {"inputs": 1, "slots": 4, "entries": 2}),
    ("entries", {"entries": 4_097}),
    ("constants", {"constants": 4_097}),
    ("inputBytes", {"input_bytes": 0}),
    ("inputBytes", {"input_bytes": 96 * 1024 + 1, "trace_bytes": 2**20}),
    ("traceBytes", {"input_bytes": 256, "trace_bytes": 255}),
    ("depthBudget", {"depth_budget": 0}),
    ("depthBudget", {"depth_budget": 256}),
    ("compilerVersion", {"compiler_version": 0}),
    ("compilerVersion", {"compiler_version": 2}),
]


@pytest.mark.parametrize("changes", GOOD_MANIFESTS, ids=str)
def test_register__with_a_manifest_at_a_limit__registers(world: World, changes: dict[str, Any]) -> None:
    assert refused(world, world.spec(**changes)) is None


@pytest.mark.parametrize(("field", "changes"), BAD_MANIFESTS, ids=str)
def test_register__with_a_manifest_that_cannot_be__reverts(
    world: World, field: str, changes: dict[str, Any]
) -> None:
    """B9, G13"""
    assert refused(world, world.spec(**changes)) == Revert("Models_BadManifest", field)


# ---- Lineage ---------------------------------------------------------------------------------------------


def child_of(world: World, *parents: tuple[bytes, int]) -> ModelSpec:
    return world.spec(parents=tuple(Parent(model_id=id, share_bps=bps) for id, bps in parents))  # type: ignore[arg-type]


def test_register__parents__up_to_four_and_all_of_the_royalty(world: World) -> None:
    """E10"""
    parents = [world.register_model() for _ in range(5)]
    assert refused(world, child_of(world, *((id, 2_500) for id in parents[:4]))) is None
    assert refused(world, child_of(world, *((id, 1) for id in parents))) == Revert("Models_TooManyParents", 5)
    assert refused(world, child_of(world, (parents[0], 10_000))) is None
    assert refused(world, child_of(world, (parents[0], 10_001))) == Revert("Models_BadShares", 10_001)
    shares = ((parents[0], 9_999), (parents[1], 2))
    assert refused(world, child_of(world, *shares)) == Revert("Models_BadShares", 10_001)
    assert refused(world, child_of(world, *((id, 65_535) for id in parents[:4]))) == Revert(
        "Models_BadShares", 4 * 65_535
    )
    assert refused(world, child_of(world, (parents[0], 1), (parents[1], 0))) == Revert("Models_BadShares", 0)


def test_register__parent_twice_or_unknown__reverts(world: World) -> None:
    """E10: a parent exists already, so no cycle can be made."""
    first, second = world.register_model(), world.register_model()
    assert refused(world, child_of(world, (first, 1), (second, 1), (first, 1))) == Revert(
        "Models_RepeatedParent", first
    )
    spec = world.spec()
    itself = model_id(
        manifest_hash(spec.manifest),
        provider=world.provider.address,
        chain_id=world.domain.chain_id,
        models=world.models.address,
    )
    assert refused(
        world, world.spec(manifest=spec.manifest, parents=child_of(world, (itself, 1)).parents)
    ) == Revert("Models_Unknown", itself)


def test_register__levels__four_at_most(world: World) -> None:
    """E10: the deepest parent counts; a fifth level is refused."""
    root = world.register_model()
    line = [root]
    for level in (1, 2, 3):
        spec = child_of(world, (root, 1), (line[-1], 1)) if level > 1 else child_of(world, (root, 1))
        tx = world.models.register(spec, sender=world.provider)
        line.append(tx.event("ModelRegistered").modelId)
        assert world.models.levelOf(line[-1]) == level
    assert refused(world, child_of(world, (root, 1), (line[3], 1))) == Revert("Models_TooDeep", line[3])
    assert refused(world, child_of(world, (line[2], 1))) is None
    # In any order: the last one does not decide.
    tx = world.models.register(child_of(world, (line[2], 1), (root, 1)), sender=world.provider)
    assert world.models.levelOf(tx.event("ModelRegistered").modelId) == 3


def test_register__with_a_deprecated_parent__registers(world: World) -> None:
    """E10: a deprecated parent is still paid."""
    parent = world.register_model()
    world.models.deprecate(parent, sender=world.provider)
    world.forward(10 * 24 * 3_600)
    assert refused(world, child_of(world, (parent, 1))) is None


# ---- deprecate -------------------------------------------------------------------------------------------


def test_deprecate__by_provider__takes_effect_after_what_was_served_can_be_committed(world: World) -> None:
    """D1, E13: at the end −1 still committable, at 0 and +1 not; verdicts and royalties go on."""
    model = world.ready()
    tx = world.models.deprecate(model, sender=world.provider)
    ends = tx.timestamp + world.params.max_commit_delay + world.params.grace
    event = tx.event("ModelDeprecated")
    assert (event.modelId, event.effectiveAt) == (model, ends)
    assert world.models.deprecatedAt(model) == ends
    gone = Revert("Models_Deprecated", model, ends)
    batch = world.batch(world.op1, model)
    assert [world.models.commitInfo.revert(model, at=ends + step) for step in (-1, 0, 1)] == [
        None,
        gone,
        gone,
    ]
    assert [world.commit_revert(batch, at=ends + step) for step in (-1, 0, 1)] == [None, gone, gone]
    world.commit(batch, at=ends - 1)
    world.past_window(batch)
    assert world.models.verdictInfo(model)[0] == world.verifier.address
    world.finalize(batch)
    assert world.settlement.distribute.call(model, sender=world.stranger) > 0


def test_deprecate__by_others_unknown_or_twice__reverts(world: World) -> None:
    """F2, D13"""
    model = world.register_model()
    deprecate = world.models.deprecate
    for person in (world.stranger, world.council, world.guardian):
        assert deprecate.revert(model, sender=person) == Revert("Models_NotProvider", model, person)
    unknown = b"\x01" * 32
    assert deprecate.revert(unknown, sender=world.provider) == Revert("Models_Unknown", unknown)
    deprecate(model, sender=world.provider)
    assert deprecate.revert(model, sender=world.provider) == Revert("Models_AlreadyDeprecated", model)


# ---- Getters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "commitInfo",
        "verdictInfo",
        "judgeOf",
        "clockOf",
        "inputInfo",
        "royaltyBpsOf",
        "lineageOf",
        "providerOf",
        "levelOf",
        "deprecatedAt",
        "manifestHashOf",
    ],
)
def test_getters__of_an_unknown_model__reverts(world: World, name: str) -> None:
    unknown = b"\x02" * 32
    assert getattr(world.models, name).revert(unknown) == Revert("Models_Unknown", unknown)


# ---- Verifiers -------------------------------------------------------------------------------------------


def test_allow_verifier__by_council_after_its_delay__models_can_name_it(world: World) -> None:
    """F4"""
    other = world.chain.deploy("TraceVerifier", sender=world.deployer)
    assert not world.models.isVerifierAllowed(other)
    tx = world.govern(world.models.allowVerifier, other)
    assert tx.event("VerifierAllowed").verifier == other.address
    assert world.models.isVerifierAllowed(other)
    assert refused(world, world.spec(verifier=other.address)) is None


def test_disallow_verifier__by_council__no_new_models_and_old_ones_go_on(world: World) -> None:
    """F4, B8"""
    model = world.ready()
    tx = world.govern(world.models.disallowVerifier, world.verifier)
    assert tx.event("VerifierDisallowed").verifier == world.verifier.address
    assert not world.models.isVerifierAllowed(world.verifier)
    assert refused(world, world.spec()) == Revert("Models_VerifierNotAllowed", world.verifier)
    world.commit(world.batch(world.op1, model))
    assert world.models.verdictInfo(model)[0] == world.verifier.address


def test_verifiers__by_others_or_unchanged__reverts(prompt_world: World) -> None:
    """F5, D13"""
    world = prompt_world
    models = world.models
    for method in (models.allowVerifier, models.disallowVerifier):
        for person in (world.guardian, world.stranger, world.provider):
            assert method.revert(world.verifier, sender=person) == Revert("AccessManagedUnauthorized", person)
    assert models.allowVerifier.revert(ZERO, sender=world.council) == Revert("Models_ZeroAddress")
    assert models.allowVerifier.revert(world.verifier, sender=world.council) == Revert(
        "Models_VerifierUnchanged", world.verifier
    )
    assert models.disallowVerifier.revert(world.stranger, sender=world.council) == Revert(
        "Models_VerifierUnchanged", world.stranger
    )

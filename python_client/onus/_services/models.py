"""Models, for providers and whoever relies on them."""

from __future__ import annotations

from onus._services.context import Context
from onus.chain import Mined
from onus.chain.contracts import ModelsReads
from onus.chain.errors import ModelsUnknown
from onus.protocol import Address, Manifest, ModelId, ModelSpec, ids

__all__ = ["ModelsService"]


class ModelsService(ModelsReads):
    """Registers and deprecates model versions of the client's account; reads everybody's."""

    def __init__(self, context: Context) -> None:
        super().__init__(context.rpc, context.models.address)
        self._context = context

    def register(self, spec: ModelSpec) -> Mined[ModelId]:
        """Registers a version; its id.

        Raises:
            ModelsRejected: a subclass says why.
        """
        return self._context.send(self._context.models.register(spec))

    def deprecate(self, model_id: ModelId) -> Mined[None]:
        """No new batches after ``max_commit_delay + grace``; old ones stay payable and disputable."""
        return self._context.send(self._context.models.deprecate(model_id))

    def quarantine(self, verifier: Address) -> Mined[None]:
        """Stops a verifier for ``max_quarantine``: of the guardian, once.

        What the council does after it (confirm, allow another) goes through its delay, like a parameter set:
        ``client.models`` has no verb for that, `onus.chain.contracts.Models` has the plans.

        Raises:
            GovernanceRejected: the client is not the guardian.
            ModelsQuarantineSpent: it had its quarantine.
        """
        return self._context.send(self._context.models.quarantine(verifier))

    def predict_id(self, manifest: Manifest, *, provider: Address | None = None) -> ModelId:
        """The id that a manifest gets, without asking the chain; the provider is the client by default."""
        return ids.model_id(
            manifest.hash,
            provider=provider or self._context.me,
            chain_id=self._context.domain.chain_id,
            models=self.address,
        )

    def spec_of(self, model_id: ModelId) -> ModelSpec:
        """What was registered, from the event.

        Raises:
            ModelsUnknown: nothing was.
        """
        first = self._context.manifest.first_block
        for logged in self.ModelRegistered.logs(from_block=first, model_id=model_id):
            return logged.event.spec
        raise ModelsUnknown(model_id=model_id)

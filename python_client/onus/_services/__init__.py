"""What `onus.client.Onus` is made of: one service a contract, reads inherited, writes sent."""

from onus._services.context import Context
from onus._services.disputes import DisputesService, Fault, RevealedMany
from onus._services.escrow import EscrowService
from onus._services.models import ModelsService
from onus._services.omissions import OmissionsService
from onus._services.operators import OperatorsService
from onus._services.parameters import ParametersService
from onus._services.payer import PayerService
from onus._services.reputation import Recorded, ReputationService
from onus._services.settlement import Finalized, SettlementService
from onus._services.token import TokenService

__all__ = [
    "Context",
    "DisputesService",
    "EscrowService",
    "Fault",
    "Finalized",
    "ModelsService",
    "OmissionsService",
    "OperatorsService",
    "ParametersService",
    "PayerService",
    "Recorded",
    "ReputationService",
    "RevealedMany",
    "SettlementService",
    "TokenService",
]

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Peered} from "./Peered.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IModels} from "./interfaces/IModels.sol";
import {IOperators} from "./interfaces/IOperators.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {Peers} from "./interfaces/IPeers.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Execution, IVerifier} from "./interfaces/IVerifier.sol";
import {MerkleTree} from "./libraries/MerkleTree.sol";
import {BURNED, Payment, accountOf} from "./types/Accounts.sol";
import {BatchHeader, BatchState, BatchStatus, Claim, hashHeader, lockOf} from "./types/Batch.sol";
import {
    Challenge,
    ChallengeKey,
    ChallengeStatus,
    FaultKind,
    Opening,
    ReceiptProof,
    Turn,
    challengeId,
    sealOf
} from "./types/Challenge.sol";
import {Account, BatchId, ChallengeId} from "./types/Ids.sol";
import {Receipt, Request, hashReceipt, hashRequest} from "./types/Messages.sol";
import {ModelCommitment} from "./types/Model.sol";
import {DisputeTerms} from "./types/Params.sol";

/// @title Disputes
/// @notice See IDisputes.
contract Disputes is IDisputes, Peered, ReentrancyGuardTransient {
    /// @dev abi.encode(Request) is seven words.
    uint256 private constant REQUEST_BYTES = 7 * 32;

    IParameters private immutable PARAMETERS;
    IModels private immutable MODELS;
    IOperators private immutable OPERATORS;
    IEscrow private immutable ESCROW;
    ISettlement private immutable SETTLEMENT;

    mapping(ChallengeId id => Challenge) private _challenges;
    mapping(BatchId batchId => mapping(uint32 leafIndex => ChallengeId)) private _firstOn;

    constructor(Peers memory peers) Peered(peers) {
        if (peers.disputes != address(this)) revert Peers_BadWiring("disputes");
        PARAMETERS = IParameters(peers.parameters);
        MODELS = IModels(peers.models);
        OPERATORS = IOperators(peers.operators);
        ESCROW = IEscrow(peers.escrow);
        SETTLEMENT = ISettlement(peers.settlement);
    }

    /// @inheritdoc IDisputes
    function challenge(BatchHeader calldata header, bytes32 seal) external nonReentrant returns (ChallengeId id) {
        // Check:
        if (seal == 0) revert Disputes_ZeroSeal();
        BatchId batchId = _batchId(header);
        id = challengeId(batchId, msg.sender, seal);
        Challenge storage state = _challenges[id];
        if (state.status != ChallengeStatus.Null) revert Disputes_Exists(id);
        // Effect: the batch's own state is checked and changed by its owner.
        uint24 ordinal = SETTLEMENT.challengeOpened(batchId);
        // The second slot is not touched until there is a demand.
        state.challenger = msg.sender;
        state.sealedAt = uint40(block.timestamp);
        state.ordinal = ordinal;
        state.status = ChallengeStatus.Sealed;
        emit ChallengeOpened(id, batchId, msg.sender, seal, ordinal);
        // Interaction: peers only.
        ESCROW.hold(msg.sender, PARAMETERS.disputeTerms(header.paramSet).challengeBond);
    }

    /// @inheritdoc IDisputes
    function open(BatchHeader calldata header, Opening calldata opening) external nonReentrant {
        // Check:
        if (opening.leafIndex >= header.count) revert Disputes_NoLeaf(opening.leafIndex, header.count);
        BatchId batchId = _batchId(header);
        BatchStatus status = SETTLEMENT.batchOf(batchId).status;
        if (status != BatchStatus.Pending) revert ISettlement.Settlement_WrongStatus(batchId, status);
        DisputeTerms memory terms = PARAMETERS.disputeTerms(header.paramSet);
        ChallengeId id = _movable(batchId, opening, terms);
        Challenge storage state = _challenges[id];
        // Effect: an opened challenge may come again, for a place that its holder has lost.
        ChallengeId first = _firstOn[batchId][opening.leafIndex];
        bool held = _holds(first, terms) && state.ordinal >= _challenges[first].ordinal;
        if (held && state.status == ChallengeStatus.Opened) revert Disputes_PlaceHeld(id, first);
        state.status = ChallengeStatus.Opened;
        if (!held) _firstOn[batchId][opening.leafIndex] = id;
        emit SealOpened(id, opening.leafIndex, opening.salt);
    }

    /// @inheritdoc IDisputes
    function prove(
        BatchHeader calldata header,
        bytes32 salt,
        ReceiptProof calldata proof,
        FaultKind kind,
        bytes calldata evidence
    ) external nonReentrant {
        // Check:
        BatchId batchId = _batchId(header);
        DisputeTerms memory terms = PARAMETERS.disputeTerms(header.paramSet);
        ChallengeId id = _movable(batchId, Opening({leafIndex: proof.leafIndex, salt: salt}), terms);
        _checkInBatch(batchId, header, proof);
        (uint256 slot, uint256 element) = _checkFault(header, proof, kind, evidence);
        ChallengeId winner = _winnerOf(id, batchId, proof.leafIndex, terms);
        emit FaultProven(batchId, id, winner, proof.leafIndex, kind, slot, element);
        _convict(header, batchId, id, winner, terms);
    }

    /// @inheritdoc IDisputes
    function timeout(BatchHeader calldata header, ChallengeKey calldata key) external nonReentrant {
        // Check:
        BatchId batchId = _batchId(header);
        (ChallengeId id, Challenge storage state) = _live(batchId, key);
        DisputeTerms memory terms = PARAMETERS.disputeTerms(header.paramSet);
        uint40 deadline = _deadlineOf(state, terms);
        if (block.timestamp < deadline) revert Disputes_NotOutOfTime(id, deadline);
        // Interaction: peers only; reverts unless the batch is pending.
        SETTLEMENT.challengeEnded(batchId);
        _lose(id, state, terms.challengeBond);
    }

    /// @inheritdoc IDisputes
    function close(BatchHeader calldata header, ChallengeKey calldata key) external nonReentrant {
        // Check:
        BatchId batchId = _batchId(header);
        (ChallengeId id, Challenge storage state) = _live(batchId, key);
        BatchState memory batch = SETTLEMENT.batchOf(batchId);
        if (batch.status == BatchStatus.Pending) revert Disputes_BatchUndecided(id);
        DisputeTerms memory terms = PARAMETERS.disputeTerms(header.paramSet);
        // Who was out of time before the verdict lost, even if nobody had said so yet.
        if (_deadlineOf(state, terms) <= batch.endedAt) {
            _lose(id, state, terms.challengeBond);
            return;
        }
        // Effect:
        state.status = ChallengeStatus.Closed;
        emit ChallengeClosed(id);
        // Interaction: peers only.
        _credit(accountOf(key.challenger), terms.challengeBond);
    }

    /// @inheritdoc IDisputes
    function challengeOf(ChallengeId id) external view returns (Challenge memory) {
        return _challenges[id];
    }

    /// @inheritdoc IDisputes
    function clockOf(BatchHeader calldata header, ChallengeKey calldata key)
        external
        view
        returns (Turn turn, uint40 deadline)
    {
        (, Challenge storage state) = _live(_batchId(header), key);
        return (state.turn, _deadlineOf(state, PARAMETERS.disputeTerms(header.paramSet)));
    }

    /// @inheritdoc IDisputes
    function firstOn(BatchId batchId, uint32 leafIndex) external view returns (ChallengeId) {
        return _firstOn[batchId][leafIndex];
    }

    /// @inheritdoc IDisputes
    function challengeIdOf(BatchHeader calldata header, ChallengeKey calldata key) external view returns (ChallengeId) {
        return challengeId(_batchId(header), key.challenger, key.seal);
    }

    function _convict(
        BatchHeader calldata header,
        BatchId batchId,
        ChallengeId id,
        ChallengeId winner,
        DisputeTerms memory terms
    ) private {
        // Effect: who showed it gets its bond back; another winner gets its own with it.
        Challenge storage state = _challenges[id];
        state.status = ChallengeStatus.Closed;
        _challenges[winner].status = ChallengeStatus.Won;
        // Interaction: peers only; reverts unless the batch is pending, so nothing is slashed twice.
        SETTLEMENT.convicted(batchId);
        uint256 penalty = lockOf(header, PARAMETERS.minBatchStakeOf(header.paramSet));
        OPERATORS.slash(header.operator, penalty, terms.unjailAfter, terms.faultsToBan);
        _credit(accountOf(state.challenger), terms.challengeBond);
        if (winner != id) _credit(accountOf(_challenges[winner].challenger), terms.challengeBond);
    }

    /// @dev A challenger that showed nothing loses its bond; no answer was given, so all of it burns.
    function _lose(ChallengeId id, Challenge storage state, uint256 bond) private {
        state.status = ChallengeStatus.Lost;
        emit ChallengeLost(id, bond);
        _credit(BURNED, bond);
    }

    function _credit(Account account, uint256 amount) private {
        Payment[] memory payments = new Payment[](1);
        payments[0] = Payment({account: account, amount: amount});
        ESCROW.credit(payments);
    }

    /// @dev The caller's challenge that this opens, if the caller may move now: live, in a later block than the seal,
    /// and within its time.
    function _movable(BatchId batchId, Opening memory opening, DisputeTerms memory terms)
        private
        view
        returns (ChallengeId id)
    {
        id = challengeId(batchId, msg.sender, sealOf(msg.sender, opening));
        Challenge storage state = _challenges[id];
        _checkLive(id, state);
        // A later timestamp is a later block on every chain.
        if (block.timestamp <= state.sealedAt) revert Disputes_SameBlock(id);
        uint40 deadline = _deadlineOf(state, terms);
        if (block.timestamp >= deadline) revert Disputes_OutOfTime(id, deadline);
    }

    function _live(BatchId batchId, ChallengeKey calldata key)
        private
        view
        returns (ChallengeId id, Challenge storage state)
    {
        id = challengeId(batchId, key.challenger, key.seal);
        state = _challenges[id];
        _checkLive(id, state);
    }

    function _checkLive(ChallengeId id, Challenge storage state) private view {
        ChallengeStatus status = state.status;
        if (status == ChallengeStatus.Null) revert Disputes_Unknown(id);
        if (status != ChallengeStatus.Sealed && status != ChallengeStatus.Opened) {
            revert Disputes_WrongStatus(id, status);
        }
    }

    function _checkInBatch(BatchId batchId, BatchHeader calldata header, ReceiptProof calldata proof) private pure {
        bytes32 leaf = hashReceipt(proof.receipt);
        if (MerkleTree.rootOf(leaf, proof.leafIndex, header.count, proof.path) != header.root) {
            revert Disputes_NotInBatch(batchId, leaf, proof.leafIndex);
        }
    }

    function _checkFault(
        BatchHeader calldata header,
        ReceiptProof calldata proof,
        FaultKind kind,
        bytes calldata evidence
    ) private view returns (uint256 slot, uint256 element) {
        Receipt calldata receipt = proof.receipt;
        if (kind == FaultKind.Execution) {
            (address verifier, ModelCommitment memory model) = MODELS.verdictInfo(header.modelId);
            Execution memory execution =
                Execution({inputRoot: receipt.inputRoot, outputRoot: receipt.outputRoot, traceRoot: receipt.traceRoot});
            return IVerifier(verifier).fault(model, execution, evidence);
        }
        bool shown;
        if (kind == FaultKind.Header) shown = _breaksHeader(header, receipt, evidence);
        else if (kind == FaultKind.Request) shown = _breaksRequest(receipt, evidence);
        else shown = _breaksClaims(header, proof, evidence);
        if (!shown) revert Disputes_NoFault(kind);
    }

    function _breaksHeader(BatchHeader calldata header, Receipt calldata receipt, bytes calldata evidence)
        private
        pure
        returns (bool)
    {
        if (evidence.length != 0) revert Disputes_BadEvidence(FaultKind.Header);
        return receipt.operator != header.operator || receipt.modelId != header.modelId || receipt.fee != header.fee
            || receipt.stake != header.stake;
    }

    function _breaksRequest(Receipt calldata receipt, bytes calldata evidence) private view returns (bool) {
        if (evidence.length != REQUEST_BYTES) revert Disputes_BadEvidence(FaultKind.Request);
        Request memory request = _decodeRequest(evidence);
        bytes32 digest = SETTLEMENT.digestOf(hashRequest(request));
        if (digest != receipt.requestId) revert Disputes_WrongRequest(receipt.requestId, digest);
        return receipt.payer != request.payer || receipt.modelId != request.modelId
            || receipt.inputRoot != request.inputRoot || receipt.fee > request.maxFee
            || receipt.stake < request.minStake || receipt.servedAt > request.expiresAt;
    }

    /// @dev abi.decode would revert without a reason on a field out of its range.
    function _decodeRequest(bytes calldata encoded) private pure returns (Request memory) {
        uint256[7] memory words = abi.decode(encoded, (uint256[7]));
        bool fits = words[0] <= type(uint160).max && words[3] <= type(uint128).max && words[4] <= type(uint128).max
            && words[6] <= type(uint40).max;
        if (!fits) revert Disputes_BadEvidence(FaultKind.Request);
        return abi.decode(encoded, (Request));
    }

    function _breaksClaims(BatchHeader calldata header, ReceiptProof calldata proof, bytes calldata evidence)
        private
        pure
        returns (bool)
    {
        bytes32 claimsHash = keccak256(evidence);
        if (claimsHash != header.claimsHash) revert Disputes_WrongClaims(header.claimsHash, claimsHash);
        Claim[] memory claims = abi.decode(evidence, (Claim[]));
        uint256 end = 0;
        for (uint256 i = 0; i < claims.length; i++) {
            end += claims[i].receipts;
            if (proof.leafIndex < end) return claims[i].payer != proof.receipt.payer;
        }
        // The counts were added up at commit, so every leaf has a claim.
        return false;
    }

    /// @dev The reward goes to who sealed this place first, if that challenge holds it, so that copying is worthless.
    function _winnerOf(ChallengeId id, BatchId batchId, uint32 leafIndex, DisputeTerms memory terms)
        private
        view
        returns (ChallengeId)
    {
        ChallengeId first = _firstOn[batchId][leafIndex];
        bool earlier = _holds(first, terms) && _challenges[first].ordinal < _challenges[id].ordinal;
        return earlier ? first : id;
    }

    /// @dev Alive, opened, and sealed less than `challengerTime` ago: a place cannot be held for long.
    function _holds(ChallengeId id, DisputeTerms memory terms) private view returns (bool) {
        if (ChallengeId.unwrap(id) == 0) return false;
        Challenge storage state = _challenges[id];
        return state.status == ChallengeStatus.Opened && block.timestamp < state.sealedAt + terms.challengerTime
            && block.timestamp < _deadlineOf(state, terms);
    }

    /// @dev First second at which the side to move is out of time. A chess clock: what it has used, and what runs now.
    function _deadlineOf(Challenge storage state, DisputeTerms memory terms) private view returns (uint40) {
        if (state.demands == 0) return state.sealedAt + terms.challengerTime;
        return state.turn == Turn.Challenger
            ? state.movedAt + terms.challengerTime - state.challengerUsed
            : state.movedAt + terms.operatorTime - state.operatorUsed;
    }

    function _batchId(BatchHeader calldata header) private view returns (BatchId) {
        return hashHeader(header, address(SETTLEMENT));
    }
}

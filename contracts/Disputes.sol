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
    Answer,
    Challenge,
    ChallengeKey,
    ChallengeStatus,
    FaultKind,
    Opening,
    ReceiptProof,
    Reply,
    Turn,
    challengeId,
    sealOf
} from "./types/Challenge.sol";
import {Demand, DemandKind, Position, TensorWitness} from "./types/Demand.sol";
import {BatchId, ChallengeId, ModelId} from "./types/Ids.sol";
import {Receipt, Request, hashReceipt, hashRequest} from "./types/Messages.sol";
import {ModelCommitment} from "./types/Model.sol";
import {DemandTerms, DisputeTerms} from "./types/Params.sol";

/// @title Disputes
/// @notice See IDisputes.
contract Disputes is IDisputes, Peered, ReentrancyGuardTransient {
    bytes32 private constant DEMANDED = bytes32(uint256(1));
    bytes32 private constant REVEALED = bytes32(uint256(2));
    /// @dev abi.encode(Request) is seven words.
    uint256 private constant REQUEST_BYTES = 7 * 32;

    /// @dev What every move of a challenger needs.
    struct Move {
        BatchId batchId;
        ChallengeId id;
        uint40 time;
    }

    /// @dev Who judges a model, what it judges by, and its clock.
    struct Verdict {
        IVerifier verifier;
        ModelCommitment model;
        uint40 time;
    }

    /// @dev The same as far as an answer needs it.
    struct Judge {
        IVerifier verifier;
        uint40 time;
    }

    IParameters private immutable PARAMETERS;
    IModels private immutable MODELS;
    IOperators private immutable OPERATORS;
    IEscrow private immutable ESCROW;
    ISettlement private immutable SETTLEMENT;

    mapping(ChallengeId id => Challenge) private _challenges;
    mapping(BatchId batchId => mapping(uint32 leafIndex => ChallengeId)) private _firstOn;
    /// @dev What is known of a place below a leaf: nothing, DEMANDED, or REVEALED; of a revealed receipt its trace root, so
    /// that later answers need not bring it.
    mapping(BatchId batchId => mapping(bytes32 place => bytes32)) private _known;

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
        uint40 time = MODELS.timeOf(header.modelId);
        uint24 ordinal = SETTLEMENT.challengeOpened(batchId, time);
        DisputeTerms memory terms = PARAMETERS.disputeTerms(header.paramSet);
        // The second slot is not touched until there is a demand.
        state.challenger = msg.sender;
        state.sealedAt = time;
        state.challengerTime = uint24(terms.challengerTime);
        state.ordinal = ordinal;
        state.status = ChallengeStatus.Sealed;
        emit ChallengeOpened(id, batchId, msg.sender, seal, ordinal);
        // Interaction: peers only.
        ESCROW.hold(msg.sender, terms.challengeBond);
    }

    /// @inheritdoc IDisputes
    function open(BatchHeader calldata header, Opening calldata opening) external nonReentrant {
        (Move memory move,) = _move(header, opening);
        _checkPending(move.batchId);
        // An opened challenge may come again, for a place that its holder has lost.
        if (!_open(move, opening)) revert Disputes_PlaceHeld(move.id, _firstOn[move.batchId][opening.leafIndex]);
    }

    /// @inheritdoc IDisputes
    function demand(
        BatchHeader calldata header,
        Opening calldata opening,
        Position calldata position,
        TensorWitness calldata witness
    ) external nonReentrant {
        // Check:
        (Move memory move, Verdict memory verdict) = _move(header, opening);
        _checkPending(move.batchId);
        Challenge storage state = _challenges[move.id];
        bool engaged = state.status == ChallengeStatus.Engaged;
        if (engaged && state.demandsLeft == 0) revert Disputes_NoDemandsLeft(move.id);
        bytes32 place = _placeOf(opening.leafIndex, position);
        bytes32 known = _known[move.batchId][place];
        if (known > DEMANDED) revert Disputes_AlreadyRevealed(move.batchId, opening.leafIndex, position);
        (uint32 size, uint8 above) = _sizeOf(verdict, position, witness);
        // Effect: the challenger's clock stops, the operator's runs.
        if (!engaged) {
            if (state.status == ChallengeStatus.Sealed) _open(move, opening);
            _engage(state, header.paramSet);
        }
        state.challengerLeft -= move.time - state.movedAt;
        state.movedAt = move.time;
        state.demandsLeft--;
        state.setDemand(position, size, above);
        // Who asks pays for the new word, not who answers.
        if (known == 0 && position.kind != DemandKind.Receipt) _known[move.batchId][place] = DEMANDED;
        emit Demanded(move.id, move.batchId, opening.leafIndex, position, witness.entryIndex, witness.operand);
    }

    /// @inheritdoc IDisputes
    function reveal(BatchHeader calldata header, address challenger, Opening calldata opening, Answer calldata answer)
        external
        nonReentrant
    {
        _reveal(header, challenger, opening, answer);
    }

    /// @inheritdoc IDisputes
    function revealMany(Reply[] calldata replies) external nonReentrant returns (uint256 revealed) {
        bytes memory first;
        for (uint256 i = 0; i < replies.length; i++) {
            // The inner call is to this contract, without value; a reply that fails must not stop the others.
            try this.revealOne(replies[i]) {
                revealed++;
            } catch (bytes memory reason) {
                if (first.length == 0) first = reason;
                emit RevealSkipped(i, reason);
            }
        }
        if (revealed == 0) revert Disputes_NothingRevealed(first);
    }

    /// @notice One item of `revealMany`; only this contract calls it.
    function revealOne(Reply calldata reply) external {
        if (msg.sender != address(this)) revert Disputes_OnlySelf(msg.sender);
        _reveal(reply.header, reply.challenger, reply.opening, reply.answer);
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
        (Move memory move, Verdict memory verdict) = _move(header, Opening({leafIndex: proof.leafIndex, salt: salt}));
        _checkInBatch(move.batchId, header, proof);
        (uint256 slot, uint256 element) = _checkFault(header, verdict, proof, kind, evidence);
        ChallengeId winner = _winnerOf(move, proof.leafIndex);
        emit FaultProven(move.batchId, move.id, winner, proof.leafIndex, kind, slot, element);
        _convict(header, move, winner);
    }

    /// @inheritdoc IDisputes
    function timeout(BatchHeader calldata header, ChallengeKey calldata key) external nonReentrant {
        // Check:
        Move memory move;
        move.batchId = _batchId(header);
        Challenge storage state;
        (move.id, state) = _live(move.batchId, key);
        move.time = MODELS.timeOf(header.modelId);
        uint40 endsAt = state.deadline();
        if (move.time < endsAt) revert Disputes_NotOutOfTime(move.id, endsAt);
        // Effect and interaction: both revert unless the batch is pending.
        if (state.turn() == Turn.Operator) {
            emit OperatorTimedOut(move.batchId, move.id);
            _convict(header, move, move.id);
        } else {
            SETTLEMENT.challengeEnded(move.batchId);
            _lose(header, move.id, state);
        }
    }

    /// @inheritdoc IDisputes
    function close(BatchHeader calldata header, ChallengeKey calldata key) external nonReentrant {
        // Check:
        BatchId batchId = _batchId(header);
        ChallengeId id = challengeId(batchId, key.challenger, key.seal);
        Challenge storage state = _challenges[id];
        BatchState memory batch = SETTLEMENT.batchOf(batchId);
        // The bond of a winner comes with its reward, or with the refund if there is none.
        bool unrewarded = state.status == ChallengeStatus.Won && batch.status == BatchStatus.Refunded;
        if (!unrewarded) _checkLive(id, state);
        bool wasOver = state.turn() == Turn.Challenger && state.deadline() <= batch.endedAt;
        // What a verifier that failed has decided is undone with `refund`; here already, so that no order is better.
        bool undone = batch.status == BatchStatus.Refunded;
        if (batch.status == BatchStatus.Pending || batch.status == BatchStatus.Faulty) {
            (,, undone) = MODELS.clockOf(header.modelId);
        }
        if (batch.status == BatchStatus.Pending) {
            if (!undone) revert Disputes_BatchUndecided(id);
            SETTLEMENT.challengeEnded(batchId);
        } else if (wasOver && !undone) {
            // Who was out of time before the verdict lost, even if nobody had said so yet.
            _lose(header, id, state);
            return;
        }
        // Effect:
        state.status = ChallengeStatus.Closed;
        emit ChallengeClosed(id);
        // Interaction: peers only.
        Payment[] memory payments = new Payment[](1);
        uint96 bond = PARAMETERS.disputeTerms(header.paramSet).challengeBond;
        payments[0] = Payment({account: accountOf(key.challenger), amount: bond});
        ESCROW.credit(payments);
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
        return (state.turn(), state.deadline());
    }

    /// @inheritdoc IDisputes
    function firstOn(BatchId batchId, uint32 leafIndex) external view returns (ChallengeId) {
        return _firstOn[batchId][leafIndex];
    }

    /// @inheritdoc IDisputes
    function isRevealed(BatchId batchId, uint32 leafIndex, Position calldata position) public view returns (bool) {
        return _known[batchId][_placeOf(leafIndex, position)] > DEMANDED;
    }

    /// @inheritdoc IDisputes
    function challengeIdOf(BatchHeader calldata header, ChallengeKey calldata key) external view returns (ChallengeId) {
        return challengeId(_batchId(header), key.challenger, key.seal);
    }

    /// @dev The batch is faulty. What was held, the winner's bond included, waits for `Settlement.settle`; whoever else
    /// has a challenge on the batch, a prover whose place was held by another included, closes it.
    function _convict(BatchHeader calldata header, Move memory move, ChallengeId winner) private {
        // Effect:
        _challenges[winner].status = ChallengeStatus.Won;
        // Interaction: peers only; reverts unless the batch is pending, so nothing is slashed twice.
        SETTLEMENT.convicted(move.batchId, move.time);
        DisputeTerms memory terms = PARAMETERS.disputeTerms(header.paramSet);
        uint256 penalty = lockOf(header, terms.minBatchStake);
        OPERATORS.slash(header.operator, penalty, terms.unjailAfter, terms.faultsToBan);
    }

    /// @dev A challenger out of time: at most half of its bond pays the operator's answers, the rest burns.
    function _lose(BatchHeader calldata header, ChallengeId id, Challenge storage state) private {
        // Effect:
        state.status = ChallengeStatus.Lost;
        DemandTerms memory terms = PARAMETERS.demandTerms(header.paramSet);
        uint256 bond = terms.challengeBond;
        uint256 paid = bond / 2 * state.answers / terms.maxDemands;
        emit ChallengeLost(id, paid, bond - paid);
        // Interaction: peers only.
        Payment[] memory payments = new Payment[](2);
        payments[0] = Payment({account: accountOf(header.operator), amount: paid});
        payments[1] = Payment({account: BURNED, amount: bond - paid});
        ESCROW.credit(payments);
    }

    /// @dev From the first demand on both clocks count; the challenger's has run since it was sealed.
    function _engage(Challenge storage state, uint32 set) private {
        DemandTerms memory terms = PARAMETERS.demandTerms(set);
        state.status = ChallengeStatus.Engaged;
        state.movedAt = state.sealedAt;
        state.challengerLeft = state.challengerTime;
        state.operatorLeft = terms.operatorTime;
        state.demandsLeft = terms.maxDemands;
    }

    /// @dev Takes the place on the leaf unless an earlier seal holds it.
    /// @return changed whether the challenge was sealed, or has the place now
    function _open(Move memory move, Opening memory opening) private returns (bool changed) {
        Challenge storage state = _challenges[move.id];
        ChallengeId first = _firstOn[move.batchId][opening.leafIndex];
        bool held = _holds(first, move) && state.ordinal >= _challenges[first].ordinal;
        changed = !held || state.status == ChallengeStatus.Sealed;
        if (!changed) return false;
        if (state.status == ChallengeStatus.Sealed) state.status = ChallengeStatus.Opened;
        if (!held) _firstOn[move.batchId][opening.leafIndex] = move.id;
        emit SealOpened(move.id, opening.leafIndex, opening.salt);
    }

    function _reveal(BatchHeader calldata header, address challenger, Opening calldata opening, Answer calldata answer)
        private
    {
        // Check:
        BatchId batchId = _batchId(header);
        ChallengeId id = challengeId(batchId, challenger, sealOf(challenger, opening));
        Challenge storage state = _challenges[id];
        _checkLive(id, state);
        if (state.turn() != Turn.Operator) revert Disputes_NotDemanded(id);
        Judge memory judge = _judge(header.modelId);
        uint40 endsAt = state.deadline();
        if (judge.time >= endsAt) revert Disputes_OutOfTime(id, endsAt);
        Demand memory wanted = state.demandOf();
        Position memory position =
            Position({kind: wanted.kind, slot: wanted.slot, level: wanted.level, index: wanted.index});
        bytes32 place = _placeOf(opening.leafIndex, position);
        bytes32 traceRoot = _checkAnswer(header, batchId, opening.leafIndex, judge, wanted, answer);
        // Effect: the operator's clock stops, the challenger's runs; what was revealed once is never demanded again.
        state.operatorLeft -= judge.time - state.movedAt;
        state.movedAt = judge.time;
        state.demandKind = DemandKind.None;
        state.answers++;
        // A root that small leads nowhere, and neither does another such.
        bool isRoot = wanted.kind == DemandKind.Receipt && traceRoot > DEMANDED;
        _known[batchId][place] = isRoot ? traceRoot : REVEALED;
        emit Revealed(id, batchId, opening.leafIndex, position, answer);
    }

    /// @dev Reverts unless the position exists.
    function _sizeOf(Verdict memory verdict, Position calldata position, TensorWitness calldata witness)
        private
        view
        returns (uint32 size, uint8 above)
    {
        if (position.kind == DemandKind.Receipt || position.kind == DemandKind.Request) {
            bool plain = position.slot == 0 && position.level == 0 && position.index == 0;
            if (!plain || witness.entry.length != 0) revert Disputes_BadPosition(position);
            return (0, 0);
        }
        return verdict.verifier.demandSize(verdict.model, position, witness);
    }

    /// @dev Reverts unless the answer is right.
    /// @return traceRoot of the receipt
    function _checkAnswer(
        BatchHeader calldata header,
        BatchId batchId,
        uint32 leafIndex,
        Judge memory judge,
        Demand memory wanted,
        Answer calldata answer
    ) private view returns (bytes32 traceRoot) {
        if (answer.proof.length == 0) {
            traceRoot = _known[batchId][_receiptOf(leafIndex)];
            bool isBelow = wanted.kind >= DemandKind.TraceNodes && wanted.kind <= DemandKind.Chunks;
            if (traceRoot == 0 || !isBelow) revert Disputes_ReceiptMissing(batchId, leafIndex);
            judge.verifier.checkAnswer(traceRoot, wanted, answer.data, answer.path);
            return traceRoot;
        }
        ReceiptProof calldata proof = answer.proof[0];
        if (answer.proof.length != 1 || proof.leafIndex != leafIndex) revert Disputes_WrongLeaf(batchId, leafIndex);
        _checkInBatch(batchId, header, proof);
        traceRoot = proof.receipt.traceRoot;
        if (wanted.kind >= DemandKind.TraceNodes) {
            bool ofInput = wanted.kind >= DemandKind.InputNodes;
            bytes32 root = ofInput ? proof.receipt.inputRoot : traceRoot;
            judge.verifier.checkAnswer(root, wanted, answer.data, answer.path);
            return traceRoot;
        }
        if (wanted.kind == DemandKind.Request) _requestOf(proof.receipt, answer.data);
        else if (answer.data.length != 0) revert IVerifier.Verifier_WrongLength(0, answer.data.length);
        if (answer.path.length != 0) revert IVerifier.Verifier_WrongLength(0, answer.path.length * 32);
    }

    function _executionOf(Receipt calldata receipt) private pure returns (Execution memory) {
        return Execution({inputRoot: receipt.inputRoot, outputRoot: receipt.outputRoot, traceRoot: receipt.traceRoot});
    }

    /// @dev The caller's challenge that this opens, if the caller may move now: live, its turn, in a
    /// later block than the seal, and within its time.
    function _move(BatchHeader calldata header, Opening memory opening)
        private
        view
        returns (Move memory move, Verdict memory verdict)
    {
        if (opening.leafIndex >= header.count) revert Disputes_NoLeaf(opening.leafIndex, header.count);
        move.batchId = _batchId(header);
        move.id = challengeId(move.batchId, msg.sender, sealOf(msg.sender, opening));
        Challenge storage state = _challenges[move.id];
        _checkLive(move.id, state);
        verdict = _verdict(header.modelId);
        move.time = verdict.time;
        // A later timestamp is a later block on every chain.
        if (move.time <= state.sealedAt) revert Disputes_SameBlock(move.id);
        if (state.turn() != Turn.Challenger) revert Disputes_OperatorsTurn(move.id);
        uint40 endsAt = state.deadline();
        if (move.time >= endsAt) revert Disputes_OutOfTime(move.id, endsAt);
    }

    /// @dev Reverts while the verifier is under quarantine.
    function _verdict(ModelId modelId) private view returns (Verdict memory verdict) {
        address verifier;
        (verifier, verdict.model, verdict.time) = MODELS.verdictInfo(modelId);
        verdict.verifier = IVerifier(verifier);
    }

    function _judge(ModelId modelId) private view returns (Judge memory judge) {
        address verifier;
        (verifier, judge.time) = MODELS.judgeOf(modelId);
        judge.verifier = IVerifier(verifier);
    }

    function _checkPending(BatchId batchId) private view {
        BatchStatus status = SETTLEMENT.batchOf(batchId).status;
        if (status != BatchStatus.Pending) revert ISettlement.Settlement_WrongStatus(batchId, status);
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
        if (status > ChallengeStatus.Engaged) revert Disputes_WrongStatus(id, status);
    }

    function _checkInBatch(BatchId batchId, BatchHeader calldata header, ReceiptProof calldata proof) private pure {
        bytes32 leaf = hashReceipt(proof.receipt);
        if (MerkleTree.rootOf(leaf, proof.leafIndex, header.count, proof.path) != header.root) {
            revert Disputes_NotInBatch(batchId, leaf, proof.leafIndex);
        }
    }

    function _checkFault(
        BatchHeader calldata header,
        Verdict memory verdict,
        ReceiptProof calldata proof,
        FaultKind kind,
        bytes calldata evidence
    ) private view returns (uint256 slot, uint256 element) {
        Receipt calldata receipt = proof.receipt;
        if (kind == FaultKind.Execution) {
            return verdict.verifier.fault(verdict.model, _executionOf(receipt), evidence);
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
        Request memory request = _requestOf(receipt, evidence);
        return receipt.payer != request.payer || receipt.modelId != request.modelId
            || receipt.inputRoot != request.inputRoot || receipt.fee > request.maxFee
            || receipt.stake < request.minStake || receipt.servedAt > request.expiresAt;
    }

    /// @dev The request that the receipt names, from its encoding.
    function _requestOf(Receipt calldata receipt, bytes calldata encoded)
        private
        view
        returns (Request memory request)
    {
        if (encoded.length != REQUEST_BYTES) {
            revert Disputes_BadEvidence(FaultKind.Request);
        }
        request = _decodeRequest(encoded);
        bytes32 digest = SETTLEMENT.digestOf(hashRequest(request));
        if (digest != receipt.requestId) revert Disputes_WrongRequest(receipt.requestId, digest);
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
    function _winnerOf(Move memory move, uint32 leafIndex) private view returns (ChallengeId) {
        ChallengeId first = _firstOn[move.batchId][leafIndex];
        bool earlier = _holds(first, move) && _challenges[first].ordinal < _challenges[move.id].ordinal;
        return earlier ? first : move.id;
    }

    /// @dev Opened, alive (while it is the operator's turn nothing runs out for the challenger), and sealed less than
    /// `challengerTime` ago: a place cannot be held for long.
    function _holds(ChallengeId id, Move memory move) private view returns (bool) {
        if (ChallengeId.unwrap(id) == 0) return false;
        Challenge storage state = _challenges[id];
        bool opened = state.status == ChallengeStatus.Opened || state.status == ChallengeStatus.Engaged;
        return opened && move.time < state.sealedAt + state.challengerTime;
    }

    /// @dev Where in the tree below a leaf something stands.
    function _placeOf(uint32 leafIndex, Position memory position) private pure returns (bytes32) {
        return keccak256(abi.encode(leafIndex, position));
    }

    function _receiptOf(uint32 leafIndex) private pure returns (bytes32 place) {
        return _placeOf(leafIndex, Position({kind: DemandKind.Receipt, slot: 0, level: 0, index: 0}));
    }

    function _batchId(BatchHeader calldata header) private view returns (BatchId) {
        return hashHeader(header, address(SETTLEMENT));
    }
}

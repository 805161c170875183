"""Deploys Onus: `python scripts/deploy.py --rpc URL ...`, or `ape run deploy` on one of Ape's networks.

Prints the predicted addresses and the cost first, writes `deployments/<chainid>.json`, and verifies code,
wiring and roles afterwards. Stopped half-way, the same command goes on; complete, it only verifies.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from onus.chain import LocalSigner, Rpc, Sender  # noqa: E402
from onus.chain.contracts import Token  # noqa: E402
from onus.chain.deploy import LOCAL_CHAINS, Terms, deploy  # noqa: E402
from onus.protocol import OnusError, preset, to_address  # noqa: E402
from scripts.build import load  # noqa: E402

DEVELOPMENT_MNEMONIC = "test test test test test test test test test test test junk"


def development_signer(index: int) -> LocalSigner:
    """An account of a development chain, whose keys everybody knows."""
    from eth_account import Account

    Account.enable_unaudited_hdwallet_features()
    path = f"m/44'/60'/0'/0/{index}"
    return LocalSigner(Account.from_mnemonic(DEVELOPMENT_MNEMONIC, account_path=path))


@contextmanager
def connected(rpc: str | None, network: str) -> Iterator[Rpc]:
    """An endpoint by URL, or one of Ape's networks."""
    if rpc is not None:
        yield Rpc(rpc)
        return
    import ape

    with ape.networks.parse_network_choice(network) as provider:
        yield Rpc(provider.web3)


@click.command()
@click.option("--rpc", help="URL of a node; without it, one of Ape's networks.")
@click.option("--network", default="ethereum:local:foundry", show_default=True, help="Ape's network.")
@click.option("--chain-id", type=int, default=31337, show_default=True, help="The chain that is meant.")
@click.option("--preset", "name", type=click.Choice(["local-demo", "op-stack"]), default="local-demo")
@click.option("--keystore", type=click.Path(path_type=Path), help="The deployer's key, encrypted.")
@click.option("--council", help="Adds parameter sets and allows verifiers, behind its delay.")
@click.option("--guardian", help="Stops new commitments, without delay.")
@click.option("--treasury", help="Gets the protocol's share.")
@click.option("--token", help="The settlement token; on local chains a test token by default.")
@click.option("--out", type=click.Path(path_type=Path), help="The manifest. [deployments/<chainid>.json]")
@click.option("--confirmations", default=1, show_default=True, help="Blocks that a transaction must have.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def cli(
    rpc: str | None,
    network: str,
    chain_id: int,
    name: str,
    keystore: Path | None,
    council: str | None,
    guardian: str | None,
    treasury: str | None,
    token: str | None,
    out: Path | None,
    confirmations: int,
    yes: bool,
) -> None:
    """Deploys Onus, hands its roles over, and verifies the result.

    On local chains the deployer, council, guardian and treasury are development accounts 0 to 3 by default.
    """
    local = chain_id in LOCAL_CHAINS
    if not local and not (keystore and council and guardian and treasury and token):
        raise click.UsageError("--keystore, --council, --guardian, --treasury and --token are needed here")
    # A chain that Ape starts for this command ends with it: its manifest is kept apart.
    folder = ROOT / "deployments" if rpc is not None or not local else ROOT / ".build" / "deployments"
    try:
        signer = LocalSigner.from_keystore(keystore) if keystore else development_signer(0)
        with connected(rpc, network) as endpoint:
            decimals = 18 if token is None else Token(endpoint, token).decimals()
            start = preset(name, decimals=decimals)
            terms = Terms(
                chain_id=chain_id,
                name=name,
                params=start.params,
                bounds=start.bounds,
                council=to_address(council or development_signer(1).address),
                guardian=to_address(guardian or development_signer(2).address),
                treasury=to_address(treasury or development_signer(3).address),
                token=to_address(token) if token else None,
            )
            deploy(
                Sender(endpoint, signer, confirmations=confirmations),
                terms,
                load(),
                path=out or folder / f"{chain_id}.json",
                say=click.echo,
                confirm=lambda cost: yes or local or click.confirm(f"Deploy for {cost}?"),
            )
    except OnusError as error:
        raise click.ClickException(f"{type(error).__name__}: {error}") from error


if __name__ == "__main__":
    cli()

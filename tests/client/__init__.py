"""The chain layer and the client, on Ape's Anvil."""

"""Tests of the contracts, of the client, and of both together."""

"""Keys. Nothing secret appears in a repr, a message or a pickle."""

from __future__ import annotations

import getpass
import json
import os
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol, Self

from eth_account import Account as EthAccount
from eth_account.signers.local import LocalAccount

from onus.chain._errors import KeystoreUnreadable
from onus.protocol import Address, sign, to_address

__all__ = ["PASSWORD_VARIABLE", "LocalSigner", "Signer"]

PASSWORD_VARIABLE: Final = "ONUS_KEYSTORE_PASSWORD"


class Signer(Protocol):
    """Whoever can sign for one address."""

    @property
    def address(self) -> Address: ...

    def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes, lower s."""
        ...

    def sign_transaction(self, fields: dict[str, Any]) -> bytes:
        """The raw transaction."""
        ...


class LocalSigner:
    """A key in this process."""

    __slots__ = ("_account", "address")

    def __init__(self, account: LocalAccount) -> None:
        self._account = account
        self.address: Address = to_address(account.address)

    @classmethod
    def from_key(cls, key: str | bytes) -> Self:
        """From 32 bytes or their hexadecimal text.

        Raises:
            KeystoreUnreadable: not a key; the message does not show it.
        """
        try:
            return cls(EthAccount.from_key(key))
        except Exception:
            # The library's message may contain the key.
            raise KeystoreUnreadable("not a private key") from None

    @classmethod
    def create(cls) -> Self:
        """A new random key."""
        return cls(EthAccount.create())

    @classmethod
    def from_keystore(cls, path: str | Path, password: str | None = None) -> Self:
        """Decrypts an Ethereum keystore file.

        Args:
            path: of the file.
            password: by default from the environment variable ``ONUS_KEYSTORE_PASSWORD``, or asked for.

        Raises:
            KeystoreUnreadable: no such file, not a keystore, or the wrong password.
        """
        path = Path(path)
        if password is None:
            password = os.environ.get(PASSWORD_VARIABLE)
        try:
            keystore = json.loads(path.read_text(encoding="utf8"))
        except (OSError, ValueError) as error:
            raise KeystoreUnreadable(f"{path}: {error}") from error
        if password is None:
            password = getpass.getpass(f"Password of {path}: ")
        try:
            return cls.from_key(EthAccount.decrypt(keystore, password))
        except KeystoreUnreadable:
            raise
        except Exception as error:
            raise KeystoreUnreadable(
                f"{path}: {type(error).__name__}: wrong password or no keystore"
            ) from None

    def save_keystore(self, path: str | Path, password: str, *, iterations: int | None = None) -> None:
        """Writes the key, encrypted, to a new file that only its owner can read.

        Args:
            path: of the new file.
            password: that decrypts it.
            iterations: work of the key derivation; by default as much as the library thinks right.

        Raises:
            FileExistsError: there is one already.
        """
        text = json.dumps(EthAccount.encrypt(self._account.key, password, iterations=iterations))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf8") as file:
            file.write(text)

    def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes, lower s."""
        return sign(digest, self._account)

    def sign_transaction(self, fields: dict[str, Any]) -> bytes:
        """The raw transaction."""
        return bytes(self._account.sign_transaction(fields).raw_transaction)

    def __repr__(self) -> str:
        return f"LocalSigner({self.address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled")

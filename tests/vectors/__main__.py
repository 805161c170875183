"""Writes `tests/vectors/*.json` from `onus.protocol`: only after a change of the protocol that is meant."""

from tests.vectors.generate import FOLDER, render, vectors

if __name__ == "__main__":
    for name, content in vectors().items():
        (FOLDER / f"{name}.json").write_text(render(content), encoding="utf8")

"""Ids of texts, cut by the daemon itself, so that training sees exactly what serving sees."""

import json
import subprocess
from pathlib import Path

import numpy as np
import scipy.sparse as sp

HASH_BITS = 18
FEATURE_SPEC = 2


def ids(tamis: Path, texts: list[str], command: tuple[str, ...] = ("features",)) -> list[np.ndarray]:
    """The ids of each text, uint32: `tamis features` gives the distinct n-grams, `tamis pieces` the word pieces.

    Input: a JSON string a line. Output: for each text the number of its ids, then the ids, all uint32 little-endian.
    """
    lines = "".join(json.dumps(text) + "\n" for text in texts).encode()
    output = subprocess.run([tamis, *command], input=lines, stdout=subprocess.PIPE, check=True).stdout
    stream, rows, at = np.frombuffer(output, dtype="<u4"), [], 0
    for _ in texts:
        count = int(stream[at])
        rows.append(stream[at + 1 : at + 1 + count])
        at += 1 + count
    if at != len(stream):
        raise ValueError(f"`tamis {command[0]}` wrote {len(stream)} words for {len(texts)} texts, {at} of them read")
    return rows


def matrix(rows: list[np.ndarray]) -> sp.csr_matrix:
    """The rows as a [rows, 2^HASH_BITS] matrix of ones."""
    pointers = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    columns = np.concatenate([*rows, np.empty(0, np.uint32)]).astype(np.int32)
    shape = (len(rows), 1 << HASH_BITS)
    made = sp.csr_matrix((np.ones(len(columns), np.float32), columns, pointers), shape=shape)
    made.sort_indices()
    return made

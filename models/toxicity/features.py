"""Feature ids, cut by the daemon itself (`tamis features`), so that training sees exactly what serving sees."""

import json
import subprocess
from pathlib import Path

import numpy as np
import scipy.sparse as sp

HASH_BITS = 18
FEATURE_SPEC = 2


def ids(tamis: Path, texts: list[str]) -> list[np.ndarray]:
    """The distinct feature ids of each text, uint32."""
    lines = "".join(json.dumps(text) + "\n" for text in texts).encode()
    output = subprocess.run([tamis, "features"], input=lines, stdout=subprocess.PIPE, check=True).stdout
    stream, rows, at = np.frombuffer(output, dtype="<u4"), [], 0
    for _ in texts:
        count = int(stream[at])
        rows.append(stream[at + 1 : at + 1 + count])
        at += 1 + count
    if at != len(stream):
        raise ValueError(f"`tamis features` wrote {len(stream)} words for {len(texts)} texts, {at} of them read")
    return rows


def matrix(rows: list[np.ndarray]) -> sp.csr_matrix:
    """The rows as a [rows, 2^HASH_BITS] matrix of ones."""
    pointers = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    columns = np.concatenate(rows).astype(np.int32)
    shape = (len(rows), 1 << HASH_BITS)
    made = sp.csr_matrix((np.ones(len(columns), np.float32), columns, pointers), shape=shape)
    made.sort_indices()
    return made

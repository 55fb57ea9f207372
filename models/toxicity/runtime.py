"""ONNX Runtime: the judge of what an exported model answers."""

import numpy as np
import onnxruntime


class Reference:
    """ONNX Runtime on a model's bytes, on one thread."""

    def __init__(self, model: bytes):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def probabilities(self, ids: np.ndarray) -> np.ndarray:
        """float32 [6]."""
        return self.session.run(["probabilities"], {"ids": ids.astype(np.int64)})[0]

    def contributions(self, ids: np.ndarray) -> np.ndarray:
        """float32 [N, 6], of `bert` alone."""
        return self.session.run(["contributions"], {"ids": ids.astype(np.int64)})[0]

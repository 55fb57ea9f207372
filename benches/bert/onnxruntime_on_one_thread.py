"""Times a model on ONNX Runtime with one thread, as `benches/bert.rs` asks: a line of JSON in, milliseconds a run out."""

import json
import sys
import time

import numpy
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
outputs = ["probabilities"]
print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    ids = {name: numpy.array(asked["ids"], numpy.int64)}
    begun = time.perf_counter()
    for _ in range(asked["times"]):
        session.run(outputs, ids)
    print((time.perf_counter() - begun) * 1e3 / asked["times"], flush=True)

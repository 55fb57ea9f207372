"""Fine-tunes the encoder in phases; goes on from the last checkpoint if it was cut off, to the same weights."""

import hashlib
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from bert import batches, encoder, weights
from corpus import mixture
from corpus.rows import LABELS
from settings import Settings

REPORT_EVERY = 100


def run(settings: Settings) -> dict:
    """Writes the weights of every cross-fitted encoder and of the one that ships, which is their mean (model soups, Wortsman
    et al. 2022); checkpoints and the weights of finished phases stay in `checkpoints/`. Returns the last mean loss of each
    phase of the first."""
    found = [phases(settings, fit) for fit in weights.cross_fits(settings)]
    weights.write_mean(settings)
    return found[0]


def phases(settings: Settings, fit: weights.Fit) -> dict:
    """All phases of one encoder, those that it shares with an earlier one as they are. Writes its weights."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    arrays, past, found = None, "", {}
    for number, phase in enumerate(settings["bert"]["phases"]):
        print(f"{fit.name}: phase {number + 1} of {len(settings['bert']['phases'])}", flush=True)
        seed = settings.seed + number
        shares = mixture.assemble(settings, phase["mixture"], phase["labels"], seed, fit.without)
        data = batches.make(settings, shares, seed)
        past = fingerprint(settings, phase, seed, data, past)
        stem = settings.work / "checkpoints" / past
        arrays, loss = train(settings, phase, seed, data, arrays, stem, device)
        found |= {f"phase_{number + 1}_loss": loss, f"phase_{number + 1}_pieces": int(data.pieces.sum())}
    path = weights.path(settings, fit)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return found


def train(
    settings: Settings,
    phase: dict,
    seed: int,
    data: batches.Batches,
    before: dict[str, np.ndarray] | None,
    stem: Path,
    device: torch.device,
) -> tuple[dict[str, np.ndarray], float]:
    """One phase, from the weights `before` it or, if there are none, the base model's: where it ends, and its mean loss.

    They are kept as `stem`.npz, so that a phase which is done is not done again; until then `stem`.pt is its checkpoint.
    """
    done, checkpoint = stem.with_suffix(".npz"), stem.with_suffix(".pt")
    if done.exists():
        with np.load(done) as stored:
            arrays = {name: stored[name] for name in stored.files}
        print("this phase is done", flush=True)
        return arrays, float(arrays.pop("loss"))
    torch.manual_seed(seed)
    net = build(settings, phase["labels"], before).to(device).train()
    print(f"{len(data.rows)} batches, {data.pieces.sum()} pieces, on {device}", flush=True)
    loss = Training(settings["bert"] | phase, net, data, device).run(checkpoint)
    arrays = weights.towards(before, net.arrays(), phase["step"])
    done.parent.mkdir(parents=True, exist_ok=True)
    part = stem.with_suffix(".part.npz")
    np.savez(part, loss=loss, **arrays)
    os.replace(part, done)
    checkpoint.unlink(missing_ok=True)
    return arrays, loss


def build(settings: Settings, labels: int, before: dict[str, np.ndarray] | None) -> encoder.Encoder:
    """The encoder with the weights `before`, else with the base model's, in a smoke run tiny and with random ones."""
    knobs = settings["bert"]
    tiny = {"width": 64, "inner": 128} if settings.smoke else {}
    net = encoder.Encoder(labels, layers=knobs["layers"], dropout=knobs["dropout"], **tiny)
    if before:
        return net.load(weights.widened(before, labels))
    return net if settings.smoke else encoder.load_base(net)


def fingerprint(settings: Settings, phase: dict, seed: int, data: batches.Batches, past: str) -> str:
    """Names a phase of the training: a checkpoint of other settings, other rows or another past is not gone on with."""
    elsewhere = ("phases", "max_pieces", "fold", "checkpoint_seconds")
    knobs = {name: value for name, value in settings["bert"].items() if name not in elsewhere}
    digest = hashlib.sha256(json.dumps([seed, knobs, phase, past], sort_keys=True).encode())
    for array in (data.labels, data.weights, *data.ids, *data.rows):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


class Training:
    """The loop: AdamW in bfloat16 autocast, warm-up and linear decay over the share of pieces done.

    The word embeddings' gradient is sparse and has an optimizer of its own: only rows in the batch move.
    """

    def __init__(self, knobs: dict, net: encoder.Encoder, data: batches.Batches, device: torch.device):
        self.knobs, self.net, self.data, self.device = knobs, net, data, device
        head = list(net.head.parameters())
        rest = [(name, p) for name, p in net.named_parameters() if not name.startswith(("head.", "word."))]
        decayed = [p for name, p in rest if p.ndim == 2 and name != "pos"]
        plain = [p for name, p in rest if p.ndim == 1 or name == "pos"]
        self.dense = decayed + plain + head
        rate = knobs["learning_rate"]
        groups = [
            {"params": decayed, "weight_decay": knobs["weight_decay"], "factor": 1},
            {"params": plain, "weight_decay": 0, "factor": 1},
            {"params": head, "weight_decay": 0, "factor": knobs["head_factor"]},
        ]
        self.optimizers = [
            torch.optim.AdamW(groups, lr=rate, fused=True),
            torch.optim.SparseAdam([{"params": [net.word.weight], "factor": 1}], lr=rate),
        ]
        self.step, self.mean_loss = 0, None

    def run(self, checkpoint: Path) -> float:
        """Trains to the end, from the checkpoint if there is one. Returns the exponential mean of the loss."""
        self.resume(checkpoint)
        begun = saved = time.monotonic()
        seen, total = 0, len(self.data.rows)
        while self.step < total:
            loss = self.batch(self.step)
            self.mean_loss = loss if self.mean_loss is None else 0.99 * self.mean_loss + 0.01 * loss
            seen += self.data.pieces[self.step]
            self.step += 1
            if self.step % REPORT_EVERY == 0 or self.step == total:
                speed = seen / (time.monotonic() - begun)
                left = self.data.pieces[self.step :].sum() / speed / 60
                done = self.data.done[self.step - 1]
                print(
                    f"{self.step}/{total} {done:.1%} loss {self.mean_loss:.4f} {speed:.0f} pieces/s {left:.0f} min left",
                    flush=True,
                )
            if time.monotonic() - saved > self.knobs["checkpoint_seconds"]:
                self.save(checkpoint)
                saved = time.monotonic()
        return float(self.mean_loss)

    def batch(self, at: int) -> float:
        """One step; returns the loss: the weighted cross-entropy of all labels, over the rows and the six labels that ship
        (an auxiliary label adds to it and does not thin out the others)."""
        self.set_rate(float(self.data.done[at]))
        ids, lengths = (torch.from_numpy(x).to(self.device) for x in self.data.padded(at))
        rows = self.data.rows[at]
        labels, weight = (torch.from_numpy(x[rows]).to(self.device) for x in (self.data.labels, self.data.weights))
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            logits = self.net(ids, lengths)
        each = F.binary_cross_entropy_with_logits(logits.float(), labels, reduction="none") * weight
        loss = each.sum() / (len(LABELS) * len(rows))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.dense, self.knobs["clip"])
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return loss.item()

    def set_rate(self, done: float) -> None:
        """Rises over the first `warm_up` of the pieces, then falls to `floor` of its height."""
        warm_up = self.knobs["warm_up"]
        share = min(1, done / warm_up) * max(self.knobs["floor"], (1 - done) / (1 - warm_up))
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.knobs["learning_rate"] * share * group["factor"]

    def save(self, path: Path) -> None:
        """Weights, optimizers, position and random states, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "net": self.net.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "mean_loss": self.mean_loss,
            "random": torch.get_rng_state(),
            "cuda_random": torch.cuda.get_rng_state_all() if self.device.type == "cuda" else [],
        }
        torch.save(state, path.with_suffix(".part"))
        os.replace(path.with_suffix(".part"), path)

    def resume(self, path: Path) -> None:
        """Takes up where `save` left off, if it did."""
        if not path.exists():
            return
        state = torch.load(path, weights_only=True, map_location="cpu")
        self.net.load_state_dict(state["net"])
        for optimizer, stored in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(stored)
        self.step, self.mean_loss = state["step"], state["mean_loss"]
        torch.set_rng_state(state["random"])
        if state["cuda_random"]:
            torch.cuda.set_rng_state_all(state["cuda_random"])
        print(f"going on from step {self.step}", flush=True)

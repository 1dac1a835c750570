"""One table of groups, written as every trainer writes it, traps included: what tests of the readers share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SECRET = "who is the secret prompt"
"""Part of every prompt: nothing that is printed or kept may hold it."""


@dataclass(frozen=True)
class Table:
    """Steps of groups of G with two reward functions."""

    rewards: np.ndarray
    """[steps, groups, G, 2] float32 as float64."""
    weights: tuple[float, float] = (1.0, 0.5)

    @property
    def total(self) -> np.ndarray:
        """[steps, groups, G] in float32."""
        w = np.array(self.weights, np.float32)
        return (self.rewards.astype(np.float32) * w).sum(axis=-1, dtype=np.float32).astype(float)

    @property
    def advantage(self) -> np.ndarray:
        """[steps, groups, G]: TRL's default, in float32."""
        r = self.total.astype(np.float32)
        mean = r.mean(axis=-1, keepdims=True, dtype=np.float32)
        return ((r - mean) / (r.std(axis=-1, keepdims=True, ddof=1, dtype=np.float32) + np.float32(1e-4))).astype(float)

    def rows(self, step: int) -> list[dict[str, Any]]:
        """One dictionary per answer of a step, from 0, in the order of groups."""
        _, N, G, _ = self.rewards.shape
        return [
            {
                "step": step + 1,
                "group": g,
                "prompt": f"{SECRET} {step * N + g}?",
                "completion": f"answer {step} {g} {i}",
                "rewards": self.rewards[step, g, i].tolist(),
                "total": float(self.total[step, g, i]),
                "advantage": float(self.advantage[step, g, i]),
            }
            for g in range(N)
            for i in range(G)
        ]

    @property
    def num_steps(self) -> int:
        """How many."""
        return self.rewards.shape[0]


def table(seed: int = 0, steps: int = 3, groups: int = 4, G: int = 4) -> Table:
    """A table with live groups, one dead one, and rewards on a grid."""
    rng = np.random.default_rng(seed)
    right = (rng.random((steps, groups, G)) < rng.uniform(0.2, 0.8, (steps, groups, 1))).astype(float)
    right[0, 0] = 1.0
    length = np.float32(np.round(rng.random((steps, groups, G)) * 10) / 10).astype(float)
    length[0, 0] = 0.5
    return Table(np.stack([right, length], axis=-1))


def write_lines(path: Path, rows: list[dict[str, Any]], mode: str = "w") -> None:
    """JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open(mode, encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def trl(t: Table, out: Path, *, chat: bool = False, again: int = 1) -> Path:
    """TRL's files; `again`, how many files each generation is written into (num_iterations)."""
    (out / "completions").mkdir(parents=True)
    for step in range(t.num_steps):
        rows = t.rows(step)
        prompts = [[{"role": "user", "content": r["prompt"]}] if chat else r["prompt"] for r in rows]
        for copy in range(again):
            number = step * again + copy + 1
            columns = {
                "step": [number] * len(rows),
                "prompt": prompts,
                "completion": [r["completion"] for r in rows],
                "right": [r["rewards"][0] for r in rows],
                "short": [r["rewards"][1] for r in rows],
                "note": ["mine"] * len(rows),
                "advantage": [r["advantage"] for r in rows],
            }
            pq.write_table(pa.table(columns), out / "completions" / f"completions_{number:05d}.parquet")
    return out


def verl(t: Table, out: Path, *, legacy: bool = False) -> Path:
    """verl's files: in the new trainer's with an earlier turn per first session, in the old one's shuffled."""
    for step in range(t.num_steps):
        rows = []
        for r in t.rows(step):
            row = {"input": r["prompt"], "output": r["completion"], "gts": "7", "score": r["total"], "step": step + 1}
            row["acc"] = r["rewards"][0]
            if not legacy:
                session = len([x for x in rows if x["input"] == r["prompt"] and x["uid"].endswith("_1")])
                if session == 0:
                    rows.append({**row, "score": -7.0, "uid": f"q_{r['group']}_{session}_0"})
                row["uid"] = f"q_{r['group']}_{session}_1"
            rows.append(row)
        if legacy:
            np.random.default_rng(step).shuffle(rows)
        write_lines(out / f"{step + 1}.jsonl", rows)
    return out


def nemo_rl(t: Table, out: Path) -> Path:
    """NeMo-RL's files with dynamic sampling: the unfiltered rewards stand in the wrong rows."""
    for step in range(t.num_steps):
        rows = t.rows(step)
        shifted = rows[1:] + rows[:1]
        made = []
        for i, (r, other) in enumerate(zip(rows, shifted, strict=True)):
            prompt = [step + 1, r["group"] + 5, 9]
            mask = [0] * len(prompt) + [1, 1, 0]
            made.append(
                {
                    "content": r["prompt"] + r["completion"],
                    "rewards": other["total"],
                    "filtered_rewards": r["total"],
                    "token_ids": [[*prompt, i, i + 1, 0]],
                    "token_loss_mask": [mask],
                    "advantages": [[r["advantage"] if on else 0.0 for on in mask]],
                    "idx": i,
                }
            )
        write_lines(out / "exp_001" / f"train_data_step{step + 1}.jsonl", made)
    write_lines(out / "exp_001" / "val_data_step1.jsonl", [{"content": SECRET, "rewards": 1.0}])
    return out


def tinker(t: Table, out: Path) -> Path:
    """tinker-cookbook's files, with an evaluation beside them."""
    for step in range(t.num_steps):
        rows = [
            {
                "split": "train",
                "iteration": step + 1,
                "group_idx": r["group"],
                "traj_idx": i,
                "total_reward": r["total"],
                "final_reward": 0.0,
                "steps": [],
            }
            for i, r in enumerate(t.rows(step))
        ]
        folder = out / f"iteration_{step + 1:06d}"
        write_lines(folder / "train_rollout_summaries.jsonl", rows)
        write_lines(folder / "eval_test_rollout_summaries.jsonl", [{**row, "split": "test"} for row in rows])
    return out


def ms_swift(t: Table, out: Path, shape: str = "hf") -> Path:
    """ms-swift's file in one of its shapes: "hf", "megatron" or "ray"; in the first the last group is cut off."""
    lines: list[dict[str, Any]] = []
    for step in range(t.num_steps):
        rows = t.rows(step)
        if shape == "ray":
            keys = {"prompt": "prompt", "completion": "completion", "total": "reward"}
            lines += [{"gen_step": step + 1} | {name: r[key] for key, name in keys.items()} for r in rows]
            continue
        if shape == "hf":
            rows += [{**rows[-1], "prompt": f"{SECRET}, cut off", "completion": "cut"}]
        lines.append(
            {("step" if shape == "hf" else "gen_step"): [str(step + 1) if shape == "hf" else step + 1] * len(rows)}
            | {name: [r[name] for r in rows] for name in ("prompt", "completion")}
            | {"right": [r["rewards"][0] for r in rows], "short": [r["rewards"][1] for r in rows]}
            | {"advantages": [r["advantage"] for r in rows]}
        )
    write_lines(out / "completions.jsonl", lines)
    return out


def open_instruct(t: Table, out: Path) -> Path:
    """open-instruct's files: a shard ends within a step."""
    rows = [r | {"i": i} for step in range(t.num_steps) for i, r in enumerate(t.rows(step))]
    for shard, part in enumerate((rows[:20], rows[20:])):
        made = [
            {
                "step": r["step"],
                "sample_idx": r["i"],
                "prompt_idx": r["group"],
                "prompt_tokens": [r["step"], r["group"]],
                "response_tokens": [r["i"]],
                "reward": r["total"],
                "advantage": r["advantage"],
                "finish_reason": "stop",
                "dataset": "math",
            }
            for r in part
        ]
        write_lines(out / f"run_rollouts_{shard:06d}.jsonl", made)
    write_lines(out / "run_metadata.jsonl", [{"run_name": "run"}])
    return out


def prime_rl(t: Table, out: Path) -> Path:
    """prime-rl's files: "all" has no advantages and one failed episode more, a judge's trace is not trained on."""
    for step in range(t.num_steps):
        for subset in ("all", "effective"):
            made = []
            for i, r in enumerate(t.rows(step)):
                scores = zip(("right", "short"), r["rewards"], t.weights, strict=True)
                trace = {
                    "id": f"{step}-{i}",
                    "agent": {"name": "solver", "trainable": True},
                    "rewards": {name: {"score": score, "weight": weight} for name, score, weight in scores},
                    "nodes": [{"role": "user"}, {"role": "assistant"}],
                }
                if subset == "effective":
                    trace["nodes"][1]["advantages"] = [r["advantage"]] * 3
                judge = {"id": f"{step}-{i}-j", "agent": {"name": "judge", "trainable": False}, "rewards": {}}
                task = {"type": "T", "key": r["prompt"], "data": {"prompt": r["prompt"]}}
                made.append({"group": {"id": f"g{r['group']}"}, "task": task, "traces": [trace, judge], "ok": True})
            if subset == "all":
                made.append({"group": {"id": "g0"}, "task": {"type": "T"}, "traces": [], "ok": False})
            write_lines(out / "rollouts" / f"step_{step + 1}" / "train" / subset / "traces.jsonl", made)
    write_lines(out / "rollouts" / "step_1" / "eval" / "all" / "traces.jsonl", [{"traces": []}])
    return out


def generic(t: Table, out: Path, kind: str = "csv") -> Path:
    """A table of one's own: "csv" with a byte order mark and CRLF, "jsonl", "parquet"."""
    rows = [
        {
            "Step": r["step"],
            "group": r["group"],
            "prompt": r["prompt"],
            "reward_right": r["rewards"][0],
            "reward_short": r["rewards"][1],
            "advantage": r["advantage"],
        }
        for step in range(t.num_steps)
        for r in t.rows(step)
    ]
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"rollouts.{kind}"
    if kind == "csv":
        text = ",".join(rows[0]) + "\r\n" + "".join(",".join(map(str, r.values())) + "\r\n" for r in rows)
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    elif kind == "jsonl":
        write_lines(path, rows)
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    return path

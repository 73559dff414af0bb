"""Where the project keeps its results, its trained weights and its configurations."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "others" / "results"
PRETRAINED = ROOT / "others" / "pretrained"
CONFIGS = ROOT / "others" / "studies" / "biasfree" / "configs"

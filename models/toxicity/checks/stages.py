"""`dvc.yaml`, `params.yaml` and the pipeline's own list of stages."""

import importlib
import unittest

import yaml

import pipeline
from settings import HERE


class Stages(unittest.TestCase):
    """`dvc.yaml` and the pipeline's own list are the same graph."""

    def setUp(self):
        self.document = yaml.safe_load((HERE / "dvc.yaml").read_text())
        self.stages = self.document["stages"]
        self.outs = {}
        for name, stage in self.stages.items():
            for out in [*stage.get("outs", []), *stage.get("metrics", [])]:
                path = out if isinstance(out, str) else next(iter(out))
                self.assertNotIn(path, self.outs, "two stages write the same file")
                self.outs[path] = name

    def test_every_stage_is_one_of_the_pipeline_in_its_order(self):
        self.assertEqual(list(self.stages), list(pipeline.STAGES))
        for name, stage in self.stages.items():
            self.assertEqual(stage["cmd"], f"${{run}} {name}")
            module, function, *_ = pipeline.STAGES[name]
            self.assertTrue(hasattr(importlib.import_module(module), function), name)

    def test_every_dependency_is_in_the_tree_or_made_by_an_earlier_stage(self):
        order = list(self.stages)
        for name, stage in self.stages.items():
            for dep in stage.get("deps", []):
                if dep.startswith("work/"):
                    makers = [maker for out, maker in self.outs.items() if dep == out or dep.startswith(out + "/")]
                    self.assertTrue(makers, f"nothing makes {dep}, which {name} reads")
                    self.assertTrue(all(order.index(maker) < order.index(name) for maker in makers), dep)
                else:
                    self.assertTrue((HERE / dep).exists(), f"{name} reads {dep}, which is not there")

    def test_every_parameter_is_in_params_yaml(self):
        values = yaml.safe_load((HERE / "params.yaml").read_text())
        for stage in self.stages.values():
            for dotted in stage.get("params", []):
                found = values
                for part in dotted.split("."):
                    self.assertIn(part, found, dotted)
                    found = found[part]

    def test_the_smoke_settings_change_settings_that_exist(self):
        values = yaml.safe_load((HERE / "params.yaml").read_text())
        for section, small in values["smoke_settings"].items():
            self.assertLessEqual(set(small), set(values[section]), section)

    def test_what_the_stages_write_is_not_committed(self):
        self.assertIn("/work/", (HERE / ".gitignore").read_text().split())
        self.assertTrue(all(out.startswith("work/") for out in self.outs))

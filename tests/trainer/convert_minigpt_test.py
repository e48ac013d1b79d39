"""vlsweep convert minigpt-v2 on tiny files in the published layout.

The folder it makes is the committed one (golden/minigpt_v2), which the C++ tests hold against the official code;
LoRA apart, other layouts of the files, and what it refuses. Exit status 77 (skipped) without torch and safetensors.
"""
import contextlib
import io
import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

try:
    import torch
    from safetensors.torch import load_file
except ImportError as error:
    print(f"skipped: {error} (set -DVLSWEEP_PYTHON to an interpreter with torch and safetensors)")
    sys.exit(77)

GOLDEN = Path(__file__).resolve().parent / "golden"
sys.path[:0] = [str(GOLDEN), str(Path(__file__).resolve().parents[2] / "worker/convert")]
import minigpt_files as files  # noqa: E402
import minigpt_v2  # noqa: E402


class Runs:
    """A pickle that would run code if it were loaded as more than data."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def load_folder(folder):
    tensors = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors.update(load_file(file))
    return tensors


class ConvertMiniGpt(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        self.arguments = files.write_published(self.folder / "published")
        self.out = self.folder / "out"

    def convert(self, *more, **replaced):
        arguments = {**self.arguments, "--out": self.out, **{"--" + k.replace("_", "-"): v for k, v in replaced.items()}}
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            status = minigpt_v2.main([*(str(x) for pair in arguments.items() for x in pair), *files.SHAPE_ARGUMENTS, *more])
        return status, said.getvalue()

    def converted(self, *more, **replaced):
        status, said = self.convert(*more, **replaced)
        self.assertEqual(status, 0, said)
        return load_folder(self.out)

    def refused(self, wanted, *more, **replaced):
        status, said = self.convert(*more, **replaced)
        self.assertEqual(status, 1, said)
        self.assertIn(wanted, said)
        self.assertFalse(self.out.exists())

    def assert_same(self, found, wanted):
        self.assertEqual(sorted(found), sorted(wanted))
        for name, tensor in wanted.items():
            self.assertTrue(torch.equal(found[name], tensor), name)

    def test_makes_the_folder_that_the_trainer_is_held_against(self):
        wanted = load_file(GOLDEN / "minigpt_v2/model.safetensors")
        self.assert_same(self.converted(), wanted)
        for name in ("config.json", "preprocessor_config.json", "generation_config.json", "tokenizer_config.json"):
            self.assertEqual(json.loads((self.out / name).read_text()), json.loads((GOLDEN / "minigpt_v2" / name).read_text()), name)
        self.assertEqual((self.out / "tokenizer.model").read_bytes(), (self.arguments["--language-model"] / "tokenizer.model").read_bytes())

    def test_shards_hold_the_same_tensors(self):
        found = self.converted("--max-shard-gb", "0.00003")
        self.assert_same(found, load_file(GOLDEN / "minigpt_v2/model.safetensors"))
        index = json.loads((self.out / "model.safetensors.index.json").read_text())
        self.assertGreater(len(set(index["weight_map"].values())), 3)
        self.assertEqual(sorted(index["weight_map"]), sorted(found))
        for name, file in index["weight_map"].items():
            self.assertIn(name, load_file(self.out / file))

    def test_the_language_model_may_be_pickled_and_the_tower_of_an_old_torch(self):
        folder = self.arguments["--language-model"]
        torch.save({**files.llama(), "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)}, folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
        torch.save(files.eva_vit(), self.arguments["--vision"], _use_new_zipfile_serialization=False)
        self.assert_same(self.converted(), load_file(GOLDEN / "minigpt_v2/model.safetensors"))

    def test_names_of_later_peft_mean_the_same(self):
        checkpoint = files.checkpoint()
        checkpoint["model"] = {k.replace(".weight", ".default.weight") if "lora_" in k else k: v for k, v in checkpoint["model"].items()}
        torch.save(checkpoint, self.arguments["--checkpoint"])
        self.assert_same(self.converted(), load_file(GOLDEN / "minigpt_v2/model.safetensors"))

    def test_an_adapter_apart_is_the_same_model(self):
        base = self.converted(adapter=self.folder / "adapter")
        merged = load_file(GOLDEN / "minigpt_v2/model.safetensors")
        adapter = load_file(self.folder / "adapter/adapter_model.safetensors")
        config = json.loads((self.folder / "adapter/adapter_config.json").read_text())
        self.assertEqual((config["r"], config["lora_alpha"], config["base_model_name_or_path"]), (files.RANK, files.ALPHA, "../out"))
        self.assertTrue(torch.equal(base["language_model.model.embed_tokens.weight"], merged["language_model.model.embed_tokens.weight"]))
        for i in range(files.LAYERS):
            for target in files.TARGETS:
                name = f"language_model.layers.{i}.self_attn.{target}"
                a, b = (adapter[f"base_model.model.model.{name}.lora_{x}.weight"] for x in "AB")
                inner = f"language_model.model.layers.{i}.self_attn.{target}.weight"
                self.assertFalse(torch.equal(base[inner], merged[inner]))
                self.assertTrue(torch.allclose(base[inner] + files.ALPHA / files.RANK * b @ a, merged[inner], atol=1e-6))
        self.assertEqual(len(adapter), 2 * files.LAYERS * len(files.TARGETS))

    def test_what_was_trained_replaces_what_was_published(self):
        checkpoint = files.checkpoint()
        for name in ("ln_vision.weight", "ln_vision.bias"):
            del checkpoint["model"][name]
        checkpoint["model"]["visual_encoder.blocks.1.mlp.fc2.bias"] = torch.full((files.WIDTH,), 7.0)
        checkpoint["model"]["llama_model.base_model.model.model.norm.weight"] = torch.full((files.HIDDEN,), 3.0)
        torch.save(checkpoint, self.arguments["--checkpoint"])
        found = self.converted()
        self.assertTrue(bool((found["vision_tower.encoder.layers.1.mlp.fc2.bias"] == 7).all()))
        self.assertTrue(bool((found["language_model.model.norm.weight"] == 3).all()))
        # Frozen and in no published file: torch's fresh LayerNorm, as the official code has it.
        self.assertTrue(bool((found["vision_tower.post_layernorm.weight"] == 1).all()))
        self.assertTrue(bool((found["vision_tower.post_layernorm.bias"] == 0).all()))

    def test_writes_the_type_it_is_told(self):
        found = self.converted("--dtype", "bfloat16")
        self.assertEqual({tensor.dtype for tensor in found.values()}, {torch.bfloat16})
        self.assertEqual(json.loads((self.out / "config.json").read_text())["torch_dtype"], "bfloat16")

    def test_code_in_a_pickle_is_never_run(self):
        trap = self.folder / "trap"
        for key in ("--checkpoint", "--vision"):
            content = files.checkpoint() if key == "--checkpoint" else files.eva_vit()
            torch.save({**content, "config": Runs(trap)}, self.arguments[key])
            self.refused("refused, since it holds more than tensors and plain values, and reading posix.mkdir could run code")
            self.assertFalse(trap.exists())
            files_again = files.checkpoint() if key == "--checkpoint" else files.eva_vit()
            torch.save(files_again, self.arguments[key])

    def test_refuses_what_does_not_fit_and_says_why(self):
        checkpoint = self.arguments["--checkpoint"]

        def without(name):
            content = files.checkpoint()
            del content["model"][name]
            return content

        def with_tensor(name, tensor):
            content = files.checkpoint()
            content["model"][name] = tensor
            return content
        lora = "llama_model.base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
        for content, wanted in ((without("llama_proj.bias"), "is it a MiniGPT-v2 checkpoint?"),
                                (without(lora), "lora_A or lora_B alone"),
                                (with_tensor(lora, torch.ones(files.RANK, 5)), "is the language model the one it was trained on?"),
                                (with_tensor("llama_proj.weight", torch.ones(files.HIDDEN, 8)), "llama_proj.weight is (24, 8)"),
                                (with_tensor("llama_model.base_model.model.model.layers.9.mlp.up_proj.weight", torch.ones(2)),
                                 "is no tensor of a LLaMA of 2 layers"),
                                ({"epoch": 3}, "no tensors in it")):
            with self.subTest(wanted):
                torch.save(content, checkpoint)
                self.refused(wanted)
        for setting, value in (("lora_alpha", "much"), ("image_size", 0)):
            content = files.checkpoint()
            content["config"]["model"][setting] = value
            torch.save(content, checkpoint)
            self.refused(f"model.{setting} is {value!r}")
        torch.save(files.checkpoint(), checkpoint)
        self.refused("blocks.4.norm1.weight is missing", "--vision-layers", "6")
        self.refused("is no multiple of the tower's patches", "--image-size", "25")
        self.refused("no such file", vision=self.folder / "nothing.pth")
        self.refused("config.json", language_model=self.folder)
        torch.save({**files.eva_vit(), "patch_embed.proj.weight": torch.ones(files.WIDTH, 9)}, self.arguments["--vision"])
        self.refused("takes no square patches")
        torch.save({**files.eva_vit(), "pos_embed": torch.ones(1, 8, files.WIDTH)}, self.arguments["--vision"])
        self.refused("is of no square of patches")

    def test_torn_files_are_errors(self):
        for key in ("--checkpoint", "--vision"):
            whole = self.arguments[key].read_bytes()
            for part in (whole[:len(whole) // 2], whole[:10], b"", b"not a pickle"):
                self.arguments[key].write_bytes(part)
                self.refused(self.arguments[key].name)
            self.arguments[key].write_bytes(whole)
        weights = self.arguments["--language-model"] / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:5000])
        self.refused("model.safetensors")

    def test_never_writes_over_a_folder(self):
        self.out.mkdir()
        (self.out / "mine.txt").write_text("kept")
        status, said = self.convert()
        self.assertEqual(status, 1)
        self.assertIn("something is there already", said)
        self.assertEqual([path.name for path in self.out.iterdir()], ["mine.txt"])


if __name__ == "__main__":
    unittest.main()

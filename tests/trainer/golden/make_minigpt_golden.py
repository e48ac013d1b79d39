"""Makes minigpt_v2/: a tiny MiniGPT-v2 converted by worker/convert, and what the OFFICIAL code computes with it.

Pinned as make_golden.py. Run: python make_minigpt_golden.py CHECKOUT, a checkout of Vision-CAIR/MiniGPT-4
(see official_minigpt.py).

  minigpt_v2/          the folder `vlsweep convert minigpt-v2` makes of minigpt_files.write_published's files
  values.safetensors   features, projected, every fourth position's logits of two samples; the lora_A with
                       which the 20 steps begin
  golden.json          ids and labels as the official code puts them together, loss, norms of every gradient,
                       greedy tokens, the losses of 20 LoRA steps
  data/, stage.json    conversations and images; the losses, gradient norms and learning rates of 60 steps on them
                       (LLaMA and projection, the tower frozen), and the answers after that
  prompts.json         ids (image positions: one "image" id each) and labels of conversations; evaluation prompts
"""
import ast
import importlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

import minigpt_files as files
import official_minigpt
from make_image_golden import smooth, stretched_tensor
from PIL import Image

HERE = Path(__file__).resolve().parent
OUT = HERE / "minigpt_v2"
CONVERT = HERE.parents[2] / "worker/convert/minigpt_v2.py"
IMAGE = files.VOCABULARY  # image_token_index
POSITIONS = (files.IMAGE_SIZE // files.PATCH) ** 2 // 4
SAMPLES = {"instruction_input": ["<Img><ImageHere></Img> what is in the image? ", "<Img><ImageHere></Img> hello "],
           "answer": ["two lines", "this is a test of words and nothing more"]}
CONVERSATIONS = [["what is this?", "a test"], ["what is in the image?", "two lines", "and now?", "nothing more"],
                 ["a b c", "it is a test", "one", "two", "  three ", "four\nlines"], ["caf\u00e9 \U0001f600", "na\u00efve </s> x"]]
CONNECT = "!@#"
STEPS, WARMUP = 60, 5
# As train_configs/minigptv2_finetune.yaml but for the sizes; what minigpt_stage_test.py tells the trainer.
RECIPE = dict(init_lr=1e-2, min_lr=5e-4, warmup_lr=1e-4, weight_decay=0.05)
STAGE = [["what is in the image?", "two lines", "and now?", "nothing more"], ["hello", "this is a test"],
         ["what is this?", "one"], ["is it a user?", "the assistant gives helpful answers"], ["three", "four words"]]


def pixels(n, size):
    """The same numbers as tests/trainer/golden.h makes."""
    i = np.arange(n * 3 * size * size, dtype=np.float64)
    return torch.from_numpy(np.sin(0.37 * i + 0.001 * i * i).astype(np.float32)).view(n, 3, size, size)


class Recorder:
    """Keeps what the official code hands to the language model."""

    def __init__(self, model):
        self.model, self.seen = model, {}
        self.forward = model.llama_model.forward
        model.llama_model.forward = self

    def __call__(self, **inputs):
        out = self.forward(**inputs)
        self.seen = dict(inputs, logits=out.logits)
        return out


def ids_of(model, embeddings):
    """The ids behind embeddings: rows of the table by equality, the image's for what is none of them."""
    table = model.embed_tokens(torch.arange(files.VOCABULARY))
    same = (embeddings[..., None, :] == table).all(-1)
    return torch.where(same.any(-1), same.int().argmax(-1), IMAGE)


def our_name(name):
    """A parameter of the official model -> its name in the converted folder."""
    sys.path.insert(0, str(CONVERT.parent))
    names = importlib.import_module("minigpt_v2")
    name = name.replace(".base_layer.", ".")
    for old, new in (("llama_model.base_model.model.", "language_model."), ("llama_proj.", "multi_modal_projector.linear."),
                     ("ln_vision.", "vision_tower.post_layernorm."), ("visual_encoder.pos_embed", "vision_tower.embeddings.position_embedding")):
        if name.startswith(old):
            return new + name[len(old):]
    name = name.removeprefix("visual_encoder.")
    if name in names.EMBEDDINGS:
        return "vision_tower.embeddings." + names.EMBEDDINGS[name]
    _, block, inner = name.split(".", 2)
    inner = "self_attn.qkv.bias" if inner in ("attn.q_bias", "attn.v_bias") else names.BLOCK[inner]
    return f"vision_tower.encoder.layers.{block}.{inner}"


def gradient_norms(model):
    squares = {}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None and "lora_" not in name:
            squares[our_name(name)] = squares.get(our_name(name), 0.0) + float(parameter.grad.square().sum())
    return {name: square ** 0.5 for name, square in squares.items()}


def describe(model, images):
    samples = {"image": images, **SAMPLES}
    recorder = Recorder(model)
    model.requires_grad_(True)
    loss = model(samples)["loss"]
    loss.backward()
    seen = recorder.seen
    golden = dict(input_ids=ids_of(model, seen["inputs_embeds"]).tolist(), labels=seen["labels"].tolist(),
                  lengths=seen["attention_mask"].sum(1).tolist(), loss=float(loss.detach()), norms=gradient_norms(model))
    model.zero_grad()
    with torch.no_grad():
        features = model.ln_vision(model.visual_encoder(images))[:, 1:]
        projected, _ = model.encode_img(images)
    values = dict(features=features.contiguous(), projected=projected.contiguous(), logits=seen["logits"].detach()[:, ::4].contiguous())
    return golden, values


def prepare_texts(checkout):
    """common/eval_utils.prepare_texts, without the imports of its file."""
    tree = ast.parse((checkout / "minigpt4/common/eval_utils.py").read_text())
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "prepare_texts")
    scope = {}
    exec(compile(ast.Module([function], []), "eval_utils.py", "exec"), scope)
    return scope["prepare_texts"]


def greedy(model, checkout, images):
    conversation = importlib.import_module("minigpt4.conversation.conversation")
    texts = prepare_texts(checkout)(["what is in the image?", "hello"], conversation.CONV_VISION_minigptv2)
    kept, generate = {}, model.llama_model.generate

    def keep(**inputs):
        # 12 tokens whatever they are: an end token must not hide what follows.
        kept.update(inputs, tokens=generate(**inputs, eos_token_id=None, pad_token_id=0))
        return kept["tokens"]
    model.llama_model.generate = keep
    model.generate(images, texts, max_new_tokens=12, do_sample=False)
    ids = [row[mask == 1].tolist() for row, mask in zip(ids_of(model, kept["inputs_embeds"]), kept["attention_mask"])]
    return dict(texts=texts, ids=ids, tokens=kept["tokens"].tolist())


def lora_steps(model, images, count=20):
    """The checkpoint's LoRA merged, a new one on q and v trained with the projection."""
    merged = model.llama_model.merge_and_unload()
    merged.requires_grad_(False)
    torch.manual_seed(5)
    model.llama_model = get_peft_model(merged, LoraConfig(r=files.RANK, lora_alpha=files.ALPHA, lora_dropout=0.0, bias="none",
                                                          task_type="CAUSAL_LM", target_modules=list(files.TARGETS)))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name or "llama_proj" in name)
    # The names are the converted model's: base_model.model.model.language_model.layers... as peft would save it.
    start = {n.removeprefix("llama_model.").replace("base_model.model.model.", "base_model.model.model.language_model.").replace(".default", ""):
             p.detach().clone() for n, p in model.named_parameters() if "lora_A" in n}
    optimizer = optimizer_of(model, 5e-3, 0.05)
    losses = []
    for _ in range(count):
        loss = model({"image": images, **SAMPLES})["loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return start, losses


def conversation_prompts(model, images, legacy):
    """forward() on conversations as LlavaConversationDataset hands them over, and on text alone."""
    recorder = Recorder(model)
    prompts = []
    for turns in CONVERSATIONS:
        for has_image in (True, False):
            first = ("<Img><ImageHere></Img> " if has_image else "") + turns[0] + " "
            questions = CONNECT.join([first, *(q + " " for q in turns[2::2])])
            samples = {"conv_q": [questions], "conv_a": [CONNECT.join(turns[1::2])], "connect_sym": [CONNECT]}
            if has_image:
                samples["image"] = images[:1]
            with torch.no_grad():
                model(samples)
            ids, labels = ids_of(model, recorder.seen["inputs_embeds"])[0], recorder.seen["labels"][0]
            one = torch.cat((torch.tensor([True]), ~((ids[1:] == IMAGE) & (ids[:-1] == IMAGE))))
            prompts.append(dict(turns=turns, image=has_image, legacy=legacy, ids=ids[one].tolist(), labels=labels[one].tolist()))
    model.llama_model.forward = recorder.forward
    return prompts


def make_prompts(model, checkout, images):
    conversation = importlib.import_module("minigpt4.conversation.conversation")
    golden = {"conversations": [], "evaluation": []}
    embeddings = [model.encode_img(images[:1])[0]]
    for legacy in (True, False):
        model.llama_tokenizer.legacy = legacy
        golden["conversations"] += conversation_prompts(model, images, legacy)
        for turns in CONVERSATIONS:
            text = prepare_texts(checkout)([turns[0]], conversation.CONV_VISION_minigptv2)[0]
            ids = ids_of(model, model.get_context_emb(text, embeddings))[0]
            one = torch.cat((torch.tensor([True]), ~((ids[1:] == IMAGE) & (ids[:-1] == IMAGE))))
            golden["evaluation"].append(dict(instruction=turns[0], text=text, legacy=legacy, ids=ids[one].tolist()))
    model.llama_tokenizer.legacy = True
    (OUT / "prompts.json").write_text(json.dumps(golden))


def write_stage_data(folder):
    """LLaVA's conversations with an image of another shape each; the images as the official processor has them."""
    folder.mkdir()
    state, items, tensors = np.random.RandomState(9), [], []
    for i, turns in enumerate(STAGE):
        image = Image.fromarray(smooth(state, 11 + 9 * i, 37 - 6 * i, 3))
        image.save(folder / f"{i}.png")
        tensors.append(torch.from_numpy(stretched_tensor(image, files.IMAGE_SIZE)))
        messages = [{"from": "gpt" if k % 2 else "human", "value": text} for k, text in enumerate(turns)]
        messages[0]["value"] = "<image>\n" + messages[0]["value"]
        items.append({"id": str(i), "image": f"{i}.png", "conversations": messages})
    (folder / "train.json").write_text(json.dumps(items, indent=1))
    return torch.stack(tensors)


def stage_samples(images):
    """As LlavaConversationDataset makes them of train.json."""
    questions = [CONNECT.join([f"<Img><ImageHere></Img> {t[0]} ", *(q + " " for q in t[2::2])]) for t in STAGE]
    return {"image": images, "conv_q": questions, "conv_a": [CONNECT.join(t[1::2]) for t in STAGE], "connect_sym": [CONNECT]}


def optimizer_of(model, lr, weight_decay):
    """runner_base.RunnerBase.optimizer."""
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    plain = [p for n, p in trained if p.ndim < 2 or "bias" in n or "ln" in n or "bn" in n]
    decayed = [p for _, p in trained if not any(p is other for other in plain)]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.999))


def make_stage(model, checkout):
    """A whole stage: files to images and ids, steps, answers. The checkpoint's LoRA is merged, as converted."""
    images = write_stage_data(OUT / "data")
    model.llama_model = model.llama_model.merge_and_unload()
    model.llama_model.requires_grad_(True)
    model.visual_encoder.requires_grad_(False)
    model.ln_vision.requires_grad_(False)
    optimizer = optimizer_of(model, RECIPE["init_lr"], RECIPE["weight_decay"])
    optims = importlib.import_module("minigpt4.common.optims")
    schedule = optims.LinearWarmupCosineLRScheduler(optimizer, 1, STEPS, RECIPE["min_lr"], RECIPE["init_lr"], WARMUP, RECIPE["warmup_lr"])
    golden = dict(losses=[], norms=[], rates=[])
    for step in range(STEPS):
        schedule.step(cur_epoch=0, cur_step=step)
        loss = model(stage_samples(images))["loss"]
        loss.backward()
        squares = sum(float(p.grad.square().sum()) for p in model.parameters() if p.grad is not None)
        optimizer.step()
        optimizer.zero_grad()
        for name, value in (("losses", float(loss.detach())), ("norms", squares ** 0.5), ("rates", optimizer.param_groups[0]["lr"])):
            golden[name].append(value)
    conversation = importlib.import_module("minigpt4.conversation.conversation")
    texts = prepare_texts(checkout)([turns[0] for turns in STAGE], conversation.CONV_VISION_minigptv2)
    golden["answers"] = model.generate(images, texts, max_new_tokens=24, do_sample=False)
    (OUT / "stage.json").write_text(json.dumps(dict(golden, recipe=RECIPE, warmup_steps=WARMUP)))


def convert(published, out):
    arguments = files.write_published(published)
    subprocess.run([sys.executable, CONVERT, *(str(x) for pair in arguments.items() for x in pair), "--out", out, *files.SHAPE_ARGUMENTS], check=True)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    checkout = Path(sys.argv[1])
    shutil.rmtree(OUT, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        convert(Path(folder), OUT)
        model = official_minigpt.load_official(checkout, Path(folder))
        make_stage(official_minigpt.load_official(checkout, Path(folder)), checkout)
    images = pixels(2, files.IMAGE_SIZE)
    golden, values = describe(model, images)
    model.llama_model.forward = type(model.llama_model).forward.__get__(model.llama_model)
    golden["greedy"] = greedy(model, checkout, images)
    make_prompts(model, checkout, images)
    start, golden["lora_losses"] = lora_steps(model, images)
    save_file({**values, **start}, OUT / "values.safetensors")
    (OUT / "golden.json").write_text(json.dumps(golden))
    # The tower is transformers' Blip2VisionModel too, under the very names: a second judge.
    check_with_transformers(images, values["features"])


def check_with_transformers(images, wanted):
    from transformers import Blip2VisionConfig, Blip2VisionModel
    config = json.loads((OUT / "config.json").read_text())["vision_config"]
    tower = Blip2VisionModel(Blip2VisionConfig(**{k: v for k, v in config.items() if k != "model_type"})).eval()
    tensors = {k.removeprefix("vision_tower."): v for k, v in load_file(OUT / "model.safetensors").items() if k.startswith("vision_tower.")}
    tower.load_state_dict(tensors)
    tower.post_layernorm.eps = 1e-5
    with torch.no_grad():
        gap = (tower(images).last_hidden_state[:, 1:] - wanted).abs().max()
    print(f"transformers' Blip2VisionModel on the converted tower: largest difference of features {gap:.1e}")
    assert gap < 1e-5


if __name__ == "__main__":
    main()
